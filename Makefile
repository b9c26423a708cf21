# Each target is complete on a new machine that has Python 3.11, pip, apt and npm.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Programs that tests start are compiled once, not at each start, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check coverage bench bench-all lock clean site site-serve changelog

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/run ## run the gateway with made-up phones; prints what to try
	$(BIN)/budstikke demo $(ARGS)

# Long tests mostly wait, so that two cores have room for four at a time; one that is idle
# takes over tests of another. Python files without a long test are not even read.
test: .venv/dev .venv/peers ## run all tests: the quick ones, then the long ones
	$(BIN)/pytest -n 2 -m "not slow and not peer"
	$(BIN)/pytest -n 4 --dist worksteal -m "slow or peer" \
		$$(grep -rlE 'mark\.(slow|peer)' tests --include='test_*.py' | sort)

# Which lines and branches the quick tests run, in processes that they start, too.
coverage: .venv/dev ## run the quick tests and print which lines and branches they leave out
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 -m "not slow and not peer"
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

check: .venv/dev ## fail on what the formatter, linter or type checker would change
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: .venv/dev ## measure, as docs/performance.md says
	bash bench/install.sh
	$(BIN)/python bench/run.py $(ARGS)

bench-all: .venv/dev ## measure all that docs/performance.md is written from
	bash bench/install.sh --jasmin
	$(BIN)/python bench/run.py --all $(ARGS)

# What the program needs to run, at the versions of the lock.
.venv/run: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q uv
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	touch $@

.venv/dev: requirements-dev.lock .venv/run
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.lock
	touch $@

# Programs that tests talk to: node-smpp from npm, Kannel and tshark from Debian.
.venv/peers: tests/peers/install.sh tests/peers/package-lock.json .venv/run
	bash tests/peers/install.sh
	touch $@

site: .venv/dev ## build the docs as a site with a search, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

site-serve: .venv/dev ## serve that site, and build it again at each change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

changelog: .venv/dev ## print what CHANGELOG.md will say of the next release
	$(BIN)/towncrier build --draft --version next

lock: .venv/run ## find the newest versions of all dependencies, and write the locks
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean: ## remove what the other targets made
	rm -rf .venv node_modules bench/out .coverage .coverage.*

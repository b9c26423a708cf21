# Each target is complete on a new machine that has Python 3.11, pip, apt and npm.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check bench bench-all lock clean site site-serve changelog

demo: .venv/run
	$(BIN)/budstikke demo $(ARGS)

test: .venv/dev .venv/peers
	$(BIN)/pytest -n 2 -m "not slow and not peer"
	$(BIN)/pytest -n 2 --dist loadfile -m "slow or peer"

check: .venv/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: .venv/dev
	bash bench/install.sh
	$(BIN)/python bench/run.py $(ARGS)

# What docs/performance.md is written from.
bench-all: .venv/dev
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

# The docs as a site with a search, in build/site.
site: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

site-serve: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

# What CHANGELOG.md will say of the next release.
changelog: .venv/dev
	$(BIN)/towncrier build --draft --version next

lock: .venv/run
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv node_modules bench/out

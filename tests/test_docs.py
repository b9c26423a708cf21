"""What is not documented does not pass."""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from msgspec import structs

from budstikke import cli, config
from budstikke.carriers import KINDS
from budstikke.dialects import DIALECTS, HTTP_DIALECTS, IDENTIFY
from budstikke.domain import states, timeline
from budstikke.domain.refusal import RefusalCode
from budstikke.metrics import METRICS, registry
from budstikke.provisioning import reference
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.servers import bounds_table
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def test_settings() -> None:
    assert config.table() in page("configure.md")


def test_bounds_of_requests() -> None:
    assert bounds_table.table() in page("configure.md")


def test_keys_of_apply() -> None:
    assert reference.table() in page("configure.md")


def test_the_example_of_apply_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(
        r"```toml\n(\[\[carrier\]\].*?)```", page("configure.md"), re.DOTALL
    )
    dialects = {name: dialect.settings for name, dialect in DIALECTS.items()}
    carriers = {name: kind.settings for name, kind in KINDS.items()}
    file = read_file(text, dialects, carriers, {"ACME_PASSWORD": "x"})
    assert ["acme"] == [account.name for account in file.account]
    url = f"sqlite:///{tmp_path}/b.sqlite"
    migrate(url)
    engine = open_engine(url)
    secrets = Secrets(lambda plain: plain, lambda plain, stored: plain == stored)
    plan = apply(engine, file, secrets, actor="tester", now=0.0, dry_run=True)
    engine.dispose()
    assert "\n".join(plan.lines()) in page("configure.md")


def test_the_example_of_settings_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(data = .*?)```", page("configure.md"), re.DOTALL)
    file = tmp_path / "budstikke.toml"
    file.write_text(text, "utf-8")
    assert 8443 == config.load(file, {}).http.port


def test_the_accounts_of_the_start_can_be_applied() -> None:
    text = page("start.md")
    (block,) = re.findall(r"```toml\n( +\[\[carrier\]\].*?)```", text, re.DOTALL)
    dialects = {name: dialect.settings for name, dialect in DIALECTS.items()}
    carriers = {name: kind.settings for name, kind in KINDS.items()}
    (exported,) = re.findall(r"export ([A-Z]+_.*)", text)
    variables = dict.fromkeys(re.findall(r"([A-Z_]+)=", exported), "x")
    file = read_file(dedent(block), dialects, carriers, variables, IDENTIFY)
    assert ["acme"] == [account.name for account in file.account]


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects(name: str) -> None:
    text = page(f"dialects/{name}.md")
    fields = [field.name for field in structs.fields(DIALECTS[name].settings)]
    assert [] == [field for field in fields if f"`{field}`" not in text]


@pytest.mark.parametrize("name", HTTP_DIALECTS)
def test_paths_of_dialects(name: str) -> None:
    text = page(f"dialects/{name}.md")
    assert [] == [path for _, path in HTTP_DIALECTS[name].routes if path not in text]


@pytest.mark.parametrize("name", KINDS)
def test_carriers(name: str) -> None:
    text = page(f"carriers/{name}.md")
    fields = [field.name for field in structs.fields(KINDS[name].settings)]
    assert [] == [field for field in fields if f"`{field}`" not in text]


def test_refusals() -> None:
    text = page("refusals.md")
    assert [] == [code for code in RefusalCode if f"| {code} |" not in text]


def test_metrics() -> None:
    text = page("operate.md")
    rows = [f"| `{name}` | {what} |" for name, what in METRICS.items()]
    assert [] == [row for row in rows if row not in text]


def test_every_metric_has_a_row() -> None:
    families = {family.name for family in registry.collect()}
    assert families == {name.removesuffix("_total") for name in METRICS}


def test_states() -> None:
    assert states.table() in page("states.md")


def test_kinds_of_the_timeline() -> None:
    assert timeline.table() in page("trace.md")
    assert set(timeline.EntryKind) == set(timeline.MEANINGS)


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in cli.parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def test_commands_and_their_options() -> None:
    text = page("operate.md")
    rows = {
        row.split()[1]: row
        for row in re.findall(r"^\| `(budstikke [^`]+)` \|", text, re.MULTILINE)
    }
    assert {name for name, _ in commands()} == set(rows)
    for name, parser in commands():
        options = {
            option
            for action in parser._actions
            for option in action.option_strings
            if option.startswith("--") and option != "--help"
        }
        assert options == set(re.findall(r"--[a-z-]+", rows[name])), name


def dependencies() -> set[str]:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = tomllib.loads(text)["project"]["dependencies"]
    return {re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in listed}


def test_dependencies_have_a_reason() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| .{20,} \|$", page("why/dependencies.md"), re.MULTILINE
    )
    assert sorted(dependencies()) == sorted(rows)


FOUND_IN = {
    "PIL": "pillow",
    "argon2": "argon2-cffi",
    "dateutil": "python-dateutil",
    "phonenumbers": "phonenumberslite",
    "prometheus_client": "prometheus-client",
}
"""Modules whose package is called otherwise."""


def test_what_is_imported_is_a_dependency() -> None:
    known = {"budstikke", *sys.stdlib_module_names}
    imported = {
        module.partition(".")[0]
        for file in (ROOT / "src").rglob("*.py")
        for module in imports(file)
    }
    foreign = {FOUND_IN.get(name, name) for name in imported - known}
    assert set() == foreign - dependencies()


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    local = [target for target in targets if "://" not in target]
    assert [] == [link for link in local if not (file.parent / link).exists()]


CHANGES = [file for file in ROOT.glob("changes/*") if file.name != "README.md"]


@pytest.mark.parametrize("file", CHANGES, ids=lambda file: file.name)
def test_a_change_is_a_line_for_those_who_notice_it(file: Path) -> None:
    kinds = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    known = {kind["directory"] for kind in kinds["tool"]["towncrier"]["type"]}
    assert re.fullmatch(rf"\+[\w-]+\.(?:{'|'.join(known)})\.md", file.name)
    text = file.read_text("utf-8")
    assert re.fullmatch(r"\*\*\w+\*\*.{20,}\n", text)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert "://" in target or (ROOT / target).exists()

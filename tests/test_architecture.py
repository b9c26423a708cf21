"""The shape of the program: who imports whom, what is pure, how long things are."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src/budstikke"
FILES = sorted(ROOT.rglob("*.py"))
CODE = [file for file in FILES if "migrations" not in file.parts]

LONGEST_FILE = 400
LONGEST_BODY = 40

ALLOWED: dict[str, set[str]] = {
    # part: what it may import, besides itself
    "domain": set(),
    "wire": set(),
    "smpp": set(),
    "mm7": {"domain.text"},
    "dialects": {"domain", "wire", "smpp", "__version__"},
    "subprocesses": {"log"},
    "store": {"domain", "subprocesses"},
    "provisioning": {"domain", "store.admin", "store.schema"},
    "carriers": {
        "domain",
        "wire",
        "smpp",
        "mm7",
        "clients.http.connection",
        "servers.bounds",
        "servers.media_headers",
    },
    "flow": {
        "subprocesses",
        "domain",
        "wire",
        "metrics",
        "store.contract",
        "carriers.contract",
        "dialects.contract",
    },
    "clients": {"domain", "wire", "smpp", "flow.transports", "subprocesses"},
    "servers": {
        "carriers.simulator.web.requests",  # their bounds, for the table in the docs
        "domain",
        "wire",
        "smpp",
        "mm7",
        "dialects",
        "flow",
        "metrics",
        "store.contract",
    },
    "metrics": {"domain"},
    "config": set(),
    "log": set(),
}
"""The parts; those that join them (``JOINERS``) may import everything."""

JOINERS = {
    *("gateway", "app", "cli", "demo", "carrier_supervisor", "outside", "__init__")
}

PURE = ("domain", "dialects", "smpp", "mm7", "wire")
IMPURE = {
    *("asyncio", "concurrent", "fcntl", "glob", "http", "httptools", "io"),
    *("logging", "multiprocessing", "os", "pathlib", "queue", "random", "secrets"),
    *(
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "socketserver",
        "sqlalchemy",
    ),
    *("sqlite3", "ssl", "starlette", "subprocess", "tempfile", "threading"),
    *("urllib.request", "uuid", "uvicorn", "uvloop", "zoneinfo"),
}
"""Modules with a clock, a socket, a file, a log or chance in them."""

CLOCK = {"now", "utcnow", "today"}
"""Methods of ``datetime`` and ``date`` that read the clock."""

TIMELESS = {"time", "time.gmtime", "time.strftime"}
"""What may be had of the module ``time``: it is given the time."""


def part(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imports(file: Path) -> Iterator[str]:
    """List every module that a file imports, and what it takes from packages."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_time(file: Path) -> Iterator[str]:
    """List what a file takes of the module ``time``."""
    taken = [module for module in imports(file) if covers(module, "time")]
    yield from taken
    for node in ast.walk(tree(file)) if "time" in taken else ():
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr=attribute):
                yield f"time.{attribute}"


def covers(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")


def ours(file: Path) -> Iterator[str]:
    for module in imports(file):
        if module.startswith("budstikke."):
            yield module.removeprefix("budstikke.")


def test_there_is_a_program_to_look_at() -> None:
    assert {*ALLOWED, *JOINERS} == {part(file) for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_imports_go_one_way(file: Path) -> None:
    here = part(file)
    if here in JOINERS:
        return
    allowed = {*ALLOWED[here], here}
    assert [] == [
        module
        for module in ours(file)
        if not any(covers(module, one) for one in allowed)
    ]


@pytest.mark.parametrize(
    "file", [file for file in FILES if part(file) in PURE], ids=name
)
def test_pure_parts_touch_nothing(file: Path) -> None:
    assert [] == [
        module for module in imports(file) if any(covers(module, one) for one in IMPURE)
    ]
    assert set(of_time(file)) <= TIMELESS
    for node in ast.walk(tree(file)):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCK, f"line {node.lineno} reads the clock"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}


@pytest.mark.parametrize("file", CODE, ids=name)
def test_files_and_functions_are_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert body_lines(node) <= LONGEST_BODY, f"{node.name}, line {node.lineno}"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines after its docstring."""
    first = node.body[0]
    body = node.body[1:] if ast.get_docstring(node) is not None else [first]
    if not body:
        return 0
    assert node.end_lineno is not None
    return node.end_lineno - body[0].lineno + 1


BELOW = {
    "contract",
    "database_store.py",
    "duplicates.py",
    "engine.py",
    "engines",
    "verbs",
}
"""Parts of the store that are given an engine, or are one."""


@pytest.mark.parametrize("file", FILES, ids=name)
def test_engines_and_verbs_know_only_what_is_below(file: Path) -> None:
    """Verbs import no engine, an engine none of the others, and the store neither."""
    top, _, rest = name(file).removeprefix("store/").partition("/")
    if part(file) != "store" or top not in BELOW:
        return
    own = f"store.engines.{rest.partition('/')[0]}" if top == "engines" else "none"
    for module in ours(file):
        assert not covers(module, "store.engines") or covers(module, own), module


@pytest.mark.parametrize("file", FILES, ids=name)
def test_names_say_what_is_inside(file: Path) -> None:
    vague = {"utils", "util", "helpers", "misc", "common", "core"}
    assert vague.isdisjoint(file.relative_to(ROOT).with_suffix("").parts)


def test_the_rules_can_be_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hold the tests above against a file that breaks each rule."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    bad = tmp_path / "domain" / "utils.py"
    bad.parent.mkdir()
    bad.write_text(
        "from budstikke.store import contract\n"
        "from time import time\n"
        "def long():\n" + "    x = 1\n" * 41
    )
    for rule in (
        test_imports_go_one_way,
        test_pure_parts_touch_nothing,
        test_files_and_functions_are_short,
        test_names_say_what_is_inside,
    ):
        with pytest.raises(AssertionError):
            rule(bad)
    for place in ("verbs", "engines/postgres"):
        verb = tmp_path / "store" / place / "verb.py"
        verb.parent.mkdir(parents=True)
        verb.write_text("from budstikke.store.engines.sqlite import thread\n")
        with pytest.raises(AssertionError):
            test_engines_and_verbs_know_only_what_is_below(verb)


def patterns(file: Path) -> Iterator[str]:
    """List the patterns that values are held to, as far as they stand there whole."""
    for node in ast.walk(tree(file)):
        match node:
            case ast.Call(func=ast.Name(id="Meta") | ast.Attribute(attr="Meta")):
                found = [it.value for it in node.keywords if it.arg == "pattern"]
            case _:
                continue
        for value in found:
            last = value.values[-1] if isinstance(value, ast.JoinedStr) else value
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                yield last.value


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_pattern_takes_a_line_break_at_the_end(file: Path) -> None:
    assert not [it for it in patterns(file) if it.endswith("$")]


def test_there_are_patterns_to_look_at() -> None:
    assert len([it for file in FILES for it in patterns(file)]) > 10


SLOW = ("sqlalchemy", "alembic", "PIL")
"""Libraries that take longer to import than all else, and that no gateway needs."""


@pytest.mark.parametrize("program", ["app", "store.engines.sqlite.writer"])
def test_a_gateway_starts_without_what_it_does_not_need(program: str) -> None:
    code = f"import budstikke.{program}, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {module.partition(".")[0] for module in run.stdout.split()}
    assert "msgspec" in loaded
    assert loaded.isdisjoint(SLOW)

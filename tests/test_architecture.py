"""The shape of the program: who imports whom, what is pure, how long things are."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src/budstikke"
FILES = sorted(ROOT.rglob("*.py"))

LONGEST_FILE = 400
LONGEST_BODY = 40

ALLOWED: dict[str, set[str]] = {
    # part: what it may import, besides itself
    "domain": set(),
    "wire": set(),
    "smpp": set(),
    "smpp_connection": {"smpp"},
    "mm7": {"domain.text"},
    "dialects": {"domain", "wire", "smpp", "__version__"},
    "subprocesses": {"log"},
    "store": {"domain", "subprocesses"},
    "provisioning": {"domain", "store.admin", "store.schema"},
    "carriers": {
        "domain",
        "wire",
        "smpp",
        "smpp_connection",
        "mm7",
        "clients.http.connection",
        "clients.http.resolver",
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
        "dialects.delivery_contract",
        "smpp",
    },
    "clients": {"domain", "wire", "smpp", "flow.transports", "subprocesses"},
    "servers": {
        "carriers.simulator.web.requests",  # their bounds, for the table in the docs
        "domain",
        "wire",
        "smpp",
        "smpp_connection",
        "mm7",
        "dialects",
        "flow",
        "metrics",
        "store.contract",
    },
    "workers": {
        "config",
        "dialects",
        "domain",
        "flow",
        "metrics",
        "servers",
        "store.contract",
        "subprocesses",
    },
    "console": {
        "config",
        "domain",
        "flow",
        "servers.addresses",
        "servers.limits",
        "servers.login_failures",
        "store.contract",
    },
    "metrics": {"domain"},
    "config": set(),
    "log": set(),
}
"""The parts; those that join them (``JOINERS``) may import everything."""

JOINERS = {
    *("gateway", "app", "cli", "demo", "carrier_supervisor", "outside", "__init__"),
    *("carrier_watch", "smpp_service"),
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


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """List the nodes of a file; every rule goes through them."""
    return tuple(ast.walk(ast.parse(file.read_text("utf-8"))))


def imports(file: Path) -> Iterator[str]:
    """List every module that a file imports, and what it takes from packages."""
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_time(file: Path) -> Iterator[str]:
    """List what a file takes of the module ``time``."""
    taken = [module for module in imports(file) if covers(module, "time")]
    yield from taken
    for node in nodes(file) if "time" in taken else ():
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


# The rules: each lists what is wrong with a file.


def imports_go_one_way(file: Path) -> Iterator[str]:
    here = part(file)
    if here in JOINERS:
        return
    allowed = {*ALLOWED[here], here}
    for module in ours(file):
        if not any(covers(module, one) for one in allowed):
            yield f"imports {module}"


def pure_parts_touch_nothing(file: Path) -> Iterator[str]:
    if part(file) not in PURE:
        return
    for module in imports(file):
        if any(covers(module, one) for one in IMPURE):
            yield f"imports {module}"
    yield from sorted(set(of_time(file)) - TIMELESS)
    for node in nodes(file):
        match node:
            case ast.Await() | ast.AsyncFunctionDef():
                yield f"line {node.lineno} waits"
            case ast.Call(func=ast.Attribute(attr=method)) if method in CLOCK:
                yield f"line {node.lineno} reads the clock"
            case ast.Call(func=ast.Name(id="open" | "print" | "input")):
                yield f"line {node.lineno} reads or writes"


def files_and_functions_are_short(file: Path) -> Iterator[str]:
    if "migrations" in file.parts:
        return
    if len(file.read_text("utf-8").splitlines()) > LONGEST_FILE:
        yield "is too long"
    for node in nodes(file):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if (
                body_lines(node) > LONGEST_BODY
            ):
                yield f"{node.name}, line {node.lineno}, is too long"


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


def engines_and_verbs_know_only_what_is_below(file: Path) -> Iterator[str]:
    """Verbs import no engine, an engine none of the others, and the store neither."""
    top, _, rest = name(file).removeprefix("store/").partition("/")
    if part(file) != "store" or top not in BELOW:
        return
    own = f"store.engines.{rest.partition('/')[0]}" if top == "engines" else "none"
    for module in ours(file):
        if covers(module, "store.engines") and not covers(module, own):
            yield f"imports {module}"


def names_say_what_is_inside(file: Path) -> Iterator[str]:
    vague = {"utils", "util", "helpers", "misc", "common", "core"}
    yield from vague.intersection(file.relative_to(ROOT).with_suffix("").parts)


def no_pattern_takes_a_line_break_at_the_end(file: Path) -> Iterator[str]:
    yield from (pattern for pattern in patterns(file) if pattern.endswith("$"))


def patterns(file: Path) -> Iterator[str]:
    """List the patterns that values are held to, as far as they stand there whole."""
    for node in nodes(file):
        match node:
            case ast.Call(func=ast.Name(id="Meta") | ast.Attribute(attr="Meta")):
                found = [it.value for it in node.keywords if it.arg == "pattern"]
            case _:
                continue
        for value in found:
            last = value.values[-1] if isinstance(value, ast.JoinedStr) else value
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                yield last.value


BREAKS: dict[Callable[[Path], Iterator[str]], dict[str, str]] = {
    # a rule: files that break it
    imports_go_one_way: {"domain/a.py": "from budstikke.store import contract\n"},
    pure_parts_touch_nothing: {
        "domain/a.py": "import socket\n",
        "domain/b.py": "from time import time\n",
        "smpp/c.py": "async def wait():\n    pass\n",
        "mm7/d.py": "def now(dates):\n    return dates.utcnow()\n",
        "dialects/e.py": "open('file')\n",
    },
    files_and_functions_are_short: {
        "flow/a.py": "def long():\n" + "    x = 1\n" * (LONGEST_BODY + 1),
        "flow/b.py": "x = 1\n" * (LONGEST_FILE + 1),
    },
    engines_and_verbs_know_only_what_is_below: {
        f"store/{place}/a.py": "from budstikke.store.engines.sqlite import thread\n"
        for place in ("verbs", "engines/postgres")
    },
    names_say_what_is_inside: {"domain/utils.py": ""},
    no_pattern_takes_a_line_break_at_the_end: {
        "flow/a.py": "Meta(pattern='[a-z]+$')\n"
    },
}
"""The rules, each with files that break it."""


@pytest.mark.parametrize("rule", BREAKS, ids=lambda rule: rule.__name__)
def test_the_program_keeps(rule: Callable[[Path], Iterator[str]]) -> None:
    assert [] == [f"{name(file)}: {fault}" for file in FILES for fault in rule(file)]


@pytest.mark.parametrize("rule", BREAKS, ids=lambda rule: rule.__name__)
def test_a_file_that_breaks_it_is_found(
    rule: Callable[[Path], Iterator[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for place, text in BREAKS[rule].items():
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        assert [*rule(file)], place


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

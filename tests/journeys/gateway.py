"""A gateway as a program of its own: its files, its process, its database."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from budstikke.cli import main
from journeys.processes import Child, family, free_port, wait_until
from journeys.web import Answer, ask, front_query
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = [str(Path(sys.executable).parent / "budstikke")]
SERVICE, PASSWORD = "1000", "demo-secret"
LOGIN = {"serviceid": SERVICE, "password": PASSWORD}
MESSAGE = {**LOGIN, "fromid": "Test", "txt": "Your code is 123456"}
BEING_TOLD = (
    "SELECT (SELECT count(*) FROM callback WHERE state = 'due' AND node_id IS NOT NULL)"
    " + (SELECT count(*) FROM queue WHERE state = 'due' AND node_id IS NOT NULL)"
)
"""Counts callbacks and queues that are being told to customers."""


def toml(tables: dict[str, Any]) -> str:
    """Write values as TOML; JSON's spelling of them is TOML's too."""
    lines = []
    for name, value in tables.items():
        rows = value if isinstance(value, list) else [value]
        mark = "[[{}]]" if isinstance(value, list) else "[{}]"
        for row in rows:
            lines.append(mark.format(name))
            lines += [f"{key} = {_inline(entry)}" for key, entry in row.items()]
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value)


def account(
    name: str = "test",
    *,
    service: str = SERVICE,
    status_url: str = "",
    interim: bool = False,
    duplicate_lock: bool = False,
    **rules: Any,
) -> dict[str, Any]:
    """An account with one Front access; its customer is told of final states."""
    settings: dict[str, Any] = {"duplicate_lock": duplicate_lock}
    if status_url:
        settings |= {"status_url": status_url, "status_interim": interim}
    access = {
        "dialect": "front",
        "id": service,
        "password": PASSWORD,
        "require_https": False,
        "settings": settings,
    }
    return {"name": name, "originators": ["*"], "access": [access], **rules}


def smpp_carrier(port: int, **settings: Any) -> dict[str, Any]:
    """A carrier that binds to the tests' message centres."""
    usual = {"host": "127.0.0.1", "port": port, "system_id": "test"}
    usual |= {"password": "test", "reconnect_min": 0.1, "reconnect_max": 0.5}
    return {"name": "operator", "kind": "smpp", "settings": usual | settings}


def simulator_carrier(**settings: Any) -> dict[str, Any]:
    """A carrier to the simulated phones."""
    return {"name": "operator", "kind": "simulator", "settings": settings}


class Gateway:
    """
    A gateway with a data folder.

    Args:
        folder: Its own; it must be there.
        carrier: One carrier, to which everything is routed.
        accounts: Who may send.
        settings: Further sections of its settings.
        numbers: What phones write to, but for what accounts have of their own.
        database: PostgreSQL's URL; empty: SQLite in its folder.
        roles: What it does, separated by commas; empty: all.
        top: Settings that are in no section.

    Attributes:
        child: The running process, or the one that ran last.
        port: Its HTTP port.

    """

    def __init__(
        self,
        folder: Path,
        carrier: dict[str, Any],
        accounts: Sequence[dict[str, Any]] = (),
        settings: dict[str, Any] | None = None,
        numbers: Sequence[dict[str, Any]] = (),
        *,
        database: str = "",
        roles: str = "",
        top: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._database = database
        self._roles = ["--roles", roles] if roles else []
        self.port = free_port()
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        self.config = folder / "budstikke.toml"
        sections = {
            "callbacks": {"allow_http": True, "allow_private": True},
            **(settings or {}),
        }
        workers = int(os.environ.get("HTTP_WORKERS", "0"))
        own = {"port": self.port, "workers": workers}
        sections["http"] = own | sections.get("http", {})
        named = {"data": str(self.data), "node": folder.name, **(top or {})}
        if database:
            named["database"] = database
        head = "".join(f"{key} = {json.dumps(value)}\n" for key, value in named.items())
        self.config.write_text(head + toml(sections), "utf-8")
        self.child: Child | None = None
        self.run("migrate")
        self.apply(carrier, accounts or [account()], numbers)

    def apply(
        self,
        carrier: dict[str, Any],
        accounts: Sequence[dict[str, Any]],
        numbers: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Apply a file with this carrier and these accounts."""
        file = self.folder / "apply.toml"
        route = {"prefix": "+", "carriers": [carrier["name"]]}
        tables = {"carrier": [carrier], "route": [route], "account": list(accounts)}
        tables["number"] = list(numbers)
        file.write_text(toml(tables), "utf-8")
        self.run("apply", str(file))

    def run(self, command: str, *arguments: str) -> None:
        """
        Run a command that ends by itself.

        It runs in this process, which has the program imported already: a process of
        its own takes ten times the work, and each test begins with two commands. As
        processes they run in test_demo.py, test_move.py and test_rest_inbound.py.
        """
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = main([command, *self._config(), *arguments])
        assert code == 0, f"{command}: {said.getvalue()}"

    def _config(self) -> list[str]:
        return ["--config", str(self.config)]

    # The process

    def start(self) -> None:
        """Serve, and wait until it does."""
        assert self.child is None or not self.child.alive()
        self.child = Child(
            [*PROGRAM, "serve", *self._config(), *self._roles], self.folder
        )
        self.child.wait_ready()

    @property
    def running(self) -> Child:
        assert self.child is not None, "it was never started"
        return self.child

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.running.kill()

    def children(self, module: bytes) -> list[int]:
        """List its processes that run a module."""
        return [
            pid
            for pid in family(self.running.pid)
            if module in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def kill_child(self, module: bytes) -> None:
        """End one of its processes; the gateway goes on."""
        os.kill(self.children(module)[0], signal.SIGKILL)

    def kill_writer(self) -> None:
        """End the process that writes to SQLite; the gateway ends with it."""
        self.kill_child(b"sqlite.writer")
        assert self.running.process.wait(PATIENCE) == os.EX_SOFTWARE
        self.running.close()

    def stop(self) -> None:
        """End it as an administrator would; it must end well."""
        assert self.running.stop() == 0, self.running.tail()

    def close(self) -> None:
        """End it, however it stands; what is said of it is shown when a test fails."""
        if self.child is None:
            return
        self.child.close()
        sys.stdout.write(f"{self.folder}: {self.parts()}\n{self.child.tail()}\n")

    # Asking it

    def ask(self, method: str, target: str, content: Any = None) -> Answer:
        body = None if content is None else json.dumps(content).encode()
        return ask(self.port, method, target, body)

    def push(self, recipient: str, text: str, **parameters: str) -> Answer:
        """Send by Front's GET, UTF-8 and ``unicode=true`` unless it is said."""
        usual = {**LOGIN, "fromid": "Test", "phoneno": recipient, "txt": text}
        return self.ask("GET", front_query(**usual | parameters))

    def phone(self, number: str) -> list[dict[str, Any]]:
        """List what a simulated phone got."""
        answer = self.ask("GET", f"/simulator/phones/{number}/messages")
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json
        return found

    # Its database

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Read from its database, whether it runs or not."""
        if self._database:
            with psycopg.connect(self._database) as found:
                numbered = sql.replace("?", "%s").encode()
                return found.execute(numbered, values).fetchall()
        uri = f"{(self.data / 'budstikke.sqlite').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    def count(self, sql: str, *values: Any) -> int:
        """Read one number."""
        ((number,),) = self.query(sql, *values)
        return int(number)

    def parts(self) -> dict[str, int]:
        """Count parts by state."""
        return dict(self.query("SELECT state, count(*) FROM part GROUP BY state"))

    def written(self) -> None:
        """
        Wait until what came of all calls of customers is in the database.

        A customer's server sees a call before the gateway has heard the answer, let
        alone stored it: whoever looks at the gateway after a call waits for this.
        """
        wait_until("what customers said is stored", lambda: not self.count(BEING_TOLD))

    # Its log

    def log(self, level: str) -> list[dict[str, Any]]:
        """Read its log lines of one level."""
        lines = [json.loads(line) for line in list(self.running.log) if line]
        return [line for line in lines if line["level"] == level]

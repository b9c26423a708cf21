"""Budstikke as it is installed: SQLite or PostgreSQL, a Front access, one SMPP bind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench import postgres
from bench.gateway import KEYWORD, NUMBER, PASSWORD, SENDER, TEXT, USER, Running
from bench.instruments import Ask
from bench.postgres import start_postgres
from bench.processes import (
    BenchError,
    environment,
    free_ports,
    listens,
    start,
    stop,
    wait_until,
)

if TYPE_CHECKING:
    from bench.instruments import Sink
    from bench.processes import Child

ROOT = Path(__file__).parent.parent
# Front v3.05: -1 the operator has it, 4 on the phone.
STATUSES: dict[int, tuple[str, ...]] = {0: (), 1: ("4",), 2: ("-1", "4")}


def serving(
    *,
    data: Path,
    port: int,
    database: str,
    node: str,
    durability: str = "",
    workers: int | None = None,
) -> str:
    """
    Write the settings of `serve`.

    Args:
        data: A folder of its own.
        port: Of the HTTP server, on loopback.
        database: URL of PostgreSQL's; empty: SQLite in that folder.
        node: Name of the process among those that share the database.
        durability: What an answer survives; empty: the default.
        workers: HTTP processes beside its own; ``None``: the default.

    """
    promise = f'durability = "{durability}"\n' if durability else ""
    http = "" if workers is None else f"workers = {workers}\n"
    return f"""\
data = "{data}"
database = "{database}"
node = "{node}"
{promise}
[http]
host = "127.0.0.1"
port = {port}
{http}

[log]
level = "warning"

[callbacks]
allow_http = true
allow_private = true
"""


def directory(*, smpp: int, window: int, status_url: str, interim: bool) -> str:
    """
    Write the file for `apply`.

    Args:
        smpp: The operator's port, on loopback.
        window: submit_sm that may be unanswered.
        status_url: Where status pushes go; empty for none.
        interim: Also push when the operator has the message.

    """
    return f"""\
[[carrier]]
name = "sink"
kind = "smpp"

[carrier.settings]
host = "127.0.0.1"
port = {smpp}
system_id = "bench"
password = "bench"
bind_type = "trx"
window = {window}
registered_delivery = {int(bool(status_url))}

[[route]]
prefix = "+"
carriers = ["sink"]

[[account]]
name = "bench"
originators = ["{SENDER}"]

[[account.access]]
dialect = "front"
id = "{USER}"
password = "{PASSWORD}"
require_https = false

[account.access.settings]
duplicate_lock = false
status_url = "{status_url}"
status_interim = {str(interim).lower()}
"""


NATIVE = f"""
[[account.access]]
dialect = "native"
password = "{PASSWORD}"
require_https = false
"""
"""For what Front has no field: the priority of a message."""


def from_phones(url: str) -> str:
    """Write what ``apply`` needs for messages from phones to go to ``url``."""
    return f"""
[[number]]
value = "{NUMBER}"
kind = "shared"

[[account.access]]
dialect = "sveve"
id = "{USER}"
password = "{PASSWORD}"
require_https = false

[[account.keyword]]
number = "{NUMBER}"
word = "{KEYWORD}"
access = "sveve"
url = "{url}"
"""


def command() -> list[str]:
    """Find the command line: of the bench's environment (install.sh), else ours."""
    for folder in (ROOT / "bench" / "out" / "budstikke", ROOT / ".venv"):
        own = folder / "bin" / "budstikke"
        if own.exists():
            return [str(own)]
    raise BenchError("budstikke is not installed: run make first")


def has_setting(name: str) -> bool:
    """Tell whether the gateway that is installed has a setting: ``http.workers``."""
    python = Path(command()[0]).with_name("python")
    table = subprocess.run(
        [python, "-m", "budstikke.config"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return f"| `{name}` |" in table.stdout


def _run(arguments: list[str], folder: Path) -> None:
    """Run one command to its end; BenchError with its output when it fails."""
    done = subprocess.run(
        [*command(), *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-2000:]
        raise BenchError(f"budstikke {arguments[0]} failed:\n{output}")


def _copy(database: Path, to: Path) -> None:
    """Copy and wait until it is on the disk, or that would be measured, too."""
    subprocess.run(["cp", "--reflink=auto", str(database), str(to)], check=True)
    with to.open("rb") as file:
        os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class Budstikke:
    """
    Ourselves, with an SMPP window of 1000.

    Attributes:
        database: An SQLite file to begin with, of which a copy is made.
        nodes: Gateways that share a PostgreSQL; 0: one with SQLite.
        durability: What its answers survive; empty: the default, a loss of power.
        workers: HTTP processes beside the gateway's own; ``None``: the default.

    """

    name: str = "budstikke"
    measures: tuple[str, ...] = ("a", "b", "b2", "c", "d", "d=", "e")
    most_messages: int = sys.maxsize
    window: int = 1000
    database: Path | None = None
    nodes: int = 0
    durability: str = ""
    workers: int | None = None

    def missing(self) -> str:
        """Say that make has not installed it, or that there is no PostgreSQL."""
        try:
            command()
        except BenchError as error:
            return str(error)
        if self.durability and not has_setting("durability"):
            return "a gateway with the setting durability"
        return "" if not self.nodes or postgres.programs() else "PostgreSQL"

    def version(self) -> str:
        """Name the commit; machine.py names the interpreter."""
        git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
        found = subprocess.run(git, capture_output=True, text=True, check=False)
        text = found.stdout.strip() or "unknown"
        return f"{text}, {postgres.version()}" if self.nodes else text

    def start(
        self, folder: Path, sink: Sink, pushes: int, *, inbound: bool = False
    ) -> Running:
        """Migrate, apply and serve; wait for the ports and the bind."""
        url = f"http://127.0.0.1:{sink.http}/push" if pushes else ""
        text = directory(
            smpp=sink.smpp, window=self.window, status_url=url, interim=pushes == 2
        )
        text += NATIVE
        if inbound:
            text += from_phones(f"http://127.0.0.1:{sink.http}/in?status=in")
        (folder / "apply.toml").write_text(text)
        children: list[Child] = []
        try:
            ports = self._serve(folder, children)
            wait_until("budstikke", lambda: all(map(listens, ports)), children)
            wait_until("budstikke's bind", lambda: sink.seen().binds > 0, children)
        except BenchError:
            for child in reversed(children):
                stop(child)
            raise
        path = f"/psk/push.php?serviceid={USER}&password={PASSWORD}"
        path += f"&phoneno=00{{}}&txt={quote(TEXT)}&fromid={SENDER}"
        ask = Ask(tuple(ports), path, "ErrorCode=0")
        bulk = "/psk/push_bulk.php"
        return Running(children, ask, STATUSES[pushes], bulk, "/v1/messages")

    def _serve(self, folder: Path, children: list[Child]) -> list[int]:
        """Start the database and the nodes, adding to the list; the HTTP ports."""
        database = ""
        if self.nodes:
            child, database = start_postgres(folder)
            children.append(child)
        ports = free_ports(max(self.nodes, 1))
        for number, port in enumerate(ports):
            node = f"node{number}" if number else "budstikke"
            data = folder / (node if number else "data")
            data.mkdir()
            if self.database:
                _copy(self.database, data / "budstikke.sqlite")
            file = folder / f"{node}.toml"
            settings = serving(
                data=data,
                port=port,
                database=database,
                node=node,
                durability=self.durability,
                workers=self.workers,
            )
            file.write_text(settings)
            if not number:
                _run(["migrate", "--config", str(file)], folder)
                _run(["apply", "--config", str(file), "apply.toml"], folder)
            command_line = [*command(), "serve", "--config", str(file)]
            children.append(start(node, command_line, folder))
        return ports

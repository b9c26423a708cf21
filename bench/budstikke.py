"""Budstikke as it is installed: one process, SQLite, a Front access, one SMPP link."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.gateway import KEYWORD, NUMBER, PASSWORD, SENDER, TEXT, USER, Running
from bench.instruments import Ask
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

ROOT = Path(__file__).parent.parent
# Front v3.05: -1 the operator has it, 4 on the phone.
STATUSES: dict[int, tuple[str, ...]] = {0: (), 1: ("4",), 2: ("-1", "4")}


def settings(
    *, data: Path, port: int, smpp: int, window: int, status_url: str, interim: bool
) -> tuple[str, str]:
    """
    Write the settings of `serve` and the file for `apply`.

    Args:
        data: A folder of its own for the database.
        port: Of the HTTP server, on loopback.
        smpp: The operator's port, on loopback.
        window: submit_sm that may be unanswered.
        status_url: Where status pushes go; empty for none.
        interim: Also push when the operator has the message.

    """
    serve = f"""\
data = "{data}"

[http]
host = "127.0.0.1"
port = {port}

[log]
level = "warning"

[callbacks]
allow_http = true
allow_private = true
"""
    apply = f"""\
[[carrier]]
name = "sink"
kind = "smpp"

[carrier.settings]
host = "127.0.0.1"
port = {smpp}
system_id = "bench"
password = "bench"
bind = "trx"
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
    return serve, apply


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
    """Find the command line: of this checkout's environment, else on the PATH."""
    own = ROOT / ".venv" / "bin" / "budstikke"
    found = str(own) if own.exists() else shutil.which("budstikke")
    if not found:
        raise BenchError("budstikke is not installed: run make first")
    return [found]


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

    """

    name: str = "budstikke"
    measures: tuple[str, ...] = ("a", "b", "b2", "c", "d", "d=", "e")
    most_messages: int = sys.maxsize
    window: int = 1000
    database: Path | None = None

    def missing(self) -> str:
        """Say that make has not installed it."""
        try:
            command()
        except BenchError as error:
            return str(error)
        return ""

    def version(self) -> str:
        """Name the commit, and the interpreter that runs it."""
        git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
        found = subprocess.run(git, capture_output=True, text=True, check=False)
        python = ".".join(map(str, sys.version_info[:3]))
        return f"{found.stdout.strip() or 'unknown'} on CPython {python}"

    def start(
        self, folder: Path, sink: Sink, pushes: int, *, inbound: bool = False
    ) -> Running:
        """Migrate, apply and serve; wait for the port and the bind."""
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{sink.http}/push" if pushes else ""
        serve, apply = settings(
            data=folder / "data",
            port=port,
            smpp=sink.smpp,
            window=self.window,
            status_url=url,
            interim=pushes == 2,
        )
        apply += NATIVE
        if inbound:
            apply += from_phones(f"http://127.0.0.1:{sink.http}/in?status=in")
        (folder / "serve.toml").write_text(serve)
        (folder / "apply.toml").write_text(apply)
        (folder / "data").mkdir()
        if self.database:
            _copy(self.database, folder / "data" / "budstikke.sqlite")
        config = ["--config", str(folder / "serve.toml")]
        _run(["migrate", *config], folder)
        _run(["apply", *config, str(folder / "apply.toml")], folder)
        child = start("budstikke", [*command(), "serve", *config], folder)
        try:
            wait_until("budstikke's port", lambda: listens(port), [child])
            wait_until("budstikke's bind", lambda: sink.seen().binds > 0, [child])
        except BenchError:
            stop(child)
            raise
        path = f"/psk/push.php?serviceid={USER}&password={PASSWORD}"
        path += f"&phoneno=00{{}}&txt={quote(TEXT)}&fromid={SENDER}"
        ask = Ask((port,), path, "ErrorCode=0")
        bulk = "/psk/push_bulk.php"
        return Running([child], ask, STATUSES[pushes], bulk, "/v1/messages")

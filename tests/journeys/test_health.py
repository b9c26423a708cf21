"""
Health tells the truth: a gateway that cannot store says so, and says when it can again.

Each state is made for real and lasts for some seconds. What is accepted meanwhile is
held against the database in the end.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import Child, family, wait_until
from journeys.web import front_id
from store.postgres_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

WITHIN = 3.0
"""Seconds in which the truth is told."""

REFUSED_WITHIN = 12.0
"""Seconds in which a customer is refused what cannot be stored."""

DAY = 86400.0


def pid_of(gateway: Gateway, module: bytes) -> int:
    """Find a process that the gateway has started."""
    (found,) = (
        pid
        for pid in family(gateway.running.pid)
        if module in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return found


class StoppedWriter:
    """The process that writes is stopped, as by a debugger or a disk that hangs."""

    def __init__(self, gateway: Gateway) -> None:
        self._pid = pid_of(gateway, b"sqlite.writer")

    def begin(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def end(self) -> None:
        os.kill(self._pid, signal.SIGCONT)


class ReadOnlyDisk:
    """Nothing may be written any more; where files cannot be locked, by a limit."""

    def __init__(self, gateway: Gateway) -> None:
        self._files = [file for file in gateway.data.iterdir() if file.is_file()]
        self._writer = pid_of(gateway, b"sqlite.writer")

    def _immutable(self, sign: str) -> bool:
        command = ["chattr", f"{sign}i", *map(str, self._files)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _limit(self, octets: int) -> None:
        limits = (octets, resource.RLIM_INFINITY)
        resource.prlimit(self._writer, resource.RLIMIT_FSIZE, limits)

    def begin(self) -> None:
        if not self._immutable("+"):
            self._immutable("-")
            self._limit(0)

    def end(self) -> None:
        self._immutable("-")
        with suppress(ProcessLookupError):
            self._limit(resource.RLIM_INFINITY)


class FullDisk:
    """There is room for nothing (RLIMIT_FSIZE); test_disk_full.py fills a real one."""

    def __init__(self, gateway: Gateway) -> None:
        self._data = gateway.data
        self._writer = pid_of(gateway, b"sqlite.writer")

    def begin(self) -> None:
        largest = max(file.stat().st_size for file in self._data.iterdir())
        limits = (largest, resource.RLIM_INFINITY)
        resource.prlimit(self._writer, resource.RLIMIT_FSIZE, limits)

    def end(self) -> None:
        limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self._writer, resource.RLIMIT_FSIZE, limits)


class BadPage:
    """The disk gives back something else than was written: the table of parts."""

    def __init__(self, gateway: Gateway) -> None:
        self._file = gateway.data / "budstikke.sqlite"
        self._was = b""
        self._place = 0

    def begin(self) -> None:
        with closing(sqlite3.connect(self._file, timeout=30)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'part'"
            ).fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            self._place = (page - 1) * size
            with self._file.open("r+b") as disk:
                disk.seek(self._place)
                self._was = disk.read(size)
                self._write(b"\xff" * size)
            # Another's commit, so that nobody trusts what memory has of the pages.
            connection.execute("PRAGMA user_version = 7")

    def end(self) -> None:
        self._write(self._was)

    def _write(self, data: bytes) -> None:
        with self._file.open("r+b") as disk:
            disk.seek(self._place)
            disk.write(data)


class StoppedPostgres:
    """All of PostgreSQL's processes are stopped."""

    def __init__(self, server: Server) -> None:
        assert server._process is not None
        self._pid = server._process.pid
        self._stopped: list[int] = []

    def begin(self) -> None:
        self._stopped = family(self._pid)
        for pid in self._stopped:
            os.kill(pid, signal.SIGSTOP)

    def end(self) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def is_ready(gateway: Gateway) -> bool:
    return gateway.ask("GET", "/readyz").status == 200


def turns(gateway: Gateway, *, ready: bool) -> float:
    """Wait until it says so; returns how long that took, seconds."""
    began = time.monotonic()
    said = "ready" if ready else "not ready"
    wait_until(f"{said} is told", lambda: is_ready(gateway) is ready)
    return time.monotonic() - began


def store_up(gateway: Gateway) -> str:
    text = gateway.ask("GET", "/metrics").body.decode()
    return next(
        line.split()[1]
        for line in text.splitlines()
        if line.startswith("budstikke_store_up ")
    )


def push(gateway: Gateway, number: int) -> int | None:
    """Send a message; returns its id, ``None``: refused for now."""
    answer = gateway.push(f"+4799001{number:03}", "Hei")
    if answer.status == 503:
        assert answer.body == b"ErrorCode=99, ID=0"
        return None
    return front_id(answer)


def holds(
    gateway: Gateway, state: Any, figures: Callable[..., None], seconds: float = 0.0
) -> None:
    """Put it into a state and back; what it says of itself is true."""
    assert push(gateway, 1)
    wait_until("delivered", lambda: set(gateway.parts()) == {"delivered"})
    wait_until("ready", lambda: is_ready(gateway))
    state.begin()
    try:
        if isinstance(state, BadPage):  # nobody knows before it is read
            assert push(gateway, 2) is None
        down = turns(gateway, ready=False)
        assert "0.0" == store_up(gateway)
        why = gateway.ask("GET", "/readyz").json["why"]["store"]
        assert "docs/operate.md" in why
        began = time.monotonic()
        assert push(gateway, 2) is None
        refused = time.monotonic() - began
        end = time.monotonic() + seconds
        wait_until("it lasts", lambda: time.monotonic() > end)
        assert not is_ready(gateway)
    finally:
        state.end()
    up = turns(gateway, ready=True)
    assert "1.0" == store_up(gateway)
    assert push(gateway, 3)
    wait_until("delivered", lambda: set(gateway.parts()) <= {"delivered", "cancelled"})
    figures(down=f"{down:.1f}", refused=f"{refused:.1f}", up=f"{up:.1f}")
    sent = [row[0][-1:] for row in gateway.query("SELECT recipient FROM message")]
    assert {"1", "3"} <= set(sent)
    assert not gateway.phone("+4799001002"), "what was refused was sent"
    assert down < WITHIN
    assert up < WITHIN
    assert refused < REFUSED_WITHIN


@pytest.mark.parametrize("state", [StoppedWriter, ReadOnlyDisk, FullDisk, BadPage])
def test_sqlite(
    tmp_path: Path, own: Own, figures: Callable[..., None], state: Any
) -> None:
    gateway = own(Gateway(tmp_path, simulator_carrier(), settings=SIMULATOR))
    gateway.start()
    holds(gateway, state(gateway), figures)
    gateway.stop()
    assert [("ok",)] == gateway.query("PRAGMA integrity_check")


def test_postgres_is_stopped(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    server = own(serving())
    server.execute("CREATE DATABASE bud")
    gateway = own(
        Gateway(
            tmp_path,
            simulator_carrier(),
            settings=SIMULATOR,
            database=server.url("bud"),
        )
    )
    gateway.start()
    holds(gateway, StoppedPostgres(server), figures, seconds=8.0)


SIMULATOR = {"simulator": {"enabled": True}}


# Clocks


class Shifted(Gateway):
    """A gateway on a machine whose clock can be set."""

    def by(self, seconds: float) -> None:
        """Let the clock be off by so much."""
        new = self.folder / "by.new"
        new.write_text(str(seconds), "ascii")
        new.rename(self.folder / "by")

    def command(self, *arguments: str) -> Child:
        program = [sys.executable, str(Path(__file__).parent / "shifted.py")]
        return Child(
            [*program, str(self.folder / "by"), *arguments, *self._config()],
            self.folder,
        )

    def start(self) -> None:
        self.child = self.command("serve")
        self.child.wait_ready()

    def confirm(self) -> None:
        child = self.command("clock", "--confirm")
        assert 0 == child.process.wait(60)
        child.stop()


@pytest.mark.parametrize("jump", [400 * DAY, -400 * DAY])
def test_a_clock_that_jumps_deletes_and_sends_nothing(
    tmp_path: Path,
    own: Own,
    figures: Callable[..., None],
    empty_database: str,
    jump: float,
) -> None:
    gateway = own(
        Shifted(
            tmp_path, simulator_carrier(), settings=SIMULATOR, database=empty_database
        )
    )
    gateway.by(0.0)
    gateway.start()
    for number in range(20):
        assert push(gateway, number)
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 20 * DAY))
    front_id(gateway.push("+4799009999", "Hei", scheduled=later))
    wait_until("sent", lambda: gateway.parts() == {"delivered": 20, "queued": 1})
    gateway.by(jump)
    down = turns(gateway, ready=False)
    found = gateway.ask("GET", "/readyz").json
    assert found["parts"]["clock"] is False
    assert "budstikke clock --confirm" in found["why"]["clock"]
    end = time.monotonic() + 7.0  # longer than two sweeps are apart
    wait_until("two sweeps", lambda: time.monotonic() > end)
    assert {"delivered": 20, "queued": 1} == gateway.parts()
    assert push(gateway, 20)  # and what comes meanwhile is of the time believed
    (accepted_at,) = gateway.query("SELECT max(accepted_at) FROM message")[0]
    assert abs(accepted_at - time.time()) < 60
    gateway.by(0.0)
    up = turns(gateway, ready=True)
    wait_until("sent", lambda: gateway.parts() == {"delivered": 21, "queued": 1})
    figures(down=f"{down:.1f}", up=f"{up:.1f}")
    assert max(down, up) < WITHIN


def test_a_clock_that_is_wrong_at_the_start_waits_for_an_administrator(
    tmp_path: Path, own: Own, empty_database: str
) -> None:
    gateway = own(
        Shifted(
            tmp_path, simulator_carrier(), settings=SIMULATOR, database=empty_database
        )
    )
    gateway.by(0.0)
    gateway.start()
    assert push(gateway, 1)
    wait_until("sent", lambda: gateway.parts() == {"delivered": 1})
    gateway.stop()
    gateway.by(400 * DAY)
    gateway.start()
    assert not is_ready(gateway)
    end = time.monotonic() + 7.0
    wait_until("two sweeps", lambda: time.monotonic() > end)
    assert {"delivered": 1} == gateway.parts()
    gateway.confirm()
    turns(gateway, ready=True)
    wait_until("what is old is deleted now", lambda: gateway.parts() == {})

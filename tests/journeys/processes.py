"""Programs that tests start, wait for, and end by their own process id."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BELOW_EPHEMERAL = range(20_000, 32_000)
"""No connection takes its own port from here, so that one can be used again."""


def free_port() -> int:
    """Find a TCP port of loopback that nobody listens on."""
    while True:
        port = secrets.choice(BELOW_EPHEMERAL)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of loopback, without connecting."""
    wanted = {f"0100007F:{port:04X}", f"00000000:{port:04X}"}
    rows = map(str.split, Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    return any(row[1] in wanted and row[3] == "0A" for row in rows)  # 0A: listening


def wait_until(
    what: str,
    condition: Callable[[], object],
    seconds: float = PATIENCE,
    *,
    every: float = 0.02,
) -> None:
    """Wait until it is so; fails with ``what`` when it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(every)


class Child:
    """
    A program that runs.

    Args:
        command: Its arguments.
        folder: Where it runs.
        environ: What it gets beside our own environment.

    Attributes:
        said: Lines of its standard output.
        log: Lines of its standard error.

    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.command = list(command)
        self.said: list[str] = []
        self.log: list[str] = []
        self.process = subprocess.Popen(
            self.command,
            cwd=folder,
            env={**clean_environment(), **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._readers = [
            self._read(self.process.stdout, self.said),
            self._read(self.process.stderr, self.log),
        ]

    def _read(self, stream: IO[str] | None, lines: list[str]) -> threading.Thread:
        assert stream is not None

        def read() -> None:
            with stream:
                for line in stream:
                    lines.append(line.rstrip("\n"))  # noqa: PERF401 - others look on

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_ready(self, seconds: float = PATIENCE) -> None:
        """Wait for the line ``ready``."""
        wait_until(
            f"ready: {self.command}",
            lambda: "ready" in self.said or not self.alive(),
            seconds,
        )
        assert self.alive(), f"{self.command} ended: {self.tail()}"

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def tail(self) -> str:
        """Show the end of its log, for a failure's message."""
        return "\n".join(self.log[-40:])

    def stop(self, seconds: float = PATIENCE) -> int:
        """Ask it to end (SIGTERM) and wait; returns its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """End it without asking (SIGKILL)."""
        self._end(signal.SIGKILL, PATIENCE)

    def close(self) -> None:
        """End it, however it stands."""
        self.kill()

    def _end(self, number: signal.Signals, seconds: float) -> int:
        if self.alive():
            self.process.send_signal(number)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)
            raise AssertionError(
                f"{self.command} did not stop: {self.tail()}"
            ) from None
        finally:
            if self.process.stdin is not None:
                self.process.stdin.close()
        for reader in self._readers:
            reader.join(PATIENCE)
        return code


def clean_environment() -> dict[str, str]:
    """Give our environment without settings of the program."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BUDSTIKKE_")
    }


def family(pid: int) -> list[int]:
    """List a process and those that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *map(int, children)]


def memory(pid: int) -> int:
    """Tell how much memory a process has in use, octets."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

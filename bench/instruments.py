"""The load generator and the sink, as the measures use them."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.processes import BenchError, Child, spawn, start, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

BINARIES = Path(__file__).parent / "out" / "bin"
CONNECTIONS = 48


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What the sink counted since its last reset; times are CLOCK_MONOTONIC seconds.

    Attributes:
        submits: submit_sm received; `doubles` of them to a recipient seen before.
        pushes: Callbacks received; `push_doubles` of them with an id and status
            seen before.
        statuses: Callbacks by the value of their status parameter.

    """

    submits: int
    doubles: int
    unread: int
    binds: int
    first: float
    last: float
    receipts: dict[str, float]
    pushes: int
    push_doubles: int
    push_other: int
    push_first: float
    push_last: float
    statuses: dict[str, int]


class Sink:
    """The running SMSC and callback sink, and its control connection."""

    def __init__(self, child: Child, ports: dict[str, int]) -> None:
        self.child = child
        self.smpp = ports["smpp"]
        self.http = ports["http"]
        self._control = socket.create_connection(("127.0.0.1", ports["control"]), 10)
        self._lines = self._control.makefile("rw", encoding="ascii", newline="\n")

    def _tell(self, line: str) -> dict[str, Any]:
        self._lines.write(line + "\n")
        self._lines.flush()
        answer: dict[str, Any] = json.loads(self._lines.readline())
        return answer

    def _ask(self, line: str) -> Seen:
        answer = self._tell(line)
        return Seen(**{name: answer[name] for name in Seen.__slots__})

    def seen(self) -> Seen:
        """Read the counts."""
        return self._ask("stats")

    def reset(self) -> None:
        """Forget all counts and recipients; binds stay."""
        self._ask("reset")

    def receipts(self, *, wanted: bool) -> None:
        """Send receipts where registered_delivery asks for them, or never."""
        self._ask(f"receipts {int(wanted)}")

    def phones(self, count: int, first: int) -> None:
        """Send a message from each of so many phones, as fast as acknowledged."""
        self._ask(f"phones {count} {first}")

    def count_by(self, parameter: str, status: str = "status") -> None:
        """Tell callbacks apart by these two parameters."""
        self._ask(f"id {parameter}")
        self._ask(f"status {status}")

    def answer(self, text: str) -> None:
        """Answer callbacks with this body, "ok" before that."""
        self._ask(f"answer {text}")

    def rate(self, submits: float) -> None:
        """Answer so many submits a second, one after another; 0: at once."""
        self._ask(f"rate {submits}")

    def down(self, *, wanted: bool) -> None:
        """Hang up on SMPP clients and on each that comes, or let them in again."""
        self._ask(f"down {int(wanted)}")

    def watch(self, first: int, count: int) -> None:
        """Keep the time at which these recipients are first answered for."""
        self._ask(f"watch {first} {count}")

    def when(self, recipient: int) -> float:
        """Tell that time, in CLOCK_MONOTONIC seconds; 0 when it has not come yet."""
        return float(self._tell(f"when {recipient}")["at"])


def start_sink(folder: Path, delay_ms: int, window: int = 500) -> Sink:
    """
    Start a sink on free ports.

    Its receipts come delay_ms after the submit, at most `window` of them
    unacknowledged.
    """
    command = [str(BINARIES / "sink"), "-d", str(delay_ms), "-w", str(window)]
    child = start("sink", command, folder)
    wait_until("the sink", lambda: b"\n" in child.log.read_bytes(), [child])
    return Sink(child, json.loads(child.log.read_text().splitlines()[0]))


@dataclass(frozen=True, slots=True)
class Load:
    """What the load generator reported; times in CLOCK_MONOTONIC s, latencies in ms."""

    sent: int
    good: int
    bad: int
    lost: int
    reconnects: int
    first: float
    last: float
    per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float
    starved: int


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What to ask of a gateway.

    Attributes:
        ports: Loopback ports; connections are spread over them.
        path: Path and query; each {} becomes a new recipient, ten digits.
        expect: What the body of a good answer contains.

    """

    ports: tuple[int, ...]
    path: str
    expect: str


def begin_load(
    ask: Ask,
    *,
    count: int,
    first: int,
    seconds: float = 300,
    rate: float = 0,
    connections: int = CONNECTIONS,
) -> subprocess.Popen[bytes]:
    """Start the load generator; a rate of 0 is a closed loop."""
    ports = ",".join(map(str, ask.ports))
    options = {"p": ports, "c": connections, "n": count, "t": seconds, "r": rate}
    options |= {"f": first, "e": ask.expect}
    flags: Sequence[str] = [str(x) for k, v in options.items() for x in (f"-{k}", v)]
    command = [str(BINARIES / "load"), *flags, ask.path]
    return spawn(command, stdout=subprocess.PIPE)


def end_load(process: subprocess.Popen[bytes], seconds: float = 400) -> Load:
    """Wait for the load generator and read its report."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise BenchError("the load generator did not end") from None
    if not output:
        raise BenchError("the load generator said nothing: is the gateway up?")
    report: dict[str, Any] = json.loads(output)
    return Load(**{name: report[name] for name in Load.__slots__})


def wait_for(
    sink: Sink, *, submits: int, statuses: dict[str, int], stall: float = 20
) -> Seen:
    """
    Wait until the sink has seen enough, or nothing new for `stall` seconds.

    What was seen is returned in both cases; the caller judges.
    """
    progress, since = -1, time.monotonic()
    while True:
        seen = sink.seen()
        wanted = all(seen.statuses.get(s, 0) >= n for s, n in statuses.items())
        if seen.submits >= submits and wanted:
            return seen
        if seen.submits + seen.pushes != progress:
            progress, since = seen.submits + seen.pushes, time.monotonic()
        if time.monotonic() - since > stall:
            return seen
        time.sleep(0.05)

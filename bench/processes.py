"""Child processes that end with us, and who used the processor meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 20.0


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


def spawn(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command that the kernel terminates when we end, however we end."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], **options)


@dataclass(slots=True)
class Child:
    """A process that we started, with its output in a file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def environment() -> dict[str, str]:
    """Copy ours without BUDSTIKKE_…: settings of whoever runs us change no measure."""
    ours = os.environ.items()
    return {name: v for name, v in ours if not name.startswith("BUDSTIKKE_")}


def start(name: str, command: Sequence[str], folder: Path) -> Child:
    """Start a command with its output in a file of the folder."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = spawn(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment(),
        )
    return Child(name, process, log)


def stop(child: Child) -> None:
    """Ask the process to end, and insist when it does not within 20 seconds."""
    if child.process.poll() is not None:
        return
    child.process.send_signal(signal.SIGTERM)
    try:
        child.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()


def require_alive(children: Sequence[Child]) -> None:
    """Raise BenchError with the end of its log when a process has ended."""
    for child in children:
        status = child.process.poll()
        if status is not None:
            tail = child.log.read_text(errors="replace")[-2000:]
            raise BenchError(f"{child.name} ended with status {status}:\n{tail}")


def wait_until(
    what: str, ready: Callable[[], bool], children: Sequence[Child], seconds: float = 60
) -> None:
    """Poll until ready; BenchError when a child ends first or time runs out."""
    limit = time.monotonic() + seconds
    while not ready():
        require_alive(children)
        if time.monotonic() > limit:
            raise BenchError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Tell whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Find loopback ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def family(pid: int) -> list[int]:
    """Find a process and all that it started and that have not ended."""
    found = [pid]
    for each in found:  # which grows meanwhile
        for file in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, file.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def _stat_seconds(stat: str) -> float:
    """Read user + system time of a /proc stat line; see proc_pid_stat(5)."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _own_seconds(pid: int) -> float:
    """Processor seconds used so far; 0 for a process that is gone."""
    try:
        return _stat_seconds(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def process_seconds(pid: int) -> float:
    """Processor seconds used so far by a process and those it started."""
    return sum(map(_own_seconds, family(pid)))


def thread_seconds(pid: int) -> dict[str, float]:
    """Processor seconds used so far by each thread of those, as "name/tid"."""
    used = {}
    tasks = (t for p in family(pid) for t in Path(f"/proc/{p}/task").glob("*"))
    for task in tasks:
        try:
            stat = (task / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        name = stat[stat.index("(") + 1 : stat.rindex(")")]
        used[f"{name}/{task.name}"] = _stat_seconds(stat)
    return used


def machine_seconds() -> tuple[float, float]:
    """Processor seconds of the machine so far: used by anyone, and stolen."""
    line = Path("/proc/stat").read_text().split("\n", 1)[0]
    ticks = [int(field) for field in line.split()[1:9]]
    user, nice, system, _idle, _wait, hard, soft, stolen = ticks
    busy = user + nice + system + hard + soft
    return busy / TICKS_PER_SECOND, stolen / TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Busy:
    """
    Cores used over a stretch of time, 1.0 being one core all the time.

    Attributes:
        seconds: The length of that stretch.
        cores: By process name.
        busiest_thread: By process name: its busiest thread alone.
        others: What belongs to nobody of ours (a noisy neighbour, the kernel).
        stolen: What the hypervisor gave to other machines.

    """

    seconds: float
    cores: dict[str, float]
    busiest_thread: dict[str, float]
    others: float
    stolen: float


class Meter:
    """Measures who was busy between its making and `read`."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = list(children)
        self._since = time.monotonic()
        self._machine = machine_seconds()
        self._ours = os.times()
        self._used = {c.name: process_seconds(c.process.pid) for c in children}
        self._threads = {c.name: thread_seconds(c.process.pid) for c in children}

    def read(self) -> Busy:
        """Say what was used since."""
        span = max(time.monotonic() - self._since, 0.01)
        cores = {}
        busiest = {}
        for child in self._children:
            pid, name = child.process.pid, child.name
            cores[name] = (process_seconds(pid) - self._used[name]) / span
            before = self._threads[name]
            spent = [s - before.get(t, 0.0) for t, s in thread_seconds(pid).items()]
            busiest[name] = max(spent, default=0.0) / span
        cores.update(self._own(span))
        used, stolen = (
            (after - before) / span
            for before, after in zip(self._machine, machine_seconds(), strict=True)
        )
        others = max(used - sum(cores.values()), 0.0)
        return Busy(span, cores, busiest, others, stolen)

    def _own(self, span: float) -> dict[str, float]:
        """Our own process, and children that ended and were waited for: the load."""
        after, before = os.times(), self._ours
        bench = after.user + after.system - before.user - before.system
        ended = (after.children_user + after.children_system) - (
            before.children_user + before.children_system
        )
        return {"load": ended / span, "bench": max(bench, 0.0) / span}

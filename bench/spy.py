"""Where the time of our process goes, by py-spy, during measure (b)."""

from __future__ import annotations

import re
import shutil
import signal
from collections import Counter
from typing import TYPE_CHECKING

from bench.instruments import BINARIES, begin_load, end_load, wait_for
from bench.measures import FIRST, ready
from bench.processes import BenchError, spawn

if TYPE_CHECKING:
    from pathlib import Path

    from bench.gateway import Gateway
    from bench.measures import Size

SHOWN = 40


def _py_spy() -> str:
    """Find py-spy where install.sh --profile puts it, or on the PATH."""
    own = BINARIES.parent / "py-spy" / "bin" / "py-spy"
    found = str(own) if own.exists() else shutil.which("py-spy")
    if not found:
        raise BenchError("no py-spy: bench/install.sh --profile")
    return found


def _shares(folded: str) -> tuple[Counter[str], Counter[str], int]:
    """Count samples by function itself, by function with what it calls, and in all."""
    alone: Counter[str] = Counter()
    below: Counter[str] = Counter()
    total = 0
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        alone[frames[-1]] += int(samples)
        below.update(dict.fromkeys(set(frames), int(samples)))
        total += int(samples)
    return alone, below, total


def _show(folded: str) -> None:
    """Print the functions that take most of the time."""
    alone, below, total = _shares(folded)
    for title, counts in (("itself", alone), ("with what it calls", below)):
        print(f"\n% of {total} samples with the GIL, the function {title}:")
        for frame, samples in counts.most_common(SHOWN):
            print(f"{100 * samples / total:6.1f}  {frame}")


def profile(gateway: Gateway, out: Path, size: Size) -> int:
    """Run (b) once under py-spy; print the shares, keep the folded stacks."""
    folded = out / "profile.folded"
    folded.unlink(missing_ok=True)
    with ready(gateway, out / "run" / "profile", size, pushes=1) as bench:
        pid = bench.running.children[0].process.pid
        command = [_py_spy(), "record", "-p", str(pid), "-r", "200", "-d", "300"]
        command += ["--gil", "--threads", "--format", "raw", "-o", str(folded)]
        said = (folded.parent / "py-spy.log").open("wb")
        watcher = spawn(command, stdout=said, stderr=said)
        try:
            process = begin_load(bench.running.ask, count=size.messages, first=FIRST)
            load = end_load(process)
            statuses = dict.fromkeys(bench.running.statuses, load.good)
            wait_for(bench.sink, submits=load.good, statuses=statuses)
        finally:
            watcher.send_signal(signal.SIGINT)  # it writes its file then
            watcher.wait(60)
            said.close()
    if not folded.exists():
        log = (folded.parent / "py-spy.log").read_text()
        raise BenchError(f"py-spy wrote nothing: {log}")
    _show(folded.read_text())
    print(f"\nfolded stacks (for a flame graph): {folded}")
    return 0

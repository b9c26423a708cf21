"""A long run at a moderate rate with receipts and pushes, to see memory stay flat."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import measures
from bench.instruments import begin_load, end_load, wait_for
from bench.measures import FIRST, Result, ready
from bench.memory import resident, slope
from bench.processes import Meter, require_alive

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from bench.gateway import Gateway
    from bench.measures import Bench, Size

EVERY = 10.0
"""Seconds between samples."""
SETTLED = 3
"""
The line is fitted without the first third: SQLite's page cache (64 MiB) fills at first.

At 300 messages a second that takes 9 minutes: a shorter run shows it as a slope.
"""


def _watch(bench: Bench, process: subprocess.Popen[bytes]) -> list[tuple[float, float]]:
    """Sample the gateway's memory until the load has ended: (seconds, MB)."""
    began = due = time.monotonic()
    samples = []
    while process.poll() is None:
        if time.monotonic() >= due:
            due += EVERY
            require_alive(bench.children)
            memory = resident(bench.running.children)
            samples.append((time.monotonic() - began, memory))
            if len(samples) % 6 == 1:
                print(f"  {samples[-1][0]:5.0f} s  {memory:6.1f} MB", flush=True)
        time.sleep(0.2)
    return samples


def measure(
    gateway: Gateway, folder: Path, size: Size, minutes: float, rate: float
) -> Result:
    """Send at a fixed rate for so many minutes; one push for each message."""
    seconds = minutes * 60
    with ready(gateway, folder, size, pushes=1) as bench:
        meter = Meter(bench.children)
        count = int(seconds * rate)
        process = begin_load(
            bench.running.ask,
            count=count,
            first=FIRST,
            seconds=seconds + 60,
            rate=rate,
        )
        try:
            samples = _watch(bench, process)
        finally:
            process.terminate()  # it has ended, unless the gateway did
        load = end_load(process)
        statuses = dict.fromkeys(bench.running.statuses, load.good)
        seen = wait_for(bench.sink, submits=load.good, statuses=statuses)
        busy = meter.read()
    settled = samples[len(samples) // SETTLED :]
    levels = [memory for _, memory in samples]
    figures = {
        "minutes": minutes,
        "rate": load.good / (load.last - load.first),
        "p50": load.p50_ms,
        "p99": load.p99_ms,
        "first_mb": levels[0],
        "settled_mb": settled[0][1],
        "last_mb": levels[-1],
        "most_mb": max(levels),
        "slope": slope(settled),
    }
    faults = measures.differences(load, seen, statuses)
    if load.good < count:
        faults.append(f"{load.good} of {count} messages were sent in time")
    return Result("soak", gateway.name, 1, figures, busy, faults)

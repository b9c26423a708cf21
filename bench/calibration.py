"""
How fast this machine is at two fixed pieces of work, so that machines can be compared.

    PYTHON calibration.py      prints the seconds of both as JSON, for that interpreter

Both are seconds of processor time, the best of several tries. A message costs
interpreted Python and system calls, about as much of each: a machine that takes twice
the seconds for both is expected to take twice the microseconds for a message.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STEPS = 500_000
"""Of ``work``: an object, a call, a look-up and a short text each."""

CALLS = 200_000
"""System calls: half of them write an octet to a pipe, half read it again."""

TRIES = 5


def work(steps: int) -> int:
    """Do what interpreted Python does: make objects, call, look up, join."""
    rows: dict[int, tuple[int, str]] = {}
    total = 0
    for number in range(steps):
        rows[number & 255] = row = (number, f"{number:x}")
        total += len(row[1]) + row[0]
    return total


def calls(count: int) -> None:
    """Make so many system calls, on a pipe with nobody at its other end."""
    reader, writer = os.pipe()
    try:
        for _ in range(count // 2):
            os.write(writer, b"x")
            os.read(reader, 1)
    finally:
        os.close(reader)
        os.close(writer)


def seconds(job: Callable[[int], object], count: int) -> float:
    """Measure the best of several tries, processor time."""
    best = float("inf")
    for _ in range(TRIES):
        began = time.process_time()
        job(count)
        best = min(best, time.process_time() - began)
    return best


def line(figures: Mapping[str, float]) -> str:
    """Write the figures of a machine for people."""
    return (
        f"{figures['python']:.3f} s for {STEPS:,} steps of Python, "
        f"{figures['syscalls']:.3f} s for {CALLS:,} system calls"
    )


def ratio(here: Mapping[str, float], there: Mapping[str, float]) -> float:
    """Tell how many times as long this machine takes as the other, for both kinds."""
    python = here["python"] / there["python"]
    syscalls = here["syscalls"] / there["syscalls"]
    return math.sqrt(python * syscalls)


def main() -> int:
    """Print the figures of the interpreter that runs this."""
    found = {"python": seconds(work, STEPS), "syscalls": seconds(calls, CALLS)}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How much memory processes have, and whether it grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.processes import Child


def _kilobytes(pid: int) -> int:
    """Read VmRSS; 0 for a process that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) if lines else 0


def resident(children: Sequence[Child]) -> float:
    """Sum the resident memory (RSS) of processes and of what they started, in MB."""
    pids = {pid for child in children for pid in family(child.process.pid)}
    return sum(map(_kilobytes, pids)) * 1024 / 1e6


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Fit a line through (seconds, MB) by least squares; its slope in MB an hour."""
    count = len(samples)
    if count < 2:
        return 0.0
    middle = sum(x for x, _ in samples) / count
    level = sum(y for _, y in samples) / count
    spread = sum((x - middle) ** 2 for x, _ in samples)
    rise = sum((x - middle) * (y - level) for x, y in samples)
    return 3600 * rise / spread if spread else 0.0

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


def _proportional_kilobytes(pid: int) -> int:
    """Read Pss, in which a page of three processes counts a third in each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:  # another user's, such as PostgreSQL's
        return _kilobytes(pid)
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def proportional(children: Sequence[Child]) -> float:
    """Sum the memory of processes and of what they started, shared pages once, MB."""
    pids = {pid for child in children for pid in family(child.process.pid)}
    return sum(map(_proportional_kilobytes, pids)) * 1024 / 1e6


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

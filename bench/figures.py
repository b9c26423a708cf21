"""What can be had of a result, measured or computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measures import Result


def figure(result: Result, name: str) -> float | None:
    """
    Take a figure of a result; ``None``: it has none of that name.

    ``per_core`` is computed from ``cpu``: messages for a second of processor time.
    """
    if name == "per_core":
        cpu = result.figures.get("cpu", 0.0)
        return 1e6 / cpu if cpu else None
    return result.figures.get(name)

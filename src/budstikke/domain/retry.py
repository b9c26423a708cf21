"""When a customer is told again. Pure."""

from __future__ import annotations

AGAIN: tuple[float, ...] = (5, 15, 60, 120, 300, 1800, 3600, 7200, 14400)
"""Seconds before each further try (Front and Sveve status pushes); then it failed."""


def next_try(tries: int, now: float) -> float | None:
    """
    Tell when the next try is due, Unix seconds; ``None``: there is none.

    ``tries`` counts those made, the one that just failed included.
    """
    if tries > len(AGAIN):
        return None
    return now + AGAIN[tries - 1]

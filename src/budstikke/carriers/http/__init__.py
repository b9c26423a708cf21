"""SMS by an operator's HTTP API, as settings describe it; see docs/carriers/http.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.carriers.http.carrier import HttpCarrier
from budstikke.carriers.http.settings import Settings
from budstikke.domain.staging import TextProfile
from budstikke.domain.text import Concat

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

__all__ = ["HttpCarrier", "Settings", "carrier", "text_profile"]


def text_profile(_settings: Settings) -> TextProfile:
    """Send long texts whole; the operator cuts them, and we count as it does."""
    return TextProfile(Concat.PAYLOAD)


def carrier(
    name: str,
    settings: Settings,
    *,
    random: Random,  # noqa: ARG001 - of all kinds of carrier
    clock: Callable[[], float],
) -> HttpCarrier:
    """
    Make a carrier.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: Not needed.
        clock: Unix seconds.

    """
    return HttpCarrier(name, settings, clock=clock)

"""An operator over SMPP 3.4; see docs/carriers/smpp.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.carriers.smpp.carrier import SmppCarrier
from budstikke.carriers.smpp.settings import Settings, text_profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

__all__ = ["Settings", "SmppCarrier", "carrier", "text_profile"]


def carrier(
    name: str,
    settings: Settings,
    *,
    random: Random,
    clock: Callable[[], float],
) -> SmppCarrier:
    """
    Make a carrier; ``run`` binds it.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For the jitter of pauses between attempts.
        clock: Unix seconds.

    """
    return SmppCarrier(name, settings, random=random, clock=clock)

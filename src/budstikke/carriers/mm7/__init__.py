"""MMS to and from an MMSC by MM7; see docs/carriers/mm7.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.carriers.mm7.carrier import Mm7Carrier
from budstikke.carriers.mm7.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from budstikke.carriers.contract import Contents

__all__ = ["Mm7Carrier", "Settings", "carrier"]


def carrier(
    name: str,
    settings: Settings,
    *,
    random: Random,
    clock: Callable[[], float],
    contents: Contents,
) -> Mm7Carrier:
    """
    Make a carrier.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For boundaries and transactions.
        clock: Unix seconds.
        contents: Where it finds what is in an MMS.

    """
    return Mm7Carrier(name, settings, random=random, clock=clock, contents=contents)

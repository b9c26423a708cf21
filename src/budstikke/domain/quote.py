"""What an order would be: how each text is sent, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from budstikke.domain.refusal import RefusalCode


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    A recipient's message.

    Attributes:
        written: The recipient as the customer wrote it, or a group's member or name.
        number: E.164; empty: it is refused.
        refused: The reason; ``None``: it is not refused.
        encoding: ``gsm`` or ``ucs2``; empty, like all that follows, if it is refused.
        segments: Segments that are charged.
        units: Septets or UTF-16 units of the whole text.
        forced_by: The first character that made it UCS-2.
        price: Micros of the account's currency.

    """

    written: str
    number: str = ""
    refused: RefusalCode | None = None
    encoding: str = ""
    segments: int = 0
    units: int = 0
    forced_by: str | None = None
    price: int = 0


class Quote(msgspec.Struct, frozen=True):
    """
    What an order would be; nothing was stored or charged.

    ``lines`` are its recipients in order, then the members of its groups.
    """

    lines: Sequence[Line]
    segments: int
    price: int

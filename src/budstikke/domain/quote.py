"""What an order would be: how each text goes out, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from budstikke.domain.refusal import RefusalCode


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    What one recipient would get.

    Attributes:
        written: As the customer wrote it; of a group its member, or its name.
        number: E.164; empty: it is refused.
        refused: Why; ``None``: it is not.
        encoding: ``gsm`` or ``ucs2``; empty, as all that follows, when refused.
        segments: What is charged for.
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
    What an order would be; nothing of it was stored or charged.

    ``lines`` are its recipients in order, then the members of its groups.
    """

    lines: Sequence[Line]
    segments: int
    price: int

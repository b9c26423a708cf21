"""
Quote: what an order would be, without accepting it.

The checks, the plan of each text and its price are those that accepting uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.quote import Line, Quote
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import Rendered, render_text, unit_price
from budstikke.flow.pace import Pace, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Order
    from budstikke.flow.accept import Acceptor
    from budstikke.flow.prepare import Prepared

    Known = dict[tuple[str, str, int | None, int], Rendered]


class Quoter:
    """
    The step that only tells.

    Args:
        acceptor: Prepares orders, and knows how texts are cut on each route.
        directory: Gives the directory as it is now.

    """

    def __init__(
        self, acceptor: Acceptor, *, directory: Callable[[], Directory]
    ) -> None:
        self._acceptor = acceptor
        self._directory = directory

    async def quote(self, order: Order, access: Access) -> Quote:
        """Say what an order would be; raises Refusal as accepting it would."""
        prepared = await self._acceptor.prepare(order, access)
        lines: dict[int, Line] = {
            index: Line(written=prepared.written[index], refused=code)
            for index, code in prepared.numbers.refused.items()
        }
        known: Known = {}
        pace = Pace()
        for index, number in prepared.numbers.good:
            await pace.rest()
            drawn = self._draw(prepared, access, index, number, known)
            lines[index] = _line(prepared.written[index], number, drawn)
        found: list[Line] = []
        segments = price = 0
        async for _, some in pieces(sorted(lines)):
            found += (lines[index] for index in some)
            segments += sum(lines[index].segments for index in some)
            price += sum(lines[index].price for index in some)
        found += [
            Line(written=name, refused=RefusalCode.UNKNOWN_GROUP)
            for name in prepared.missing
        ]
        return Quote(found, segments, price)

    def _draw(
        self, prepared: Prepared, access: Access, index: int, number: str, known: Known
    ) -> Rendered:
        """Draw a message, or give what was drawn for one like it."""
        shared = prepared.shared
        order = shared.order
        text = order.texts[index] if order.texts else order.text
        route = self._directory().route(access.account.id, number)
        unit = unit_price(access, number, shared.accepted_at)
        if route is None or unit is None:
            raise Refusal(RefusalCode.NO_ROUTE, value=number)
        key = (text, route.prefix, route.account_id, unit)
        drawn = known.get(key)
        if drawn is None:
            profile = self._acceptor.profile(route)
            drawn = render_text(shared, text, route, profile, unit)
            if not order.texts:  # of many texts hardly two are alike
                known[key] = drawn
        return drawn


def _line(written: str, number: str, drawn: Rendered) -> Line:
    split = drawn.split
    return Line(
        written=written,
        number=number,
        encoding=split.encoding,
        segments=split.segments,
        units=split.units,
        forced_by=split.forced_by,
        price=drawn.price,
    )

"""
Quote: what an order would cost and how it would be sent, without accepting it.

The checks, the segments of each text and its price are computed as accepting does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.quote import Line, Quote
from budstikke.domain.refusal import RefusalCode
from budstikke.domain.staging import Rendered, TextRenderer
from budstikke.flow.pace import Pace, pieces

if TYPE_CHECKING:
    from budstikke.domain.directory import Access
    from budstikke.domain.message import Order
    from budstikke.flow.commit import Committer


class Quoter:
    """
    The step that quotes.

    Args:
        committer: Prepares orders, and knows how texts are split on each route.

    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def quote(self, order: Order, access: Access) -> Quote:
        """Quote an order; raises Refusal as accepting it would."""
        prepared = await self._committer.prepare(order, access)
        lines: dict[int, Line] = {
            index: Line(written=prepared.written[index], refused=code)
            for index, code in prepared.refused.items()
        }
        renderer = TextRenderer(prepared.context, self._committer.stager.profiles())
        pace = Pace()
        for recipient in prepared.recipients:
            await pace.rest()
            index = recipient.position
            rendered = renderer.render(recipient)
            lines[index] = _line(prepared.written[index], recipient.number, rendered)
        ordered: list[Line] = []
        segments = price = 0
        async for _, some in pieces(sorted(lines)):
            ordered += (lines[index] for index in some)
            segments += sum(lines[index].segments for index in some)
            price += sum(lines[index].price for index in some)
        ordered += [
            Line(written=name, refused=RefusalCode.UNKNOWN_GROUP)
            for name in prepared.missing
        ]
        return Quote(ordered, segments, price)


def _line(written: str, number: str, rendered: Rendered) -> Line:
    split = rendered.split
    return Line(
        written=written,
        number=number,
        encoding=split.encoding,
        segments=split.segments,
        units=split.units,
        forced_by=split.forced_by,
        price=rendered.price,
    )

"""
Segments of long texts from customers, joined before the gateway accepts them.

A client that sends a long text as several submit_sm gets no response to any of them
before the whole text is durable: then all have the same message id. A segment whose
text is not complete after ``PATIENCE`` seconds is refused with the status for "too
fast", which clients repeat; it was never acknowledged. docs/why/smpp-server.md says
why segments are held in memory.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from budstikke.dialects.smpp.request import make_order
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from budstikke.dialects.smpp.request import Submit
    from budstikke.domain.directory import Access
    from budstikke.domain.message import Accepted, Order
    from budstikke.servers.contract import TakesOrders

PATIENCE: Final = 5.0
"""Seconds that a segment waits for the others of its text."""

MOST_TEXTS: Final = 10_000
"""Texts of all customers that may be incomplete at a time."""


class _Text:
    """A text whose segments are not all here; ``accepted`` gets its answer."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.segments: dict[int, Submit] = {}
        loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[Accepted] = loop.create_future()


class SegmentJoiner:
    """
    Accepts orders of whole texts; use from one event loop.

    Args:
        acceptor: Accepts orders.

    """

    def __init__(self, acceptor: TakesOrders) -> None:
        self._acceptor = acceptor
        self._texts: dict[tuple[object, ...], _Text] = {}

    async def accept(self, submit: Submit, access: Access) -> Accepted:
        """
        Make the order of a text durable, once all its segments are here.

        Each of a text's segments gets the same answer. Raises Refusal, also
        (``TOO_MANY_REQUESTS``) for a segment whose text stays incomplete, and
        StoreUnavailable.
        """
        position = submit.part.position
        if position is None:
            return await self._acceptor.accept(submit.order, access)
        key = (access.id, *submit.key)
        text = self._texts.get(key)
        if text is None or position.number in text.segments:
            if len(self._texts) >= MOST_TEXTS:
                raise Refusal(RefusalCode.TOO_MANY_REQUESTS)
            # A number that is here already begins the next text with its reference.
            text = self._texts[key] = _Text(position.total)
        text.segments[position.number] = submit
        if len(text.segments) < text.total:
            return await self._wait(key, text)
        if self._texts.get(key) is text:
            del self._texts[key]
        try:
            accepted = await self._acceptor.accept(_order(text), access)
        except BaseException as error:
            _fail(text, error)
            raise
        if not text.accepted.done():
            text.accepted.set_result(accepted)
        return accepted

    async def _wait(self, key: tuple[object, ...], text: _Text) -> Accepted:
        """Wait until the text is accepted, or for the end of our patience."""
        done, _ = await asyncio.wait([text.accepted], timeout=PATIENCE)
        if not done and len(text.segments) < text.total:
            if self._texts.get(key) is text:
                del self._texts[key]
            _fail(text, Refusal(RefusalCode.TOO_MANY_REQUESTS))
        return await asyncio.shield(text.accepted)


def _order(text: _Text) -> Order:
    return make_order([text.segments[number] for number in sorted(text.segments)])


def _fail(text: _Text, error: BaseException) -> None:
    if text.accepted.done():
        return
    known = error if isinstance(error, Exception) else RuntimeError("stopped")
    text.accepted.set_exception(known)
    text.accepted.exception()  # there may be nobody else who waits

"""
Answers the operator's requests: delivery reports and inbound messages.

It answers as the description says only when their content is durable. If that fails it
answers with 503, and the operator tries again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from budstikke.carriers.caller_auth import CallerAuthenticator
from budstikke.carriers.http.mapping import Numbers, Unreadable, inbound, receipts
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from budstikke.carriers.contract import Sink
    from budstikke.carriers.http.description import Description, Reply
    from budstikke.carriers.http.mapping import InboundMessage
    from budstikke.carriers.http.settings import Settings
    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.carrier")

MOST_REMEMBERED: Final = 10_000
"""Ids of inbound messages to remember, the newest."""

NOT_DESCRIBED: Final = WireResponse(404, b"The carrier's description has none\n")
TRY_AGAIN: Final = WireResponse(503, b"Try again later\n", headers={"retry-after": "5"})


class Incoming:
    """
    Answers the requests of one operator.

    Args:
        name: The carrier's, for the log.
        settings: The carrier's.
        description: Of the operator.
        clock: Unix seconds.

    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        description: Description,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._description = description
        self._numbers = Numbers(settings.home, settings.number)
        self._clock = clock
        self._guard = CallerAuthenticator(name, settings, clock, "budstikke")
        self._stored: dict[str, None] = {}

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Return the refusal of a caller; ``None``: it is the operator."""
        return self._guard.refuses(request)

    async def take(self, request: WireRequest, sink: Sink | None) -> WireResponse:
        """Handle a request; never raises. Without ``sink`` the carrier is down."""
        refusal = self.refuses(request)
        if refusal is not None:
            return refusal
        if sink is None:
            return TRY_AGAIN
        try:
            if request.target.endswith("/receipts"):
                return await self._receipts(request, sink)
            return await self._inbound(request, sink)
        except Unreadable as error:
            log.warning(
                "%s: refused a request that it could not read: %s", self._name, error
            )
            return WireResponse(400, f"{error}\n".encode("utf-8", "replace"))
        except Exception as error:  # noqa: BLE001 - whatever it was: not durable
            why = type(error).__name__  # its message may quote a text
            log.warning(
                "%s: could not store a request; the operator will try again: %s",
                self._name,
                why,
            )
            return TRY_AGAIN

    async def _receipts(self, request: WireRequest, sink: Sink) -> WireResponse:
        mapping = self._description.receipt
        if mapping is None:
            return NOT_DESCRIBED
        content = request.query, request.body
        await sink.receipts(receipts(mapping, *content, self._numbers, self._clock()))
        return _reply(mapping.reply)

    async def _inbound(self, request: WireRequest, sink: Sink) -> WireResponse:
        mapping = self._description.inbound
        if mapping is None:
            return NOT_DESCRIBED
        content = request.query, request.body
        found = inbound(mapping, *content, self._numbers, self._clock())
        new = [each for each in found if not each.id or each.id not in self._stored]
        if new:
            stored: Future[None] = sink.inbound([each.part for each in new])
            await stored
            self._remember(new)
        return _reply(mapping.reply)

    def _remember(self, messages: list[InboundMessage]) -> None:
        """Remember what is durable: the operator may send it again."""
        for message in messages:
            if message.id:
                self._stored[message.id] = None
        while len(self._stored) > MOST_REMEMBERED:
            del self._stored[next(iter(self._stored))]


def _reply(reply: Reply) -> WireResponse:
    return WireResponse(reply.status, reply.body.encode(), reply.type)

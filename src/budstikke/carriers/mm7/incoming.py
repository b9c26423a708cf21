"""
What the MMSC asks of us: MMS from phones, delivery reports, read replies.

It is answered 1000 only when what it told is durable; when that fails the answer is
4006 (service unavailable), and the MMSC asks again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from budstikke.carriers.contract import InboundMms, ReadReport
from budstikke.carriers.mm7 import statuses
from budstikke.carriers.mm7.auth import MmscAuthenticator
from budstikke.domain.address import Nature, country_of, ours, phone
from budstikke.domain.inbound import MediaPart
from budstikke.domain.receipt import Receipt
from budstikke.domain.text import decode_labelled
from budstikke.mm7 import (
    Deliver,
    DeliveryReport,
    Refused,
    Status,
    read_request,
    write_error,
    write_response,
)
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from budstikke.carriers.contract import Sink
    from budstikke.carriers.mm7.settings import Settings
    from budstikke.mm7 import Address, Piece, ReadReply, Request, Written
    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.carrier")

FAULT: Final = 500
"""HTTP status of a SOAP 1.1 fault (SOAP 1.1 § 6.2)."""

LARGE: Final = 64 * 1024
"""Octets of a body from which on it is read in a thread."""

_NATURES: Final = {"ShortCode": Nature.AS_WRITTEN}
"""What kinds of addresses say of numbers; others say nothing (3GPP TS 23.140 § 8.7)."""

TEXT: Final = "text/plain; charset=utf-8"


class Incoming:
    """
    Takes the requests of one MMSC.

    Args:
        name: The carrier's, for the log.
        settings: Who may ask, and what a delivery is for that does not say.
        clock: Unix seconds.

    """

    def __init__(
        self, name: str, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._guard = MmscAuthenticator(name, settings, clock)

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Answer who is not the MMSC, before its body is read; ``None``: it is."""
        return self._guard.refuses(request)

    async def take(self, request: WireRequest, sink: Sink | None) -> WireResponse:
        """Answer a request; never raises. ``sink`` ``None``: we are down."""
        unknown = self.refuses(request)
        if unknown is not None:
            return unknown
        try:
            asked = await self._read(request)
            kept = self._give(asked, sink)
        except Refused as refused:
            log.warning(
                "%s: refused a request that it could not read: %s", self._name, refused
            )
            said = (refused.transaction, refused.status, refused.detail)
            return _answer(write_error(*said, refused.schema), FAULT)
        try:
            if kept is not None:
                await kept
        except Exception as error:  # noqa: BLE001 - whatever it was, it is not durable
            why = type(error).__name__  # its words may be of texts
            log.warning(
                "%s: could not store a request; the MMSC will try again: %s",
                self._name,
                why,
            )
            said = (asked.transaction, Status.SERVICE_UNAVAILABLE, "try again")
            return _answer(write_error(*said, asked.schema), FAULT)
        return _answer(write_response(asked, Status.SUCCESS), 200)

    async def _read(self, request: WireRequest) -> Request:
        """Read a request, a large one beside the event loop; raises Refused."""
        said = request.headers.get("content-type", ""), request.body
        if len(request.body) <= LARGE:
            return read_request(*said, self._settings.schema)
        return await asyncio.to_thread(read_request, *said, self._settings.schema)

    def _give(self, asked: Request, sink: Sink | None) -> Future[None] | None:
        """Hand on what was told; ``None``: there is nothing to keep. Raises Refused."""
        if sink is None:
            said = (Status.SERVICE_UNAVAILABLE, "try again", asked.transaction)
            raise Refused(*said, asked.schema)
        if isinstance(asked, Deliver):
            return sink.inbound([self._inbound(asked)])
        if isinstance(asked, DeliveryReport):
            return sink.receipts([self._receipt(asked)])
        report = self._read_reply(asked)
        return None if report is None else sink.read([report])

    def _inbound(self, asked: Deliver) -> InboundMms:
        numbers = [self._ours(address) for address in asked.recipients]
        known = tuple(dict.fromkeys(filter(None, numbers)))
        recipient, *others = known or (self._settings.number,)
        if not recipient:
            said = (Status.ADDRESS_ERROR, "no recipient", asked.transaction)
            raise Refused(*said, asked.schema)
        return InboundMms(
            self._phone(asked.sender, recipient),
            recipient,
            asked.subject,
            tuple(_media(piece) for piece in asked.pieces),
            asked.at if asked.at is not None else self._clock(),
            tuple(others),
        )

    def _receipt(self, asked: DeliveryReport) -> Receipt:
        state, reason = statuses.report(asked.status)
        said = (asked.status, asked.extension, asked.text)
        return Receipt(
            asked.message_id,
            None,
            state,
            reason,
            " ".join(filter(None, said)),
            asked.at if asked.at is not None else self._clock(),
            self._phone(asked.recipient) if asked.recipient else "",
        )

    def _phone(self, address: Address, to: str = "") -> str:
        """Read a phone's number; without ``home``, ``to`` has its country."""
        if not address.digits:
            return address.value
        home = self._settings.home or country_of(to)
        return phone(address.dialled, _NATURES.get(address.kind, Nature.UNKNOWN), home)

    def _ours(self, address: Address) -> str:
        """Read what a phone wrote to, as digits; empty: it is no number."""
        nature = _NATURES.get(address.kind, Nature.UNKNOWN)
        return ours(address.dialled, nature, self._settings.home)

    def _read_reply(self, asked: ReadReply) -> ReadReport | None:
        deleted = statuses.deleted(asked.status)
        if deleted is None:
            log.info("%s: ignored a read reply: %.40r", self._name, asked.status)
            return None
        at = asked.at if asked.at is not None else self._clock()
        return ReadReport(asked.message_id, deleted, at)


def _media(piece: Piece) -> MediaPart:
    """Make a part of an MMS; plain text becomes UTF-8."""
    if piece.type != "text/plain":
        return MediaPart(piece.name, piece.type, piece.data)
    text = decode_labelled(piece.data, piece.charset)
    return MediaPart(piece.name, TEXT, text.encode("utf-8", "replace"))


def _answer(written: Written, status: int) -> WireResponse:
    return WireResponse(status, written.body, written.content_type)

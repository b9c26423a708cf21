"""
Handles the MMSC's requests: inbound MMS, delivery reports and read replies.

It responds with 1000 (success) only when the content is durable. If that fails it
responds with 4006 (service unavailable), and the MMSC tries again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from budstikke.carriers.caller_auth import CallerAuthenticator
from budstikke.carriers.contract import InboundMms, ReadReport
from budstikke.carriers.mm7 import statuses
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
"""Octets; a larger body is parsed in a thread."""

_NATURES: Final = {"ShortCode": Nature.AS_WRITTEN}
"""Nature of a number by the kind of its address (3GPP TS 23.140 § 8.7)."""

TEXT: Final = "text/plain; charset=utf-8"


class Incoming:
    """
    Handles the requests of one MMSC.

    Args:
        name: The carrier's, for the log.
        settings: The carrier's.
        clock: Unix seconds.

    """

    def __init__(
        self, name: str, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._guard = CallerAuthenticator(name, settings, clock)

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Return the refusal of a caller; ``None``: it is the MMSC. Needs no body."""
        return self._guard.refuses(request)

    async def take(self, request: WireRequest, sink: Sink | None) -> WireResponse:
        """Handle a request; never raises. Without ``sink`` the carrier is down."""
        refusal = self.refuses(request)
        if refusal is not None:
            return refusal
        try:
            message = await self._read(request)
            stored = self._pass_on(message, sink)
        except Refused as refused:
            log.warning(
                "%s: refused a request that it could not read: %s", self._name, refused
            )
            about = (refused.transaction, refused.status, refused.detail)
            return _answer(write_error(*about, refused.schema), FAULT)
        try:
            if stored is not None:
                await stored
        except Exception as error:  # noqa: BLE001 - whatever it was: not durable
            why = type(error).__name__  # its message may quote a text
            log.warning(
                "%s: could not store a request; the MMSC will try again: %s",
                self._name,
                why,
            )
            about = (message.transaction, Status.SERVICE_UNAVAILABLE, "try again")
            return _answer(write_error(*about, message.schema), FAULT)
        return _answer(write_response(message, Status.SUCCESS), 200)

    async def _read(self, request: WireRequest) -> Request:
        """Parse a request, a large one in a thread; raises Refused."""
        content = request.headers.get("content-type", ""), request.body
        if len(request.body) <= LARGE:
            return read_request(*content, self._settings.schema)
        return await asyncio.to_thread(read_request, *content, self._settings.schema)

    def _pass_on(self, message: Request, sink: Sink | None) -> Future[None] | None:
        """Pass it to the sink; ``None``: there is nothing to store. Raises Refused."""
        if sink is None:
            error = (Status.SERVICE_UNAVAILABLE, "try again", message.transaction)
            raise Refused(*error, message.schema)
        if isinstance(message, Deliver):
            return sink.inbound([self._inbound(message)])
        if isinstance(message, DeliveryReport):
            return sink.receipts([self._receipt(message)])
        report = self._read_reply(message)
        return None if report is None else sink.read([report])

    def _inbound(self, message: Deliver) -> InboundMms:
        numbers = [self._ours(address) for address in message.recipients]
        known = tuple(dict.fromkeys(filter(None, numbers)))
        recipient, *others = known or (self._settings.number,)
        if not recipient:
            error = (Status.ADDRESS_ERROR, "no recipient", message.transaction)
            raise Refused(*error, message.schema)
        return InboundMms(
            self._phone(message.sender, recipient),
            recipient,
            message.subject,
            tuple(_media(piece) for piece in message.pieces),
            message.at if message.at is not None else self._clock(),
            tuple(others),
        )

    def _receipt(self, message: DeliveryReport) -> Receipt:
        state, reason = statuses.report(message.status)
        words = (message.status, message.extension, message.text)
        return Receipt(
            message.message_id,
            None,
            state,
            reason,
            " ".join(filter(None, words)),
            message.at if message.at is not None else self._clock(),
            self._phone(message.recipient) if message.recipient else "",
        )

    def _phone(self, address: Address, to: str = "") -> str:
        """Read a phone's number; without ``home``, the country is that of ``to``."""
        if not address.digits:
            return address.value
        home = self._settings.home or country_of(to)
        return phone(address.dialled, _NATURES.get(address.kind, Nature.UNKNOWN), home)

    def _ours(self, address: Address) -> str:
        """Read our number as digits; empty: it is no number."""
        nature = _NATURES.get(address.kind, Nature.UNKNOWN)
        return ours(address.dialled, nature, self._settings.home)

    def _read_reply(self, message: ReadReply) -> ReadReport | None:
        deleted = statuses.deleted(message.status)
        if deleted is None:
            log.info("%s: ignored a read reply: %.40r", self._name, message.status)
            return None
        at = message.at if message.at is not None else self._clock()
        return ReadReport(message.message_id, deleted, at)


def _media(piece: Piece) -> MediaPart:
    """Make a part of an MMS; plain text becomes UTF-8."""
    if piece.type != "text/plain":
        return MediaPart(piece.name, piece.type, piece.data)
    text = decode_labelled(piece.data, piece.charset)
    return MediaPart(piece.name, TEXT, text.encode("utf-8", "replace"))


def _answer(written: Written, status: int) -> WireResponse:
    return WireResponse(status, written.body, written.content_type)

"""
What the MMSC asks of us: MMS from phones, delivery reports, read replies.

It is answered 1000 only when what it told is durable; when that fails the answer is
4006 (service unavailable), and the MMSC asks again.
"""

from __future__ import annotations

import hmac
import logging
from base64 import b64encode
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from budstikke.carriers.contract import InboundMms, Read
from budstikke.carriers.mm7 import statuses
from budstikke.domain.inbound import MediaPart
from budstikke.domain.receipt import Receipt
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
        self._networks = [ip_network(text) for text in settings.allow_from]

    async def take(self, request: WireRequest, sink: Sink | None) -> WireResponse:
        """Answer a request; never raises. ``sink`` ``None``: we are down."""
        if not self._known(request):
            log.warning("%s: refused %s", self._name, request.client)
            realm = {"www-authenticate": 'Basic realm="mm7"'}
            return WireResponse(401, b"Who are you?\n", headers=realm)
        try:
            asked = read_request(request.headers.get("content-type", ""), request.body)
            kept = self._give(asked, sink)
        except Refused as refused:
            log.warning("%s: cannot read: %s", self._name, refused)
            said = (refused.transaction, refused.status, refused.detail)
            return _answer(write_error(*said), FAULT)
        try:
            if kept is not None:
                await kept
        except Exception as error:  # noqa: BLE001 - whatever it was, it is not durable
            log.warning("%s: could not be kept: %s", self._name, error)
            status = Status.SERVICE_UNAVAILABLE
            return _answer(write_error(asked.transaction, status, "try again"), FAULT)
        return _answer(write_response(asked, Status.SUCCESS), 200)

    def _known(self, request: WireRequest) -> bool:
        """Tell whether it is the MMSC that asks: by all that is set for it."""
        settings = self._settings
        if self._networks and not self._from_there(request.client):
            return False
        token = settings.deliver_token
        if token and not _same(_token(request.query), token):
            return False
        if settings.deliver_username:
            login = f"{settings.deliver_username}:{settings.deliver_password}"
            wanted = f"Basic {b64encode(login.encode()).decode()}"
            return _same(request.headers.get("authorization", ""), wanted)
        return True

    def _from_there(self, client: str) -> bool:
        try:
            address = ip_address(client)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)

    def _give(self, asked: Request, sink: Sink | None) -> Future[None] | None:
        """Hand on what was told; ``None``: there is nothing to keep. Raises Refused."""
        if sink is None:
            status = Status.SERVICE_UNAVAILABLE
            raise Refused(status, "try again", asked.transaction)
        if isinstance(asked, Deliver):
            return sink.inbound([self._inbound(asked)])
        if isinstance(asked, DeliveryReport):
            return sink.receipts([self._receipt(asked)])
        return sink.read([self._read(asked)])

    def _inbound(self, asked: Deliver) -> InboundMms:
        recipient = _number(asked.recipient) or self._settings.number
        if not recipient:
            raise Refused(Status.ADDRESS_ERROR, "no recipient", asked.transaction)
        return InboundMms(
            asked.sender.international,
            recipient,
            asked.subject,
            tuple(_media(piece) for piece in asked.pieces),
            asked.at if asked.at is not None else self._clock(),
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
            asked.recipient.international if asked.recipient else "",
        )

    def _read(self, asked: ReadReply) -> Read:
        at = asked.at if asked.at is not None else self._clock()
        return Read(asked.message_id, statuses.deleted(asked.status), at)


def _number(address: Address | None) -> str:
    """Read what a phone wrote to, as digits; empty: it is no number."""
    return "" if address is None else address.digits.removeprefix("00")


def _media(piece: Piece) -> MediaPart:
    """Make a part of an MMS; plain text becomes UTF-8."""
    if piece.type != "text/plain":
        return MediaPart(piece.name, piece.type, piece.data)
    try:
        text = piece.data.decode(piece.charset or "utf-8")
    except (UnicodeDecodeError, LookupError):
        text = piece.data.decode("latin-1")
    return MediaPart(piece.name, TEXT, text.encode("utf-8", "replace"))


def _token(query: bytes) -> str:
    try:
        found = parse_qsl(query.decode("latin-1"), max_num_fields=20)
    except ValueError:
        return ""
    return dict(found).get("token", "")


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _answer(written: Written, status: int) -> WireResponse:
    return WireResponse(status, written.body, written.content_type)

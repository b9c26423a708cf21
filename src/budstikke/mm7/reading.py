"""What a VASP reads: the MMSC's responses and requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from budstikke.mm7 import envelope, multipart
from budstikke.mm7.headers import decode_words, one_line
from budstikke.mm7.messages import (
    DEFAULT,
    HIDDEN,
    Address,
    Answer,
    Deliver,
    DeliveryReport,
    ReadReply,
)
from budstikke.mm7.multipart import Malformed
from budstikke.mm7.statuses import Status
from budstikke.mm7.versions import UnknownVersion, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from budstikke.mm7.messages import Request, Schema
    from budstikke.mm7.multipart import Piece

KINDS: Final[Mapping[str, str]] = {
    "number": "Number",
    "shortcode": "ShortCode",
    "rfc2822address": "RFC2822Address",
    "rfc822address": "RFC2822Address",
}
"""Elements of an address by their names in lower case."""

SENDERS: Final = ("Sender", "SenderAddress", "SenderIdentification")
ADDRESSED: Final = ("To", "Cc", "Bcc")

ENVELOPES: Final = ("text/xml", "application/xml", "application/soap+xml")
LOOKED_AT: Final = 2000
"""Octets at a part's beginning in which to look for an envelope."""

NOT_UNDERSTOOD: Final = ("mustunderstand", "versionmismatch")
"""Fault codes (SOAP 1.1 § 4.4.1) in lower case."""

MOST_ADDRESSEES: Final = 100

_code = re.compile(r"([0-9]{1,9})(?![0-9])").match
_is_envelope = re.compile(rb"<(?:[\w.-]{1,40}:)?Envelope[\s>]").search
_found_code = re.compile(
    r"<(?:[\w.-]{1,40}:)?StatusCode[^<>]{0,200}>([^<]{1,40})<"
).search
_found_id = re.compile(
    r"<(?:[\w.-]{1,40}:)?MessageID[^<>]{0,200}>([^<]{1,400})<"
).search


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that is refused: the status, and the version of MM7 to respond in."""

    def __init__(
        self,
        status: Status,
        detail: str,
        transaction: str = "",
        schema: Schema = DEFAULT,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.transaction = transaction
        self.schema = schema


def read_answer(content_type: str, body: bytes) -> Answer:
    """
    Read a SubmitRsp, or the RSErrorRsp in a fault; never raises.

    It uses a status code in the text even if the rest cannot be read, since otherwise
    the outcome would be unsure.
    """
    try:
        root, _ = _open(content_type, body)
    except Malformed as error:
        return _glimpsed(body, f"no MM7: {error}")
    status = envelope.anywhere(root, "StatusCode")
    if status is None:
        return _fault(root)
    code = envelope.text(status)
    around = status.getparent()
    words = [envelope.text(around, name) for name in ("StatusText", "Details")]
    message_id = envelope.anywhere(root, "MessageID")
    return Answer(
        _number(code),
        " ".join(filter(None, [code, *words])),
        "" if message_id is None else envelope.text(message_id),
    )


def _fault(root: Any) -> Answer:
    """
    Read a fault that has no status code of MM7.

    A server has not handled a request that it does not understand (SOAP 1.1 § 4.2.3),
    for example one with another schema's transaction.
    """
    words, code = (
        "" if element is None else envelope.text(element)
        for element in (
            envelope.anywhere(root, "faultstring"),
            envelope.anywhere(root, "faultcode"),
        )
    )
    if code.rpartition(":")[2].lower() in NOT_UNDERSTOOD:
        return Answer(Status.UNSUPPORTED_VERSION, f"{code} {words}".strip())
    return Answer(0, words or "no status")


def _number(code: str) -> int:
    """Read a status code; 0: it is no number."""
    match = _code(code)
    return int(match[1]) if match else 0


def _glimpsed(body: bytes, why: str) -> Answer:
    """Search for a status code in a response that cannot be parsed."""
    text = envelope.decode(body[: envelope.LARGEST])
    match = _found_code(text)
    code = _number(match[1].strip()) if match else 0
    if not match or not code:
        return Answer(0, why)
    named = _found_id(text, match.end())
    return Answer(code, f"{code} ({why})", named[1].strip() if named else "")


def read_request(content_type: str, body: bytes, default: Schema = DEFAULT) -> Request:
    """
    Read a request of the MMSC; raises only Refused.

    ``default`` is the version of a request that does not name its own.
    """
    try:
        root, pieces = _open(content_type, body)
    except Malformed as error:
        raise Refused(Status.FORMAT_CORRUPT, str(error), "", default) from error
    header = envelope.anywhere(root, "TransactionID")
    transaction = "" if header is None else envelope.text(header)
    inside = envelope.child(root, "Body")
    if inside is None or not len(inside):
        detail = "an empty envelope"
        raise Refused(Status.FORMAT_CORRUPT, detail, transaction, default)
    request = next((one for one in inside if envelope.local(one) in READ), inside[0])
    schema = default
    try:
        schema = schema_of(request, header, default)
        name = envelope.local(request)[:80]
        if name not in READ:
            detail = f"{name} is not taken"
            status = Status.UNSUPPORTED_OPERATION
            raise Refused(status, detail, transaction, schema)
        return READ[name](request, transaction, pieces, schema)
    except UnknownVersion as error:
        status = Status.UNSUPPORTED_VERSION
        raise Refused(status, str(error), transaction, schema) from error
    except Malformed as error:
        status = Status.FORMAT_CORRUPT
        raise Refused(status, str(error), transaction, schema) from error


def _open(content_type: str, body: bytes) -> tuple[Any, Sequence[Piece]]:
    """Find the envelope and the other parts; raises Malformed."""
    if not multipart.is_multipart(content_type, body):
        charset = multipart.parameter(content_type, "charset")
        return envelope.parse(body, charset), ()
    pieces = multipart.split(content_type, body)
    start = _id(multipart.parameter(content_type, "start"))
    first = _envelope(pieces, start)
    if first is None:
        pieces = multipart.leaves(pieces)
        first = _envelope(pieces, start)
    if first is None:
        raise Malformed("no part is an envelope")
    others = [one for one in pieces if one is not first]
    return envelope.parse(first.data, first.charset), others


def _envelope(pieces: Sequence[Piece], start: str) -> Piece | None:
    """Find the envelope: the part that ``start`` names, or one that looks like it."""
    ranks = [_rank(one, start) for one in pieces]
    best = max(ranks, default=0)
    return pieces[ranks.index(best)] if best else None


def _rank(piece: Piece, start: str) -> int:
    """How likely a part is the envelope; 0: it is not."""
    if multipart.is_multipart(piece.type):
        return 0
    looks = _is_envelope(piece.data, 0, LOOKED_AT) is not None
    typed = piece.type in ENVELOPES
    named = bool(start) and _id(piece.id) == start
    return (looks or typed) * (1 + 4 * named + 2 * looks)


def _id(written: str) -> str:
    """Read a Content-ID, or a reference to one (RFC 2392), in one form."""
    bare = written.strip().strip("<>").strip()
    if bare[:4].lower() == "cid:":
        bare = bare[4:]
    return unquote(bare).strip("<> ").lower()


def _deliver(
    request: Any, transaction: str, pieces: Sequence[Piece], schema: Schema
) -> Deliver:
    sender = _sender(request)
    if sender is None:
        raise Malformed("no sender")
    recipients = tuple(dict.fromkeys(_recipients(request)))
    if len(recipients) > MOST_ADDRESSEES:
        detail = f"more than {MOST_ADDRESSEES} addressees"
        raise Refused(Status.MULTIPLE_ADDRESSES, detail, transaction, schema)
    content = envelope.child(request, "Content")
    href = "" if content is None else content.get("href", "")
    return Deliver(
        transaction,
        sender,
        recipients,
        one_line(decode_words(envelope.text(request, "Subject"))),
        _time(envelope.text(request, "TimeStamp")),
        tuple(_content(pieces, _id(href))),
        schema,
    )


def _content(pieces: Sequence[Piece], href: str) -> list[Piece]:
    """List the parts of the MMS: the one that ``href`` names, or all."""
    named = [one for one in pieces if href and href in (_id(one.id), _id(one.name))]
    return multipart.leaves(named or pieces)


def _report(
    request: Any, transaction: str, _: Sequence[Piece], schema: Schema
) -> DeliveryReport:
    return DeliveryReport(
        transaction,
        _message_id(request),
        next(_addresses(envelope.child(request, "Recipient")), None),
        envelope.text(request, "MMStatus"),
        envelope.text(request, "MMStatusExtension"),
        envelope.text(request, "StatusText"),
        _time(envelope.text(request, "Date") or envelope.text(request, "TimeStamp")),
        schema,
    )


def _read_reply(
    request: Any, transaction: str, _: Sequence[Piece], schema: Schema
) -> ReadReply:
    return ReadReply(
        transaction,
        _message_id(request),
        envelope.text(request, "MMStatus"),
        _time(envelope.text(request, "TimeStamp")),
        schema,
    )


def _message_id(request: Any) -> str:
    message_id = envelope.text(request, "MessageID")
    if not message_id:
        raise Malformed("no MessageID")
    return message_id


def _sender(request: Any) -> Address | None:
    """Find the sender; some MMSCs write it in other elements than the schema's."""
    for name in SENDERS:
        element = envelope.child(request, name)
        if element is not None:
            inner = envelope.child(element, "SenderAddress")
            address = next(_addresses(element if inner is None else inner), None)
            if address is not None:
                return address
    return None


def _recipients(request: Any) -> Iterator[Address]:
    """Read all recipients."""
    around = envelope.child(request, "Recipients")
    around = request if around is None else around
    holders = [one for one in around if envelope.local(one) in ADDRESSED]
    if not holders:
        holders = [] if around is request else [around]
    for element in holders:
        if not envelope.flag(element, "displayOnly"):
            yield from _addresses(element)


def _addresses(element: Any) -> Iterator[Address]:
    """
    Read the addresses in an element; in release 5 its text is a number.

    Skip those with ``displayOnly`` (3GPP TS 23.140, annex L).
    """
    if element is None:
        return
    some = False
    for one in element.iter():
        kind = KINDS.get(envelope.local(one).lower())
        if kind is not None:
            some = True
            if not envelope.flag(one, "displayOnly") and envelope.text(one):
                hidden = one.get("addressCoding", "").strip()
                yield Address(HIDDEN if hidden else kind, _bare(envelope.text(one)))
    bare = _bare((element.text or "").strip())
    if bare and not some:
        yield Address("Number", bare)


def _bare(written: str) -> str:
    """Remove the scheme of a number that is written as a URI (RFC 3966)."""
    return written[4:].strip() if written[:4].lower() == "tel:" else written


def _time(written: str) -> float | None:
    """Read a time as Unix seconds; without a zone it is in UTC."""
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


READ: Mapping[str, Callable[[Any, str, Sequence[Piece], Schema], Request]] = {
    "DeliverReq": _deliver,
    "DeliveryReportReq": _report,
    "ReadReplyReq": _read_reply,
}

"""What a VASP reads: the MMSC's answers, and what it asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from budstikke.mm7 import envelope, multipart
from budstikke.mm7.messages import (
    Address,
    Answer,
    Deliver,
    DeliveryReport,
    ReadReply,
)
from budstikke.mm7.multipart import Malformed
from budstikke.mm7.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.mm7.messages import Request
    from budstikke.mm7.multipart import Piece

KINDS = ("Number", "ShortCode", "RFC2822Address")
MOST_DIGITS = 9
"""Of a status code; what is longer is none."""


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that cannot be worked: what it is answered with."""

    def __init__(self, status: Status, detail: str, transaction: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.transaction = transaction


def read_answer(content_type: str, body: bytes) -> Answer:
    """Read a SubmitRsp, or the RSErrorRsp in a fault; never raises."""
    try:
        root, _ = _open(content_type, body)
    except Malformed as error:
        return Answer(0, f"no MM7: {error}")
    status = envelope.anywhere(root, "Status")
    if status is None:
        fault = envelope.anywhere(root, "faultstring")
        return Answer(0, envelope.text(fault) if fault is not None else "no status")
    code = envelope.text(status, "StatusCode")
    said = [envelope.text(status, name) for name in ("StatusText", "Details")]
    found = envelope.anywhere(root, "MessageID")
    known = code.isascii() and code.isdigit() and len(code) <= MOST_DIGITS
    return Answer(
        int(code) if known else 0,
        " ".join(filter(None, [code, *said])),
        "" if found is None else envelope.text(found),
    )


def read_request(content_type: str, body: bytes) -> Request:
    """Read what an MMSC asks; raises Refused and nothing else."""
    try:
        root, pieces = _open(content_type, body)
    except Malformed as error:
        raise Refused(Status.FORMAT_CORRUPT, str(error)) from error
    transaction = envelope.transaction(root)
    inside = envelope.child(root, "Body")
    if inside is None or not len(inside):
        raise Refused(Status.FORMAT_CORRUPT, "an empty envelope", transaction)
    asked = inside[0]
    read = READ.get(envelope.local(asked))
    if read is None:
        name = envelope.local(asked)[:80]
        raise Refused(Status.UNSUPPORTED_OPERATION, f"{name} is not taken", transaction)
    try:
        return read(asked, transaction, pieces)
    except Malformed as error:
        raise Refused(Status.FORMAT_CORRUPT, str(error), transaction) from error


def _open(content_type: str, body: bytes) -> tuple[Any, Sequence[Piece]]:
    """Find the envelope and what came with it; raises Malformed."""
    if not multipart.is_multipart(content_type):
        charset = multipart.parameter(content_type, "charset")
        return envelope.parse(body, charset), ()
    pieces = multipart.split(content_type, body)
    if not pieces:
        raise Malformed("no parts")
    start = multipart.parameter(content_type, "start").strip("<> ")
    first = next((one for one in pieces if start and one.id == start), pieces[0])
    others = [one for one in pieces if one is not first]
    return envelope.parse(first.data, first.charset), others


def _deliver(asked: Any, transaction: str, pieces: Sequence[Piece]) -> Deliver:
    sender = _address(envelope.child(asked, "Sender"))
    if sender is None:
        raise Malformed("no sender")
    recipients = envelope.child(asked, "Recipients")
    to = None if recipients is None else envelope.child(recipients, "To")
    content = envelope.child(asked, "Content")
    href = "" if content is None else content.get("href", "")
    return Deliver(
        transaction,
        sender,
        _address(to),
        envelope.text(asked, "Subject"),
        _time(envelope.text(asked, "TimeStamp")),
        tuple(_content(pieces, unquote(href.removeprefix("cid:")).strip("<> "))),
    )


def _content(pieces: Sequence[Piece], href: str) -> list[Piece]:
    """Find the parts that a content is made of: the one it names, or all."""
    named = [piece for piece in pieces if href and piece.id == href]
    return multipart.leaves(named or pieces)


def _report(asked: Any, transaction: str, _: Sequence[Piece]) -> DeliveryReport:
    return DeliveryReport(
        transaction,
        _message_id(asked),
        _address(envelope.child(asked, "Recipient")),
        envelope.text(asked, "MMStatus"),
        envelope.text(asked, "MMStatusExtension"),
        envelope.text(asked, "StatusText"),
        _time(envelope.text(asked, "Date") or envelope.text(asked, "TimeStamp")),
    )


def _read_reply(asked: Any, transaction: str, _: Sequence[Piece]) -> ReadReply:
    return ReadReply(
        transaction,
        _message_id(asked),
        envelope.text(asked, "MMStatus"),
        _time(envelope.text(asked, "TimeStamp")),
    )


def _message_id(asked: Any) -> str:
    found = envelope.text(asked, "MessageID")
    if not found:
        raise Malformed("no MessageID")
    return found


def _address(element: Any) -> Address | None:
    """Read an address; release 5 has the number itself as text."""
    if element is None:
        return None
    for one in element:
        kind = envelope.local(one)
        if kind in KINDS and envelope.text(one):
            return Address(kind, envelope.text(one))
    bare = (element.text or "").strip()
    return Address("Number", bare) if bare else None


def _time(written: str) -> float | None:
    """Read a time as Unix seconds; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


READ: Mapping[str, Callable[[Any, str, Sequence[Piece]], Request]] = {
    "DeliverReq": _deliver,
    "DeliveryReportReq": _report,
    "ReadReplyReq": _read_reply,
}

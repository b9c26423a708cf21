"""Reads what an operator tells us: delivery reports and inbound messages. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.carriers.http.document import read
from budstikke.carriers.http.verdicts import LONGEST_RAW
from budstikke.domain.address import Nature, country_of, ours, phone
from budstikke.domain.inbound import InboundPart
from budstikke.domain.receipt import Reason, Receipt, ReceiptState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.carriers.http.description import InboundMap, ReceiptMap
    from budstikke.carriers.http.document import Document

MOST_ITEMS: Final = 10_000
"""Delivery reports or messages of one request; one with more is refused."""

DAY: Final = 86_400.0
MILLISECONDS: Final = 1e11
"""A number from which on a time is in milliseconds: in seconds, it is in year 5138."""

UCS2_CODING: Final = 8
BINARY_CODING: Final = 4
"""``data_coding`` of SMPP 3.4 § 5.2.19."""

REASONS: Final[Mapping[ReceiptState, Reason]] = {
    ReceiptState.DELIVERED: Reason.NONE,
    ReceiptState.INTERIM: Reason.NONE,
    ReceiptState.EXPIRED: Reason.EXPIRED,
    ReceiptState.REJECTED: Reason.REJECTED,
    ReceiptState.UNDELIVERED: Reason.UNKNOWN,
    ReceiptState.UNKNOWN: Reason.UNKNOWN,
}
"""The reason of a state, where the report says none that we know."""


class Unreadable(Exception):  # noqa: N818 - the operator wrote it, not we
    """A request lacks what its description says is there."""


class Numbers(NamedTuple):
    """How an operator writes numbers: our country's code, and our number if none."""

    home: str
    number: str


class InboundMessage(NamedTuple):
    """A message from a phone, and the operator's id of it (may be empty)."""

    id: str
    part: InboundPart


def moment(text: str | None, now: float) -> float:
    """
    Read a time as Unix seconds: Unix time, or ISO 8601 (UTC if it has no offset).

    What is no time, or more than a day ahead of ``now``, is ``now``.
    """
    if not text:
        return now
    try:
        at = _number(text)
        if at is None:
            read_as = datetime.fromisoformat(text.replace(" ", "T", 1))
            at = (
                read_as if read_as.tzinfo else read_as.replace(tzinfo=UTC)
            ).timestamp()
    except (ValueError, OverflowError):
        return now
    return at if 0 < at < now + DAY else now


def _number(text: str) -> float | None:
    if not text.replace(".", "", 1).isdecimal() or not text.isascii():
        return None
    at = float(text)
    return at / 1000 if at >= MILLISECONDS else at


def receipts(
    mapping: ReceiptMap, query: bytes, body: bytes, numbers: Numbers, now: float
) -> list[Receipt]:
    """
    Read delivery reports; raises Unreadable.

    Args:
        mapping: Of the description.
        query: Of the request's URL.
        body: Of the request.
        numbers: See ``Numbers``.
        now: Unix seconds.

    """
    items = _items(read(body, mapping.format, query), mapping.items)
    return [_receipt(mapping, item, numbers, now) for item in items]


def _items(document: Document, path: str) -> list[Document]:
    items = document.items(path)
    if not items:
        raise Unreadable("nothing is in it")
    if len(items) > MOST_ITEMS:
        raise Unreadable(f"more than {MOST_ITEMS} are in it")
    return items


def _receipt(
    mapping: ReceiptMap, item: Document, numbers: Numbers, now: float
) -> Receipt:
    smsc_id, word = item.find(mapping.id), item.find(mapping.state)
    if not smsc_id:
        raise Unreadable(f"no id at {mapping.id}")
    if word is None:
        raise Unreadable(f"no state at {mapping.state}")
    states = {name.lower(): state for name, state in mapping.states.items()}
    state = states.get(word.lower(), ReceiptState.UNKNOWN)
    code = item.find(mapping.reason)
    reason = mapping.reasons.get(code or "", REASONS[state])
    if state is ReceiptState.DELIVERED:
        reason = Reason.NONE
    recipient = item.find(mapping.recipient) or ""
    return Receipt(
        smsc_id,
        None,
        state,
        reason,
        item.words((mapping.state, *mapping.raw))[:LONGEST_RAW],
        moment(item.find(mapping.at), now),
        phone(recipient, mapping.nature, numbers.home) if recipient else "",
    )


def inbound(
    mapping: InboundMap, query: bytes, body: bytes, numbers: Numbers, now: float
) -> list[InboundMessage]:
    """Read inbound messages; arguments are as for ``receipts``; raises Unreadable."""
    items = _items(read(body, mapping.format, query), mapping.items)
    return [_inbound(mapping, item, numbers, now) for item in items]


def _inbound(
    mapping: InboundMap, item: Document, numbers: Numbers, now: float
) -> InboundMessage:
    sender = item.find(mapping.sender)
    recipient = ours(
        item.find(mapping.recipient) or numbers.number, Nature.UNKNOWN, numbers.home
    )
    if not sender:
        raise Unreadable(f"no sender at {mapping.sender}")
    if not recipient:
        raise Unreadable(f"no recipient at {mapping.recipient}")
    coding, payload = _content(mapping, item)
    header = _header(mapping, item)
    part = InboundPart(
        phone(sender, mapping.nature, numbers.home or country_of(recipient)),
        recipient,
        coding,
        udhi=bool(header),
        payload=header + payload,
        tlvs={},
        at=moment(item.find(mapping.at), now),
    )
    return InboundMessage(item.find(mapping.id) or "", part)


def _header(mapping: InboundMap, item: Document) -> bytes:
    """
    Make the user data header of a part of a long text; empty: it is a whole one.

    An operator that passes parts on says to which text they belong by a reference of
    its own; the header has 16 bits of it (3GPP TS 23.040 § 9.2.3.24.8).
    """
    reference = item.find(mapping.reference)
    total, position = (
        _octet(item.find(mapping.total)),
        _octet(item.find(mapping.position)),
    )
    if not reference or not 1 <= position <= total or total < 2:
        return b""
    digest = blake2b(reference.encode("utf-8", "replace"), digest_size=2).digest()
    return b"\x06\x08\x04" + digest + bytes((total, position))


def _octet(text: str | None) -> int:
    """Read a number from 1 to 255; 0: it is none."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 3):
        return 0
    return int(text) if int(text) <= 255 else 0


def _content(mapping: InboundMap, item: Document) -> tuple[int, bytes]:
    """Return ``data_coding`` and user data: octets if there are any, else the text."""
    try:
        octets = bytes.fromhex(item.find(mapping.data) or "")
    except ValueError:
        octets = b""
    if octets:
        return BINARY_CODING, octets
    text = item.find(mapping.text)
    if text is None:
        raise Unreadable(f"no text at {mapping.text}")
    return UCS2_CODING, text.encode("utf-16-be", "replace")

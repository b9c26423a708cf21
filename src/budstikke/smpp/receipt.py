"""
Delivery receipts, read and written (SMPP 3.4 appendix B, § 5.2.12, § 5.2.28).

Nobody follows appendix B to the letter: fields are left out, dates have 10, 12 or 14
digits, ``err`` is a word. So the text is scanned for ``key:value`` in any order, and
optional parameters, where there are some, count for more than the text.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from budstikke.smpp import tags
from budstikke.smpp.pdus import DataSm, Pdu, Sm
from budstikke.smpp.times import receipt_date

if TYPE_CHECKING:
    from collections.abc import Mapping


class MessageState(IntEnum):
    """message_state (SMPP 3.4 § 5.2.28; 0 and 9 are of 5.0 § 4.7.15)."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


WORDS: Final[dict[str, MessageState]] = {
    "DELIVRD": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "DELETED": MessageState.DELETED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "ACCEPTD": MessageState.ACCEPTED,
    "UNKNOWN": MessageState.UNKNOWN,
    "REJECTD": MessageState.REJECTED,
    "ENROUTE": MessageState.ENROUTE,
    "SCHEDLD": MessageState.SCHEDULED,
    "SKIPPED": MessageState.SKIPPED,
    # Not in appendix B, but seen.
    "DELIVERED": MessageState.DELIVERED,
    "UNDELIVERABLE": MessageState.UNDELIVERABLE,
    "UNDELIVERED": MessageState.UNDELIVERABLE,
    "UNDELIVRD": MessageState.UNDELIVERABLE,
    "FAILED": MessageState.UNDELIVERABLE,
    "REJECTED": MessageState.REJECTED,
    "ACCEPTED": MessageState.ACCEPTED,
    "ACKED": MessageState.ACCEPTED,
    "BUFFRED": MessageState.ENROUTE,
    "BUFFERD": MessageState.ENROUTE,
    "BUFFERED": MessageState.ENROUTE,
}
"""``stat`` in upper case -> state; appendix B writes the first ten."""

_WRITTEN: Final = {state: word for word, state in reversed(WORDS.items())}

INTERIM_BIT: Final = 0x20
RECEIPT_BITS: Final = 0x04 | 0x08 | INTERIM_BIT
"""esm_class: receipt, SME acknowledgement, intermediate notification (§ 5.2.12)."""
_UDHI: Final = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    How one link writes receipts.

    Attributes:
        text: Whether a text alone makes a receipt, without esm_class or parameters.
            A person may write such a text, so it is off unless asked for.
        words: ``stat`` (upper case) to a state, over ``WORDS``.
        pattern: Instead of the scan: a regular expression with the groups ``id`` and
            ``stat`` and perhaps ``err``, ``submit`` and ``done``.
        ahead: Seconds that the dates in texts are ahead of UTC.

    """

    text: bool = False
    words: Mapping[str, MessageState] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    ahead: int = 0


@dataclass(slots=True)
class DeliveryReceipt:
    """
    What a receipt says; empty and ``None`` where it does not.

    Attributes:
        id: The message id: receipted_message_id, or else the text's.
        text_id: The text's, where it has one.
        state: message_state, or else what ``word`` means; ``None`` if unknown.
        word: ``stat`` as it was written.
        error: ``err`` as it was written.
        network_error: network_error_code: (network type, code).
        submitted: Unix seconds.
        done: Unix seconds.
        interim: It is an intermediate notification: more will come.
        raw: The text.

    """

    id: str = ""
    text_id: str = ""
    state: MessageState | None = None
    word: str = ""
    error: str = ""
    network_error: tuple[int, int] | None = None
    submitted: float | None = None
    done: float | None = None
    interim: bool = False
    raw: str = ""


_KEYS: Final = r"id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text"
_FIELD: Final = re.compile(
    rf"(?<![\w.-])({_KEYS})[ ]?[:=]\s*((?!(?:{_KEYS})[ ]?[:=])[^\s,;]*)", re.IGNORECASE
)
_STANDARD: Final = re.compile(
    r"id:(\S+) sub:\S* dlvrd:\S* submit date:(\d*) done date:(\d*)"
    r" stat:(\S+) err:(\S*)",
    re.IGNORECASE,
)
_LONGEST: Final = 1024
"""Receipts have about 120 characters; the rest of a long payload is not scanned."""

DEFAULT_RULES: Final = Rules()


def parse_receipt_text(text: str, rules: Rules = DEFAULT_RULES) -> DeliveryReceipt:
    """Scan a receipt's text; whatever is not found stays empty."""
    text = text[:_LONGEST]
    if rules.pattern is not None:
        found = rules.pattern.search(text)
        groups = found.groupdict() if found else {}
        written = [groups.get(key) or "" for key in _GROUPS]
    elif found := _STANDARD.match(text):
        written = list(found.groups())
    else:
        written = _scan(text)
    message_id, submitted, done, word, error = written
    state = rules.words.get(word.upper()) if rules.words else None
    if state is None:
        state = WORDS.get(word.upper())
    return DeliveryReceipt(
        message_id,
        message_id,
        state,
        word,
        error,
        None,
        _date(submitted, rules.ahead),
        _date(done, rules.ahead),
        raw=text,
    )


_GROUPS: Final = ("id", "submit", "done", "stat", "err")


def _scan(text: str) -> list[str]:
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(text):
        name = key.lower().partition("date")[0].strip(" _")
        if name == "text":
            break
        fields.setdefault(name, value)
    return [fields.get(key, "") for key in _GROUPS]


def _date(text: str, ahead: int) -> float | None:
    at = receipt_date(text) if text else None
    return at - ahead if at is not None and ahead else at


def read_receipt(pdu: Pdu, rules: Rules = DEFAULT_RULES) -> DeliveryReceipt | None:
    """
    Read the receipt in a deliver_sm or data_sm; ``None`` if it is not a receipt.

    esm_class decides first, then the parameters, then the text, if the link says so.
    A receipt without anything readable has an empty ``id``.
    """
    body = pdu.body
    if not isinstance(body, Sm | DataSm):
        return None
    marked = body.esm_class & RECEIPT_BITS
    named = any(tag == tags.RECEIPTED_MESSAGE_ID for tag, _ in pdu.tlvs)
    if not (marked or named or rules.text):
        return None
    receipt = parse_receipt_text(_text(body, pdu), rules)
    if not (marked or named) and not (receipt.id and receipt.word):
        return None
    receipt.interim = bool(body.esm_class & INTERIM_BIT)
    if pdu.tlvs:
        _fill_from_tlvs(receipt, pdu)
    return receipt


def _text(body: Sm | DataSm, pdu: Pdu) -> str:
    octets = body.short_message if isinstance(body, Sm) else b""
    if not octets:
        octets = pdu.tlv(tags.MESSAGE_PAYLOAD) or b""
    if body.esm_class & _UDHI and octets:
        octets = octets[octets[0] + 1 :]
    # UCS-2 whatever data_coding says: no receipt begins with NUL.
    wide = octets.startswith(b"\0")
    return octets.decode("utf-16-be" if wide else "latin-1", "replace")


def _fill_from_tlvs(receipt: DeliveryReceipt, pdu: Pdu) -> None:
    for tag, value in pdu.tlvs:
        if tag == tags.RECEIPTED_MESSAGE_ID:
            receipt.id = tags.string(value) or receipt.text_id
        elif tag == tags.MESSAGE_STATE and value and value[0] <= 9:
            receipt.state = MessageState(value[0])
        elif tag == tags.NETWORK_ERROR_CODE and len(value) == 3:
            receipt.network_error = (value[0], int.from_bytes(value[1:], "big"))


def receipt_text(
    message_id: str,
    state: MessageState,
    *,
    submitted: float,
    done: float,
    error: str = "000",
    text: str = "",
) -> str:
    """
    Write a receipt's text as appendix B has it, dates in UTC with ten digits.

    ``text`` is cut at 20 characters.
    """
    delivered = "001" if state is MessageState.DELIVERED else "000"
    return (
        f"id:{message_id} sub:001 dlvrd:{delivered} submit date:{_digits(submitted)} "
        f"done date:{_digits(done)} stat:{_WRITTEN[state]} err:{error} text:{text[:20]}"
    )


def _digits(at: float) -> str:
    return time.strftime("%y%m%d%H%M", time.gmtime(at))


def receipt_tlvs(
    message_id: str,
    state: MessageState,
    network_error: tuple[int, int] | None = None,
) -> list[tuple[int, bytes]]:
    """Build the parameters of a receipt (SMPP 3.4 § 4.6.1); raises PduError."""
    found = [
        tags.parameter(tags.RECEIPTED_MESSAGE_ID, message_id),
        tags.parameter(tags.MESSAGE_STATE, state),
    ]
    if network_error is not None:
        kind, code = network_error
        value = bytes((kind & 0xFF,)) + (code & 0xFFFF).to_bytes(2, "big")
        found.append((tags.NETWORK_ERROR_CODE, value))
    return found

"""
Reads and writes delivery receipts (SMPP 3.4 appendix B, § 5.2.12, § 5.2.28).

Operators do not follow appendix B to the letter: they leave fields out, write dates
with 10, 12 or 14 digits, or a word as ``err``. So we scan the text for ``key:value``
in any order. Optional parameters, if any, count for more than the text.
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
    from collections.abc import Callable, Mapping


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
"""State by ``stat`` in upper case; appendix B has the first ten words."""

_WORD_OF: Final = {state: word for word, state in reversed(WORDS.items())}

INTERIM_BIT: Final = 0x20
TYPE_BITS: Final = 0x3C
"""
esm_class: the message's type (§ 5.2.12): receipt 0x04, acknowledgement of the other SME
0x08 and of its user 0x10, conversation abort 0x18, intermediate notification 0x20.
"""
_REPORTS: Final = 0x04 | INTERIM_BIT
"""Types that only the message centre writes; the others may hold a person's text."""
_UDHI: Final = 0x40


def _latin1(octets: bytes) -> str:
    return octets.decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    How one operator writes receipts.

    Attributes:
        text: Whether a text alone makes a receipt, without esm_class or parameters.
            A person may write such a text, so it is off by default.
        words: States by ``stat`` in upper case; they count before ``WORDS``.
        pattern: Instead of the scan: a regular expression with the groups ``id`` and
            ``stat`` and perhaps ``err``, ``submit`` and ``done``.
        ahead: Seconds that the dates in texts are ahead of UTC.
        readers: Decoders to try on octets that are not UCS-2; the first one that gives
            a receipt counts. The first in order reads a superset of ASCII.

    """

    text: bool = False
    words: Mapping[str, MessageState] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    ahead: int = 0
    readers: tuple[Callable[[bytes], str], ...] = (_latin1,)


@dataclass(slots=True)
class DeliveryReceipt:
    """
    The content of a receipt; fields that it has not are empty or ``None``.

    Attributes:
        id: The message id: receipted_message_id, or else the text's.
        text_id: The text's message id.
        state: message_state, or else what ``word`` means; ``None`` if unknown.
        word: ``stat`` as written, or else a word in the text that names a state.
        error: ``err`` as written.
        network_error: network_error_code: (network type, code).
        submitted: Unix seconds.
        done: Unix seconds.
        interim: It is an intermediate notification: more will come.
        raw: The text.
        written: The text reads as a receipt: it has an id and a state, or nothing that
            a receipt would not have.
        bare: ``word`` is not from a field ``stat``.

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
    written: bool = field(default=False, compare=False)
    bare: bool = field(default=False, compare=False)


_KEYS: Final = (
    r"(?:(?:message|msg)[_-]?)?id|sub|dlvrd|submit[ _]?date|done[ _]?date"
    r"|stat|err|text"
)
_SIGN: Final = r"[\"']?[ ]?[:=]"
_NEXT: Final = rf"(?:{_KEYS}){_SIGN}"
_VALUE: Final = rf"(?:[^\s,;|&/\"']|[|&/](?![\"']?{_NEXT}))*"  # ids have | & and /, too
_FIELD: Final = re.compile(
    rf"(?<![\w.-])({_KEYS}){_SIGN}(?:\s*(?!{_NEXT})[\"']?({_VALUE}))?", re.IGNORECASE
)
_STANDARD: Final = re.compile(
    r"id:([^\s\"']+) sub:\S* dlvrd:\S* submit date:(\d*) done date:(\d*)"
    r" stat:(\w+) err:(\S*)",
    re.IGNORECASE,
)
_LONGEST: Final = 1024
"""Characters to scan of a long payload; receipts have about 120."""

_LONGEST_FOR_PATTERN: Final = 512
"""Characters to match with a carrier's pattern: one may backtrack without end."""

DEFAULT_RULES: Final = Rules()


_VOCABULARY: Final = frozenset(
    {
        *("message", "msg", "id", "messageid", "msgid", "sub", "dlvrd", "submit"),
        *("done", "date", "stat", "status", "state", "err", "error", "code"),
        *("delivery", "receipt", "report", "dlr"),
    }
)
"""Words that a receipt may have beside its fields and its state."""
_WORD: Final = re.compile(r"[^\W\d_]+")


def parse_receipt_text(text: str, rules: Rules = DEFAULT_RULES) -> DeliveryReceipt:
    """Read a receipt's text; fields that it has not stay empty."""
    text = text[:_LONGEST]
    alone, written = "", True
    if rules.pattern is not None:
        match = rules.pattern.search(text, 0, _LONGEST_FOR_PATTERN)
        groups = match.groupdict() if match else {}
        values = [groups.get(key) or "" for key in _GROUPS]
        written = match is not None or _scan(text, rules)[2]
    elif match := _STANDARD.match(text):
        values = list(match.groups())
    else:
        values, alone, written = _scan(text, rules)
    message_id, submitted, done, word, error = values
    bare = not word
    word = word or alone
    return DeliveryReceipt(
        message_id,
        message_id,
        _meaning(word, rules),
        word,
        error,
        None,
        _date(submitted, rules.ahead),
        _date(done, rules.ahead),
        raw=text,
        written=written,
        bare=bare,
    )


_GROUPS: Final = ("id", "submit", "done", "stat", "err")


def _meaning(word: str, rules: Rules) -> MessageState | None:
    state = rules.words.get(word.upper()) if rules.words else None
    return WORDS.get(word.upper()) if state is None else state


def _scan(text: str, rules: Rules) -> tuple[list[str], str, bool]:
    """Find the fields, a word that names a state, and whether it reads as a receipt."""
    fields: dict[str, str] = {}
    rest: list[str] = []
    at = 0
    for match in _FIELD.finditer(text):
        rest.append(text[at : match.start()])
        at = match.end()
        name = match[1].lower().partition("date")[0].strip(" _")
        if name == "text":
            break
        fields.setdefault("id" if name.endswith("id") else name, match[2] or "")
    else:
        rest.append(text[at:])
    words = _WORD.findall(" ".join(rest))
    states = [word for word in words if _meaning(word, rules) is not None]
    prose = any(
        word.lower() not in _VOCABULARY and word not in states for word in words
    )
    # A person may write "failed" in a sentence; only operators write FAILED there.
    alone = next((each for each in states if not prose or each.isupper()), "")
    has_state = "stat" in fields and len(fields) > 1
    terse = not prose and ("id" in fields or "stat" in fields or alone.isupper())
    written = has_state or terse or ("id" in fields and bool(alone))
    return [fields.get(key, "") for key in _GROUPS], alone, written


def _date(text: str, ahead: int) -> float | None:
    at = receipt_date(text) if text else None
    return at - ahead if at is not None and ahead else at


def read_receipt(pdu: Pdu, rules: Rules = DEFAULT_RULES) -> DeliveryReceipt | None:
    """
    Read the receipt in a deliver_sm or data_sm; ``None`` if it is not a receipt.

    If esm_class, a parameter or the carrier (``Rules.text``) says that it may be one,
    its content decides: a person's text is none, whatever esm_class says. A receipt
    without a message id has an empty ``id``.
    """
    body = pdu.body
    if not isinstance(body, Sm | DataSm):
        return None
    kind = body.esm_class & TYPE_BITS
    named = any(tag == tags.RECEIPTED_MESSAGE_ID for tag, _ in pdu.tlvs)
    if not (kind or named or rules.text):
        return None
    receipt = _read_text(body, pdu, rules)
    if not (kind or named):
        return None if receipt.bare or not receipt.id else receipt
    receipt.interim = bool(body.esm_class & INTERIM_BIT)
    if not _is_receipt(receipt, pdu, kind):
        return None
    if pdu.tlvs:
        _fill_from_tlvs(receipt, pdu)
    return receipt


def _is_receipt(receipt: DeliveryReceipt, pdu: Pdu, kind: int) -> bool:
    """Whether it has a receipt's text or parameters, or no text at all."""
    if receipt.written or not receipt.raw:
        return True
    there = {tag for tag, value in pdu.tlvs if value.strip(b"\0 ")}
    if tags.MESSAGE_STATE in there:
        return True
    reported = {tags.RECEIPTED_MESSAGE_ID, tags.NETWORK_ERROR_CODE} & there
    return bool(reported and kind & _REPORTS)


def user_data(body: Sm | DataSm, pdu: Pdu) -> bytes:
    """
    Return the user data of a PDU: short_message, or else message_payload.

    They exclude each other (§ 5.3.2.32). If both are there all the same, take the
    longer one if it begins with the other; otherwise join them.
    """
    short = body.short_message if isinstance(body, Sm) else b""
    if short and not pdu.tlvs:
        return short
    payloads = (value for tag, value in pdu.tlvs if tag == tags.MESSAGE_PAYLOAD)
    payload = next(payloads, b"")
    if payload.startswith(short):
        return payload
    return short if short.startswith(payload) else short + payload


def _read_text(body: Sm | DataSm, pdu: Pdu, rules: Rules) -> DeliveryReceipt:
    octets = user_data(body, pdu)
    whole = _first_read(octets, rules)
    if whole.id or not (body.esm_class & _UDHI and octets):
        return whole
    # Some operators set the bit for a header without one.
    behind = _first_read(octets[octets[0] + 1 :], rules)
    return behind if behind.id or (behind.written and behind.raw) else whole


def _first_read(octets: bytes, rules: Rules) -> DeliveryReceipt:
    first = _latin1 if octets.isascii() else rules.readers[0]
    receipts = [parse_receipt_text(_decoded(octets, first), rules)]
    for reader in rules.readers[1:]:
        if receipts[0].written:
            break
        receipts.append(parse_receipt_text(_decoded(octets, reader), rules))
    return next((each for each in receipts if each.written), receipts[0])


def _decoded(octets: bytes, reader: Callable[[bytes], str]) -> str:
    """
    Decode a receipt's text, without the filling at its ends.

    Whatever data_coding says, it is UCS-2 if it begins with a byte order mark
    (RFC 2781 § 4.3), or if every other octet of its first two letters is NUL.
    """
    octets = octets[: 4 * _LONGEST]
    codec = _MARKS.get(octets[:2], "")
    if not codec and len(octets) > 3:
        codec = _WIDE.get(
            (bool(octets[0] | octets[2]), bool(octets[1] | octets[3])), ""
        )
    text = octets.decode(codec, "replace") if codec else reader(octets)
    return text.replace("\0", " ").strip("\ufeff \t\r\n")


_MARKS: Final = {
    b"\xfe\xff": "utf-16-be",
    b"\xff\xfe": "utf-16-le",
    b"\xef\xbb": "utf-8",
}
_WIDE: Final = {(False, True): "utf-16-be", (True, False): "utf-16-le"}


def _fill_from_tlvs(receipt: DeliveryReceipt, pdu: Pdu) -> None:
    for tag, value in pdu.tlvs:
        if tag == tags.RECEIPTED_MESSAGE_ID:
            receipt.id = tags.string(value.strip(b"\0")).strip() or receipt.id
        elif tag == tags.MESSAGE_STATE:
            # One octet by the standard; some write two or four, of either order.
            number = value.strip(b"\0") or value[-1:]
            if len(number) == 1 and number[0] <= 9:
                receipt.state = MessageState(number[0])
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
    Write a receipt's text by appendix B; dates are in UTC with ten digits.

    ``submitted`` and ``done`` are Unix seconds. Of ``text`` it has 20 characters.
    """
    delivered = "001" if state is MessageState.DELIVERED else "000"
    return (
        f"id:{message_id} sub:001 dlvrd:{delivered} submit date:{_digits(submitted)} "
        f"done date:{_digits(done)} stat:{_WORD_OF[state]} err:{error} text:{text[:20]}"
    )


def _digits(at: float) -> str:
    return time.strftime("%y%m%d%H%M", time.gmtime(at))


def receipt_tlvs(
    message_id: str,
    state: MessageState,
    network_error: tuple[int, int] | None = None,
) -> list[tuple[int, bytes]]:
    """Build a receipt's parameters (SMPP 3.4 § 4.6.1); raises PduError."""
    tlvs = [
        tags.parameter(tags.RECEIPTED_MESSAGE_ID, message_id),
        tags.parameter(tags.MESSAGE_STATE, state),
    ]
    if network_error is not None:
        kind, code = network_error
        value = bytes((kind & 0xFF,)) + (code & 0xFFFF).to_bytes(2, "big")
        tlvs.append((tags.NETWORK_ERROR_CODE, value))
    return tlvs

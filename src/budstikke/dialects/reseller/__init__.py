"""
Reseller: a white-label HTTP API with an API key and a report look-up.

The HTTP status is always 200: the body has the code or JSON. A caller gives nothing but
a key. It is never stored: a digest of the key finds the access (``identify``), and then
the key is verified like a password.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.dialects.bounds import SMALL, check_body
from budstikke.dialects.contract import Login
from budstikke.dialects.form import read_form_pairs
from budstikke.dialects.query import read_texts
from budstikke.domain.message import Accepted, Order
from budstikke.domain.number import international
from budstikke.domain.queries import MessagesAnswer, ReferenceQuery
from budstikke.domain.receipt import undated
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import AccessView, Call, Task, TaskResult
    from budstikke.domain.queries import MessageAnswer

    Fields = Mapping[str, str]

SEND = "send"
REPORT = "report"

IDENTIFIER_DIGITS = 16
"""Hexadecimal digits of the key's SHA-256 in an access's identifier."""

LONGEST_REF = 255

BLANKS = " \t\n\r\v\f"
"""White space in ASCII."""

_not_utf8 = re.compile("[\ud800-\udfff]").search


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one API key: there are none."""


class Row(NamedTuple):
    """The answer to a refusal: the bare code, and the words in JSON."""

    code: int
    error: str


NOT_ACCEPTED = Row(400, "Message not accepted")
BAD_KEY = Row(407, "Invalid API Key")

_R = RefusalCode

REFUSALS: Mapping[RefusalCode, Row] = {
    **dict.fromkeys(RefusalCode, NOT_ACCEPTED),
    _R.MISSING_LOGIN: Row(400, "Missing Key Parameter"),
    _R.UNKNOWN_LOGIN: BAD_KEY,
    _R.WRONG_PASSWORD: BAD_KEY,
    _R.ADDRESS_NOT_ALLOWED: Row(405, "Remote IP not allowed"),
    _R.NO_CREDIT: Row(406, "Not Enough Credit"),
}
"""Refusals with words in the original; all others are ``NOT_ACCEPTED``."""

MISSING: Mapping[str, Row] = {
    name: Row(400, f"Missing {name.capitalize()} Parameter")
    for name in ("mobile", "sender", "msgtext", "ref", "full_number")
}
"""By parameter: the answer if it is missing."""

STATUS: Mapping[MessageState, str | None] = {
    MessageState.SCHEDULED: None,
    MessageState.ACCEPTED: None,
    MessageState.SENT: "sending",
    MessageState.DELIVERED: "delivered",
    MessageState.UNDELIVERED: "undelivered",
    MessageState.EXPIRED: "expired",
    MessageState.REJECTED: "rejected",
    MessageState.CANCELLED: "undelivered",
}
"""By state: ``dlr_status``; ``None``: still in the queue."""

FAILED = frozenset(
    {MessageState.UNDELIVERED, MessageState.EXPIRED, MessageState.REJECTED}
)
"""States for which a carrier may have given a ``dlr_error``."""

NOT_FOUND = {"status": False, "queue_status": "notfound"}
PENDING = {"status": True, "queue_status": "pending", "queue_error": 0}
PROCESSED = {"status": True, "queue_status": "processed", "queue_error": 0}
DELETED = {**PROCESSED, "dlr_exist": False, "dlr_status": "notfound"}

BARE = "text/plain; charset=utf-8"
JSON = "application/json"
_json = msgspec.json.Encoder().encode


class Reseller:
    """The reseller dialect; see docs/dialects/reseller.md."""

    name: str = "reseller"
    routes: Mapping[tuple[str, str], str] = {
        ("GET", "/api/sms/send_sms.php"): SEND,
        ("POST", "/api/sms/send_sms.php"): SEND,
        ("GET", "/api/sms/dlr.php"): REPORT,
        ("POST", "/api/sms/dlr.php"): REPORT,
    }
    room: Mapping[str, int] = dict.fromkeys((SEND, REPORT), SMALL)
    settings: type[Settings] = Settings

    def identify(self, secret: str) -> str:
        """Return an access's identifier by its key."""
        digest = sha256(secret.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:IDENTIFIER_DIGITS]

    def login(self, call: Call) -> Login:
        """Read the key; raises Refusal without one."""
        fields = _fields(call)
        key = fields.get("key", "").strip(BLANKS) or fields.get("Key", "").strip(BLANKS)
        if not key:
            raise Refusal(RefusalCode.MISSING_LOGIN, field="key")
        return Login(self.identify(key), key)

    def parse(
        self, call: Call, access: AccessView[Settings] | None, now: float
    ) -> Task:
        """Read an order or a look-up; raises Refusal."""
        fields = _fields(call)
        if call.operation == REPORT:
            return _read_look_up(fields)
        return _read_order(fields)

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """Write the answer: a code, or JSON where it is wanted."""
        if isinstance(answer, MessagesAnswer):
            return WireResponse(200, _json(_report(answer.messages)), JSON)
        found = _row(answer)
        if call.operation == REPORT:
            return _render_no_report(answer, found)
        if not _wants_json(_fields(call)):
            code = 200 if found is None else found.code
            return WireResponse(200, b"%d" % code, BARE)
        if found is None:
            return WireResponse(200, b'{"status":true,"error":0}', JSON)
        return WireResponse(200, _json({"status": False, "error": found.error}), JSON)


def _fields(call: Call) -> Fields:
    """Read the query, and a POST's form, which takes precedence; once."""
    if call.fields is None:
        request = call.request
        call.fields = {}  # for the answer, if the rest cannot be read
        fields = read_texts(request.query, _decode)
        if request.method == "POST":
            check_body(call, SMALL)
            kind = request.headers.get("content-type", "")
            fields |= dict(read_form_pairs(request.body, kind, _decode))
        call.fields = fields
    return call.fields


def _decode(value: bytes) -> str:
    """Decode UTF-8; invalid octets become surrogates, which are refused later."""
    return value.decode("utf-8", "surrogateescape")


def _wants_json(fields: Fields) -> bool:
    return bool(fields.get("response", "").strip(BLANKS))


def _required(fields: Fields, name: str) -> str:
    """Read a parameter; raises Refusal if it is missing, blank or not UTF-8."""
    text = fields.get(name, "")
    if not text.strip(BLANKS):
        raise Refusal(RefusalCode.MISSING_FIELD, field=name)
    if _not_utf8(text):
        raise Refusal(RefusalCode.BAD_FIELD, field=name)
    return text


def _read_order(fields: Fields) -> Order:
    mobile = _required(fields, "mobile")
    sender = _required(fields, "sender")
    text = _required(fields, "msgtext")
    ref = _required(fields, "ref")
    if len(ref) > LONGEST_REF:
        raise Refusal(RefusalCode.BAD_FIELD, field="ref")
    return Order(
        recipients=(_dialled(mobile),),
        text=text,
        originator=sender,
        ref=ref,
        report=False,
    )


def _read_look_up(fields: Fields) -> ReferenceQuery:
    mobile = _required(fields, "full_number")
    ref = _required(fields, "ref")
    number = international(_dialled(mobile))
    if number is None:
        raise Refusal(RefusalCode.BAD_RECIPIENT, field="full_number", value=mobile)
    return ReferenceQuery(number, ref)


def _dialled(mobile: str) -> str:
    """Put a plus in front of a number, unless it has one or ``00``."""
    number = mobile.strip()
    return number if number.startswith(("+", "00")) else f"+{number}"


def _row(answer: TaskResult) -> Row | None:
    """Return the answer to a refusal; ``None``: it is none."""
    if isinstance(answer, Refusal):
        row = REFUSALS[answer.code]
        if answer.code is RefusalCode.MISSING_FIELD:
            row = MISSING.get(answer.field, row)
        return row
    first = answer.ids[0] if isinstance(answer, Accepted) and answer.ids else 0
    return REFUSALS[first] if isinstance(first, RefusalCode) else None


NO_NUMBER = frozenset({_R.BAD_RECIPIENT, _R.NOT_MOBILE})


def _render_no_report(answer: TaskResult, found: Row | None) -> WireResponse:
    """Answer a look-up that was refused; for a bad number nothing is found."""
    row = found or NOT_ACCEPTED
    body: Mapping[str, object] = {"status": False, "error": row.error}
    if isinstance(answer, Refusal) and answer.code in NO_NUMBER:
        body = NOT_FOUND
    return WireResponse(200, _json(body), JSON)


def _report(messages: tuple[MessageAnswer, ...]) -> Mapping[str, object]:
    if not messages:
        return NOT_FOUND
    message = max(messages, key=lambda found: found.id)
    if message.deleted:
        return DELETED
    status = STATUS[message.state]
    if status is None:
        return PENDING
    failed = message.state in FAILED
    return {
        **PROCESSED,
        "dlr_status": status,
        "dlr_error": error_code(message.raw) if failed else "",
        "sms_cost": money(message.price),
    }


def error_code(raw: str) -> str:
    """
    Find the carrier's error code in its own words.

    A delivery report has a status and a code (``UNDELIV 001``), a rejection the code
    alone (``ESME_RINVDSTADR``). A sentence is ours: then the carrier gave no code.
    """
    words = undated(raw).split()
    return words[-1] if len(words) in (1, 2) else ""


def money(micros: int) -> str:
    """Write an amount as a decimal number, with two decimals or as many as needed."""
    whole, part = divmod(abs(micros), 1_000_000)
    decimals = f"{part:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{decimals}"

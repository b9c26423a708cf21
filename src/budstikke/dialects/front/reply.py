"""
Answers in Front's words (Front v3.05 § 2.2): the tables, and three forms.

``DESCRIPTIONS`` has the words of every error code; ``REFUSALS`` the code of a refusal,
and ``MISSING`` and ``MALFORMED`` that of a parameter at fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.dialects.contract import Alert
from budstikke.dialects.front.request import BULK, PUSH
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call
    from budstikke.domain.message import Accepted

OUR_FAULT = 99
"""Our own error code for our own faults; the original foresees new codes."""

DESCRIPTIONS: Mapping[int, str] = {
    0: "OK",
    1: "Invalid mobile number",
    2: "Illegal IP address",
    3: "Invalid fromid",
    4: "Invalid price",
    5: "No remaining messages on account",
    6: "No access to premium SMS",
    7: "Account blocked or invalid serviceid",
    8: "serviceid is blank or missing",
    9: "phoneno is blank or missing",
    10: "txt is blank or missing",
    11: "fromid is blank or missing",
    12: "Invalid mobile number for premium SMS",
    13: "Invalid password",
    14: "Message too long",
    15: "Premium message too long",
    16: "Illegal characters",
    17: "Duplicate message",
    18: "Encryption required, use https",
    19: "Invalid encoding",
    20: "unicode must be true or false",
    21: "Mobile number is blacklisted",
    22: "flash must be true or false",
    23: "protocolid must be an integer between 0 and 255",
    24: "validity must be a positive integer",
    25: "ref cannot exceed 100 characters",
    26: "scheduled must be a future ISO 8601 date with time",
    27: "group must be the name of a contact group with at least one contact",
    28: "type must be one of otp, order_confirmation, order_ready, conf_booking, "
    "conf_reminder",
    29: "code is required for otp and must be 4-15 characters",
    30: "sendername is missing or invalid",
    31: "Invalid orderno",
    32: "Invalid amount",
    33: "Invalid currency",
    34: "Invalid orderurl",
    35: "Invalid pax",
    36: "Invalid date",
    37: "Invalid time",
    38: "Invalid datetime",
    39: "Invalid username",
    OUR_FAULT: "Internal error",
}


class Row(NamedTuple):
    """
    The answer to a refusal.

    ``status`` is the HTTP status; 200 stands for the operation's (always 200 for one
    message; see ``BULK_STATUS``). ``description`` replaces the code's words where they
    would mislead.
    """

    errorcode: int
    status: int = 200
    description: str = ""


_R = RefusalCode

REFUSALS: Mapping[RefusalCode, Row] = {
    _R.MISSING_LOGIN: Row(8),
    _R.UNKNOWN_LOGIN: Row(7),
    _R.WRONG_PASSWORD: Row(13),
    _R.ADDRESS_NOT_ALLOWED: Row(2),
    _R.HTTPS_REQUIRED: Row(18),
    _R.ACCOUNT_BLOCKED: Row(7),
    _R.TOO_MANY_REQUESTS: Row(OUR_FAULT, 429, "Too many requests, try again later"),
    _R.MALFORMED: Row(8, 400, "Request is not a JSON object"),
    _R.TOO_LARGE: Row(8, 413, "Request too large"),
    _R.MISSING_FIELD: Row(8, 200, "Parameter is blank or missing"),
    _R.BAD_FIELD: Row(8, 200, "Invalid parameter"),
    _R.BAD_RECIPIENT: Row(1),
    _R.NOT_MOBILE: Row(1),
    _R.COUNTRY_NOT_ALLOWED: Row(1, 200, "Country not allowed"),
    _R.NO_ROUTE: Row(1, 200, "No route to this mobile number"),
    _R.BAD_ORIGINATOR: Row(3),
    _R.BAD_PRICE: Row(4),
    _R.PREMIUM_NOT_ALLOWED: Row(6),
    _R.PREMIUM_BAD_RECIPIENT: Row(12),
    _R.PREMIUM_TOO_LONG: Row(15),
    _R.TEXT_TOO_LONG: Row(14),
    _R.BAD_CHARACTERS: Row(16),
    _R.UNKNOWN_GROUP: Row(27),
    _R.BLACKLISTED: Row(21),
    _R.OPTED_OUT: Row(21, 200, "Recipient has opted out"),
    _R.DUPLICATE: Row(17),
    _R.NO_CREDIT: Row(5),
    _R.SPEND_CAP: Row(5, 200, "Spending limit reached"),
    _R.HELD: Row(7, 200, "Message held back"),
    _R.STORAGE_DOWN: Row(OUR_FAULT, 503, "Temporarily unavailable, try again later"),
    _R.INTERNAL: Row(OUR_FAULT, 500),
}

MISSING: Mapping[str, int] = {
    "serviceid": 8,
    "phoneno": 9,
    "txt": 10,
    "fromid": 11,
    "code": 29,
    "sendername": 30,
}
"""By parameter: the error code if it is missing."""

MALFORMED: Mapping[str, int] = {
    # JSON values that are not text count as missing
    "serviceid": 8,
    "password": 13,
    "phoneno": 9,
    "txt": 10,
    "fromid": 11,
    "encoding": 19,
    "unicode": 20,
    "flash": 22,
    "protocolid": 23,
    "validity": 24,
    "ref": 25,
    "scheduled": 26,
    "group": 27,
    "type": 28,
    "code": 29,
    "sendername": 30,
    "orderno": 31,
    "amount": 32,
    "currency": 33,
    "orderurl": 34,
    "pax": 35,
    "date": 36,
    "time": 37,
    "datetime": 38,
    "username": 39,
}
"""By parameter: the error code of a bad value."""

BY_FIELD: Mapping[RefusalCode, Mapping[str, int]] = {
    _R.MISSING_FIELD: MISSING,
    _R.BAD_FIELD: MALFORMED,
}

BULK_STATUS: Mapping[int, int] = {2: 401, 7: 401, 13: 401, 5: 402}
"""By error code: HTTP status of a refused bulk order; 400 for the others."""

JSON = "application/json"
_json = msgspec.json.Encoder().encode


def render(call: Call, answer: Accepted | Refusal) -> WireResponse:
    """Write an answer in the operation's form: text, JSON, or the bulk's JSON."""
    if call.operation == BULK:
        return _render_bulk(answer)
    if isinstance(answer, Refusal):
        return _render_refusal(call.operation, row(answer))
    first = answer.ids[0]
    if isinstance(first, RefusalCode):
        return _render_refusal(call.operation, REFUSALS[first])
    if call.operation == PUSH:
        return WireResponse(200, b"ErrorCode=0, ID=%d" % first)
    body = b'{"id":%d,"errorcode":0,"description":"OK"}' % first
    return WireResponse(200, body, JSON)


def row(refusal: Refusal) -> Row:
    """Return the answer to a refusal, by the parameter at fault if there is one."""
    errorcode = BY_FIELD.get(refusal.code, {}).get(refusal.field)
    return REFUSALS[refusal.code] if errorcode is None else Row(errorcode)


def _render_refusal(operation: str, row: Row) -> WireResponse:
    if operation == PUSH:
        return WireResponse(row.status, b"ErrorCode=%d, ID=0" % row.errorcode)
    body = {"id": 0, "errorcode": row.errorcode, "description": _describe(row)}
    return WireResponse(row.status, _json(body), JSON)


def _render_bulk(answer: Accepted | Refusal) -> WireResponse:
    if isinstance(answer, Refusal):
        found = row(answer)
        status = found.status
        if status == 200:
            status = BULK_STATUS.get(found.errorcode, 400)
    else:
        found, status = Row(0), 201
    body = {
        "errorcode": found.errorcode,
        "description": _describe(found),
        "invalidPhoneno": answer.invalid,
        "duplicatePhoneno": answer.duplicate,
    }
    return WireResponse(status, _json(body), JSON)


def _describe(row: Row) -> str:
    return row.description or DESCRIPTIONS[row.errorcode]


CALLER = frozenset({2, 13, 18})
"""Error codes that are about the caller or its address."""

NOT_SHOWN = frozenset({"code", "username"})
"""Parameters whose values no mail shows: one-time codes and their owners."""

LONGEST_SHOWN = 60
"""Characters of a value in a mail."""


def alert_of(call: Call, refusal: Refusal) -> Alert:
    """Return a mail's words for a refusal."""
    found = row(refusal)
    cause = _describe(found)
    if found.errorcode in CALLER and call.request.client:
        cause += f" (called from {call.request.client})"
    elif refusal.value and refusal.field not in NOT_SHOWN:
        cause += f": {_shown(refusal.value)}"
    return Alert(str(found.errorcode), cause)


def _shown(value: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in value[:LONGEST_SHOWN])
    return line if len(value) <= LONGEST_SHOWN else f"{line}..."

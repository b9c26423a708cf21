"""Answers: JSON for a message, a line of text for a refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.dialects.elks.request import DRY_RUN, FLAGS
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call
    from budstikke.domain.message import Accepted

MICROS = 100
"""Micros in one ten-thousandth of the currency, the unit of ``cost``."""

PARAMETERS = frozenset({"from", "to", "message", "whendelivered", "flashsms", DRY_RUN})


class Row(NamedTuple):
    """The answer to a refusal: HTTP status, and a sentence."""

    status: int
    text: str


_R = RefusalCode

REFUSALS: Mapping[RefusalCode, Row] = {
    _R.MISSING_LOGIN: Row(401, "API username and password are required"),
    _R.UNKNOWN_LOGIN: Row(401, "Wrong API username or password"),
    _R.WRONG_PASSWORD: Row(401, "Wrong API username or password"),
    _R.ADDRESS_NOT_ALLOWED: Row(403, "Not allowed from this address"),
    _R.HTTPS_REQUIRED: Row(403, "https is required"),
    _R.ACCOUNT_BLOCKED: Row(403, "The account is blocked"),
    _R.TOO_MANY_REQUESTS: Row(429, "Too many requests"),
    _R.MALFORMED: Row(400, "The request cannot be read"),
    _R.TOO_LARGE: Row(413, "The request is too large"),
    _R.MISSING_FIELD: Row(400, "Missing parameter"),
    _R.BAD_FIELD: Row(400, "Invalid parameter"),
    _R.BAD_RECIPIENT: Row(400, "Invalid parameter: to"),
    _R.NOT_MOBILE: Row(400, "Invalid parameter: to"),
    _R.COUNTRY_NOT_ALLOWED: Row(403, "Not allowed to send to this country"),
    _R.NO_ROUTE: Row(400, "Invalid parameter: to"),
    _R.BAD_ORIGINATOR: Row(400, "Invalid parameter: from"),
    _R.BAD_PRICE: Row(400, "Invalid parameter"),
    _R.PREMIUM_NOT_ALLOWED: Row(403, "Not allowed"),
    _R.PREMIUM_BAD_RECIPIENT: Row(400, "Invalid parameter: to"),
    _R.PREMIUM_TOO_LONG: Row(400, "Invalid parameter: message"),
    _R.TEXT_TOO_LONG: Row(400, "Invalid parameter: message"),
    _R.BAD_CHARACTERS: Row(400, "Invalid parameter: message"),
    _R.UNKNOWN_GROUP: Row(400, "Invalid parameter: to"),
    _R.BLACKLISTED: Row(403, "Not allowed to send to this number"),
    _R.OPTED_OUT: Row(403, "The recipient has opted out"),
    _R.DUPLICATE: Row(403, "The same message was sent a moment ago"),
    _R.NO_CREDIT: Row(403, "Not enough credits"),
    _R.SPEND_CAP: Row(403, "The spending limit is reached"),
    _R.HELD: Row(403, "The message is held for approval"),
    _R.STORAGE_DOWN: Row(503, "Try again later"),
    _R.INTERNAL: Row(500, "Internal error"),
}

BY_PARAMETER = frozenset({_R.MISSING_FIELD, _R.BAD_FIELD})
"""Refusals whose answer names the parameter."""

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
_json = msgspec.json.Encoder().encode


def render(call: Call, answer: Accepted | Refusal, now: float) -> WireResponse:
    """Write the answer; ``now`` is when the message was created, Unix seconds."""
    if isinstance(answer, Refusal):
        return _refused(answer.code, answer.field)
    first = answer.ids[0]
    if isinstance(first, RefusalCode):
        return _refused(first, "")
    fields = call.fields or {}
    cost = answer.price // MICROS
    said: dict[str, object] = {
        "status": "created",
        "direction": "outgoing",
        "from": fields.get("from", ""),
    }
    if FLAGS.get(fields.get(DRY_RUN, "").strip().lower()):
        said["estimated_cost"] = cost
        said["to"] = fields.get("to", "")
        said["parts"] = answer.segments
        said["message"] = fields.get("message", "")
    else:
        said["created"] = moment(now)
        said["parts"] = answer.segments
        said["to"] = fields.get("to", "")
        said["cost"] = cost
        said["message"] = fields.get("message", "")
        said["id"] = written_id(first)
    return WireResponse(200, _json(said), JSON)


def written_id(message_id: int) -> str:
    """Write an id in 46elks' form: ``s`` and 32 hexadecimal digits."""
    return f"s{message_id:032x}"


def moment(at: float) -> str:
    """Write Unix seconds in 46elks' form: UTC, with microseconds, without a zone."""
    when = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    return when.isoformat(timespec="microseconds")


def _refused(code: RefusalCode, field: str) -> WireResponse:
    status, text = REFUSALS[code]
    if code in BY_PARAMETER and field in PARAMETERS:
        text = f"{text}: {field}"
    headers = {"www-authenticate": 'Basic realm="46elks"'} if status == 401 else {}
    return WireResponse(status, text.encode(), TEXT, headers)

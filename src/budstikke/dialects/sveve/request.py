"""From the bytes of a request to its fields, and who is calling."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.dialects.bounds import LARGE, SMALL, check_body
from budstikke.dialects.contract import Login
from budstikke.dialects.document import Reader, begins, checked
from budstikke.dialects.form import read_form_pairs
from budstikke.dialects.query import decode_any, read_texts
from budstikke.dialects.sveve.values import given
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text import decode_latin1

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call
    from budstikke.dialects.sveve.values import Fields
    from budstikke.wire import WireRequest

SEND = "send"
"""One text to some, or many texts."""
ACCOUNT = "account"
"""What is left, and more of it."""
RECIPIENTS = "recipients"
"""Groups and who is in them."""
MEDIA = "media"
"""A part of an MMS from a phone."""

ROOM: Mapping[str, int] = {SEND: LARGE, ACCOUNT: SMALL, RECIPIENTS: SMALL, MEDIA: 0}
"""Octets of a body, by operation."""

WHOLE = "request"
"""What a JSON document may be wrapped in."""

MANY = "messages"

PARAMETERS = {
    *("user", "passwd", "f", "cmd", "id"),
    *("to", "msg", "from", "reply", "reply_id", "reply_to", "price", "ref", "test"),
    *("date_time", "reoccurrence", "reoccurrence_ends", "ends_after", "ends_on"),
    *("count", "group", "new_group", "name", "number"),
}

_json = Reader(PARAMETERS, raw=(WHOLE, MANY))
_inner = Reader(PARAMETERS, raw=(MANY,))


def read_login(call: Call) -> Login:
    """
    Read the request once, into ``call.fields``, and say who is calling.

    Raises Refusal: ``MALFORMED`` for JSON that is none, ``TOO_LARGE`` for more than a
    request may hold, ``MISSING_LOGIN`` without a user. Without a password the access
    must log in by its address.
    """
    fields = read_fields(call)
    user = given(fields, "user")
    if user is None:
        raise Refusal(RefusalCode.MISSING_LOGIN, field="user")
    return Login(user.strip(), given(fields, "passwd"))


def read_fields(call: Call) -> Fields:
    """
    Read the parameters of the query and the body; those of the body count first.

    Raises Refusal (``MALFORMED``, ``TOO_LARGE``); what the query says is in
    ``call.fields`` then.
    """
    call.fields = {}
    fields: dict[str, Any] = read_texts(call.request.query, decode_any)
    call.fields = fields
    if call.request.body:
        check_body(call, ROOM[call.operation])
        fields |= _read_body(call.request)
    return fields


def fields_of(call: Call) -> Fields:
    """Give what was read of a request, even of one refused before anybody read it."""
    if call.fields is None:
        with suppress(Refusal):  # what the query says is there, then
            read_fields(call)
    return call.fields or {}


def wants_json(fields: Fields) -> bool:
    """Tell whether the answer is to be JSON; anything else is the default."""
    wanted = fields.get("f")
    return isinstance(wanted, str) and wanted.strip().lower() == "json"


def _read_body(request: WireRequest) -> Fields:
    kind = request.headers.get("content-type", "")
    body = checked(request.body)
    if body[:1] == b"{" or "json" in kind.lower():
        return _read_json(body)
    return dict(read_form_pairs(body, kind, decode_any))


def _read_json(body: bytes) -> Fields:
    """Read a JSON object; what is in ``request`` counts as if it stood outside."""
    if not body:
        return {}
    document = _json.read(_in_utf8(body))
    inner = document.get(WHOLE)
    if isinstance(inner, msgspec.Raw):
        inner = _inner.read(inner) if begins(inner, b"{") else None
    return {**document, **inner} if isinstance(inner, dict) else document


def _in_utf8(body: bytes) -> bytes:
    """Give JSON in the only encoding that it may have (RFC 8259 § 8.1)."""
    if body.isascii():
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        return decode_latin1(body).encode()
    return body

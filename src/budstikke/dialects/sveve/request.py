"""Reads the fields and the login of a request."""

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
"""One text to some recipients, or many texts."""
ACCOUNT = "account"
"""Credit: its rest, and an order of more."""
RECIPIENTS = "recipients"
"""Groups and their members."""
MEDIA = "media"
"""A part of an MMS from a phone."""

ROOM: Mapping[str, int] = {SEND: LARGE, ACCOUNT: SMALL, RECIPIENTS: SMALL, MEDIA: 0}
"""Octets of a body, by operation."""

WHOLE = "request"
"""The key that may wrap a JSON document."""

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
    Read the request, once, into ``call.fields``; return the login.

    Raises Refusal: ``MALFORMED`` for bad JSON, ``TOO_LARGE`` for too large a request,
    ``MISSING_LOGIN`` without a user. Without a password the access must log in by its
    address.
    """
    fields = read_fields(call)
    user = given(fields, "user")
    if user is None:
        raise Refusal(RefusalCode.MISSING_LOGIN, field="user")
    return Login(user.strip(), given(fields, "passwd"))


def read_fields(call: Call) -> Fields:
    """
    Read the parameters of the query and of the body, which takes precedence.

    Raises Refusal (``MALFORMED``, ``TOO_LARGE``); then ``call.fields`` has the query's.
    """
    call.fields = {}
    fields: dict[str, Any] = read_texts(call.request.query, decode_any)
    call.fields = fields
    if call.request.body:
        check_body(call, ROOM[call.operation])
        fields |= _read_body(call.request)
    return fields


def fields_of(call: Call) -> Fields:
    """Return what was read of a request, even of one that was refused before."""
    if call.fields is None:
        with suppress(Refusal):  # ``call.fields`` has the query's then
            read_fields(call)
    return call.fields or {}


def wants_json(fields: Fields) -> bool:
    """Whether the answer is JSON; the default is XML or plain text."""
    wanted = fields.get("f")
    return isinstance(wanted, str) and wanted.strip().lower() == "json"


def _read_body(request: WireRequest) -> Fields:
    kind = request.headers.get("content-type", "")
    body = checked(request.body)
    if body[:1] == b"{" or "json" in kind.lower():
        return _read_json(body)
    return dict(read_form_pairs(body, kind, decode_any))


def _read_json(body: bytes) -> Fields:
    """Read a JSON object; the content of ``request`` counts as outside."""
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

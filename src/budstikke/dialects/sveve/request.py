"""From the bytes of a request to its fields, and who is calling."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.dialects.contract import Login
from budstikke.dialects.query import read_query
from budstikke.dialects.sveve.values import given
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
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

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_json = msgspec.json.Decoder()


def read_login(call: Call) -> Login:
    """
    Read the request once, into ``call.fields``, and say who is calling.

    Raises Refusal: ``MALFORMED`` for JSON that is none, ``MISSING_LOGIN`` without a
    user. Without a password the access must log in by its address.
    """
    fields = read_fields(call)
    user = given(fields, "user")
    if user is None:
        raise Refusal(RefusalCode.MISSING_LOGIN, field="user")
    return Login(user.strip(), given(fields, "passwd"))


def read_fields(call: Call) -> Fields:
    """
    Read the parameters of the query and the body; those of the body count first.

    Raises Refusal (``MALFORMED``); what the query says is in ``call.fields`` then.
    """
    fields: dict[str, Any] = _read_pairs(call.request.query)
    call.fields = fields
    if call.request.body:
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


def _read_pairs(raw: bytes) -> dict[str, str]:
    return {name: _decode(value) for name, value in read_query(raw).items()}


def _decode(value: bytes) -> str:
    """Read UTF-8, and what is none as ISO-8859-1: a client's old source file."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _read_body(request: WireRequest) -> Fields:
    body = request.body.removeprefix(_BYTE_ORDER_MARK).strip()
    if body[:1] == b"{" or "json" in request.headers.get("content-type", "").lower():
        return _read_json(body)
    return _read_pairs(body)


def _read_json(body: bytes) -> Fields:
    """Read a JSON object; what is in ``request`` counts as if it stood outside."""
    try:
        document = _json.decode(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise Refusal(RefusalCode.MALFORMED) from error
    if not isinstance(document, dict):
        raise Refusal(RefusalCode.MALFORMED)
    inner = document.get("request")
    return {**document, **inner} if isinstance(inner, dict) else document

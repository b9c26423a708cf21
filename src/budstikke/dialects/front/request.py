"""From the bytes of a request to its fields, and who is calling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.dialects.contract import Login
from budstikke.dialects.front.values import given
from budstikke.dialects.query import decode, read_query
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from budstikke.dialects.contract import Call
    from budstikke.dialects.front.values import Fields

PUSH = "push"
"""One message by GET."""
PUSH_JSON = "push_json"
"""One message by POST."""
BULK = "bulk"
"""The same text to many, by POST."""

CODECS = {
    "iso-8859-1": "latin-1",
    "utf8": "utf-8",
    "utf-8": "utf-8",
}
"""What ``encoding`` may say, in any case."""

_UNDECODABLE = "not what it says"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_json = msgspec.json.Decoder()


def read_login(call: Call) -> Login:
    """
    Read the request once, into ``call.fields``, and say who is calling.

    Raises Refusal: ``MALFORMED`` for a body that is not a JSON object,
    ``MISSING_LOGIN`` without a serviceid.
    """
    request = call.request
    if call.operation == PUSH:
        fields: Fields = _read_get(request.query)
    else:
        fields = _read_json(request.body)
    call.fields = fields
    identifier = given(fields, "serviceid")
    if identifier is None:
        raise Refusal(RefusalCode.MISSING_LOGIN, field="serviceid")
    return Login(identifier.strip(), given(fields, "password"))


def check_encoding(fields: Fields) -> None:
    """Refuse an ``encoding`` that is unknown, or that the values are not in."""
    encoding = given(fields, "encoding")
    if encoding is not None and encoding.strip().lower() not in CODECS:
        raise Refusal(RefusalCode.BAD_FIELD, field="encoding", value=encoding)


def _read_get(query: bytes) -> dict[str, str]:
    """
    Decode by what ``encoding`` says, ISO-8859-1 if nothing.

    When that can't be done the fields say so under ``encoding``: other faults of the
    request are answered first (see ``order``).
    """
    raw = read_query(query)
    encoding = raw.get("encoding")
    if encoding is None:
        return decode(raw, "latin-1")
    codec = CODECS.get(encoding.decode("latin-1").strip().lower(), "latin-1")
    try:
        return decode(raw, codec)
    except UnicodeDecodeError:
        return decode(raw, "latin-1") | {"encoding": _UNDECODABLE}


def _read_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object; always UTF-8 (Front v3.05 § 2.1)."""
    try:
        document = _json.decode(body.removeprefix(_BYTE_ORDER_MARK))
    except (ValueError, RecursionError) as error:
        raise Refusal(RefusalCode.MALFORMED) from error
    if not isinstance(document, dict):
        raise Refusal(RefusalCode.MALFORMED)
    return document

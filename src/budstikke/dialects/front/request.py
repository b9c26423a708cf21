"""Reads the fields and the login of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.dialects.bounds import LARGE, SMALL, check_body
from budstikke.dialects.contract import Login
from budstikke.dialects.document import Reader, checked
from budstikke.dialects.front.template import TEMPLATE_NAMES
from budstikke.dialects.front.values import given
from budstikke.dialects.query import read_texts
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text import decode_latin1

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.dialects.contract import Call
    from budstikke.dialects.front.values import Fields

PUSH = "push"
"""One message, by GET."""
PUSH_JSON = "push_json"
"""One message, by POST."""
BULK = "bulk"
"""One text to many recipients, by POST."""

ROOM: Mapping[str, int] = {PUSH: 0, PUSH_JSON: SMALL, BULK: LARGE}
"""Octets of a body, by operation; by GET it is not read."""

OPTION_NAMES = frozenset({"flash", "protocolid", "validity", "ref", "scheduled"})
PARAMETERS = {
    *("serviceid", "password", "phoneno", "group", "txt", "fromid", "price"),
    *("unicode", "encoding", *OPTION_NAMES, *TEMPLATE_NAMES),
}

DECODERS: Mapping[str, Callable[[bytes], str]] = {
    "iso-8859-1": decode_latin1,
    "utf8": bytes.decode,
    "utf-8": bytes.decode,
}
"""Values of ``encoding``, in any case."""

_UNDECODABLE = "not what it says"
_json = Reader(PARAMETERS)


def read_login(call: Call) -> Login:
    """
    Read the request, once, into ``call.fields``; return the login.

    Raises Refusal: ``MALFORMED`` for a body that is no JSON object, ``TOO_LARGE`` for
    one that is too large, ``MISSING_LOGIN`` without a serviceid.
    """
    request = call.request
    if call.operation == PUSH:
        fields: Fields = _read_get(request.query)
    else:
        check_body(call, ROOM[call.operation])
        fields = _read_json(request.body)
    call.fields = fields
    identifier = given(fields, "serviceid")
    if identifier is None:
        raise Refusal(RefusalCode.MISSING_LOGIN, field="serviceid")
    return Login(identifier.strip(), given(fields, "password"))


def check_encoding(fields: Fields) -> None:
    """Refuse an unknown ``encoding``, or one that the values do not have."""
    encoding = given(fields, "encoding")
    if encoding is not None and encoding.strip().lower() not in DECODERS:
        raise Refusal(RefusalCode.BAD_FIELD, field="encoding", value=encoding)


def _read_get(query: bytes) -> dict[str, str]:
    """
    Decode by ``encoding``, or ISO-8859-1 (as Windows-1252) without one.

    If that fails, the field ``encoding`` says so, because other errors of the request
    are answered first (see ``order``).
    """
    fields = read_texts(query, decode_latin1)
    encoding = fields.get("encoding", "").strip().lower()
    decode = DECODERS.get(encoding, decode_latin1)
    if decode is decode_latin1:
        return fields
    try:
        return read_texts(query, decode)
    except UnicodeDecodeError:
        return fields | {"encoding": _UNDECODABLE}


def _read_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object; always UTF-8 (Front v3.05 § 2.1)."""
    return _json.read(checked(body))

"""Reads the login, and the order in a form (46elks, "Send an SMS")."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.bounds import SMALL, check_body
from budstikke.dialects.contract import Login
from budstikke.dialects.form import read_form_pairs
from budstikke.dialects.query import decode_any
from budstikke.domain.message import Order
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.url import Url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call

SEND = "send"

DRY_RUN = "dryrun"

FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "true", "1"), True),
    **dict.fromkeys(("", "no", "false", "0"), False),
}
"""Values of ``flashsms`` and ``dryrun``, in any case; the source has only ``yes``."""

LONGEST_URL = 2000
"""Characters of ``whendelivered``."""


def read_login(call: Call) -> Login:
    """
    Read HTTP Basic authentication (RFC 7617).

    Raises Refusal: ``MISSING_LOGIN`` without it, ``TOO_LARGE`` for too large a body.
    """
    check_body(call, SMALL)
    given = call.request.headers.get("authorization", "")
    scheme, _, encoded = given.partition(" ")
    if scheme.lower() != "basic":
        raise Refusal(RefusalCode.MISSING_LOGIN)
    try:
        text = decode_any(b64decode(encoded.strip(), validate=True))
    except ValueError as error:
        raise Refusal(RefusalCode.MISSING_LOGIN) from error
    username, _, password = text.partition(":")
    if not username:
        raise Refusal(RefusalCode.MISSING_LOGIN)
    return Login(username, password or None)


def read_order(call: Call) -> Order:
    """Read the form, into ``call.fields``, and the order in it; raises Refusal."""
    request = call.request
    kind = request.headers.get("content-type", "")
    fields = dict(read_form_pairs(request.body, kind, decode_any))
    call.fields = fields
    originator, recipient = _required(fields, "from"), _required(fields, "to")
    text = _required(fields, "message")
    url = _url(fields)
    return Order(
        recipients=(recipient.strip(),),
        text=text,
        originator=originator.strip(),
        flash=_flag(fields, "flashsms"),
        report=bool(url),
        interim=bool(url),
        test=_flag(fields, DRY_RUN),
        callback_url=url,
    )


def _required(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value.strip():
        raise Refusal(RefusalCode.MISSING_FIELD, field=name)
    return value


def _flag(fields: Mapping[str, str], name: str) -> bool:
    """Read a flag; an unknown value is refused, lest a dry run become a real one."""
    value = fields.get(name, "")
    flag = FLAGS.get(value.strip().lower())
    if flag is None:
        raise Refusal(RefusalCode.BAD_FIELD, field=name, value=value)
    return flag


def _url(fields: Mapping[str, str]) -> str:
    """Read the URL of delivery reports; empty: none."""
    value = fields.get("whendelivered", "").strip()
    try:
        url: str = msgspec.convert(value, Url)
    except msgspec.ValidationError as error:
        refusal = Refusal(RefusalCode.BAD_FIELD, field="whendelivered", value=value)
        raise refusal from error
    if len(url) > LONGEST_URL:
        raise Refusal(RefusalCode.BAD_FIELD, field="whendelivered", value=value)
    return url

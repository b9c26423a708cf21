"""
Reads single parameters of a query or of JSON.

A parameter that is missing, ``null`` or blank counts as not given. A JSON number for a
text, or a text for a number, is accepted; arrays and objects are not.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    Fields = Mapping[str, Any]

_moment = re.compile(
    r"([0-9]{4}-?[0-9]{2}-?[0-9]{2})[T ]([0-9:.,]+)(Z|[ +-][0-9:]+)?"
).fullmatch


def given(fields: Fields, name: str) -> str | None:
    """
    Read a parameter as text; ``None``: it is missing or blank.

    Raises Refusal (``BAD_FIELD``) for a JSON value that has no form as text.
    """
    value = fields.get(name)
    if value is None:
        return None
    text = value if type(value) is str else as_text(value)
    if text is None:
        raise Refusal(RefusalCode.BAD_FIELD, field=name)
    return None if not text or text.isspace() else text


def is_blank(value: object) -> bool:
    """Whether a JSON value counts as not given."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def required(fields: Fields, name: str) -> str:
    """Read a parameter as text; raises Refusal (``MISSING_FIELD``) without one."""
    text = given(fields, name)
    if text is None:
        raise Refusal(RefusalCode.MISSING_FIELD, field=name)
    return text


def as_text(value: object) -> str | None:
    """Write a JSON scalar as in a query; ``None`` for other values."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return str(value) if isinstance(value, int | float) else None


def bad(name: str, value: str) -> Refusal:
    """Make the refusal of a bad parameter."""
    return Refusal(RefusalCode.BAD_FIELD, field=name, value=value)


def flag(fields: Fields, name: str) -> bool:
    """Read ``true`` or ``false`` in any case; false if it is not given."""
    text = given(fields, name)
    if text is None:
        return False
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise bad(name, text)
    return word == "true"


def integer(text: str) -> int | None:
    """Read a decimal number of any length; above 10^17 only its magnitude is right."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits.lstrip("0")[:18] or "0")


def moment(text: str) -> datetime | None:
    """
    Read an ISO 8601 date with time; without an offset it is in UTC.

    A blank may stand for the ``T``, and for the ``+`` of an offset, which a client may
    not have escaped.
    """
    found = _moment(text.strip().upper())
    if not found:
        return None
    date, time, zone = found.groups()
    try:
        return datetime.fromisoformat(f"{date}T{time}{(zone or 'Z').replace(' ', '+')}")
    except ValueError:
        return None

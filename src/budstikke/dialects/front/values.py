"""
Reading single parameters, whether they came in a query or in JSON.

A parameter that is missing, ``null`` or blank counts as not given. Where JSON has a
number for a text or the other way round, it is taken; arrays and objects are not.
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
    Read a parameter as text; ``None`` when it is missing or blank.

    Raises Refusal (``BAD_FIELD``) for a JSON value that can't be written as text.
    """
    value = fields.get(name)
    if value is None:
        return None
    text = value if type(value) is str else as_text(value)
    if text is None:
        raise Refusal(RefusalCode.BAD_FIELD, field=name)
    return None if not text or text.isspace() else text


def is_blank(value: object) -> bool:
    """Tell whether a JSON value counts as not given."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def required(fields: Fields, name: str) -> str:
    """Do as ``given``, but raise Refusal (``MISSING_FIELD``) instead of ``None``."""
    text = given(fields, name)
    if text is None:
        raise Refusal(RefusalCode.MISSING_FIELD, field=name)
    return text


def as_text(value: object) -> str | None:
    """Write a JSON scalar as it would stand in a query; ``None`` for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return str(value) if isinstance(value, int | float) else None


def bad(name: str, value: str) -> Refusal:
    """Make the refusal of a malformed parameter."""
    return Refusal(RefusalCode.BAD_FIELD, field=name, value=value)


def flag(fields: Fields, name: str) -> bool:
    """Read ``true`` or ``false`` in any case; false when it is not given."""
    text = given(fields, name)
    if text is None:
        return False
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise bad(name, text)
    return word == "true"


def integer(text: str) -> int | None:
    """Read a decimal number of any length; beyond 10^17 only its size is right."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits.lstrip("0")[:18] or "0")


def moment(text: str) -> datetime | None:
    """
    Read an ISO 8601 date with time; UTC when it has no offset.

    A blank is taken for the ``T``, and for the ``+`` of an offset, which a client
    may have forgotten to escape.
    """
    found = _moment(text.strip().upper())
    if not found:
        return None
    date, time, zone = found.groups()
    try:
        return datetime.fromisoformat(f"{date}T{time}{(zone or 'Z').replace(' ', '+')}")
    except ValueError:
        return None

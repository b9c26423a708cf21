"""
Reads single parameters of a query, a form or JSON.

A parameter that is missing, ``null`` or blank counts as not given. A JSON number or
boolean for a text is accepted; an object is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    Fields = Mapping[str, Any]


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


def required(fields: Fields, name: str) -> str:
    """Read a parameter as text; raises Refusal (``MISSING_FIELD``) without one."""
    text = given(fields, name)
    if text is None:
        raise Refusal(RefusalCode.MISSING_FIELD, field=name)
    return text


def as_text(value: object) -> str | None:
    """
    Write a JSON value as in a query; ``None`` for objects.

    The values of an array are separated by commas; an array within one counts as an
    object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        texts = [None if type(item) is list else as_text(item) for item in value]
        return None if None in texts else ",".join(filter(None, texts))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return str(value) if isinstance(value, int | float) else None


def bad(name: str, value: str) -> Refusal:
    """Make the refusal of a bad parameter."""
    return Refusal(RefusalCode.BAD_FIELD, field=name, value=value)


def flag(fields: Fields, name: str) -> bool:
    """Read a switch: ``true`` in any case or ``1`` is on, all else is off."""
    text = given(fields, name)
    return text is not None and text.strip().lower() in ("true", "1")


def integer(text: str, digits: int = 9) -> int | None:
    """Read a decimal number without sign, of at most ``digits`` digits."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    text = text.lstrip("0") or "0"
    return int(text) if len(text) <= digits else None

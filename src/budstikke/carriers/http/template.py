"""
Templates: texts with ``{name}``, and the values of a message that fill them. Pure.

A value is escaped for the place it goes to, so that a customer's text cannot leave it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from budstikke.domain.message import Part

Value = str | int | bool | None
"""What a name stands for; ``None``: the field with it is left out."""

Values = dict[str, Value]

_name = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_not_xml = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_control = re.compile(r"[\x00-\x1f\x7f]+")
_XML: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&apos;",
        "\r": "&#13;",
        "\n": "&#10;",
        "\t": "&#9;",
    }
)

_FULL_NUMBER: Final = 7
"""Digits from which on a sender is a full number, and not a short one."""

OF_A_MESSAGE: Final = frozenset(
    {
        *("recipient", "recipient_digits", "recipient_00"),
        *("sender", "sender_plus", "text", "ref", "unique", "priority", "protocol_id"),
        *("premium", "validity_seconds", "validity_minutes", "validity_ms"),
        *("expires_at", "expires_unix"),
    }
)
"""Names of what differs from message to message."""

OF_A_CARRIER: Final = frozenset(
    {"url", "username", "password", "receipt_url", "inbound_url"}
)
"""Names of what is the same for all messages of a carrier."""


def names_in(template: object) -> Iterator[str]:
    """Yield the names in a template, or in all templates of a table or list."""
    if isinstance(template, str):
        yield from _name.findall(template)
    elif isinstance(template, dict):
        for each in template.values():
            yield from names_in(each)
    elif isinstance(template, list):
        for each in template:
            yield from names_in(each)


def unique(part: Part) -> str:
    """
    Return 32 hexadecimal digits of this message alone, the same at each attempt.

    They are made of all that the message is, not of its id alone: two gateways, or a
    gateway with a new database, have equal ids.
    """
    words = (part.id, part.expires_at, part.originator, part.recipient, part.text)
    octets = repr(words).encode("utf-8", "replace")
    return blake2b(octets, digest_size=16).hexdigest()


def message_values(part: Part, now: float, least: int, most: int) -> Values:
    """
    Return the values of a message.

    Args:
        part: The message, whole.
        now: Unix seconds.
        least: Shortest validity to ask for, seconds.
        most: Longest one, seconds; 0: no limit.

    """
    seconds = max(int(part.expires_at - now), least, 1)
    if most:
        seconds = min(seconds, most)
    expires = now + seconds
    digits = part.recipient.removeprefix("+")
    sender = part.originator
    bare = sender.removeprefix("+")
    full = bare.isascii() and bare.isdigit() and len(bare) >= _FULL_NUMBER
    moment = datetime.fromtimestamp(int(expires), UTC)
    return {
        "recipient": f"+{digits}",
        "recipient_digits": digits,
        "recipient_00": f"00{digits}",
        "sender": well_formed(bare if full else sender),
        "sender_plus": well_formed(f"+{bare}" if full else sender),
        "text": well_formed(part.text),
        "ref": None if part.ref is None else well_formed(part.ref),
        "unique": unique(part),
        "priority": part.priority,
        "protocol_id": part.protocol_id,
        "premium": part.premium,
        "validity_seconds": seconds,
        "validity_minutes": max(1, seconds // 60),
        "validity_ms": seconds * 1000,
        "expires_at": moment.isoformat().replace("+00:00", "Z"),
        "expires_unix": int(expires),
    }


def well_formed(text: str) -> str:
    """Replace lone surrogates, which no encoding has."""
    return text.encode("utf-8", "replace").decode()


def written(value: Value) -> str:
    """Write a value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def fill(template: str, values: Values, escape: Callable[[str], str]) -> str | None:
    """Fill a template; ``None``: one of its values is absent."""
    if any(values[name] is None for name in _name.findall(template)):
        return None
    return _name.sub(lambda match: escape(written(values[match[1]])), template)


def in_url(value: str) -> str:
    """Escape a value for a part of a URL (RFC 3986 § 2.1)."""
    return quote(value, safe="")


def in_header(value: str) -> str:
    """Make a value one line of Latin-1, as a header needs (RFC 9110 § 5.5)."""
    line = _control.sub(" ", value)
    return line.encode("latin-1", "replace").decode("latin-1").strip()


def in_xml(value: str) -> str:
    """Escape a value for an XML text or attribute; drops what XML 1.0 lacks."""
    return _not_xml.sub("", value).translate(_XML)


def _unescaped(value: str) -> str:
    return value


def form(fields: Mapping[str, Any], values: Values) -> str:
    """Write filled fields as ``application/x-www-form-urlencoded``, in UTF-8."""
    pairs: list[tuple[str, str]] = []
    for name, template in fields.items():
        for each in template if isinstance(template, list) else [template]:
            filled = fill(each, values, _unescaped) if isinstance(each, str) else each
            if filled is not None:
                pairs.append((name, written(filled)))
    return urlencode(pairs)


def json_body(fields: Mapping[str, Any], values: Values) -> bytes:
    """Write filled fields as JSON; a text that is one name alone keeps its type."""
    return msgspec.json.encode(_filled(fields, values))


def _filled(template: Any, values: Values) -> Any:
    if isinstance(template, str):
        alone = _name.fullmatch(template)
        return values[alone[1]] if alone else fill(template, values, _unescaped)
    if isinstance(template, list):
        items = [_filled(each, values) for each in template]
        return [each for each in items if each is not None]
    if isinstance(template, dict):
        pairs = {name: _filled(each, values) for name, each in template.items()}
        return {name: value for name, value in pairs.items() if value is not None}
    return template


def xml_body(template: str, values: Values) -> bytes:
    """Write a filled XML template, in UTF-8; an absent value is an empty text."""
    present = {name: written(value) for name, value in values.items()}
    return (fill(template, dict(present), in_xml) or "").encode()

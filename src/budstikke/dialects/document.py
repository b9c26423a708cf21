"""
JSON documents within limits, for the dialects that take them.

Only the parameters of a dialect are kept, and a document's values are counted before it
is parsed (``bounds``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from budstikke.dialects.bounds import (
    MOST_CONTAINERS,
    MOST_NAMES,
    MOST_VALUES,
    OCTETS_OF_A_VALUE,
    more_than,
    too_large,
)
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterable

Scalar = str | int | float | bool | None
Value = Scalar | list[Scalar]

LONGEST_NUMBER = 1600
"""
Digits in a row, as many as the longest text may have; larger whole numbers take the
square of their length to read.
"""

_ALL_DIGITS = b"0123456789"
_DIGITS = bytes(0x30 if octet in _ALL_DIGITS else 0x20 for octet in range(256))
_TOO_LONG = b"0" * (LONGEST_NUMBER + 1)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_whole = msgspec.json.Decoder()
_FAULTS = (ValueError, RecursionError, msgspec.ValidationError)


class Reader:
    """
    Reads objects of known parameters.

    Args:
        names: The parameters; others are skipped.
        raw: Those of them to keep as written (``msgspec.Raw``).

    """

    def __init__(self, names: Iterable[str], raw: Iterable[str] = ()) -> None:
        kinds: dict[str, Any] = dict.fromkeys(names, Value)
        kinds |= dict.fromkeys(raw, msgspec.Raw)
        known = TypedDict("known", kinds, total=False)  # type: ignore[misc]
        self._decoder: msgspec.json.Decoder[dict[str, Any]]
        self._decoder = msgspec.json.Decoder(known)

    def read(self, document: bytes | msgspec.Raw) -> dict[str, Any]:
        """
        Read an object; raises Refusal (``MALFORMED``).

        If values have other kinds than ``Value``, a small object is read all the same,
        so that the refusal can name the parameter.
        """
        if _has_long_number(document):
            raise Refusal(RefusalCode.MALFORMED)
        try:
            return self._decoder.decode(document)
        except msgspec.ValidationError:
            return read_whole(bytes(document))
        except _FAULTS as error:
            raise Refusal(RefusalCode.MALFORMED) from error


def _has_long_number(document: bytes | msgspec.Raw) -> bool:
    """
    Whether more than ``LONGEST_NUMBER`` digits are in a row.

    Such a row has a digit at a multiple of ``LONGEST_NUMBER``, so that only the
    surroundings of these need a look.
    """
    octets = memoryview(document)
    for place, octet in enumerate(bytes(octets[::LONGEST_NUMBER])):
        if octet in _ALL_DIGITS:
            start = max(0, (place - 1) * LONGEST_NUMBER)
            around = bytes(octets[start : (place + 1) * LONGEST_NUMBER + 1])
            if _TOO_LONG in around.translate(_DIGITS):
                return True
    return False


def begins(value: msgspec.Raw, mark: bytes) -> bool:
    """Whether a raw value is an object or an array, by its first character."""
    return bytes(memoryview(value)[:1]) == mark


def checked(body: bytes) -> bytes:
    """
    Strip a document.

    Raises Refusal (``TOO_LARGE``) if it has too many values or names.
    """
    if more_than(body, b",", MOST_VALUES + len(body) // OCTETS_OF_A_VALUE):
        raise too_large("body")
    if more_than(body, b":", MOST_NAMES):
        raise too_large("body")
    return body.removeprefix(_BYTE_ORDER_MARK).strip()


def read_whole(document: bytes) -> dict[str, Any]:
    """
    Read an object of any content, within ``MOST_CONTAINERS``.

    Raises Refusal (``MALFORMED``).
    """
    if any(more_than(document, mark, MOST_CONTAINERS) for mark in (b"{", b"[", b":")):
        raise Refusal(RefusalCode.MALFORMED)
    if document.count(b"{") + document.count(b"[") > MOST_CONTAINERS:
        raise Refusal(RefusalCode.MALFORMED)
    try:
        found = _whole.decode(document)
    except _FAULTS as error:
        raise Refusal(RefusalCode.MALFORMED) from error
    if not isinstance(found, dict):
        raise Refusal(RefusalCode.MALFORMED)
    return found

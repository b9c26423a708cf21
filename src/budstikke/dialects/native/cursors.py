"""
Cursors: where the next page begins, as opaque text for customers.

A cursor is the end of the last page, in base64. It needs no signature: a page has only
an account's own rows, wherever it begins.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

from budstikke.dialects.native.problems import Problem
from budstikke.domain.refusal import RefusalCode


def write(place: str | int | None) -> str | None:
    """Write a cursor; ``None``: there is no next page."""
    if place is None:
        return None
    return urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def read(cursor: str) -> str:
    """Read a cursor; empty: the first page. Raises Problem."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise _bad() from error


def read_id(cursor: str) -> int | None:
    """Read a cursor that is an id; ``None``: the first page. Raises Problem."""
    place = read(cursor)
    if not place:
        return None
    if not (place.isascii() and place.isdigit() and len(place) <= 18):
        raise _bad()
    return int(place)


def _bad() -> Problem:
    detail = "It is not a next_cursor of this list"
    return Problem(RefusalCode.BAD_FIELD, detail=detail, param="cursor")

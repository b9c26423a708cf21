"""Writes faults of a request's JSON in the API's words."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.native.problems import NO_FIELD, Problem
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = "Object contains unknown field `"
MISSING = "Object missing required field `"
AT, KEY = " - at `", "key` in `"
"""In msgspec's messages: the position comes last, and begins with ``$``."""

_index = re.compile(r"\[(\d+)\](.*)", re.DOTALL).fullmatch


@contextmanager
def faults_of(body: bytes) -> Iterator[None]:
    """Turn msgspec's errors about ``body`` in the block into a Problem."""
    try:
        yield
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(body) from error
    except msgspec.DecodeError as error:
        raise _broken(str(error), len(body)) from error


def unknown(name: str) -> Problem:
    """Make the problem of an unknown field."""
    return Problem(RefusalCode.BAD_FIELD, detail=NO_FIELD, param=name)


def invalid(fault: str, array: str = "", start: int = 0) -> Problem:
    """
    Make the problem of a bad value from msgspec's message.

    ``Object contains unknown field `x` - at `$.recipients[0]``` becomes ``bad_field``
    with the parameter ``recipients[0].x``. Takes time linear in the length of names,
    which come from the customer.

    Args:
        fault: msgspec's message.
        array: The array whose elements were read alone; empty: none.
        start: The index of the first of these.

    """
    what, found, place = fault.rpartition(AT)
    place = place.removeprefix(KEY)
    if not found or not place.startswith("$"):
        what, place = fault, "$`"
    where = place[1:-1].removeprefix(".")
    if array and (element := _index(where)):
        where = f"{array}[{start + int(element[1])}]{element[2]}"
    for prefix, code in (
        (UNKNOWN, RefusalCode.BAD_FIELD),
        (MISSING, RefusalCode.MISSING_FIELD),
    ):
        if what.startswith(prefix):
            name = what.removeprefix(prefix).removesuffix("`")
            param = f"{where}.{name}".lstrip(".")
            if code is RefusalCode.BAD_FIELD:
                return unknown(param)
            return Problem(code, detail="It is needed", param=param)
    return Problem(RefusalCode.BAD_FIELD, detail=what, param=where)


def _not_utf8(body: bytes) -> Problem:
    """Say where a body is not UTF-8."""
    place = ""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        place = f" (byte {error.start})"
    return Problem(RefusalCode.MALFORMED, detail=f"The body is not UTF-8{place}")


def _broken(fault: str, size: int) -> Problem:
    """Say where JSON is broken."""
    if not size:
        fault = "the body is empty"
    elif fault == "Input data was truncated":
        fault = f"It ends too early (byte {size})"
    detail = fault.removeprefix("JSON is malformed: ")
    return Problem(RefusalCode.MALFORMED, detail=f"Not JSON: {detail}")

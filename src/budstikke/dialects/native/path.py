"""Reads the parameters of a path: ids, numbers, names of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from budstikke.dialects.native.contacts import checked_name
from budstikke.dialects.native.exchange import PathValues
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.domain.number import international, why_not
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_VALUES = PathValues()


def read_path(parameters: Mapping[str, str]) -> PathValues:
    """
    Read the parameters of a path; raises Problem.

    They are undecoded, octets as Latin-1, so that a group's name may have a slash
    (``%2F``).
    """
    if not parameters:
        return NO_VALUES
    try:
        decoded = {
            name: unquote_to_bytes(raw.encode("latin-1")).decode()
            for name, raw in parameters.items()
        }
    except UnicodeDecodeError as error:
        raise Problem(Fault.NOT_FOUND) from error
    values: dict[str, Any] = {name: READ[name](text) for name, text in decoded.items()}
    return PathValues(**values)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(Fault.NOT_FOUND)
    return int(text)


def _number(text: str) -> str:
    number = international(text)
    if number is None:
        code = why_not(text) or RefusalCode.BAD_RECIPIENT
        raise Problem(code, param="number")
    return number


def _media(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise Problem(Fault.NOT_FOUND)
    return text


READ: Mapping[str, Callable[[str], object]] = {
    "id": _id,
    "number": _number,
    "name": checked_name,
    "media": _media,
}
"""By parameter: its reader, which raises Problem."""

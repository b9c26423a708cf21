"""Message ids on the wire: the form that an access wants, written and read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from budstikke.smpp.versions import LONGEST_OLD_ID, speaks_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

IdForm = Literal["decimal", "hex", "padded"]

WRITE: Final[Mapping[IdForm, Callable[[int], str]]] = {
    "decimal": str,
    "hex": "{:X}".format,
    "padded": "{:010}".format,
}
"""By form: how to write a message id; ``padded`` has ten decimal digits or more."""

MOST: Final = (1 << 55) - 1
"""The largest message id: a part's id has eight bits more."""

_decimal = re.compile(r"[0-9]{1,20}").fullmatch
_hexadecimal = re.compile(r"[0-9A-Fa-f]{1,16}").fullmatch


def write_id(form: IdForm, message_id: int, version: int) -> str:
    """
    Write a message id for a client of this interface_version.

    A client before 3.4 has room for eight octets: an id that is longer in this form is
    written there in hexadecimal digits, of which eight last for four thousand million.
    """
    text = WRITE[form](message_id)
    if len(text) > LONGEST_OLD_ID and not speaks_parameters(version):
        return WRITE["hex"](message_id)[-LONGEST_OLD_ID:]
    return text


def read_id(form: IdForm, text: str) -> int | None:
    """Read an id that a client repeats; ``None``: it is none. Case does not matter."""
    text = text.strip()
    digits = _hexadecimal(text) if form == "hex" else _decimal(text)
    if digits is None:
        return None
    number = int(text, 16 if form == "hex" else 10)
    return number if 0 < number <= MOST else None

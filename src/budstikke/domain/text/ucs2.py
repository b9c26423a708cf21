"""
UCS-2 as phones and operators send it: UTF-16, and its byte order mark.

Big endian is meant (3GPP TS 23.038 § 6.2.3). Where a mark stands before a text, the
mark says the order and is no part of the text (RFC 2781 § 4.3). A text in several
parts has it in the first one, or in each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

BIG_ENDIAN: Final = "utf-16-be"
_MARKS: Final = {b"\xfe\xff": BIG_ENDIAN, b"\xff\xfe": "utf-16-le"}


def ucs2_join(bodies: Iterable[bytes], order: str = BIG_ENDIAN) -> tuple[str, str]:
    """
    Decode the parts of a text, in order; never fails.

    A character may be cut in two by parts; half a character shows U+FFFD. U+FFFE is no
    character, so that a mark of the other order can be told wherever a part begins.

    Args:
        bodies: User data without headers.
        order: The codec of what came before, if no mark says otherwise.

    Returns:
        The text, and the order at its end.

    """
    texts: list[str] = []
    waiting: list[bytes] = []
    size = 0
    for body in bodies:
        marked = _MARKS.get(body[:2]) if size % 2 == 0 else None
        if marked is not None and marked != order:
            texts.append(b"".join(waiting).decode(order, "replace"))
            waiting, size, order = [], 0, marked
        waiting.append(body if marked is None else body[2:])
        size += len(waiting[-1])
    texts.append(b"".join(waiting).decode(order, "replace"))
    return "".join(texts), order

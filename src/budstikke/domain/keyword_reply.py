"""
The receipt of a keyword: what its phone is answered, with the customer's words. Pure.

Sveve, "Pushes to the customer": ``%HTTP_PUSH_RESPONSE%`` in a receipt's text stands for
the body that the customer's server answered the push with.
"""

from __future__ import annotations

PLACEHOLDER = "%HTTP_PUSH_RESPONSE%"

MOST = 1071
"""Characters of a receipt: seven segments of 153 septets."""


def waits(receipt: str) -> bool:
    """Tell whether a receipt's text waits for what the customer answers."""
    return PLACEHOLDER in receipt


def with_answer(receipt: str, body: bytes) -> str:
    """
    Put what the customer answered (UTF-8; what is none is replaced) into a receipt.

    It is cut so that the whole has ``MOST`` characters at most; where the placeholder
    stands several times each gets the same.
    """
    *before, last = receipt.split(PLACEHOLDER)
    if not before:
        return receipt[:MOST]
    said = body.decode("utf-8", "replace").replace("\0", "").strip()
    room = MOST - sum(map(len, before)) - len(last)
    said = said[: max(room, 0) // len(before)].rstrip()
    return said.join((*before, last))[:MOST].strip()


def without_answer(receipt: str) -> str:
    """Leave the placeholder out of a receipt: nothing usable was answered."""
    return receipt.replace(PLACEHOLDER, "")[:MOST].strip()

"""
A keyword's auto-reply that quotes the customer's answer. Pure.

Sveve, "Pushes to the customer": ``%HTTP_PUSH_RESPONSE%`` in its text stands for the
body with which the customer's server answered the push.
"""

from __future__ import annotations

PLACEHOLDER = "%HTTP_PUSH_RESPONSE%"

MOST = 1071
"""Characters of an auto-reply at most: seven segments of 153 septets."""


def waits(receipt: str) -> bool:
    """Whether an auto-reply waits for the customer's answer to the push."""
    return PLACEHOLDER in receipt


def filled(receipt: str, body: bytes | None) -> str:
    """Fill in a receipt; ``body`` ``None``: the customer has not answered."""
    return without_answer(receipt) if body is None else with_answer(receipt, body)


def with_answer(receipt: str, body: bytes) -> str:
    """
    Put the customer's answer (UTF-8, bad octets replaced) into an auto-reply.

    It is cut so that the result has at most ``MOST`` characters; each of several
    placeholders gets the same text.
    """
    *before, last = receipt.split(PLACEHOLDER)
    if not before:
        return receipt[:MOST]
    answer = body.decode("utf-8", "replace").replace("\0", "").strip()
    room = MOST - sum(map(len, before)) - len(last)
    answer = answer[: max(room, 0) // len(before)].rstrip()
    return answer.join((*before, last))[:MOST].strip()


def without_answer(receipt: str) -> str:
    """Remove the placeholder from an auto-reply: there is no usable answer."""
    return receipt.replace(PLACEHOLDER, "")[:MOST].strip()

"""Idempotency keys: the row of an order with a key, and the answer to a repeat."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import Accepted
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from budstikke.domain.message import Order

_decode = msgspec.json.Decoder(Accepted).decode
_encode = msgspec.json.Encoder().encode


def digest(order: Order) -> str:
    """Hash what must be equal in two orders with the same idempotency key."""
    return sha256(_encode(order)).hexdigest()


def stored_key(order: Order, result: Accepted) -> tuple[str, str, bytes]:
    """Make the row of an order's key: the key, the order's digest, its answer."""
    return order.key, digest(order), _encode(result)


def replay(order: Order, stored: tuple[str, bytes] | None) -> Accepted:
    """
    Return the first order's answer for a repeat.

    ``stored`` is the first order's (digest, answer). Raises Refusal with ``BAD_FIELD``
    ``key`` if the orders differ, or nothing is stored.
    """
    if stored is None or stored[0] != digest(order):
        raise Refusal(RefusalCode.BAD_FIELD, field="key", value=order.key)
    return replace(_decode(stored[1]), replayed=True)

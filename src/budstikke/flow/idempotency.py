"""Idempotency keys: what is stored of an order that has one, and the replay of it."""

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
    """Compute what tells two orders with the same idempotency key apart."""
    return sha256(_encode(order)).hexdigest()


def stored_key(order: Order, result: Accepted) -> tuple[str, str, bytes]:
    """Make the row of an order's key: the key, the order's digest, its answer."""
    return order.key, digest(order), _encode(result)


def replay(order: Order, stored: tuple[str, bytes] | None) -> Accepted:
    """
    Answer an order as its key was answered the first time.

    ``stored`` is (digest, answer) of that order. Raises Refusal with ``BAD_FIELD``
    ``key`` when it was another order, or when nothing is stored.
    """
    if stored is None or stored[0] != digest(order):
        raise Refusal(RefusalCode.BAD_FIELD, field="key", value=order.key)
    return replace(_decode(stored[1]), replayed=True)

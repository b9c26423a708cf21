"""
Fail-over: when a part may go to another carrier of its route, and to which. Pure.

What counts is whether the first carrier may have the part. If it cannot, a move is
safe. If it may, the phone may get the text twice, and only the account's rule can
allow that (its settings ``unsure`` and ``no_receipt``). A move never charges anything:
the charge is the one of the acceptance.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence


class Trouble(StrEnum):
    """What is wrong with the first carrier."""

    REFUSED = "refused"
    """It refused the part with a code that says "elsewhere"."""
    THROTTLED = "throttled"
    """It has throttled the part for too long."""
    DOWN = "down"
    """It has been down for too long; the part is in the queue."""
    UNSURE = "unsure"
    """It did not answer, and no delivery report came in time."""
    NO_RECEIPT = "no_receipt"
    """It took the part, and no delivery report came in time."""


class Otherwise(StrEnum):
    """What becomes of a part that no other carrier may have."""

    REJECTED = "rejected"
    UNDELIVERED = "undelivered"
    STAYS = "stays"


class Rule(NamedTuple):
    """
    A row of ``FAIL_OVER``.

    Attributes:
        may_have: The first carrier may have the part: the account's rule decides.
        up: Only to a carrier that is up. Otherwise one that is up goes first.
        otherwise: If there is no other carrier, or the account forbids it.

    """

    may_have: bool
    up: bool
    otherwise: Otherwise


FAIL_OVER: Mapping[Trouble, Rule] = {
    Trouble.REFUSED: Rule(may_have=False, up=False, otherwise=Otherwise.REJECTED),
    Trouble.THROTTLED: Rule(may_have=False, up=True, otherwise=Otherwise.STAYS),
    Trouble.DOWN: Rule(may_have=False, up=True, otherwise=Otherwise.STAYS),
    Trouble.UNSURE: Rule(may_have=True, up=False, otherwise=Otherwise.UNDELIVERED),
    Trouble.NO_RECEIPT: Rule(may_have=True, up=False, otherwise=Otherwise.STAYS),
}


def next_carrier(
    trouble: Trouble,
    carrier_id: int,
    carriers: Sequence[int],
    *,
    tried: Collection[int],
    up: Callable[[int], bool],
    allowed: bool = False,
) -> int | None:
    """
    Choose the carrier that gets a part next; ``None``: see ``FAIL_OVER``.

    Args:
        trouble: What is wrong.
        carrier_id: The carrier that has the part now.
        carriers: Those of its route, in order.
        tried: Carriers that refused it, or may have it; none gets it a second time.
        up: Tells whether a carrier is up.
        allowed: The account's rule allows that the phone gets the text twice.

    """
    rule = FAIL_OVER[trouble]
    if rule.may_have and not allowed:
        return None
    others = [each for each in carriers if each != carrier_id and each not in tried]
    ready = [each for each in others if up(each)]
    if ready:
        return ready[0]
    return others[0] if others and not rule.up else None


def read_tried(tried: str) -> tuple[int, ...]:
    """Read the ids of carriers that a part's row keeps, separated by blanks."""
    return tuple(map(int, tried.split()))


def and_tried(tried: str, carrier_id: int) -> str:
    """Add a carrier to those that a part's row keeps."""
    if carrier_id in read_tried(tried):
        return tried
    return f"{tried} {carrier_id}".strip()

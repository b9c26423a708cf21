"""The message that an orphan, a report without a part, is probably about. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

EARLY = 60.0
"""Seconds by which a report may precede its message: clocks of nodes differ."""

TAIL = 8
"""Last digits by which numbers are compared: operators write prefixes variously."""


class Orphan(msgspec.Struct, frozen=True):
    """
    A delivery report without a part.

    Attributes:
        carrier: Its name.
        smsc_id: The operator's message id.
        state: ``domain.receipt.ReceiptState`` value.
        raw: The operator's own words.
        at: The operator's date, Unix seconds.
        recipient: E.164 with ``+``; may be empty.
        came_at: When it came, Unix seconds.
        kept_until: When the gateway forgets it, Unix seconds.

    """

    id: int
    carrier_id: int
    carrier: str
    smsc_id: str
    state: str
    reason: str
    raw: str
    at: float
    recipient: str
    came_at: float
    kept_until: float


class Candidate(msgspec.Struct, frozen=True):
    """A part of a message that an orphan may be about."""

    message_id: int
    recipient: str
    carrier_id: int
    accepted_at: float
    state: str
    smsc_id: str | None
    account: str
    privacy: str


def likeliest(orphan: Orphan, candidates: Iterable[Candidate]) -> Candidate | None:
    """
    Choose the message that an orphan is probably about; ``None``: there is none.

    It has the same carrier and recipient, and was accepted before the report came; of
    several, the nearest in time.
    """
    tail = orphan.recipient[-TAIL:]
    if not tail:
        return None
    fitting = [
        each
        for each in candidates
        if each.carrier_id == orphan.carrier_id
        and each.recipient.endswith(tail)
        and each.accepted_at <= orphan.came_at + EARLY
    ]
    return max(
        fitting, key=lambda each: (each.accepted_at, each.message_id), default=None
    )

"""
The states of parts and messages, and the rules for moving between them.

To change a rule, edit the tables, not the functions. docs/states.md has the output of
``python -m budstikke.domain.states``, and a test compares them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class PartState(StrEnum):
    """The state of a segment."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNSURE = "unsure"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class MessageState(StrEnum):
    """
    The state of a message.

    ``sent`` is never stored: an ``accepted`` message whose parts have all left is read
    as ``sent``, so that its row is written at acceptance and in its final state only.
    """

    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


P, M = PartState, MessageState

PART_MOVES: dict[PartState, frozenset[PartState]] = {
    P.QUEUED: frozenset({P.SENDING, P.DELIVERED, P.EXPIRED, P.REJECTED, P.CANCELLED}),
    P.SENDING: frozenset(
        {P.QUEUED, P.SENT, P.UNSURE, P.REJECTED, P.DELIVERED, P.UNDELIVERED, P.EXPIRED}
    ),
    P.SENT: frozenset({P.QUEUED, P.DELIVERED, P.UNDELIVERED, P.EXPIRED, P.REJECTED}),
    P.UNSURE: frozenset(
        {P.QUEUED, P.SENT, P.DELIVERED, P.UNDELIVERED, P.EXPIRED, P.REJECTED}
    ),
    P.DELIVERED: frozenset(),
    P.UNDELIVERED: frozenset(),
    P.EXPIRED: frozenset(),
    P.REJECTED: frozenset(),
    P.CANCELLED: frozenset(),
}
"""By state of a part: the states that it may change to."""

PART_MEANINGS: dict[PartState, str] = {
    P.QUEUED: "stored, and waits for a carrier or for its time",
    P.SENDING: "a node has claimed it and is sending it to the operator",
    P.SENT: "the operator has accepted it",
    P.UNSURE: "it was sent, but no response came: nobody knows whether the operator "
    "has it",
    P.DELIVERED: "the operator reports that the phone has it",
    P.UNDELIVERED: "the operator reports that it failed, or an unsure part got no "
    "report",
    P.EXPIRED: "its validity ended before it was sent or delivered",
    P.REJECTED: "an operator refused it",
    P.CANCELLED: "the customer cancelled it before it was sent",
}
"""The meaning of each state, for docs/states.md."""

FINAL_PART = frozenset(state for state, moves in PART_MOVES.items() if not moves)

FINAL_MESSAGE = frozenset(
    {M.DELIVERED, M.UNDELIVERED, M.EXPIRED, M.REJECTED, M.CANCELLED}
)

FAILURE_RANK: tuple[tuple[PartState, MessageState], ...] = (
    (P.REJECTED, M.REJECTED),
    (P.UNDELIVERED, M.UNDELIVERED),
    (P.EXPIRED, M.EXPIRED),
    (P.CANCELLED, M.CANCELLED),
)
"""A failed part fails its message; of several failures the first row here counts."""


def message_state(parts: Collection[PartState]) -> MessageState:
    """
    Derive a message's state from all of its parts.

    A message is delivered when every part is, and fails when one part fails: the rest
    cannot be read as a whole.
    """
    for part, message in FAILURE_RANK:
        if part in parts:
            return message
    if all(part is P.DELIVERED for part in parts):
        return M.DELIVERED
    if any(part in (P.QUEUED, P.SENDING, P.UNSURE) for part in parts):
        return M.ACCEPTED
    return M.SENT


def table() -> str:
    """Write the part moves as a Markdown table, for docs/states.md."""
    rows = ["| state of a part | what it means | next states |", "|---|---|---|"]
    for state, moves in PART_MOVES.items():
        after = ", ".join(move for move in PartState if move in moves) or "(final)"
        rows.append(f"| {state} | {PART_MEANINGS[state]} | {after} |")
    return "\n".join(rows)


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")

"""What carriers report: outcomes of sending, and delivery reports."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Final

import msgspec


class Reason(StrEnum):
    """Why a part did not arrive; operators' codes map to these."""

    NONE = ""
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    ABSENT = "absent"
    EXPIRED = "expired"
    REJECTED = "rejected"
    BARRED = "barred"
    CONTENT = "content"
    PREMIUM = "premium"
    NO_ROUTE = "no_route"
    BAD_ORIGINATOR = "bad_originator"
    THROTTLED = "throttled"
    INTERNAL = "internal"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


class Retry(StrEnum):
    """
    What to do with a rejected part.

    ``OVERFLOW``: the operator has throttled it for long. It goes to another carrier
    that is up; if there is none, as with ``SLOWER``.
    """

    NEVER = "never"
    LATER = "later"
    ELSEWHERE = "elsewhere"
    SLOWER = "slower"
    OVERFLOW = "overflow"


class Sent(msgspec.Struct, frozen=True):
    """
    The carrier accepted it.

    ``smsc_id`` is the operator's message id, as written, without blanks at its ends.
    ``smsc_key`` is its normal form by the carrier's rule (``None``: the carrier has no
    rule); ids are compared as written first, then by it. With an empty ``smsc_id`` no
    delivery report can match.
    """

    smsc_id: str
    smsc_key: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    """The carrier refused it; ``raw`` is the operator's status or words."""

    reason: Reason
    raw: str
    retry: Retry


class Unsure(msgspec.Struct, frozen=True):
    """The outcome is unknown: no response, a lost connection, or an ended lease."""

    raw: str


Outcome = Sent | Rejected | Unsure


class ReceiptState(StrEnum):
    """The state in a delivery report; ``INTERIM`` and ``UNKNOWN`` settle nothing."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    INTERIM = "interim"
    UNKNOWN = "unknown"


class Receipt(msgspec.Struct, array_like=True, frozen=True):
    """
    A delivery report from a carrier, not yet matched.

    Attributes:
        smsc_id: The message id as written in the report.
        smsc_key: Its normal form by the carrier's rule, or ``None``.
        state: Ours; an operator's unknown word becomes ``UNKNOWN``.
        reason: Ours.
        raw: The operator's status and error code, such as ``UNDELIV 001``.
        at: When it was done, Unix seconds; when it came if the report does not say.
        recipient: The phone, E.164 with ``+`` (may be empty).
        other_id: A second message id in the report; the one that matches counts. Empty:
            none.
        other_key: Normal form of the second id.

    """

    smsc_id: str
    smsc_key: str | None
    state: ReceiptState
    reason: Reason
    raw: str
    at: float
    recipient: str
    other_id: str = ""
    other_key: str | None = None

    def by_other_id(self) -> Receipt:
        """Return the same report with the second id alone."""
        return msgspec.structs.replace(
            self,
            smsc_id=self.other_id,
            smsc_key=self.other_key,
            other_id="",
            other_key=None,
        )


_DATED: Final = " (dated "


def dated(raw: str, at: float) -> str:
    """Add to an operator's words its impossible date, Unix seconds."""
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return f"{raw}{_DATED}{written})"


def undated(raw: str) -> str:
    """Return an operator's words without such a date."""
    return raw.partition(_DATED)[0]

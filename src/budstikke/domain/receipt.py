"""What carriers tell us: outcomes of sending, and receipts."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Final

import msgspec


class Reason(StrEnum):
    """Why a part did not arrive; foreign codes map to these, the raw word is kept."""

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
    """What may be done with a rejected part."""

    NEVER = "never"
    LATER = "later"
    ELSEWHERE = "elsewhere"
    SLOWER = "slower"


class Sent(msgspec.Struct, frozen=True):
    """
    The carrier took it.

    ``smsc_id`` is the message id it gave, as it was written but for blanks at its ends.
    ``smsc_key`` is the id in the link's normal form (``None`` where the link has no
    rule); ids are compared as written first, then by this second index. An empty
    ``smsc_id`` means that the operator gave none: no receipt can ever match.
    """

    smsc_id: str
    smsc_key: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    """The carrier said no; ``raw`` is what it said, word for word."""

    reason: Reason
    raw: str
    retry: Retry


class Unsure(msgspec.Struct, frozen=True):
    """Nobody knows whether the carrier has it (no answer, link lost, lease over)."""

    raw: str


Outcome = Sent | Rejected | Unsure


class ReceiptState(StrEnum):
    """What a receipt says of a part; ``INTERIM`` and ``UNKNOWN`` settle nothing."""

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
        smsc_id: The id as it was written in the receipt.
        smsc_key: The id in the link's normal form, or ``None``.
        state: Ours; unknown foreign words become ``UNKNOWN``.
        reason: Ours.
        raw: The foreign status and error code, e.g. ``UNDELIV 001``.
        at: When it was done, Unix seconds (when it reached us if it does not say).
        recipient: The subscriber it is about, E.164 with ``+`` (may be empty).
        other_id: A second id that it names, if it names two: the one that matches
            counts. Empty: none.
        other_key: That one in the link's normal form.

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
        """Make one that names its message by the second id alone."""
        return msgspec.structs.replace(
            self,
            smsc_id=self.other_id,
            smsc_key=self.other_key,
            other_id="",
            other_key=None,
        )


_DATED: Final = " (dated "


def dated(raw: str, at: float) -> str:
    """Keep beside an operator's words the date that they cannot have, Unix seconds."""
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return f"{raw}{_DATED}{written})"


def undated(raw: str) -> str:
    """Take an operator's words without such a date."""
    return raw.partition(_DATED)[0]

"""What customers are told, how often it is tried, and what then. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from budstikke.domain.inbound import InboundEvent, MediaPart
from budstikke.domain.message import StatusEvent


class SendEvent(msgspec.Struct, array_like=True, frozen=True, tag="send"):
    """
    A message to be sent in answer to one from a phone, as the account's own.

    Attributes:
        message_id: The message from the phone.
        recipient: The phone, E.164 with ``+``.
        originator: What the phone wrote to, digits.
        text: Empty: nothing is sent after all.
        why: ``receipt`` (of a keyword), ``stop`` or ``fallback`` (of an MMS).

    """

    message_id: int
    recipient: str
    originator: str
    text: str
    why: str
    at: float = 0.0


Event = StatusEvent | InboundEvent | SendEvent


class Topic(StrEnum):
    """What a callback is about."""

    STATUS = "status"
    INBOUND = "inbound"
    REPLY = "reply"
    """A message from a phone to a reply number."""


class CallbackState(StrEnum):
    """How a callback stands."""

    DUE = "due"
    """To be told at its time, or being told by whoever leases it until then."""
    QUEUED = "queued"
    """Waits for its turn in its queue."""
    DONE = "done"
    FAILED = "failed"


class QueueState(StrEnum):
    """How a queue of callbacks stands."""

    IDLE = "idle"
    DUE = "due"
    """It has callbacks; they are told at its time, or by whoever leases it."""
    PAUSED = "paused"
    """It waits for somebody to resume it."""


AGAIN: tuple[float, ...] = (5, 15, 60, 120, 300, 1800, 3600, 7200, 14400)
"""Seconds before each further try of Front's and Sveve's pushes; then it failed."""


class Policy(NamedTuple):
    """
    How a topic is told.

    Attributes:
        again: Seconds before each further try.
        queued: One after another, in order; after the last try the queue is paused.
            Otherwise they do not wait for one another, and one that failed is given up.
        timeout: Longest wait for an answer, seconds; ``None``: as the gateway is set.

    """

    again: tuple[float, ...] = AGAIN
    queued: bool = False
    timeout: float | None = None

    def next_try(self, tries: int, now: float) -> float | None:
        """
        Tell when the next try is due, Unix seconds; ``None``: there is none.

        ``tries`` counts those made, the one that just failed included.
        """
        return None if tries > len(self.again) else now + self.again[tries - 1]


class InboundRequirements(NamedTuple):
    """What a dialect must be given to tell of a message from a phone."""

    files: bool = False
    """The octets of an MMS's parts."""
    subscriber: bool = False
    """Name and address of the phone's subscriber, from the number directory."""


class InboundExtras(NamedTuple):
    """What was needed: ``files`` answers for the event's media; empty: not known."""

    files: tuple[MediaPart, ...] = ()
    name: str = ""
    address: str = ""


def topic_of(event: StatusEvent | InboundEvent) -> Topic:
    """Tell what an event is about."""
    if isinstance(event, StatusEvent):
        return Topic.STATUS
    return Topic.REPLY if event.reply else Topic.INBOUND

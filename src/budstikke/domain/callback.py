"""Callbacks: their topics, states and retry policies. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from budstikke.domain.inbound import InboundEvent, MediaPart
from budstikke.domain.message import StatusEvent


class SendEvent(msgspec.Struct, array_like=True, frozen=True, tag="send"):
    """
    A message to send in answer to one from a phone, in the account's name.

    Attributes:
        message_id: The message from the phone.
        recipient: The phone, E.164 with ``+``.
        originator: What the phone wrote to, digits.
        text: Empty: nothing is sent after all.
        why: ``receipt`` (of a keyword), ``reply`` (a customer's server's answer),
            ``stop`` or ``fallback`` (of an MMS).

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
    """The state of a callback."""

    DUE = "due"
    """Due at its time, or a node that leases it makes the attempt."""
    QUEUED = "queued"
    """An earlier callback of its queue goes first."""
    DONE = "done"
    FAILED = "failed"


class QueueState(StrEnum):
    """The state of a queue of callbacks."""

    IDLE = "idle"
    DUE = "due"
    """It has callbacks; the first is due at its time, or a node leases it."""
    PAUSED = "paused"
    """It waits for somebody to resume it."""


AGAIN: tuple[float, ...] = (5, 15, 60, 120, 300, 1800, 3600, 7200, 14400)
"""Seconds before each retry of Front's and Sveve's pushes; then it has failed."""


class Policy(NamedTuple):
    """
    How the callbacks of a topic are attempted.

    Attributes:
        again: Seconds before each retry.
        queued: They go one after another, in order; after the last attempt the queue is
            paused. Otherwise each goes alone, and fails after its last attempt.
        timeout: Longest wait for an answer, seconds; ``None``: the gateway's setting.

    """

    again: tuple[float, ...] = AGAIN
    queued: bool = False
    timeout: float | None = None

    def next_try(self, tries: int, now: float) -> float | None:
        """
        Return when the next attempt is due, Unix seconds; ``None``: there is none.

        ``tries`` counts the attempts, including the one that just failed.
        """
        return None if tries > len(self.again) else now + self.again[tries - 1]


class InboundRequirements(NamedTuple):
    """What a dialect needs beside the event to push an inbound message."""

    files: bool = False
    """The octets of an MMS's parts."""
    subscriber: bool = False
    """Name and address of the phone's subscriber, from the number directory."""


class InboundExtras(NamedTuple):
    """What the dialect needs: ``files`` of the event's media; empty: not known."""

    files: tuple[MediaPart, ...] = ()
    name: str = ""
    address: str = ""


def topic_of(event: StatusEvent | InboundEvent) -> Topic:
    """Return the topic of an event."""
    if isinstance(event, StatusEvent):
        return Topic.STATUS
    return Topic.REPLY if event.reply else Topic.INBOUND

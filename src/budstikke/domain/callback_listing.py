"""
What customers read and do of what they are told: events, the delivery log, queues.

As in ``domain.listing``: asked within one account, page by page. What the gateway
sends in answer to phones (``SendEvent``) is none of it.
"""

from __future__ import annotations

import msgspec

from budstikke.domain.callback import CallbackState, Event, QueueState, Topic


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    Events of an access of the account, oldest first.

    ``after``: only those with a higher id of their callback.
    """

    access_id: int
    limit: int
    after: int = 0


class EventsPage(msgspec.Struct, frozen=True):
    """
    Events; ``next`` is an ``after``, also when there are no more yet.

    ``more``: there were more just now.
    """

    events: tuple[Event, ...]
    next: int
    more: bool


class CallbacksQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    The delivery log of all the account's accesses, newest first.

    Attributes:
        limit: How many at most.
        before: Only those with a lower id.
        state: Only those that are in it now.
        message_id: Only those of this message, out or in.

    """

    limit: int
    before: int | None = None
    state: CallbackState | None = None
    message_id: int | None = None


class CallbackRecordQuery(msgspec.Struct, frozen=True):
    """One callback with its attempts; answered by ``CallbacksPage``: one or none."""

    callback_id: int


class Attempt(msgspec.Struct, frozen=True):
    """
    One try to tell.

    Attributes:
        at: When it ended, Unix seconds.
        took: Seconds.
        status: Of HTTP; ``None``: no answer.
        answer: What was answered or went wrong, cut.
        request: What was sent, secrets masked, and cut; empty: it was not kept.

    """

    at: float
    took: float
    status: int | None
    answer: str
    request: str


class CallbackRecord(msgspec.Struct, frozen=True):
    """
    A callback as it stands.

    Attributes:
        access: (dialect, identifier) of who is told.
        tries: Attempts made since it was made or sent again.
        due_at: When it is told next or again, Unix seconds; ``None``: not by itself.
        status: HTTP's, of the last attempt; ``None``: no answer, or no attempt.
        took: Seconds of the last attempt; ``None``: none was made.
        answer: What was answered or went wrong, cut.
        at: When that was, or since when it is there.
        attempts: Oldest first; only where one callback was asked for.

    """

    id: int
    access: tuple[str, str]
    message_id: int
    topic: Topic
    state: CallbackState
    queue_id: int | None
    tries: int
    due_at: float | None
    status: int | None
    took: float | None
    answer: str
    at: float
    attempts: tuple[Attempt, ...] = ()


class CallbacksPage(msgspec.Struct, frozen=True):
    """Callbacks; ``next`` is a ``before``."""

    callbacks: tuple[CallbackRecord, ...]
    next: int | None = None


class ResendCommand(msgspec.Struct, frozen=True):
    """
    Tell something again that was told, or that was given up.

    One that waits for its next try is tried now. What waits in a queue stays there.
    """

    callback_id: int


class ResendAnswer(msgspec.Struct, frozen=True):
    """The state it is in now; ``None``: unknown, or not this account's."""

    state: CallbackState | None


REPLAYED_AT_ONCE = 1000
"""Callbacks that one transaction of a replay looks at: others wait meanwhile."""


class ReplayCommand(msgspec.Struct, frozen=True, kw_only=True):
    """
    Tell an access's events of a time range again, slice by slice.

    Attributes:
        access_id: Of the account.
        since: When an event happened, Unix seconds; this is the first.
        until: This is not in the range any more.
        before: Only callbacks with a lower id: the ``next`` of the last answer.

    """

    access_id: int
    since: float
    until: float
    before: int | None = None


class ReplayAnswer(msgspec.Struct, frozen=True):
    """How many are told again; ``next``: ask again with it, ``None``: that was all."""

    count: int
    next: int | None = None


class QueuesQuery(msgspec.Struct, frozen=True):
    """The queues of all the account's accesses."""


class QueueRecord(msgspec.Struct, frozen=True):
    """
    A queue of callbacks that are told one after another.

    Attributes:
        waiting: Callbacks in it.
        tries: Attempts made to tell the first of them.
        paused_at: Unix seconds; ``None``: it is not paused.
        why: It is paused, in words for people.

    """

    id: int
    access: tuple[str, str]
    state: QueueState
    waiting: int
    tries: int
    paused_at: float | None
    why: str


class QueuesAnswer(msgspec.Struct, frozen=True):
    """Queues by id."""

    queues: tuple[QueueRecord, ...]


class ResumeCommand(msgspec.Struct, frozen=True):
    """Let a paused queue of the account go on; answered by ``Changed``."""

    queue_id: int


CallbackQueries = EventsQuery | CallbacksQuery | CallbackRecordQuery | QueuesQuery
CallbackCommands = ResendCommand | ReplayCommand
CallbackAnswer = EventsPage | CallbacksPage | ResendAnswer | ReplayAnswer | QueuesAnswer

"""
What customers read and do about callbacks: events, the delivery log, queues.

As in ``domain.listing``, each query is within one account, page by page. The gateway's
answers to phones (``SendEvent``) are not part of it.
"""

from __future__ import annotations

import msgspec

from budstikke.domain.callback import CallbackState, Event, QueueState, Topic


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    Events of one of the account's accesses, oldest first.

    ``after``: only those whose callback has a higher id.
    """

    access_id: int
    limit: int
    after: int = 0


class EventsPage(msgspec.Struct, frozen=True):
    """
    Events; ``next`` is an ``after``, also if there are no more yet.

    ``more``: there are more now.
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
        state: Only those in this state.
        message_id: Only those of this message, outbound or inbound.

    """

    limit: int
    before: int | None = None
    state: CallbackState | None = None
    message_id: int | None = None


class CallbackRecordQuery(msgspec.Struct, frozen=True):
    """One callback with its attempts; the answer is ``CallbacksPage``: one or none."""

    callback_id: int


class Attempt(msgspec.Struct, frozen=True):
    """
    One attempt.

    Attributes:
        at: When it ended, Unix seconds.
        took: Seconds.
        status: HTTP status; ``None``: no answer.
        answer: The answer's body or the error, cut.
        request: The request, secrets masked, cut; empty: it was not stored.

    """

    at: float
    took: float
    status: int | None
    answer: str
    request: str


class CallbackRecord(msgspec.Struct, frozen=True):
    """
    A callback.

    Attributes:
        access: (dialect, identifier) of the access that it goes to.
        tries: Attempts since it was made or sent again.
        due_at: When the next attempt is due, Unix seconds; ``None``: none is.
        status: HTTP status of the last attempt; ``None``: no answer, or no attempt.
        took: Seconds of the last attempt; ``None``: there was none.
        answer: The last answer's body or the error, cut.
        at: When that was, or else when the callback was made, Unix seconds.
        attempts: Oldest first; only in the answer to a ``CallbackRecordQuery``.

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
    Send a callback again that is done or has failed.

    One that waits for a retry is attempted now. One in a queue stays there.
    """

    callback_id: int


class ResendAnswer(msgspec.Struct, frozen=True):
    """Its state now; ``None``: unknown, or another account's."""

    state: CallbackState | None


REPLAYED_AT_ONCE = 1000
"""Callbacks that one transaction of a replay reads, so that others need not wait."""


class ReplayCommand(msgspec.Struct, frozen=True, kw_only=True):
    """
    Send the callbacks of an access's events in a time range again, slice by slice.

    Attributes:
        access_id: Of the account.
        since: First Unix second of the range.
        until: End of the range, which is not part of it.
        before: Only callbacks with a lower id: the ``next`` of the last answer.

    """

    access_id: int
    since: float
    until: float
    before: int | None = None


class ReplayAnswer(msgspec.Struct, frozen=True):
    """How many are sent again; ``next``: repeat with it, ``None``: that was all."""

    count: int
    next: int | None = None


class QueuesQuery(msgspec.Struct, frozen=True):
    """The queues of all the account's accesses."""


class QueueRecord(msgspec.Struct, frozen=True):
    """
    A queue of callbacks that go one after another.

    Attributes:
        waiting: Callbacks in it.
        tries: Attempts of the first of them.
        paused_at: Unix seconds; ``None``: it is not paused.
        why: Why it is paused, for people.

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
    """Resume a paused queue of the account; the answer is ``Changed``."""

    queue_id: int


CallbackQueries = EventsQuery | CallbacksQuery | CallbackRecordQuery | QueuesQuery
CallbackCommands = ResendCommand | ReplayCommand
CallbackAnswer = EventsPage | CallbacksPage | ResendAnswer | ReplayAnswer | QueuesAnswer

"""Rows of inbound messages, and of queues of callbacks."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from budstikke.domain.callback import QueueState, SendEvent
from budstikke.domain.inbound import InboundEvent
from budstikke.store.contract.outbound import CallbackResult, CallbackRow, MediaRow


class Equals(IntEnum):
    """How the store treats a new part if it holds an equal one."""

    SAME = 0
    """The operator delivered the same part again: the store drops it."""
    PERHAPS = 1
    """It may be the same part again: the store keeps it as ``Copy.PERHAPS``."""
    ANOTHER = 2
    """It belongs to another text: the store keeps it as ``Copy.ANOTHER``."""


class Copy(IntEnum):
    """How a held part relates to an equal part that was stored before it."""

    NONE = 0
    """No equal part is waiting: this part makes its text wait for the others."""
    PERHAPS = 1
    """The operator may have delivered the same part again."""
    ANOTHER = 2
    """It belongs to another text: we had acknowledged the earlier part."""


MOST_EQUAL = 50
"""The most equal parts of one text that the store keeps; a phone may send more."""


class HeldPart(msgspec.Struct, array_like=True):
    """
    A part of a long text, held until the other parts come.

    Attributes:
        id: 0: it is not stored yet.
        payload: User data as received, hexadecimal; so are the values of ``tlvs``.
        at: When the phone sent it, according to the operator, Unix seconds.
        reference: Shared by the parts of one text, which also share ``total``.
        number: Which part of its text it is, from 1.
        digest: Digest of its content: equal parts have equal digests.
        due_at: When the text is delivered without the parts that never came, Unix
            seconds; a copy is forgotten then.
        equals: How the store treats it if it holds an equal part.
        copy: How it relates to an equal part; the store sets it.

    """

    id: int
    carrier_id: int
    originator: str
    recipient: str
    data_coding: int
    udhi: int
    payload: str
    tlvs: dict[str, str]
    at: float
    reference: str
    total: int
    number: int
    digest: str
    due_at: float
    equals: Equals = Equals.SAME
    copy: Copy = Copy.NONE


class Conversation(msgspec.Struct, array_like=True, frozen=True):
    """The message that a phone replies to, with its access and account."""

    message_id: int
    access_id: int
    account_id: int


class Unrouted(msgspec.Struct):
    """An unrouted message that an administrator assigned to an access."""

    event: InboundEvent
    carrier_id: int
    recipient: str
    access_id: int


class InboundDraft(msgspec.Struct):
    """
    An inbound message to be stored, with its callback and auto-replies.

    Attributes:
        recipient: Our number that the phone wrote to, digits.
        access_id: The access that gets the message; ``None``: it is unrouted.
        held: Ids of the parts that it was reassembled from. If one of them is no longer
            held, the message is stored already, and the store ignores this draft.
        notify: Make a callback of its event.
        queued: The callback goes through the access's queue, and gets the queue's next
            counter.
        sends: Auto-replies, and when they go, Unix seconds.
        waiting: Index into ``sends`` of the auto-reply that waits for the callback's
            answer: the event's ``receipt_id`` becomes its id. ``None``: there is none.
        opt_out: Put the phone on the account's opt-out list.
        media: Files of an MMS.
        assigned: It is stored as unrouted already; an administrator assigned it.

    """

    event: InboundEvent
    carrier_id: int
    recipient: str
    access_id: int | None
    account_id: int | None
    held: list[int] = msgspec.field(default_factory=list)
    notify: bool = False
    queued: bool = False
    sends: list[tuple[SendEvent, float]] = msgspec.field(default_factory=list)
    waiting: int | None = None
    opt_out: bool = False
    media: list[MediaRow] = msgspec.field(default_factory=list)
    assigned: bool = False


class StoredInbound(msgspec.Struct):
    """
    What came of storing inbound messages.

    Attributes:
        callbacks: Those that are due now, leased to this node.
        queues: Those that got callbacks and are not paused.

    """

    callbacks: list[CallbackRow]
    queues: set[int]


class QueueHead(msgspec.Struct):
    """The first callbacks of a leased queue, in order; ``tries``: of the first one."""

    queue_id: int
    access_id: int
    tries: int
    callbacks: list[CallbackRow]


class QueueResult(msgspec.Struct):
    """
    What came of working on a queue.

    Attributes:
        callbacks: Results of callbacks that were attempted, or that have no endpoint
            any more.
        state: ``due``: there is or may be more; ``paused``: the first callback failed.
        due_at: When to go on, Unix seconds; ``None``: it stays leased to this node.
        tries: Attempts of the first callback that is left.
        why: Why it is paused, in words for people.

    """

    queue_id: int
    callbacks: list[CallbackResult]
    state: QueueState
    due_at: float | None
    tries: int
    at: float
    why: str = ""


class PausedQueue(msgspec.Struct):
    """A paused queue whose alert was not sent yet."""

    queue_id: int
    access_id: int
    why: str
    paused_at: float
    waiting: int
    """Callbacks in it."""

"""Rows of messages from phones, and of queues of what is told of them."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from budstikke.domain.callback import QueueState, SendEvent
from budstikke.domain.inbound import InboundEvent
from budstikke.store.contract.outbound import CallbackResult, CallbackRow, MediaRow


class Equals(IntEnum):
    """What the store does with a part when it keeps an equal one of the same text."""

    SAME = 0
    """It is that part, delivered again: not kept."""
    PERHAPS = 1
    """It may be that part, delivered again: kept as ``Copy.PERHAPS``."""
    ANOTHER = 2
    """It is another text's: kept as ``Copy.ANOTHER`` while the equal part is held."""


class Copy(IntEnum):
    """What a held part is to an equal part that was kept before it."""

    NONE = 0
    """There was none, or it is done: this one makes a text wait for the others."""
    PERHAPS = 1
    """This one may be that part, delivered again."""
    ANOTHER = 2
    """This one is another text's: the operator had our answer to that part."""


MOST_EQUAL = 50
"""Equal parts of one number and reference that are kept; more are not."""


class HeldPart(msgspec.Struct, array_like=True):
    """
    A part of a long text, held until the others come; ``id`` 0: not stored yet.

    Attributes:
        payload: User data as it came, hexadecimal; so are the values of ``tlvs``.
        at: When the operator says that the phone sent it, Unix seconds.
        reference: What the parts of one text share, with ``total``.
        number: Which part of its text it is, from 1.
        digest: Of its content: equal parts have equal digests.
        due_at: When the text is delivered without the parts that never came, Unix
            seconds; a copy is forgotten then.
        equals: What the store does with it when it keeps an equal part.
        copy: What it is to an equal part; the store sets it.

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
    """A message that was sent from a reply number, and whose it was."""

    message_id: int
    access_id: int
    account_id: int


class Unrouted(msgspec.Struct):
    """A message that was nobody's, and that an administrator gave to an access."""

    event: InboundEvent
    carrier_id: int
    recipient: str
    access_id: int


class InboundDraft(msgspec.Struct):
    """
    A message from a phone to be stored, and what is told of it.

    Attributes:
        recipient: What the phone wrote to, digits.
        access_id: Whose it is; ``None``: nobody's, it waits in the tray.
        held: Ids of the parts it was joined of; one that is not held any more means
            that it was stored before: nothing of it is stored.
        tell: Make a callback of its event.
        queued: In the access's queue, with the next of its numbers as its counter.
        sends: What is sent in answer, and when, Unix seconds. The one to which the
            event's ``receipt_id`` is to be set, if any, is ``waiting``.
        waiting: Index into ``sends``: that one waits for the callback; ``None``: none.
        opt_out: Put the phone on the account's list.
        media: Parts of an MMS.
        assigned: It is in the tray already: an administrator gave it to the access.

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
    What storing messages from phones brought.

    ``callbacks`` are leased to this node; ``queues`` have something new in them and are
    not paused.
    """

    callbacks: list[CallbackRow]
    queues: set[int]


class QueueHead(msgspec.Struct):
    """The first callbacks of a queue, in order, leased; ``tries`` is of the first."""

    queue_id: int
    access_id: int
    tries: int
    callbacks: list[CallbackRow]


class QueueResult(msgspec.Struct):
    """
    What came of working a queue.

    Attributes:
        told: Of callbacks that were attempted or that nobody can be told.
        state: ``due``: there is or may be more; ``paused``: the first one failed.
        due_at: When to go on, Unix seconds; ``None``: it stays leased to this node.
        tries: Of the first one that is left.
        why: It is paused, in words for people.

    """

    queue_id: int
    callbacks: list[CallbackResult]
    state: QueueState
    due_at: float | None
    tries: int
    at: float
    why: str = ""


class PausedQueue(msgspec.Struct):
    """A queue that is paused and that nobody was told of yet."""

    queue_id: int
    access_id: int
    why: str
    paused_at: float
    waiting: int
    """Callbacks in it."""

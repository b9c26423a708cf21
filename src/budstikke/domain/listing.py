"""
What customers list, read and change beside sending, page by page.

Each query is answered within one account, like those of ``domain.queries``. A page has
at most ``limit`` items; ``next`` is where the next one begins, ``None`` after the last.
A page may be shorter than ``limit``, even empty, and still have a next one: items that
do not match are read, too, and only so many at a time.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from budstikke.domain.callback_listing import (
    CallbackAnswer,
    CallbackCommands,
    CallbackQueries,
)
from budstikke.domain.inbound_listing import (
    InboundAnswer,
    InboundCommands,
    InboundQueries,
)
from budstikke.domain.states import MessageState
from budstikke.domain.trace import TraceAnswer, TraceQuery


class RecordsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    Messages, newest first, without those whose record was deleted.

    Attributes:
        limit: How many at most.
        before: Only those with a lower id.
        state: Only those in this state.
        ref: Only those with this reference.
        recipient: Only those to this number, E.164 with ``+``.
        order_id: Only those of this order.
        since: Only those accepted at this time or later, Unix seconds.
        until: Only those accepted before this time.

    """

    limit: int
    before: int | None = None
    since: float | None = None
    until: float | None = None
    state: MessageState | None = None
    ref: str | None = None
    recipient: str | None = None
    order_id: int | None = None


class RecordQuery(msgspec.Struct, frozen=True):
    """One message; the answer is ``RecordsPage`` with one (also deleted) or none."""

    message_id: int


class Record(msgspec.Struct, frozen=True):
    """
    A message.

    Attributes:
        text: As sent; ``None``: not known yet, or deleted.
        state: Derived: an accepted message whose parts have all left is ``sent``.
        reason: ``domain.receipt.Reason`` value, empty unless it failed.
        raw: The carrier's own words.
        price: The charge less refunds, micros.
        accepted_at: Unix seconds, as are the next two.
        send_at: When it is or was due; ``None``: at once.

    """

    id: int
    order_id: int
    originator: str
    recipient: str
    ref: str | None
    text: str | None
    encoding: str
    segments: int
    state: MessageState
    reason: str
    raw: str
    price: int
    currency: str
    flash: bool
    priority: int
    accepted_at: float
    send_at: float | None
    final_at: float | None
    deleted: bool


class RecordsPage(msgspec.Struct, frozen=True):
    """Messages; ``next`` is a ``before``."""

    records: tuple[Record, ...]
    next: int | None = None


class OrderRecordQuery(msgspec.Struct, frozen=True):
    """An order as a whole."""

    order_id: int


class OrderRecord(msgspec.Struct, frozen=True):
    """
    An order.

    Attributes:
        states: How many of its messages are in each state.
        pending: Recipients of a bulk order whose messages are not made yet.
        segments: Of the messages made so far.
        price: Likewise: charges less refunds, micros.
        times: How often it was sent, if it repeats; 0: it does not repeat.
        next_at: When it is sent again, Unix seconds; ``None``: never.

    """

    id: int
    states: Mapping[MessageState, int]
    pending: int
    segments: int
    price: int
    currency: str
    accepted_at: float
    send_at: float | None
    times: int = 0
    next_at: float | None = None


class OrderRecordAnswer(msgspec.Struct, frozen=True):
    """An order; ``None``: unknown, or another account's."""

    order: OrderRecord | None


class EraseCommand(msgspec.Struct, frozen=True):
    """Delete the record of a message in a final state, or one that will not be sent."""

    message_id: int


class EraseInboundCommand(msgspec.Struct, frozen=True):
    """Delete an inbound message whose callbacks and auto-replies are all done."""

    message_id: int


class EraseAnswer(msgspec.Struct, frozen=True):
    """Whether the message exists, and whether its record is deleted now."""

    found: bool
    erased: bool


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's ledger, newest first; ``before``: entries with a lower id."""

    limit: int
    before: int | None = None


class LedgerEntry(msgspec.Struct, frozen=True):
    """An entry; amounts are micros, ``kind`` is a ``domain.ledger.Kind`` value."""

    id: int
    at: float
    kind: str
    amount: int
    balance: int
    order_id: int | None
    message_id: int | None
    note: str


class LedgerPage(msgspec.Struct, frozen=True):
    """Entries; ``next`` is a ``before``."""

    entries: tuple[LedgerEntry, ...]
    next: int | None = None


class GroupsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's groups by name; ``after``: names behind it."""

    limit: int
    after: str = ""


class GroupsPage(msgspec.Struct, frozen=True):
    """Names; ``next`` is an ``after``."""

    names: tuple[str, ...]
    next: str | None = None


class RenameCommand(msgspec.Struct, frozen=True):
    """
    Rename a group; the answer is ``Changed``: not if the new name is taken.

    Refused with ``UNKNOWN_GROUP``.
    """

    group: str
    name: str


class MembersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The members of a group; refused with ``UNKNOWN_GROUP``."""

    group: str
    limit: int
    after: int = 0


class ContactsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's contacts by number; ``after``: numbers behind it."""

    limit: int
    after: str = ""


class ContactQuery(msgspec.Struct, frozen=True):
    """One contact; the answer is ``ContactsPage`` with one or none."""

    number: str


class Contact(msgspec.Struct, frozen=True):
    """A contact; only active ones get messages to groups."""

    number: str
    name: str
    active: bool


class ContactsPage(msgspec.Struct, frozen=True):
    """Contacts; ``next`` is an ``after`` of the query."""

    contacts: tuple[Contact, ...]
    next: str | int | None = None


class PutContactCommand(msgspec.Struct, frozen=True):
    """Create or replace a contact; the answer is ``Changed``."""

    contact: Contact


class DropContactCommand(msgspec.Struct, frozen=True):
    """Delete a contact, from groups as well; the answer is ``Changed``."""

    number: str


class OptOutsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Phones that opted out of the account's messages; ``after``: those behind it."""

    limit: int
    after: str = ""


class OptOutQuery(msgspec.Struct, frozen=True):
    """One opt-out; the answer is ``OptOutsPage`` with one or none."""

    number: str


class OptOut(msgspec.Struct, frozen=True):
    """A phone that opted out of the account's messages, and why, for people."""

    number: str
    reason: str


class OptOutsPage(msgspec.Struct, frozen=True):
    """Opt-outs; ``next`` is an ``after``."""

    opt_outs: tuple[OptOut, ...]
    next: str | None = None


class PutOptOutCommand(msgspec.Struct, frozen=True):
    """Add an opt-out; the answer is ``Changed``."""

    opt_out: OptOut


class DropOptOutCommand(msgspec.Struct, frozen=True):
    """Delete an opt-out; the answer is ``Changed``."""

    number: str


class Changed(msgspec.Struct, frozen=True):
    """Whether the command changed anything."""

    changed: bool


ListingQuery = (
    RecordsQuery
    | RecordQuery
    | OrderRecordQuery
    | TraceQuery
    | LedgerQuery
    | GroupsQuery
    | MembersQuery
    | ContactsQuery
    | ContactQuery
    | OptOutsQuery
    | OptOutQuery
    | InboundQueries
    | CallbackQueries
)
"""Queries that change nothing."""

DatedChange = InboundCommands | CallbackCommands
"""Commands that depend on the time."""

ListingCommand = (
    EraseCommand
    | EraseInboundCommand
    | RenameCommand
    | PutContactCommand
    | DropContactCommand
    | PutOptOutCommand
    | DropOptOutCommand
    | DatedChange
)

ListingAnswer = (
    RecordsPage
    | OrderRecordAnswer
    | TraceAnswer
    | LedgerPage
    | GroupsPage
    | ContactsPage
    | OptOutsPage
    | EraseAnswer
    | Changed
    | InboundAnswer
    | CallbackAnswer
)

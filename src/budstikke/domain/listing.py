"""
What customers list, look at and change beside their messages, page by page.

These are asks like those of ``domain.queries``, answered inside one account. A page is
at most ``limit`` long; ``next`` is where the next one begins, ``None`` after the last.
A page may be shorter than ``limit``, even empty, and still have a next: what does not
match is looked at, too, and only so much of it at a time.
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


class RecordsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    Messages, newest first, without those whose record was deleted.

    Attributes:
        limit: How many at most.
        before: Only those with a lower id.
        state: Only those that are in it now.
        ref: Only those with this reference.
        recipient: Only those to this number, E.164 with ``+``.
        order_id: Only those of this order.

    """

    limit: int
    before: int | None = None
    state: MessageState | None = None
    ref: str | None = None
    recipient: str | None = None
    order_id: int | None = None


class RecordQuery(msgspec.Struct, frozen=True):
    """One message; answered by ``RecordsPage`` with one (also deleted) or none."""

    message_id: int


class Record(msgspec.Struct, frozen=True):
    """
    All that is kept of a message.

    Attributes:
        text: As it goes out; ``None``: not known yet, or deleted.
        state: Derived: an accepted message that has left whole is ``sent``.
        reason: ``domain.receipt.Reason`` value, empty unless it failed.
        raw: The carrier's own words.
        price: What the account was charged, micros; refunds taken off.
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
    What is kept of an order.

    Attributes:
        states: How many of its messages are in each state.
        pending: Recipients whose messages are still to be made of a large order.
        segments: Of those messages that there are.
        price: Likewise, micros; refunds taken off.
        times: How often it has gone, when it repeats; 0: it does not repeat.
        next_at: When it goes again, Unix seconds; ``None``: never.

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
    """An order; ``None``: unknown, or not this account's."""

    order: OrderRecord | None


class EraseCommand(msgspec.Struct, frozen=True):
    """Delete the record of a message that has left, or never will."""

    message_id: int


class EraseInboundCommand(msgspec.Struct, frozen=True):
    """Delete a message from a phone, of which everybody was told who is to be."""

    message_id: int


class EraseAnswer(msgspec.Struct, frozen=True):
    """Whether the message is there, and whether its record is deleted now."""

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
    """The account's groups by name; ``after``: names that follow it."""

    limit: int
    after: str = ""


class GroupsPage(msgspec.Struct, frozen=True):
    """Names; ``next`` is an ``after``."""

    names: tuple[str, ...]
    next: str | None = None


class RenameCommand(msgspec.Struct, frozen=True):
    """
    Give a group another name; answered by ``Changed``: a name that is taken is kept.

    Refused with ``UNKNOWN_GROUP``.
    """

    group: str
    name: str


class MembersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in a group; refused with ``UNKNOWN_GROUP``."""

    group: str
    limit: int
    after: int = 0


class ContactsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's contacts by number; ``after``: numbers that follow it."""

    limit: int
    after: str = ""


class ContactQuery(msgspec.Struct, frozen=True):
    """One contact; answered by ``ContactsPage`` with one or none."""

    number: str


class Contact(msgspec.Struct, frozen=True):
    """Someone the account knows; only active ones get what is sent to groups."""

    number: str
    name: str
    active: bool


class ContactsPage(msgspec.Struct, frozen=True):
    """Contacts; ``next`` is an ``after`` of what was asked."""

    contacts: tuple[Contact, ...]
    next: str | int | None = None


class PutContactCommand(msgspec.Struct, frozen=True):
    """Write a contact as it is; answered by ``Changed``."""

    contact: Contact


class DropContactCommand(msgspec.Struct, frozen=True):
    """Forget a contact, in groups as well; answered by ``Changed``."""

    number: str


class OptOutsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that want nothing from the account; ``after``: those that follow it."""

    limit: int
    after: str = ""


class OptOutQuery(msgspec.Struct, frozen=True):
    """One of them; answered by ``OptOutsPage`` with one or none."""

    number: str


class OptOut(msgspec.Struct, frozen=True):
    """A number that wants nothing from the account, and why, for people."""

    number: str
    reason: str


class OptOutsPage(msgspec.Struct, frozen=True):
    """Numbers; ``next`` is an ``after``."""

    opt_outs: tuple[OptOut, ...]
    next: str | None = None


class PutOptOutCommand(msgspec.Struct, frozen=True):
    """Send a number nothing any more; answered by ``Changed``."""

    opt_out: OptOut


class DropOptOutCommand(msgspec.Struct, frozen=True):
    """Let a number be sent to again; answered by ``Changed``."""

    number: str


class Changed(msgspec.Struct, frozen=True):
    """Whether something is now that was not before."""

    changed: bool


ListingQuery = (
    RecordsQuery
    | RecordQuery
    | OrderRecordQuery
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
"""What changes nothing."""

DatedChange = InboundCommands | CallbackCommands
"""What depends on the time."""

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
    | LedgerPage
    | GroupsPage
    | ContactsPage
    | OptOutsPage
    | EraseAnswer
    | Changed
    | InboundAnswer
    | CallbackAnswer
)

"""
What customers ask besides sending, and what they are answered. A closed list.

A dialect's ``parse`` returns one of these instead of an order; ``flow.queries`` answers
it inside one account, or, for the look-ups that need no login, across all of them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from budstikke.domain.callback_listing import ResumeCommand
from budstikke.domain.inbound import MediaPart
from budstikke.domain.listing import ListingAnswer, ListingCommand, ListingQuery
from budstikke.domain.message import Order
from budstikke.domain.quote import Quote
from budstikke.domain.refusal import RefusalCode
from budstikke.domain.states import MessageState


class MessageQuery(msgspec.Struct, frozen=True):
    """How a message stands; answered by ``MessagesAnswer`` with one or none."""

    message_id: int


class OrderQuery(msgspec.Struct, frozen=True):
    """How all messages of an order stand; answered by ``MessagesAnswer``."""

    order_id: int


class ReferenceQuery(msgspec.Struct, frozen=True):
    """The account's newest message to a recipient (E.164) with this reference."""

    recipient: str
    ref: str


class MessageAnswer(msgspec.Struct, frozen=True):
    """
    A message as it stands.

    Attributes:
        state: Derived: an accepted message that has left whole is ``sent``.
        reason: ``domain.receipt.Reason`` value, empty unless it failed.
        raw: The carrier's own words.
        price: What the account was charged, micros of its currency; refunds taken off.
        send_at: When it is or was due, Unix seconds; ``None``: at once.
        deleted: The customer deleted its record.
        access_id: Through which access it was sent.

    """

    id: int
    order_id: int
    recipient: str
    ref: str | None
    state: MessageState
    reason: str
    raw: str
    segments: int
    price: int
    currency: str
    accepted_at: float
    send_at: float | None
    final_at: float | None
    deleted: bool = False
    access_id: int = 0


class MessagesAnswer(msgspec.Struct, frozen=True):
    """Messages, oldest first; none: unknown, or not this account's."""

    messages: tuple[MessageAnswer, ...]


class BalanceQuery(msgspec.Struct, frozen=True):
    """What is left on the account."""


class BalanceAnswer(msgspec.Struct, frozen=True):
    """
    What is left.

    Attributes:
        currency: ISO 4217 code, ``SMS``, or empty: this account is not charged.
        balance: Micros of the currency.
        prepaid: Whether it is paid beforehand (otherwise invoiced).
        home_price: Micros for one segment in the account's home country; 0: unknown.

    """

    currency: str
    balance: int
    prepaid: bool
    home_price: int


class CreditCommand(msgspec.Struct, frozen=True):
    """Order ``count`` SMS for a prepaid account."""

    count: int


class CreditAnswer(msgspec.Struct, frozen=True):
    """
    An order of credit.

    Attributes:
        waiting: An administrator has to approve it first.
        balance: What is left now, micros of the account's currency.
        home_price: As in ``BalanceAnswer``; by default that of an account kept in SMS.

    """

    waiting: bool
    balance: int
    home_price: int = 1_000_000


class CancelCommand(msgspec.Struct, frozen=True):
    """Cancel what has not been sent: one message, or all of an order. One is given."""

    message_id: int | None = None
    order_id: int | None = None


class CancelAnswer(msgspec.Struct, frozen=True):
    """
    How many messages there were, and how many of them were cancelled now.

    ``ended``: the order repeated, and does not any more.
    """

    found: int
    cancelled: int
    ended: bool = False


class GroupVerb(StrEnum):
    """What can be done with groups and those who are in them."""

    LIST = "list"
    """All groups, by name."""
    ADD = "add"
    """Make ``group``; there already: nothing happens."""
    DELETE = "delete"
    """Delete ``group``; not there: nothing happens. Contacts stay."""
    MOVE = "move"
    """Move all of ``group`` to ``new_group``, which must exist; ``group`` stays."""
    MEMBERS = "members"
    """Everyone in ``group``, in the order they were added."""
    ADD_MEMBER = "add_member"
    """Put ``number`` into ``group`` under ``name``; there already: takes the name."""
    MOVE_MEMBER = "move_member"
    """Move ``number`` from ``group`` to ``new_group``; both must exist."""
    DELETE_MEMBER = "delete_member"
    """Take ``number`` out of ``group``; not in it: nothing happens."""


class GroupCommand(msgspec.Struct, frozen=True, kw_only=True):
    """
    Something about groups; ``number`` is E.164.

    Refused with ``UNKNOWN_GROUP`` (``value`` is its name) where a group must exist, and
    then with ``fault`` if there is one: ``number`` is what was written in its place.
    """

    verb: GroupVerb
    group: str = ""
    new_group: str = ""
    number: str = ""
    name: str = ""
    active: bool = True
    fault: RefusalCode | None = None


class Member(msgspec.Struct, frozen=True):
    """Someone in a group."""

    name: str
    number: str
    active: bool = True


class GroupAnswer(msgspec.Struct, frozen=True):
    """What was asked for; empty for the verbs that change something."""

    groups: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()


class QuoteAsk(msgspec.Struct, frozen=True):
    """What an order would be, without accepting it; answered by ``Quote``."""

    order: Order


class MmsOrder(msgspec.Struct, frozen=True):
    """
    Send an MMS; answered by ``MmsAnswer``.

    Attributes:
        recipient: E.164 with ``+``.
        originator: A number, as the customer wrote it.
        text: Its text part; may be empty when there are files.
        files: (name, content type, content in base64 without white space) of each.
        subject: May be empty.
        ref: The customer's reference, echoed in status pushes.
        report: Whether the customer is told what became of it.
        validity: Seconds.
        fit: Make its pictures smaller until it fits.
        fallback: What is sent as SMS when it could not be delivered; ``{link}`` in it
            stands for a link to it. ``None``: nothing.
        key: Idempotency key, as an order's.

    """

    recipient: str
    originator: str
    text: str
    files: tuple[tuple[str, str, str], ...]
    subject: str = ""
    ref: str | None = None
    report: bool = False
    validity: int = 7 * 86400
    fit: bool = False
    fallback: str | None = None
    key: str = ""


class MmsAnswer(msgspec.Struct, frozen=True):
    """
    An MMS that is durable.

    ``price`` is micros; ``size`` is octets of text and files; ``replayed``: nothing was
    done now, its idempotency key had been used before.
    """

    message_id: int
    price: int = 0
    size: int = 0
    replayed: bool = False


class MediaQuery(msgspec.Struct, frozen=True):
    """A part of an MMS, by its id, which nobody can guess."""

    id: str


class MediaAnswer(msgspec.Struct, frozen=True):
    """The part; ``None``: there is none, or none any more."""

    part: MediaPart | None


class Page(msgspec.Struct, frozen=True):
    """Something the dialect answers alone, such as a WSDL; ``name`` is its own."""

    name: str


QueryOrCommand = (
    MessageQuery
    | OrderQuery
    | ReferenceQuery
    | BalanceQuery
    | CreditCommand
    | CancelCommand
    | GroupCommand
    | QuoteAsk
    | MmsOrder
    | MediaQuery
    | ListingQuery
    | ListingCommand
    | ResumeCommand
    | Page
)

Answer = (
    MessagesAnswer
    | BalanceAnswer
    | CreditAnswer
    | CancelAnswer
    | GroupAnswer
    | Quote
    | MmsAnswer
    | MediaAnswer
    | ListingAnswer
    | Page
)

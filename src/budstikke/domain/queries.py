"""
What customers ask for beside sending, and the answers. A closed list.

A dialect's ``parse`` returns one of these instead of an order. ``flow.queries`` answers
it within one account, or across all accounts for the queries that need no login.
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
    """The state of a message; the answer is ``MessagesAnswer`` with one or none."""

    message_id: int


class OrderQuery(msgspec.Struct, frozen=True):
    """The states of an order's messages; the answer is ``MessagesAnswer``."""

    order_id: int


class ReferenceQuery(msgspec.Struct, frozen=True):
    """The account's newest message to a recipient (E.164) with this reference."""

    recipient: str
    ref: str


class MessageAnswer(msgspec.Struct, frozen=True):
    """
    A message.

    Attributes:
        state: Derived: an accepted message whose parts have all left is ``sent``.
        reason: ``domain.receipt.Reason`` value, empty unless it failed.
        raw: The carrier's own words.
        price: The charge less refunds, micros of the account's currency.
        send_at: When it is or was due, Unix seconds; ``None``: at once.
        deleted: The customer deleted its record.
        access_id: The access that sent it.

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
    """Messages, oldest first; none: unknown, or another account's."""

    messages: tuple[MessageAnswer, ...]


class BalanceQuery(msgspec.Struct, frozen=True):
    """The account's balance."""


class BalanceAnswer(msgspec.Struct, frozen=True):
    """
    The account's balance.

    Attributes:
        currency: ISO 4217 code, ``SMS``, or empty: this account is not charged.
        balance: Micros of the currency.
        prepaid: Whether it is paid in advance (otherwise invoiced).
        home_price: Micros for a segment in the account's home country; 0: unknown.

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
        waiting: An administrator must approve it first.
        balance: The balance now, micros of the account's currency.
        home_price: As in ``BalanceAnswer``; by default that of an account with SMS.

    """

    waiting: bool
    balance: int
    home_price: int = 1_000_000


class CancelCommand(msgspec.Struct, frozen=True):
    """
    Cancel a message, or all of an order, if not sent yet. One of them is given.

    ``access_id``: the access that asks, which ``flow.queries`` fills in; 0: the gateway
    itself, which withdraws an order that it refused after all.
    """

    message_id: int | None = None
    order_id: int | None = None
    access_id: int = 0


class CancelAnswer(msgspec.Struct, frozen=True):
    """
    How many messages there are, and how many of them this cancelled.

    ``ended``: the order repeated, and will not repeat again.
    """

    found: int
    cancelled: int
    ended: bool = False


class GroupVerb(StrEnum):
    """What to do with groups and their members."""

    LIST = "list"
    """List all groups, by name."""
    ADD = "add"
    """Create ``group``, unless it exists."""
    DELETE = "delete"
    """Delete ``group``, if it exists. Contacts stay."""
    MOVE = "move"
    """Move the members of ``group`` to ``new_group``, which must exist."""
    MEMBERS = "members"
    """List the members of ``group`` in the order of their addition."""
    ADD_MEMBER = "add_member"
    """Add ``number`` to ``group`` with ``name``; a member gets the name."""
    MOVE_MEMBER = "move_member"
    """Move ``number`` from ``group`` to ``new_group``; both must exist."""
    DELETE_MEMBER = "delete_member"
    """Remove ``number`` from ``group``, if it is a member."""


class GroupCommand(msgspec.Struct, frozen=True, kw_only=True):
    """
    A command about groups; ``number`` is E.164.

    Refused with ``UNKNOWN_GROUP`` (``value`` is its name) if a group that must exist
    does not, and then with ``fault``, if it has one: then ``number`` is the bad text.
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
    """The list; empty for the verbs that change something."""

    groups: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()


class QuoteAsk(msgspec.Struct, frozen=True):
    """What an order would cost, without accepting it; the answer is ``Quote``."""

    order: Order


class RouteTest(msgspec.Struct, frozen=True):
    """
    Which rule a message would follow; the answer is ``RouteTestAnswer``.

    Attributes:
        recipient: As the customer wrote it.
        sender: As phones show it; empty: only rules for any sender apply.
        kind: ``sms``, ``mms``, ``flash`` or ``premium``.
        at: When it is due, Unix seconds; ``None``: now.

    """

    recipient: str
    sender: str = ""
    kind: str = "sms"
    at: float | None = None


class RouteTestAnswer(msgspec.Struct, frozen=True):
    """
    The rule of a message; nothing was stored, sent or charged.

    Attributes:
        recipient: E.164 with ``+``.
        rule: The rule, for people.
        carriers: Names, in the order in which the gateway tries them.
        weights: If chance decides which is tried first: the share of each.
        operator: The recipient's operator; empty: not known, or no rule asks for it.
        price: Micros of a segment, or of an MMS.
        currency: ISO 4217, ``SMS``, or empty: the account is not charged.

    """

    recipient: str
    rule: str
    carriers: tuple[str, ...]
    weights: tuple[int, ...]
    operator: str
    price: int
    currency: str


class MmsOrder(msgspec.Struct, frozen=True):
    """
    An MMS to send; the answer is ``MmsAnswer``.

    Attributes:
        recipient: E.164 with ``+``.
        originator: A number, as the customer wrote it.
        text: Its text part; may be empty when there are files.
        files: (name, content type, content in base64 without white space) of each.
        subject: May be empty.
        ref: The customer's reference, repeated in status pushes.
        report: Whether to notify the customer of its final state.
        validity: Seconds.
        fit: Whether to make its pictures smaller until it fits.
        fallback: Text of an SMS to send if it could not be delivered; ``{link}`` in it
            stands for a link to the MMS. ``None``: no SMS.
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
    done, since the idempotency key had been used before.
    """

    message_id: int
    price: int = 0
    size: int = 0
    replayed: bool = False


class MediaQuery(msgspec.Struct, frozen=True):
    """A part of an MMS, by its secret id."""

    id: str


class MediaAnswer(msgspec.Struct, frozen=True):
    """The part; ``None``: it does not exist, or was deleted."""

    part: MediaPart | None


class Page(msgspec.Struct, frozen=True):
    """A document that the dialect itself answers; ``name`` is its own (a WSDL)."""

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
    | RouteTest
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
    | RouteTestAnswer
    | MmsAnswer
    | MediaAnswer
    | ListingAnswer
    | Page
)

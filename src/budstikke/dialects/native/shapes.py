"""
The JSON of the REST API, both ways, but for what sends messages.

Each struct is documented by itself: the OpenAPI description is made from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from budstikke.dialects.native.order import LAST_ID
from budstikke.dialects.native.templates import TemplateKind
from budstikke.dialects.native.webhook import Moment, Why
from budstikke.domain.ledger import Kind
from budstikke.domain.states import MessageState

Money = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]+\.[0-9]{2,6}(?![\s\S])",
        description="A decimal number, never rounded.",
        examples=["0.05"],
    ),
]
Currency = Annotated[
    str,
    Meta(description="ISO 4217, or `SMS` where the account counts those."),
]
E164 = Annotated[str, Meta(description="E.164 with `+`.", examples=["+4799999999"])]
Id = Annotated[int, Meta(examples=[1042])]
GroupName = Annotated[str, Meta(min_length=1, max_length=100, examples=["Ansatte"])]
NextCursor = Annotated[
    str | None, Meta(description="The `cursor` of the next page; null: it is the last.")
]
Cursor = Annotated[
    str, Meta(max_length=400, description="The `next_cursor` of the page before.")
]
Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most on this page.")]


# Sending


class RecipientResult(msgspec.Struct, kw_only=True, gc=False):
    """What became of one recipient: it has an `id`, or a `code` that says why not."""

    to: Annotated[str, Meta(description="As it was written; or a group's member.")]
    id: Annotated[int | UnsetType, Meta(description="The message.")] = UNSET
    code: Annotated[str | UnsetType, Meta(examples=["bad_recipient"])] = UNSET
    title: str | UnsetType = UNSET


class Sent(msgspec.Struct, kw_only=True):
    """An order that was accepted, and is safe even if the power fails."""

    order_id: Id
    accepted: Annotated[int, Meta(description="How many messages it made.")]
    refused: Annotated[int, Meta(description="How many recipients it has not.")]
    segments: int
    price: Annotated[
        Money | None, Meta(description="Of all; null: the account is not charged.")
    ]
    currency: Currency | None
    test: Annotated[bool, Meta(description="Nothing is sent or charged.")]
    recipients: Annotated[
        list[RecipientResult],
        Meta(description="In the order of the request, then members of groups."),
    ]


class QuotedRecipient(msgspec.Struct, kw_only=True, gc=False):
    """What one recipient would get, or the `code` that says why not."""

    to: str
    number: E164 | UnsetType = UNSET
    encoding: Literal["gsm", "ucs2"] | UnsetType = UNSET
    segments: int | UnsetType = UNSET
    units: Annotated[
        int | UnsetType,
        Meta(description="Septets (`gsm`) or UTF-16 units (`ucs2`) of the whole text."),
    ] = UNSET
    forced_by: Annotated[
        str | UnsetType,
        Meta(description="The first character that made it UCS-2.", examples=["🤣"]),
    ] = UNSET
    price: Money | UnsetType = UNSET
    code: str | UnsetType = UNSET
    title: str | UnsetType = UNSET


class Quoted(msgspec.Struct, kw_only=True):
    """What an order would be; nothing of it was stored."""

    segments: int
    price: Money | None
    currency: Currency | None
    recipients: list[QuotedRecipient]


class TemplateShape(msgspec.Struct, kw_only=True):
    """A pre-approved text."""

    kind: TemplateKind
    required: list[str]
    optional: list[str]
    example: Annotated[dict[str, str], Meta(description="Values.")]
    text: Annotated[str, Meta(description="What becomes of the example.")]


class TemplateList(msgspec.Struct, kw_only=True):
    """All of them."""

    data: list[TemplateShape]


# Messages and orders


class Message(msgspec.Struct, kw_only=True):
    """A message as it stands."""

    id: Id
    order_id: Id
    to: E164
    from_: Annotated[
        str | None, Meta(description="As it is shown; null: not laid out yet.")
    ] = msgspec.field(name="from")
    text: str | None
    encoding: Literal["gsm", "ucs2", "mms"] | None
    segments: int
    state: MessageState
    reason: Why | None
    raw: Annotated[str | None, Meta(description="The operator's own words.")]
    price: Annotated[Money | None, Meta(description="Refunds are taken off.")]
    currency: Currency | None
    ref: str | None
    flash: bool
    priority: int
    created_at: Moment
    send_at: Annotated[Moment | None, Meta(description="null: at once.")]
    ended_at: Moment | None


class MessageList(msgspec.Struct, kw_only=True):
    """Messages, newest first; a page may be short and still have a next one."""

    data: list[Message]
    next_cursor: NextCursor


class Repeats(msgspec.Struct, kw_only=True):
    """How far an order that repeats has come."""

    times: Annotated[int, Meta(description="How often it has gone.")]
    next_at: Annotated[Moment | None, Meta(description="null: it has ended.")]


class Order(msgspec.Struct, kw_only=True):
    """An order as a whole."""

    id: Id
    states: Annotated[
        dict[str, int],
        Meta(
            description="How many of its messages are in each state.",
            examples=[{"delivered": 2, "sent": 1}],
        ),
    ]
    pending: Annotated[
        int, Meta(description="Accepted, but not yet laid out: of very large orders.")
    ]
    segments: int
    price: Money | None
    currency: Currency | None
    created_at: Moment
    send_at: Moment | None
    repeats: Repeats | None


class CancelledOrder(msgspec.Struct, kw_only=True):
    """What was cancelled of an order."""

    order_id: Id
    messages: Annotated[int, Meta(description="How many the order has.")]
    cancelled: Annotated[int, Meta(description="How many were cancelled now.")]
    ended: Annotated[bool, Meta(description="It repeated, and does not any more.")]


class MessageQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which messages."""

    cursor: Cursor = ""
    limit: Limit = 50
    state: Annotated[
        MessageState | UnsetType, Meta(description="Only those in it.")
    ] = UNSET
    ref: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType,
        Meta(description="Only those with this reference."),
    ] = UNSET
    to: Annotated[
        Annotated[str, Meta(max_length=40, extra_json_schema={"format": "phone"})]
        | UnsetType,
        Meta(description="Only those to this number."),
    ] = UNSET
    order: Annotated[
        Annotated[int, Meta(ge=1, le=LAST_ID)] | UnsetType,
        Meta(description="Only those of this order."),
    ] = UNSET


class PageQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor = ""
    limit: Limit = 50


# Groups, contacts, opt-outs


class Group(msgspec.Struct, kw_only=True):
    """A group of contacts."""

    name: GroupName


class GroupList(msgspec.Struct, kw_only=True):
    """Groups by name."""

    data: list[Group]
    next_cursor: NextCursor


class GroupBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new name."""

    name: GroupName


class Contact(msgspec.Struct, kw_only=True):
    """Someone the account knows."""

    number: E164
    name: str
    active: Annotated[bool, Meta(description="Whether it gets what groups get.")]


class ContactList(msgspec.Struct, kw_only=True):
    """Contacts by number; members of a group in the order they became contacts."""

    data: list[Contact]
    next_cursor: NextCursor


class ContactBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is known of a contact."""

    name: Annotated[str, Meta(max_length=100)] = ""
    active: bool = True


class OptOut(msgspec.Struct, kw_only=True):
    """A number that wants nothing from the account."""

    number: E164
    reason: str


class OptOutList(msgspec.Struct, kw_only=True):
    """Such numbers."""

    data: list[OptOut]
    next_cursor: NextCursor


class OptOutBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, for people."""

    reason: Annotated[str, Meta(min_length=1, max_length=100)] = "api"


# Money


class Balance(msgspec.Struct, kw_only=True):
    """What is left."""

    balance: Annotated[Money | None, Meta(description="null: it is not charged.")]
    currency: Currency | None
    prepaid: bool
    home_price: Annotated[
        Money | None,
        Meta(description="Of a segment in the account's home country; null: unknown."),
    ]


class LedgerEntry(msgspec.Struct, kw_only=True):
    """Money that came or went."""

    id: Id
    at: Moment
    kind: Kind
    amount: Annotated[Money, Meta(description="What the account got; signed.")]
    balance: Annotated[Money, Meta(description="After it.")]
    order_id: int | None
    message_id: int | None
    note: str


class Ledger(msgspec.Struct, kw_only=True):
    """The ledger, newest first."""

    data: list[LedgerEntry]
    next_cursor: NextCursor

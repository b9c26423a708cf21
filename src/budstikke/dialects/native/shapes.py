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
    Meta(description="ISO 4217, or `SMS` if the account counts SMS."),
]
E164 = Annotated[str, Meta(description="E.164 with `+`.", examples=["+4799999999"])]
Id = Annotated[int, Meta(examples=[1042])]
GroupName = Annotated[str, Meta(min_length=1, max_length=100, examples=["Ansatte"])]
NextCursor = Annotated[
    str | None,
    Meta(description="The `cursor` for the next page; null on the last page."),
]
Cursor = Annotated[
    str, Meta(max_length=400, description="The `next_cursor` of the previous page.")
]
Limit = Annotated[int, Meta(ge=1, le=200, description="Most rows on a page.")]


# Sending


class RecipientResult(msgspec.Struct, kw_only=True, gc=False):
    """The result for one recipient: an `id`, or the `code` of its refusal."""

    to: Annotated[
        str, Meta(description="As the request wrote it, or a member of a group.")
    ]
    id: Annotated[int | UnsetType, Meta(description="The id of the message.")] = UNSET
    code: Annotated[str | UnsetType, Meta(examples=["bad_recipient"])] = UNSET
    title: str | UnsetType = UNSET


class Sent(msgspec.Struct, kw_only=True):
    """An accepted order, which is durable."""

    order_id: Id
    accepted: Annotated[int, Meta(description="How many messages the order made.")]
    refused: Annotated[int, Meta(description="How many recipients were refused.")]
    segments: int
    price: Annotated[
        Money | None,
        Meta(description="Of all messages; null if the account is not charged."),
    ]
    currency: Currency | None
    test: Annotated[bool, Meta(description="True: nothing is sent or charged.")]
    recipients: Annotated[
        list[RecipientResult],
        Meta(description="In the order of the request, then the members of groups."),
    ]


class QuotedRecipient(msgspec.Struct, kw_only=True, gc=False):
    """The price for one recipient, or the `code` of its refusal."""

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
        Meta(description="The first character that forced UCS-2.", examples=["🤣"]),
    ] = UNSET
    price: Money | UnsetType = UNSET
    code: str | UnsetType = UNSET
    title: str | UnsetType = UNSET


class Quoted(msgspec.Struct, kw_only=True):
    """The price of an order; nothing was stored."""

    segments: int
    price: Money | None
    currency: Currency | None
    recipients: list[QuotedRecipient]


class TemplateShape(msgspec.Struct, kw_only=True):
    """A pre-approved text."""

    kind: TemplateKind
    required: list[str]
    optional: list[str]
    example: Annotated[dict[str, str], Meta(description="Values of the fields.")]
    text: Annotated[str, Meta(description="The text with these values.")]


class TemplateList(msgspec.Struct, kw_only=True):
    """All pre-approved texts."""

    data: list[TemplateShape]


# Messages and orders


class Message(msgspec.Struct, kw_only=True):
    """A message and its state."""

    id: Id
    order_id: Id
    to: E164
    from_: Annotated[
        str | None, Meta(description="The sender; null until the order is expanded.")
    ] = msgspec.field(name="from")
    text: str | None
    encoding: Literal["gsm", "ucs2", "mms"] | None
    segments: int
    state: MessageState
    reason: Why | None
    raw: Annotated[str | None, Meta(description="The operator's own words.")]
    price: Annotated[Money | None, Meta(description="After refunds.")]
    currency: Currency | None
    ref: str | None
    flash: bool
    priority: int
    created_at: Moment
    send_at: Annotated[Moment | None, Meta(description="null: sent at once.")]
    ended_at: Moment | None


class MessageList(msgspec.Struct, kw_only=True):
    """Messages, newest first; a page may be short and still have a next one."""

    data: list[Message]
    next_cursor: NextCursor


class Repeats(msgspec.Struct, kw_only=True):
    """The progress of an order that repeats."""

    times: Annotated[int, Meta(description="How many times the order was sent.")]
    next_at: Annotated[Moment | None, Meta(description="null: no further time.")]


class Order(msgspec.Struct, kw_only=True):
    """An order and the states of its messages."""

    id: Id
    states: Annotated[
        dict[str, int],
        Meta(
            description="How many of its messages are in each state.",
            examples=[{"delivered": 2, "sent": 1}],
        ),
    ]
    pending: Annotated[
        int, Meta(description="Recipients of a large order that are not messages yet.")
    ]
    segments: int
    price: Money | None
    currency: Currency | None
    created_at: Moment
    send_at: Moment | None
    repeats: Repeats | None


class CancelledOrder(msgspec.Struct, kw_only=True):
    """The result of cancelling an order."""

    order_id: Id
    messages: Annotated[int, Meta(description="How many messages the order has.")]
    cancelled: Annotated[
        int, Meta(description="How many of them this request cancelled.")
    ]
    ended: Annotated[bool, Meta(description="True: the order repeated, and stops now.")]


class MessageQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which messages."""

    cursor: Cursor = ""
    limit: Limit = 50
    state: Annotated[
        MessageState | UnsetType, Meta(description="Only messages in this state.")
    ] = UNSET
    ref: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType,
        Meta(description="Only messages with this reference."),
    ] = UNSET
    to: Annotated[
        Annotated[str, Meta(max_length=40, extra_json_schema={"format": "phone"})]
        | UnsetType,
        Meta(description="Only messages to this number."),
    ] = UNSET
    order: Annotated[
        Annotated[int, Meta(ge=1, le=LAST_ID)] | UnsetType,
        Meta(description="Only messages of this order."),
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
    """Groups in the order of their names."""

    data: list[Group]
    next_cursor: NextCursor


class GroupBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new name."""

    name: GroupName


class Contact(msgspec.Struct, kw_only=True):
    """A contact of the account."""

    number: E164
    name: str
    active: Annotated[
        bool, Meta(description="Whether messages to its groups go to it.")
    ]


class ContactList(msgspec.Struct, kw_only=True):
    """Contacts by number; members of a group in the order they became contacts."""

    data: list[Contact]
    next_cursor: NextCursor


class ContactBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The data of a contact."""

    name: Annotated[str, Meta(max_length=100)] = ""
    active: bool = True


class OptOut(msgspec.Struct, kw_only=True):
    """A number that has opted out of the account's messages."""

    number: E164
    reason: str


class OptOutList(msgspec.Struct, kw_only=True):
    """Numbers that have opted out."""

    data: list[OptOut]
    next_cursor: NextCursor


class OptOutBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The reason, a text for people."""

    reason: Annotated[str, Meta(min_length=1, max_length=100)] = "api"


# Money


class Balance(msgspec.Struct, kw_only=True):
    """The account's balance."""

    balance: Annotated[
        Money | None, Meta(description="null if the account is not charged.")
    ]
    currency: Currency | None
    prepaid: bool
    home_price: Annotated[
        Money | None,
        Meta(description="Price of a segment in the home country; null: unknown."),
    ]


class LedgerEntry(msgspec.Struct, kw_only=True):
    """A change of the balance."""

    id: Id
    at: Moment
    kind: Kind
    amount: Annotated[
        Money, Meta(description="Positive: the account got it; negative: it paid.")
    ]
    balance: Annotated[Money, Meta(description="The balance after this entry.")]
    order_id: int | None
    message_id: int | None
    note: str


class Ledger(msgspec.Struct, kw_only=True):
    """The ledger, newest first."""

    data: list[LedgerEntry]
    next_cursor: NextCursor

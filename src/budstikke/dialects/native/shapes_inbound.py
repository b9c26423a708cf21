"""
The JSON of the REST API about numbers, messages from phones, and callbacks.

As in ``shapes``, each struct is documented by itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from budstikke.dialects.native.order import LAST_ID
from budstikke.dialects.native.settings import EventType
from budstikke.dialects.native.shapes import Cursor, Id, Limit, NextCursor
from budstikke.dialects.native.webhook import MediaItem, Moment
from budstikke.domain.callback import CallbackState, QueueState, Topic
from budstikke.domain.inbound import Kind

Time = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset, as it is read."""

TimeText = Annotated[
    str, Meta(max_length=40, extra_json_schema={"format": "date-time"})
]
"""The same in a query, where a mere number would be taken for Unix seconds."""

AccessName = Annotated[
    str,
    Meta(
        description="The access that is told: its dialect and who it is there.",
        examples=["front:1234"],
    ),
]

# Numbers


class OwnNumber(msgspec.Struct, kw_only=True):
    """A number whose messages are yours, a series of them, or a keyword on one."""

    number: Annotated[
        str,
        Meta(
            description="Digits; of a series what its numbers begin with.",
            examples=["2229"],
        ),
    ]
    kind: Literal["keyword", "owned", "series"]
    word: Annotated[
        str | None,
        Meta(description="Of a keyword; empty: what no other keyword takes."),
    ]
    aliases: Annotated[list[str], Meta(description="Other spellings of a keyword.")]
    access: AccessName
    url: Annotated[str, Meta(description="Empty: where the access is told.")]
    receipt: Annotated[
        str, Meta(description="What a phone is sent back; empty: nothing.")
    ]


class OwnNumberList(msgspec.Struct, kw_only=True):
    """Numbers, series and keywords, by number and word."""

    data: list[OwnNumber]
    next_cursor: NextCursor


# Requests for numbers

RequestKind = Literal["keyword", "number", "series"]


class NumberRequestBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What you would like to have."""

    kind: RequestKind
    number: Annotated[
        str,
        Meta(
            pattern=r"^(\+?[0-9]{3,15})?(?![\s\S])",
            description="The number you would like, or of a keyword the shared one; "
            "empty: any.",
        ),
    ] = ""
    word: Annotated[
        str,
        Meta(
            max_length=100,
            pattern=r"^[^\x00-\x1f\x7f]*(?![\s\S])",
            description="Of a keyword, which needs one.",
        ),
    ] = ""
    note: Annotated[
        str,
        Meta(
            max_length=1000, pattern=r"^[^\x00]*(?![\s\S])", description="For people."
        ),
    ] = ""
    access: Annotated[
        str,
        Meta(
            max_length=150,
            pattern=r"^[^\x00-\x1f\x7f]*(?![\s\S])",
            description="Which of the account's accesses it is for: its dialect, or "
            "`dialect:id`; empty: the one that asks.",
        ),
    ] = ""


class NumberRequest(msgspec.Struct, kw_only=True):
    """Something that was asked for."""

    id: Id
    kind: RequestKind
    number: str
    word: str
    note: str
    access: AccessName | None
    state: Literal["waiting", "approved", "refused", "cancelled"]
    created_at: Moment
    decided_at: Moment | None
    answer: Annotated[str, Meta(description="For people.")]


class NumberRequestList(msgspec.Struct, kw_only=True):
    """Requests, newest first."""

    data: list[NumberRequest]
    next_cursor: NextCursor


# Messages from phones


class Inbound(msgspec.Struct, kw_only=True):
    """A message from a phone."""

    id: Id
    kind: Kind
    from_: Annotated[str, Meta(description="E.164 with `+` if it is a number.")] = (
        msgspec.field(name="from")
    )
    to: Annotated[
        str, Meta(description="A short number, a reply number, or E.164 with `+`.")
    ]
    text: str
    data: Annotated[
        str | None, Meta(description="Hexadecimal user data of a binary message.")
    ]
    keyword: Annotated[
        str | None, Meta(description="The registered keyword that led it to you.")
    ]
    in_reply_to: Annotated[
        int | None, Meta(description="Your message that it answers, if that is known.")
    ]
    sent_at: Annotated[Moment, Meta(description="By the phone, if that is known.")]
    received_at: Moment
    missing: Annotated[int, Meta(description="Parts that never came.")]
    opt_out: bool
    subject: Annotated[str | None, Meta(description="Of an MMS.")]
    media: Annotated[
        list[MediaItem], Meta(description="The parts of an MMS: `GET /v1/media/…`.")
    ]
    access: AccessName | None


class InboundList(msgspec.Struct, kw_only=True):
    """Such messages, newest first; a page may be short and still have a next one."""

    data: list[Inbound]
    next_cursor: NextCursor


class InboundQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which messages."""

    cursor: Cursor = ""
    limit: Limit = 50
    from_: Annotated[
        TimeText | UnsetType, Meta(description="Only those that came then or later.")
    ] = msgspec.field(default=UNSET, name="from")
    to: Annotated[
        TimeText | UnsetType, Meta(description="Only those that came before then.")
    ] = UNSET
    keyword: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType,
        Meta(description="Only those that it led to you, as it is registered."),
    ] = UNSET


# Events

_TYPE = "|".join(each.value.replace(".", r"\.") for each in EventType)
_DATA = {
    "anyOf": [
        {"$ref": "#/components/schemas/MessageEvent"},
        {"$ref": "#/components/schemas/InboundMessage"},
    ]
}


class EventItem(msgspec.Struct, kw_only=True):
    """An event, as webhooks tell it."""

    id: Annotated[str, Meta(description="The `webhook-id` it has as a webhook.")]
    type: Annotated[
        str, Meta(extra_json_schema={"enum": [each.value for each in EventType]})
    ]
    timestamp: Annotated[Moment, Meta(description="When it happened.")]
    data: Annotated[Any, Meta(extra_json_schema=_DATA)]


class EventList(msgspec.Struct, kw_only=True):
    """Events, oldest first; a page may be short and still have more after it."""

    data: list[EventItem]
    next_cursor: Annotated[
        str,
        Meta(
            description="Where to go on; keep it, and ask again later for what is new."
        ),
    ]
    more: Annotated[bool, Meta(description="There are more just now.")]


class EventQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    cursor: Annotated[
        str,
        Meta(
            max_length=400,
            description="The `next_cursor` of the page before; without: the oldest.",
        ),
    ] = ""
    limit: Limit = 50
    types: Annotated[
        Annotated[
            str, Meta(max_length=400, pattern=rf"^({_TYPE})(,({_TYPE}))*(?![\s\S])")
        ]
        | UnsetType,
        Meta(description="Only these, with commas between them."),
    ] = UNSET


class ReplayBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A range of time: from its first moment to just before its last."""

    from_: Time = msgspec.field(name="from")
    to: Time


class Replayed(msgspec.Struct, kw_only=True):
    """What is told again."""

    events: Annotated[int, Meta(description="How many.")]


# The delivery log


class Attempt(msgspec.Struct, kw_only=True):
    """One try to tell."""

    at: Moment
    took: Annotated[float, Meta(description="Seconds.")]
    status: Annotated[int | None, Meta(description="HTTP's; null: no answer.")]
    answer: Annotated[str, Meta(description="What was answered or went wrong; cut.")]
    request: Annotated[
        str | None,
        Meta(description="What was sent, secrets masked, and cut; null: not kept."),
    ]


class Callback(msgspec.Struct, kw_only=True):
    """Something that is told."""

    id: Id
    access: AccessName
    topic: Topic
    message_id: Annotated[int, Meta(description="Whose message it is about.")]
    state: CallbackState
    queue_id: Annotated[int | None, Meta(description="The queue it waits in.")]
    tries: Annotated[int, Meta(description="Attempts made.")]
    next_at: Annotated[Moment | None, Meta(description="When it is tried next.")]
    at: Annotated[
        Moment, Meta(description="Of the last attempt, or since when it is there.")
    ]
    took: float | None
    status: int | None
    answer: str


class CallbackDetail(Callback, kw_only=True):
    """Something that is told, with the attempts to tell it, oldest first."""

    attempts: list[Attempt]


class CallbackList(msgspec.Struct, kw_only=True):
    """What is told, newest first; a page may be short and still have a next one."""

    data: list[Callback]
    next_cursor: NextCursor


class CallbackQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which of it."""

    cursor: Cursor = ""
    limit: Limit = 50
    state: Annotated[
        CallbackState | UnsetType, Meta(description="Only what is in it.")
    ] = UNSET
    message: Annotated[
        Annotated[int, Meta(ge=1, le=LAST_ID)] | UnsetType,
        Meta(description="Only what is told of this message."),
    ] = UNSET


# Queues


class Queue(msgspec.Struct, kw_only=True):
    """What is told one after another; when one cannot be, all after it wait."""

    id: Id
    access: AccessName
    state: QueueState
    waiting: Annotated[int, Meta(description="How many wait in it.")]
    tries: Annotated[int, Meta(description="Attempts to tell the first of them.")]
    paused_at: Moment | None
    why: Annotated[str, Meta(description="It is paused, for people.")]


class QueueList(msgspec.Struct, kw_only=True):
    """All of the account's."""

    data: list[Queue]

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
        description="An access: its API and its id there.",
        examples=["front:1234"],
    ),
]

# Numbers


class OwnNumber(msgspec.Struct, kw_only=True):
    """A number of yours, a series of numbers, or a keyword on a number."""

    number: Annotated[
        str,
        Meta(
            description="Digits; for a series, the first digits of its numbers.",
            examples=["2229"],
        ),
    ]
    kind: Literal["keyword", "owned", "series"]
    word: Annotated[
        str | None,
        Meta(description="The keyword; empty: all texts that no other keyword takes."),
    ]
    aliases: Annotated[list[str], Meta(description="Other spellings of a keyword.")]
    access: AccessName
    url: Annotated[
        str, Meta(description="URL for its messages; empty: the URL of the access.")
    ]
    receipt: Annotated[
        str, Meta(description="Automatic answer to the phone; empty: none.")
    ]


class OwnNumberList(msgspec.Struct, kw_only=True):
    """Numbers, series and keywords, by number and word."""

    data: list[OwnNumber]
    next_cursor: NextCursor


# Requests for numbers

RequestKind = Literal["keyword", "number", "series"]


class NumberRequestBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A request for a number, a series or a keyword."""

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
            description="The keyword; required for `keyword`.",
        ),
    ] = ""
    note: Annotated[
        str,
        Meta(
            max_length=1000,
            pattern=r"^[^\x00]*(?![\s\S])",
            description="A text for people.",
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
    """A number request."""

    id: Id
    kind: RequestKind
    number: str
    word: str
    note: str
    access: AccessName | None
    state: Literal["waiting", "approved", "refused", "cancelled"]
    created_at: Moment
    decided_at: Moment | None
    answer: Annotated[str, Meta(description="A text for people.")]


class NumberRequestList(msgspec.Struct, kw_only=True):
    """Requests, newest first."""

    data: list[NumberRequest]
    next_cursor: NextCursor


# Messages from phones


class Inbound(msgspec.Struct, kw_only=True):
    """A message from a phone."""

    id: Id
    kind: Kind
    from_: Annotated[
        str, Meta(description="E.164 with `+` if the sender is a number.")
    ] = msgspec.field(name="from")
    to: Annotated[
        str, Meta(description="A short number, a reply number, or E.164 with `+`.")
    ]
    text: str
    data: Annotated[
        str | None, Meta(description="Hexadecimal user data of a binary message.")
    ]
    keyword: Annotated[
        str | None, Meta(description="The registered keyword that chose your access.")
    ]
    in_reply_to: Annotated[
        int | None,
        Meta(description="The id of your message that the phone answers, if known."),
    ]
    sent_at: Annotated[
        Moment, Meta(description="When the phone sent it, if known; else when it came.")
    ]
    received_at: Moment
    missing: Annotated[
        int, Meta(description="How many parts of a long text never came.")
    ]
    opt_out: bool
    subject: Annotated[str | None, Meta(description="The subject of an MMS.")]
    media: Annotated[
        list[MediaItem],
        Meta(description="The parts of an MMS; `GET /v1/media/…` returns each."),
    ]
    access: AccessName | None


class InboundList(msgspec.Struct, kw_only=True):
    """Messages, newest first; a page may be short and still have a next one."""

    data: list[Inbound]
    next_cursor: NextCursor


class InboundQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which messages."""

    cursor: Cursor = ""
    limit: Limit = 50
    from_: Annotated[
        TimeText | UnsetType,
        Meta(description="Only messages that came at this time or later."),
    ] = msgspec.field(default=UNSET, name="from")
    to: Annotated[
        TimeText | UnsetType,
        Meta(description="Only messages that came before this time."),
    ] = UNSET
    keyword: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType,
        Meta(description="Only messages by this registered keyword."),
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
    """An event, as in its webhook."""

    id: Annotated[str, Meta(description="The `webhook-id` of its webhook.")]
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
    more: Annotated[bool, Meta(description="True: ask again at once, there are more.")]


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
        Meta(description="Only events of these types, separated by commas."),
    ] = UNSET


class ReplayBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A range of time, from `from` to just before `to`."""

    from_: Time = msgspec.field(name="from")
    to: Time


class Replayed(msgspec.Struct, kw_only=True):
    """The result of a replay."""

    events: Annotated[int, Meta(description="How many webhooks are sent again.")]


# The delivery log


class Attempt(msgspec.Struct, kw_only=True):
    """One attempt."""

    at: Moment
    took: Annotated[float, Meta(description="Seconds.")]
    status: Annotated[int | None, Meta(description="HTTP status; null: no answer.")]
    answer: Annotated[str, Meta(description="The answer or the error, cut short.")]
    request: Annotated[
        str | None,
        Meta(description="The request, cut short, secrets masked; null: not kept."),
    ]


class Callback(msgspec.Struct, kw_only=True):
    """A callback."""

    id: Id
    access: AccessName
    topic: Topic
    message_id: Annotated[int, Meta(description="The message that it is about.")]
    state: CallbackState
    queue_id: Annotated[int | None, Meta(description="The queue in which it waits.")]
    tries: Annotated[int, Meta(description="Attempts so far.")]
    next_at: Annotated[Moment | None, Meta(description="The time of the next attempt.")]
    at: Annotated[
        Moment, Meta(description="The time of the last attempt, or when it was stored.")
    ]
    took: float | None
    status: int | None
    answer: str


class CallbackDetail(Callback, kw_only=True):
    """A callback and its attempts, oldest first."""

    attempts: list[Attempt]


class CallbackList(msgspec.Struct, kw_only=True):
    """Callbacks, newest first; a page may be short and still have a next one."""

    data: list[Callback]
    next_cursor: NextCursor


class CallbackQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which callbacks."""

    cursor: Cursor = ""
    limit: Limit = 50
    state: Annotated[
        CallbackState | UnsetType, Meta(description="Only callbacks in this state.")
    ] = UNSET
    message: Annotated[
        Annotated[int, Meta(ge=1, le=LAST_ID)] | UnsetType,
        Meta(description="Only callbacks about this message."),
    ] = UNSET


# Queues


class Queue(msgspec.Struct, kw_only=True):
    """Callbacks that go one after another; if one fails, all later ones wait."""

    id: Id
    access: AccessName
    state: QueueState
    waiting: Annotated[int, Meta(description="How many callbacks wait in it.")]
    tries: Annotated[int, Meta(description="Attempts with the first of them.")]
    paused_at: Moment | None
    why: Annotated[str, Meta(description="Why it is paused, a text for people.")]


class QueueList(msgspec.Struct, kw_only=True):
    """All queues of the account."""

    data: list[Queue]

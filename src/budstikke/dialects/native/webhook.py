"""
Webhooks (Standard Webhooks 1.0): their body, their id and their signature.

The id of an event is the same each time it is sent, so that a customer who receives it
twice can see that; time and signature are those of the attempt.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import Meta

from budstikke.dialects.inbound import called
from budstikke.dialects.native.settings import EventType, octets
from budstikke.domain.inbound import Kind
from budstikke.domain.message import StatusEvent
from budstikke.domain.receipt import Reason
from budstikke.domain.states import FINAL_MESSAGE, MessageState
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from budstikke.domain.inbound import InboundEvent

REPORTED_STATES: tuple[str, ...] = (
    MessageState.SENT.value,
    *(state.value for state in MessageState if state in FINAL_MESSAGE),
    "read",
    "deleted",
)
"""
States that webhooks report, each as the event ``message.<state>``.

A phone reports the last two of an MMS; they may come after any other state.
"""

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, with milliseconds."""


Why = Annotated[
    str,
    Meta(
        description="Why it failed.",
        extra_json_schema={"enum": [reason.value for reason in Reason if reason]},
    ),
]
"""A ``domain.receipt.Reason``."""


class MessageEvent(msgspec.Struct, kw_only=True):
    """The state of a message."""

    id: Annotated[int, Meta(description="The id of the message.")]
    to: Annotated[str, Meta(description="E.164 with +.", examples=["+4799999999"])]
    ref: Annotated[str | None, Meta(description="Your reference.")]
    state: Annotated[
        str,
        Meta(
            description="Only an MMS gets `read` and `deleted`, from the phone.",
            extra_json_schema={"enum": list(REPORTED_STATES)},
        ),
    ]
    reason: Why | None
    raw: Annotated[str | None, Meta(description="The operator's own words.")]


class Webhook(msgspec.Struct, kw_only=True):
    """The state of a message, and when it got it."""

    type: Annotated[
        str,
        Meta(
            description="`message.` and the state.",
            examples=["message.delivered"],
            extra_json_schema={
                "enum": [f"message.{state}" for state in REPORTED_STATES]
            },
        ),
    ]
    timestamp: Annotated[Moment, Meta(description="When it happened.")]
    data: MessageEvent


class MediaItem(msgspec.Struct, kw_only=True):
    """A part of an MMS."""

    id: Annotated[str, Meta(description="Digits that nobody can guess.")]
    name: Annotated[str, Meta(description="It may be empty.")]
    type: Annotated[str, Meta(examples=["image/jpeg"])]
    size: Annotated[int, Meta(description="Octets.")]


class InboundMessage(msgspec.Struct, kw_only=True):
    """A message from a phone."""

    id: Annotated[int, Meta(description="The id of this message.")]
    kind: Kind
    from_: Annotated[
        str,
        Meta(
            description="E.164 with + if the sender is a number.",
            examples=["+4799999999"],
        ),
    ] = msgspec.field(name="from")
    to: Annotated[
        str,
        Meta(
            description="A short number, a reply number, or E.164 with +.",
            examples=["2229"],
        ),
    ]
    text: Annotated[
        str,
        Meta(
            description="Of an MMS its subject and its text parts, a line each. "
            "`[...]` stands where a part never came."
        ),
    ]
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
    missing: Annotated[
        int, Meta(description="How many parts of a long text never came.")
    ]
    opt_out: Annotated[
        bool, Meta(description="The phone opted out: your messages to it are refused.")
    ]
    subject: Annotated[str | None, Meta(description="The subject of an MMS.")]
    media: Annotated[
        list[MediaItem], Meta(description="The parts of an MMS, its SMIL among them.")
    ]


class InboundWebhook(msgspec.Struct, kw_only=True):
    """A message from a phone, and when it came."""

    type: Annotated[
        str,
        Meta(
            description="`message.reply`: it came to a reply number.",
            examples=["message.received"],
            extra_json_schema={
                "enum": [EventType.RECEIVED.value, EventType.REPLY.value]
            },
        ),
    ]
    timestamp: Annotated[Moment, Meta(description="When it came.")]
    data: InboundMessage


class Notification(NamedTuple):
    """An event as customers see it; ``id`` is the same each time."""

    id: str
    body: Webhook | InboundWebhook


def notification_of(event: StatusEvent | InboundEvent) -> Notification | None:
    """Write an event as webhooks and lists show it; ``None``: it is not reported."""
    if isinstance(event, StatusEvent):
        return _status_notification(event)
    event_type = EventType.REPLY if event.reply else EventType.RECEIVED
    body = InboundWebhook(
        type=event_type.value,
        timestamp=moment(event.came_at),
        data=_inbound(event),
    )
    return Notification(f"evt_{event.message_id}_received", body)


def _status_notification(event: StatusEvent) -> Notification | None:
    if event.state not in REPORTED_STATES:
        return None
    body = Webhook(
        type=f"message.{event.state}",
        timestamp=moment(event.at),
        data=MessageEvent(
            id=event.message_id,
            to=event.recipient,
            ref=event.ref,
            state=event.state,
            reason=event.reason or None,
            raw=event.raw or None,
        ),
    )
    return Notification(f"evt_{event.message_id}_{event.state}", body)


def _inbound(event: InboundEvent) -> InboundMessage:
    return InboundMessage(
        id=event.message_id,
        kind=event.kind,
        from_=event.originator,
        to=called(event.recipient),
        text=event.text,
        data=event.data or None,
        keyword=event.keyword or None,
        in_reply_to=event.reply_to or None,
        sent_at=moment(event.sent_at or event.came_at),
        missing=event.missing,
        opt_out=event.opt_out,
        subject=event.subject or None,
        media=[
            MediaItem(id=part.id, name=part.name, type=part.type, size=part.size)
            for part in event.media
        ],
    )


def write(
    event: StatusEvent | InboundEvent, url: str, wanted: Collection[str] = ()
) -> WireRequest | None:
    """
    Write the webhook of an event, not yet signed; ``None``: it is not reported.

    ``wanted`` are the event types to send; empty: all.
    """
    notification = notification_of(event)
    if notification is None or (wanted and notification.body.type not in wanted):
        return None
    headers = {"content-type": "application/json", "webhook-id": notification.id}
    return WireRequest(
        "POST", url, headers=headers, body=msgspec.json.encode(notification.body)
    )


def sign(request: WireRequest, secrets: Sequence[str], now: float) -> WireRequest:
    """Sign an event for an attempt that is made now (Unix seconds)."""
    at = str(int(now))
    signed = f"{request.headers['webhook-id']}.{at}.".encode() + request.body
    signatures = " ".join(signature(secret, signed) for secret in secrets)
    headers = {
        **request.headers,
        "webhook-timestamp": at,
        "webhook-signature": signatures,
    }
    return WireRequest(
        request.method, request.target, headers=headers, body=request.body
    )


def signature(secret: str, signed: bytes) -> str:
    """Make one signature: ``v1,`` and the base64 of HMAC-SHA256."""
    made = hmac.digest(_octets(secret), signed, sha256)
    return f"v1,{b64encode(made).decode()}"


_octets = lru_cache(maxsize=1024)(octets)


def moment(at: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC, with milliseconds."""
    when = datetime.fromtimestamp(at, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")

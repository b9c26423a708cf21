"""
Webhooks as Standard Webhooks 1.0 has them: what is told, and its signature.

The id of an event is the same each time it is sent, so that whoever gets it twice can
tell; time and signature are those of the attempt.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from budstikke.dialects.native.settings import octets
from budstikke.domain.receipt import Reason
from budstikke.domain.states import FINAL_MESSAGE, MessageState
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.message import StatusEvent

TOLD: tuple[MessageState, ...] = (
    MessageState.SENT,
    *(state for state in MessageState if state in FINAL_MESSAGE),
)
"""States that are told, each by an event ``message.<state>``."""

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
    """What became of a message."""

    id: Annotated[int, Meta(description="The message.")]
    to: Annotated[str, Meta(description="E.164 with +.", examples=["+4799999999"])]
    ref: Annotated[str | None, Meta(description="Your reference.")]
    state: MessageState
    reason: Why | None
    raw: Annotated[str | None, Meta(description="The operator's own words.")]


class Webhook(msgspec.Struct, kw_only=True):
    """One event."""

    type: Annotated[
        str,
        Meta(
            description="`message.` and the state.",
            examples=["message.delivered"],
            extra_json_schema={"enum": [f"message.{state}" for state in TOLD]},
        ),
    ]
    timestamp: Annotated[Moment, Meta(description="When it happened.")]
    data: MessageEvent


def write(event: StatusEvent, url: str) -> WireRequest | None:
    """Write an event, not yet signed; ``None``: it is not told."""
    if event.state not in TOLD:
        return None
    body = Webhook(
        type=f"message.{event.state}",
        timestamp=moment(event.at),
        data=MessageEvent(
            id=event.message_id,
            to=event.recipient,
            ref=event.ref,
            state=MessageState(event.state),
            reason=event.reason or None,
            raw=event.raw or None,
        ),
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": f"evt_{event.message_id}_{event.state}",
    }
    return WireRequest("POST", url, headers=headers, body=msgspec.json.encode(body))


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

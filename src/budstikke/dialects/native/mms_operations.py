"""Send an MMS: the operation and its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.mms import MmsBody, read_mms
from budstikke.dialects.native.operation import Operation
from budstikke.dialects.native.problems import Fault
from budstikke.dialects.native.sending import charged, idempotency_key
from budstikke.dialects.native.shapes import (
    Currency,
    Id,
    Money,
)
from budstikke.domain.queries import MmsAnswer
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from budstikke.dialects.native.exchange import Exchange, Work

_R = RefusalCode


class SentMms(msgspec.Struct, kw_only=True):
    """An accepted MMS, which is durable."""

    id: Id
    size: Annotated[int, Meta(description="Octets of its text and files.")]
    price: Annotated[
        Money | None, Meta(description="null if the account is not charged.")
    ]
    currency: Currency | None


def send_mms(exchange: Exchange) -> Work[Reply]:
    """Accept an MMS; a repeated idempotency key gets the first answer again."""
    asked = read_mms(exchange.body, idempotency_key(exchange))
    answer = yield from ask(asked, MmsAnswer)
    price, currency = charged(exchange, answer.price)
    body = SentMms(
        id=answer.message_id, size=answer.size, price=price, currency=currency
    )
    headers = {"location": f"/v1/messages/{answer.message_id}"}
    if not answer.replayed:
        return Reply(body, 201, headers)
    return Reply(body, 200, {**headers, "idempotent-replay": "true"})


MMS_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST /mms",
        send_mms,
        SentMms,
        detail="""\
An MMS goes to one recipient, by an operator that carries MMS. Its state, webhooks and
events are those of any message. With `fit` the gateway makes pictures (JPEG, PNG, GIF,
WebP) smaller and upright, and removes their metadata (such as the place).""",
        body=MmsBody,
        large=True,
        example={
            "to": "+4799999999",
            "from": "2229",
            "subject": "Sol",
            "text": "Hei på deg",
            "files": [
                {
                    "name": "sol.gif",
                    "type": "image/gif",
                    "data": "R0lGODlhAQABAAAAACw=",
                }
            ],
            "fallback": "Bilde til deg: {link}",
        },
        statuses=((201, "Accepted"), (200, "Accepted before, with this key")),
        keyed=True,
        problems=(
            *(_R.BAD_RECIPIENT, _R.NOT_MOBILE, _R.COUNTRY_NOT_ALLOWED, _R.NO_ROUTE),
            *(_R.BAD_ORIGINATOR, _R.BLACKLISTED, _R.OPTED_OUT, _R.NO_CREDIT),
            Fault.IDEMPOTENCY_CONFLICT,
        ),
        links=tuple(
            (name, "$response.body#/id")
            for name in ("getMessage", "cancelMessage", "deleteMessage")
        ),
    ),
)

"""The dry run of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.order import Moment, Number
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.shapes import E164, Currency, Money
from budstikke.domain.money import decimal
from budstikke.domain.queries import RouteTest, RouteTestAnswer

if TYPE_CHECKING:
    from budstikke.dialects.native.exchange import Exchange, Work


class RouteTestBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The message to test the routes with."""

    to: Number
    from_: Annotated[
        str,
        Meta(
            max_length=40,
            description="The sender. Without it only routes for any sender apply.",
        ),
    ] = msgspec.field(default="", name="from")
    kind: Literal["sms", "mms", "flash", "premium"] = "sms"
    at: Annotated[Moment | None, Meta(description="When it is due. Default: now.")] = (
        None
    )


class RouteCarrier(msgspec.Struct, kw_only=True):
    """A carrier of a route."""

    name: str
    weight: Annotated[
        int | None,
        Meta(description="Its share of the messages; null: the order decides."),
    ]


class RouteFound(msgspec.Struct, kw_only=True):
    """The route of a message; nothing was stored, sent or charged."""

    to: E164
    rule: Annotated[str, Meta(examples=["route +47, kind flash"])]
    carriers: Annotated[
        list[RouteCarrier], Meta(description="In the order in which they are tried.")
    ]
    operator: Annotated[
        str | None, Meta(description="The recipient's operator; null: not known.")
    ]
    price: Annotated[
        Money | None,
        Meta(description="Of a segment or an MMS; null: the account is not charged."),
    ]
    currency: Currency | None


def test_route(exchange: Exchange) -> Work[Reply]:
    """Show which route a message would take."""
    body: RouteTestBody = exchange.body
    if not exchange.access.settings.route_test:
        raise Problem(Fault.NOT_FOUND, detail="This token may not test routes")
    at = None if body.at is None else body.at.timestamp()
    asked = RouteTest(body.to, body.from_, body.kind, at)
    found = yield from ask(asked, RouteTestAnswer)
    weights = found.weights or (None,) * len(found.carriers)
    return Reply(
        RouteFound(
            to=found.recipient,
            rule=found.rule,
            carriers=[
                RouteCarrier(name=name, weight=weight)
                for name, weight in zip(found.carriers, weights, strict=True)
            ],
            operator=found.operator or None,
            price=decimal(found.price) if found.currency else None,
            currency=found.currency or None,
        )
    )

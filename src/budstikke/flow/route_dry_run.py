"""
Dry run of the routes: which rule a message would follow, by which carriers, its price.

The REST API and ``budstikke route`` share it. It looks up what accepting would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.number import international, region, why_not
from budstikke.domain.originator import classify
from budstikke.domain.queries import RouteTest, RouteTestAnswer
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import (
    Route,
    Traits,
    described,
    in_order,
    kinds_of,
    minute_of,
)

if TYPE_CHECKING:
    from budstikke.domain.directory import Account, Directory


def dry_run(
    query: RouteTest, account: Account, directory: Directory, now: float
) -> RouteTestAnswer:
    """
    Find the rule of a message; nothing is stored, sent or charged.

    Raises Refusal with ``BAD_RECIPIENT``, ``NOT_MOBILE``, ``BAD_ORIGINATOR``,
    ``NO_ROUTE`` or ``COUNTRY_NOT_ALLOWED``.
    """
    country = region(account.home)
    number = international(query.recipient, country)
    if number is None:
        code = why_not(query.recipient, country) or RefusalCode.BAD_RECIPIENT
        raise Refusal(code, value=query.recipient)
    route = _route(query, number, account, directory, now)
    carriers = route.mms if query.kind == "mms" else route.carriers
    price = _price(query, number, account, now)
    if price is None:
        raise Refusal(RefusalCode.COUNTRY_NOT_ALLOWED, value=number)
    weights = route.weights
    ordered = carriers if weights else in_order(route, carriers, number, 0.0)
    return RouteTestAnswer(
        number,
        described(route, account.name if route.account_id is not None else ""),
        tuple(directory.carriers[each].name for each in ordered),
        tuple(weights.get(each, 0) for each in carriers) if weights else (),
        directory.operator_of(number),
        price,
        account.currency,
    )


def _route(
    query: RouteTest, number: str, account: Account, directory: Directory, now: float
) -> Route:
    sender = classify(query.sender) if query.sender else None
    if query.sender and sender is None:
        raise Refusal(RefusalCode.BAD_ORIGINATOR, value=query.sender)
    kinds = kinds_of(
        mms=query.kind == "mms",
        flash=query.kind == "flash",
        premium=query.kind == "premium",
    )
    minute = minute_of(now if query.at is None else query.at)
    traits = Traits(sender.value if sender else "", kinds, minute)
    find = directory.mms_route if query.kind == "mms" else directory.route
    route = find(account.id, number, traits)
    if route is None:
        raise Refusal(RefusalCode.NO_ROUTE, value=number)
    return route


def _price(query: RouteTest, number: str, account: Account, now: float) -> int | None:
    """Return the micros of a segment, or of an MMS; ``None``: none is sold there."""
    if not account.currency:
        return 0
    if account.prices is None:
        return None
    sold = account.prices.mms if query.kind == "mms" else account.prices.price
    return sold(number, now)

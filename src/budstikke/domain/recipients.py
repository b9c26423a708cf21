"""
The recipients of an order: which can be sent to, by which route, at what price. Pure.

Each check is made once, in the order of Front's contract ("Order of checks"). The route
and the price found here hold until the message is with its carrier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.domain.number import international_many, why_not
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import PLAIN, Traits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Order
    from budstikke.domain.routing import Route

NORWAY = "+47"
"""Premium messages go to Norwegian numbers only."""


class Recipient(NamedTuple):
    """
    A recipient that can be sent to.

    Attributes:
        position: Its index in the order.
        number: E.164 with ``+``.
        route: Its route.
        unit_price: Micros a segment.

    """

    position: int
    number: str
    route: Route
    unit_price: int


class SortedNumbers(msgspec.Struct):
    """
    The numbers of an order, checked; indexes are into the order's recipients.

    Attributes:
        valid: (index, E.164) of those that can be sent to.
        refused: Reasons by index.
        repeated: Indexes of numbers that the order had before.

    """

    valid: list[tuple[int, str]]
    refused: dict[int, RefusalCode]
    repeated: list[int]


def sort_out(
    recipients: Sequence[str],
    directory: Directory,
    *,
    opted_out: frozenset[str] = frozenset(),
    country: str = "",
    seen: set[str] | None = None,
    start: int = 0,
    into: SortedNumbers | None = None,
) -> SortedNumbers:
    """
    Find the numbers that can be sent to.

    Args:
        recipients: As the customer wrote them.
        directory: For the blacklist.
        opted_out: Numbers that have opted out of the account's messages.
        country: The country whose national numbers are accepted; empty: none.
        seen: Numbers that the order had before; ``None``: numbers may repeat.
        start: Index of the first of these, for an order in slices.
        into: The result of the slices before, which this adds to and returns.

    """
    result = SortedNumbers([], {}, []) if into is None else into
    blacklist = directory.blacklist
    default = country or None
    for index, number in enumerate(international_many(recipients, default), start):
        if number is None:
            why = why_not(recipients[index - start], default)
            result.refused[index] = why or RefusalCode.BAD_RECIPIENT
        elif number in blacklist:
            result.refused[index] = RefusalCode.BLACKLISTED
        elif number in opted_out:
            result.refused[index] = RefusalCode.OPTED_OUT
        elif seen is not None and number in seen:
            result.repeated.append(index)
        else:
            result.valid.append((index, number))
            if seen is not None:
                seen.add(number)
    return result


def route_each(
    numbers: Iterable[tuple[int, str]],
    refused: dict[int, RefusalCode],
    *,
    order: Order,
    access: Access,
    directory: Directory,
    now: float,
    traits: Traits = PLAIN,
) -> list[Recipient]:
    """
    Find each number's route and price; numbers without one go to ``refused``.

    Premium messages go to Norwegian numbers only. ``now``: Unix seconds. ``traits``:
    what rules may ask about the order's messages.
    """
    account, recipients = access.account, list[Recipient]()
    for index, number in numbers:
        if order.price > 0 and not number.startswith(NORWAY):
            refused[index] = RefusalCode.PREMIUM_BAD_RECIPIENT
            continue
        route = directory.route(account.id, number, traits)
        if route is None:
            refused[index] = RefusalCode.NO_ROUTE
            continue
        unit: int | None = 0
        if account.currency:
            prices = account.prices
            unit = prices.price(number, now) if prices is not None else None
        if unit is None:  # nothing is sold there
            refused[index] = RefusalCode.COUNTRY_NOT_ALLOWED
        else:
            recipients.append(Recipient(index, number, route, unit))
    return recipients


def route_again(
    numbers: Iterable[tuple[int, str, int]],
    account_id: int,
    directory: Directory,
    traits: Traits = PLAIN,
) -> list[Recipient]:
    """
    Find the routes of (index, number, micros a segment) in a changed directory.

    Raises Refusal with ``NO_ROUTE`` if a number has none any more.
    """
    recipients: list[Recipient] = []
    for index, number, unit in numbers:
        route = directory.route(account_id, number, traits)
        if route is None:
            raise Refusal(RefusalCode.NO_ROUTE, value=number)
        recipients.append(Recipient(index, number, route, unit))
    return recipients

"""
Routes: which rule applies to a message, and the order of its carriers. Pure.

A rule applies if all that it asks for is so: account, operator, prefix, sender, kind
and time of day. Of those that apply, the most specific one wins. Its rank is, in this
order: a rule of the account before one for all accounts; with the operator before
without; the longer prefix; the sender as written, then the longer series, then any
sender; the rank of the kind in ``KINDS``; the shorter time of day, then the one that
begins earlier. No two rules have the same rank: ``apply`` refuses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from budstikke.domain.cet import to_wall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DAY = 24 * 60
"""Minutes."""

KINDS: Mapping[str, int] = {"premium": 3, "flash": 2, "sms": 1, "mms": 1, "": 0}
"""Kinds that a rule may ask for, by their rank. Every message is an SMS or an MMS."""

EXACT = 100
"""The rank of a sender as written; that of a series is its length."""


class Traits(NamedTuple):
    """
    What rules may ask about a message, beside its account and recipient.

    Attributes:
        sender: As shown on the phone.
        kinds: All of ``KINDS`` that it is.
        minute: When it is due: minutes since midnight, Central European Time.

    """

    sender: str = ""
    kinds: tuple[str, ...] = ("sms", "")
    minute: int = 0


PLAIN = Traits()
"""Stands for the traits of any SMS where no rule asks for traits."""


def kinds_of(*, mms: bool = False, flash: bool, premium: bool) -> tuple[str, ...]:
    """List the kinds that a message is."""
    kinds = ["mms" if mms else "sms", ""]
    if flash:
        kinds.append("flash")
    if premium:
        kinds.append("premium")
    return tuple(kinds)


def minute_of(at: float) -> int:
    """Return the minute of the day at ``at`` Unix seconds, Central European Time."""
    wall = to_wall(at)
    return wall.hour * 60 + wall.minute


class Hours(NamedTuple):
    """A time of day, minutes since midnight, without ``end``; it may pass midnight."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Its minutes."""
        return (self.end - self.start) % DAY or DAY

    def has(self, minute: int) -> bool:
        """Whether a minute of the day is in it."""
        return (minute - self.start) % DAY < self.length


ALWAYS = Hours(0, 0)


def read_hours(text: str) -> Hours:
    """Read ``22:00-06:00``; empty: the whole day. Raises ValueError."""
    if not text:
        return ALWAYS
    start, _, end = text.partition("-")
    return Hours(_minute(start), _minute(end))


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    A rule, and its carriers in the order in which they are tried.

    ``carriers`` has those for SMS, ``mms`` those for MMS; ``directory.sorted_by_kind``
    separates them.

    Attributes:
        prefix: What the recipient (E.164 with ``+``) begins with; empty: any.
        account_id: The account whose messages it is for; ``None``: all accounts.
        operator: The code of the recipient's operator; empty: any.
        sender: The sender, or a series such as ``26114*``; empty: any.
        kind: Of ``KINDS``.
        hours: As ``read_hours`` reads it.
        weights: By carrier: its share of the messages that it is tried first for.
            Empty: the order of ``carriers``.
        least_cost: The carrier that costs least for a recipient is tried first.
        costs: If so: by carrier, micros a segment by prefix.
        requires: What must be pre-approved there: ``sender``, ``template``.
        senders: The approved sender by kind of template.

    """

    prefix: str
    carriers: tuple[int, ...]
    account_id: int | None = None
    operator: str = ""
    sender: str = ""
    kind: str = ""
    hours: str = ""
    weights: Mapping[int, int] = field(default_factory=dict)
    least_cost: bool = False
    costs: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    requires: frozenset[str] = frozenset()
    senders: Mapping[str, str] = field(default_factory=dict)
    mms: tuple[int, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether it asks for traits."""
        return bool(self.sender or self.kind or self.hours)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Its rank among rules with its account, operator and prefix; least first."""
        series = self.sender.endswith("*")
        sender = len(self.sender) if series or not self.sender else EXACT
        hours = read_hours(self.hours)
        return -sender, -KINDS[self.kind], hours.length, hours.start

    def applies(self, traits: Traits) -> bool:
        """Whether a message has the traits that it asks for."""
        if self.kind not in traits.kinds:
            return False
        if self.sender.endswith("*"):
            if not traits.sender.startswith(self.sender[:-1]):
                return False
        elif self.sender and self.sender != traits.sender:
            return False
        return not self.hours or read_hours(self.hours).has(traits.minute)


class RouteTable:
    """
    All rules, ready for look-ups.

    Args:
        routes: The rules.

    Attributes:
        asks: Whether a rule asks for traits: otherwise ``PLAIN`` will do.
        asks_operator: Whether a rule asks for the recipient's operator.

    """

    def __init__(self, routes: Iterable[Route]) -> None:
        grouped: dict[int | None, dict[str, dict[str, list[Route]]]] = {}
        self.asks = self.asks_operator = False
        for route in routes:
            by_operator = grouped.setdefault(route.account_id, {})
            by_prefix = by_operator.setdefault(route.operator, {})
            by_prefix.setdefault(route.prefix, []).append(route)
            self.asks = self.asks or route.asks
            self.asks_operator = self.asks_operator or bool(route.operator)
        self._owners = {
            owner: {code: _by_prefix(routes) for code, routes in by_operator.items()}
            for owner, by_operator in grouped.items()
        }

    def find(
        self, account_id: int, recipient: str, traits: Traits, operator: str
    ) -> Route | None:
        """Return the most specific rule that applies; ``None``: there is none."""
        for owner in (account_id, None):
            by_operator = self._owners.get(owner)
            if by_operator is None:
                continue
            if operator:
                its = by_operator.get(operator, _NONE)
                route = _longest(its, recipient, traits)
                if route is not None:
                    return route
            route = _longest(by_operator.get("", _NONE), recipient, traits)
            if route is not None:
                return route
        return None


_ByPrefix = tuple[tuple[int, ...], dict[str, tuple[tuple[Route, bool], ...]]]
"""Lengths of all prefixes, longest first; by prefix the rules, by rank."""

_NONE: _ByPrefix = ((), {})


def _longest(rules: _ByPrefix, recipient: str, traits: Traits) -> Route | None:
    """Return the rule with the longest prefix that applies."""
    lengths, by_prefix = rules
    for length in lengths:
        for route, asks in by_prefix.get(recipient[:length], ()):
            if not asks or route.applies(traits):
                return route
    return None


def _by_prefix(routes: Mapping[str, list[Route]]) -> _ByPrefix:
    ranked = {
        prefix: tuple((each, each.asks) for each in sorted(its, key=lambda r: r.rank))
        for prefix, its in routes.items()
    }
    return tuple(sorted(map(len, set(ranked)), reverse=True)), ranked


def in_order(
    route: Route, carriers: tuple[int, ...], recipient: str, number: float
) -> tuple[int, ...]:
    """
    Return a rule's carriers in the order in which to try them.

    Args:
        route: The rule.
        carriers: Its carriers for SMS, or those for MMS.
        recipient: E.164 with ``+``.
        number: At least 0, less than 1: draws the first carrier, if they have weights.

    """
    if route.least_cost:
        return tuple(sorted(carriers, key=lambda each: _cost(route, each, recipient)))
    weights = route.weights
    total = sum(weights.get(each, 0) for each in carriers)
    if not total:
        return carriers
    point = number * total
    for first in carriers:
        point -= weights.get(first, 0)
        if point < 0:
            return (first, *(each for each in carriers if each != first))
    return carriers


def _cost(route: Route, carrier_id: int, recipient: str) -> tuple[bool, int]:
    """Return the key of a carrier by its cost; those whose cost is unknown go last."""
    cost = cost_of(route.costs.get(carrier_id, {}), recipient)
    return cost is None, cost or 0


def cost_of(costs: Mapping[str, int], recipient: str) -> int | None:
    """Return the micros of the longest prefix of a recipient; ``None``: unknown."""
    for length in range(len(recipient), -1, -1):
        if recipient[:length] in costs:
            return costs[recipient[:length]]
    return None


def operator_of(operators: Mapping[str, str], recipient: str) -> str:
    """Return the operator of the longest prefix of a recipient; empty: unknown."""
    for length in range(len(recipient), 0, -1):
        if recipient[:length] in operators:
            return operators[recipient[:length]]
    return ""


def described(route: Route, account: str) -> str:
    """Write a rule for people; ``account``: the name of its account, if it has one."""
    asked = {
        "operator": route.operator,
        "sender": route.sender,
        "kind": route.kind,
        "hours": route.hours,
    }
    words = [f"route {route.prefix or '+'}"]
    words += [f"{name} {value}" for name, value in asked.items() if value]
    return ", ".join(words) + (f" of {account}" if account else "")

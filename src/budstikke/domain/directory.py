"""
The directory: accounts, accesses, carriers, routes and suppressions, as one value.

A node reads it from the store as a whole; a change in the store makes a new one. On
the message path a look-up is a look-up in a dictionary here, not in the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from budstikke.domain.money import PriceList, Refund
from budstikke.domain.number_inventory import NumberInventory
from budstikke.domain.routing import PLAIN, Route, RouteTable, Traits, operator_of
from budstikke.domain.states import PartState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network


ELSEWHERE = "elsewhere"
"""The value of ``unsure`` and ``no_receipt`` that allows a second copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    A customer.

    Attributes:
        grants: Sender rights as ``domain.originator`` reads them: exact texts and
            numbers, series such as ``26114*``, or ``*`` for any well-formed one.
        unsure: What to do with an unsure part when its time is over: ``fail`` (report
            it as failed), ``resend`` (accept that the phone may get it twice) or
            ``elsewhere`` (likewise, by the next carrier of its route).
        unsure_after: Seconds that an unsure part waits for its delivery report.
        no_receipt: What to do with a part that was sent and has no delivery report
            when its time is over: ``wait`` or ``elsewhere``.
        no_receipt_after: Seconds that such a part waits.
        currency: ISO 4217, ``SMS``, or empty: nothing is charged.
        prepaid: Paid in advance; otherwise invoiced.
        credit_limit: Micros that the balance may be below zero.
        prices: Prices of a segment; ``None`` with a currency: nothing is sold.
        refund: When a charge is refunded.
        premium: Whether it may send premium messages.
        home: Prefix of its home country.
        reply_number: Short number in front of its reply numbers; empty: none.
        opted_out: Phones that opted out of this account's messages, E.164 with ``+``.
        stop: Languages (``nb``, ``en``, …) whose words for STOP opt a phone out; empty:
            none.
        stop_reply: Answer to a phone that opted out; empty: none.

    """

    id: int
    name: str
    blocked: bool = False
    grants: tuple[str, ...] = ()
    unsure: str = "fail"
    unsure_after: float = 3600.0
    no_receipt: str = "wait"
    no_receipt_after: float = 600.0
    currency: str = ""
    prepaid: bool = True
    credit_limit: int = 0
    prices: PriceList | None = None
    refund: Refund = Refund.UNSENT
    premium: bool = False
    home: str = "+47"
    reply_number: str = ""
    opted_out: frozenset[str] = frozenset()
    stop: tuple[str, ...] = ()
    stop_reply: str = ""

    def allows_second(self, state: PartState) -> bool:
        """Whether another carrier may get a part that one may have, in this state."""
        rule = self.unsure if state is PartState.UNSURE else self.no_receipt
        return rule == ELSEWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """
    One login of an account to one API.

    Attributes:
        secret: A hash as ``servers.auth`` writes it; ``None``: only the address counts.
        networks: Addresses from which it may log in; empty: any.
        settings: The dialect's ``Settings`` instance.

    """

    id: int
    account: Account
    dialect: str
    identifier: str
    secret: str | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    require_https: bool = True
    blocked: bool = False
    settings: Any = None


class Switch(StrEnum):
    """
    What an administrator has set a carrier to.

    ``PAUSED``: it sends nothing, but keeps its binds and takes delivery reports.
    ``DRAINED``: it has no binds either.
    """

    ON = "on"
    PAUSED = "paused"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierEntry:
    """
    A carrier's configuration; ``settings`` are those of its kind.

    ``down_after``: seconds after which queued parts may leave it while it is down; 0:
    they wait. Entries that differ in ``switch`` only are equal: the carrier need not be
    made anew.
    """

    id: int
    name: str
    kind: str
    settings: Mapping[str, Any]
    down_after: float = 60.0
    switch: Switch = field(default=Switch.ON, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """
    All that the message path looks up; each change has a new ``revision``.

    ``salt`` is for ``domain.key_identifier``; empty: no access is found by that.
    ``operators`` are codes of operators by prefix of their numbers.
    """

    revision: int
    accesses: Mapping[int, Access]
    carriers: Mapping[int, CarrierEntry]
    routes: tuple[Route, ...] = ()
    blacklist: frozenset[str] = frozenset()
    inventory: NumberInventory = field(default_factory=NumberInventory)
    salt: str = ""
    operators: Mapping[str, str] = field(default_factory=dict)
    _logins: Mapping[tuple[str, str], Access] = field(init=False)
    table: RouteTable = field(init=False)

    def __post_init__(self) -> None:
        """Index accesses and routes."""
        object.__setattr__(
            self,
            "_logins",
            {(a.dialect, a.identifier): a for a in self.accesses.values()},
        )
        object.__setattr__(self, "table", RouteTable(self.routes))

    def login(self, dialect: str, identifier: str) -> Access | None:
        """Return the access of this identifier in this dialect; ``None``: none."""
        return self._logins.get((dialect, identifier))

    def route(
        self,
        account_id: int,
        recipient: str,
        traits: Traits = PLAIN,
    ) -> Route | None:
        """
        Return the rule for an SMS to ``recipient`` (E.164 with ``+``).

        ``None``: there is none, or none of its carriers sends SMS.
        """
        operator = self.operator_of(recipient) if self.table.asks_operator else ""
        route = self.table.find(account_id, recipient, traits, operator)
        return route if route is not None and route.carriers else None

    def mms_route(
        self, account_id: int, recipient: str, traits: Traits
    ) -> Route | None:
        """Return the rule for an MMS; ``None``: there is none with a carrier for it."""
        operator = self.operator_of(recipient)
        route = self.table.find(account_id, recipient, traits, operator)
        return route if route is not None and route.mms else None

    def operator_of(self, recipient: str) -> str:
        """Return the recipient's operator; empty: unknown, or no rule asks for it."""
        if not self.table.asks_operator:
            return ""
        return operator_of(self.operators, recipient)


def sorted_by_kind(
    directory: Directory, carries: Mapping[str, frozenset[str]]
) -> Directory:
    """
    Separate the carriers of each route into those for SMS and those for MMS.

    ``carries``, by kind of carrier, is what it sends: ``sms``, ``mms``.
    """
    takes = {key: carries[entry.kind] for key, entry in directory.carriers.items()}
    routes = tuple(
        replace(
            route,
            carriers=tuple(key for key in route.carriers if "sms" in takes[key]),
            mms=tuple(key for key in route.carriers if "mms" in takes[key]),
        )
        for route in directory.routes
    )
    return replace(directory, routes=routes)

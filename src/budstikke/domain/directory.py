"""
Who may do what: accounts, accesses, carriers, routes and suppressions, as one value.

A directory is read from the store as a whole and never changed; a change in the
store makes a new one. Look-ups on the message path are dictionary look-ups here and
never go to the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from budstikke.domain.money import PriceList, Refund
from budstikke.domain.number_inventory import NumberInventory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    A customer.

    Attributes:
        grants: Sender rights as ``domain.originator`` reads them: exact texts and
            numbers, series such as ``26114*``, or ``*`` for any well-formed one.
        unsure: What becomes of a part nobody knows the fate of, when its time is
            over: ``fail`` (report it failed) or ``resend`` (accept a double).
        unsure_after: Seconds an unsure part waits for its receipt.
        currency: ISO 4217, ``SMS``, or empty: nothing is charged.
        prepaid: Paid beforehand; otherwise invoiced.
        credit_limit: Micros that the balance may be below zero.
        prices: What a segment costs; ``None`` with a currency: nothing is sold.
        refund: When a charge is given back.
        premium: Whether it may send premium messages.
        home: Prefix of its home country.
        reply_number: Short number that its reply numbers begin with; empty: none.
        opted_out: Numbers that want nothing from this account, E.164 with ``+``.
        stop: Languages (``nb``, ``en``, …) whose words for STOP opt a phone out; empty:
            no word does.
        stop_reply: What a phone is answered that opted out; empty: nothing.

    """

    id: int
    name: str
    blocked: bool = False
    grants: tuple[str, ...] = ()
    unsure: str = "fail"
    unsure_after: float = 3600.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """
    One way an account logs in.

    Attributes:
        secret: A hash as ``servers.auth`` writes it; ``None``: by address alone.
        networks: Addresses it may come from; empty: any.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierEntry:
    """A carrier as it is configured; ``settings`` are those of its kind."""

    id: int
    name: str
    kind: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    Which carriers take recipients that begin with ``prefix``, in order.

    ``carriers`` are those of SMS, ``mms`` those of MMS: ``sorted_by_kind`` tells them
    apart. ``account_id`` makes it one account's own, which wins over a common one.
    ``requires`` (``sender``, ``template``) says what must be pre-approved there, and
    ``senders`` the approved sender by the kind of template.
    """

    prefix: str
    carriers: tuple[int, ...]
    account_id: int | None = None
    requires: frozenset[str] = frozenset()
    senders: Mapping[str, str] = field(default_factory=dict)
    mms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """
    Everything the path looks up; ``revision`` tells one state from the next.

    ``salt`` is that of ``domain.key_identifier``; empty: no access is found by that.
    """

    revision: int
    accesses: Mapping[int, Access]
    carriers: Mapping[int, CarrierEntry]
    routes: tuple[Route, ...] = ()
    blacklist: frozenset[str] = frozenset()
    inventory: NumberInventory = field(default_factory=NumberInventory)
    salt: str = ""
    _logins: Mapping[tuple[str, str], Access] = field(init=False)
    _routes: Mapping[int | None, _ByPrefix] = field(init=False)

    def __post_init__(self) -> None:
        """Index what is looked up."""
        object.__setattr__(
            self,
            "_logins",
            {(a.dialect, a.identifier): a for a in self.accesses.values()},
        )
        owners = {route.account_id for route in self.routes}
        object.__setattr__(
            self, "_routes", {owner: _by_prefix(self.routes, owner) for owner in owners}
        )

    def login(self, dialect: str, identifier: str) -> Access | None:
        """Find the access that uses this identifier in this dialect."""
        return self._logins.get((dialect, identifier))

    def route(self, account_id: int, recipient: str) -> Route | None:
        """
        Find the route with the longest prefix of ``recipient`` (E.164 with ``+``).

        An account's own route wins over a common one of any length. ``None``: there is
        none, or none of its carriers carries SMS.
        """
        route = self._route(account_id, recipient)
        return route if route is not None and route.carriers else None

    def mms_carriers(self, account_id: int, recipient: str) -> tuple[int, ...]:
        """Find the carriers that take MMS to ``recipient``, in order; may be none."""
        route = self._route(account_id, recipient)
        return route.mms if route is not None else ()

    def _route(self, account_id: int, recipient: str) -> Route | None:
        for owner in (account_id, None):
            lengths, by_prefix = self._routes.get(owner, _NONE)
            for length in lengths:
                route = by_prefix.get(recipient[:length])
                if route is not None:
                    return route
        return None


def sorted_by_kind(
    directory: Directory, carries: Mapping[str, frozenset[str]]
) -> Directory:
    """
    Tell for each route which of its carriers take SMS, and which take MMS.

    ``carries`` says by kind of carrier what it takes: ``sms``, ``mms``.
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


_ByPrefix = tuple[tuple[int, ...], dict[str, Route]]
"""The lengths of the prefixes that there are, longest first, and routes by prefix."""

_NONE: _ByPrefix = ((), {})


def _by_prefix(routes: Iterable[Route], owner: int | None) -> _ByPrefix:
    own = {route.prefix: route for route in routes if route.account_id == owner}
    return tuple(sorted({len(prefix) for prefix in own}, reverse=True)), own

"""
Reads the directory from its tables.

It uses plain SQL on the reader's connection: a gateway does without SQLAlchemy, whose
import takes longer than the rest of its start.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.directory import (
    Access,
    Account,
    CarrierEntry,
    Directory,
    Switch,
)
from budstikke.domain.key_identifier import SALT
from budstikke.domain.money import REFUNDS, SMS, Price, PriceList, pieces
from budstikke.domain.number_inventory import (
    Keyword,
    Number,
    NumberInventory,
    NumberKind,
)
from budstikke.domain.routing import Route
from budstikke.store.select import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from budstikke.store.select import Select

BLACKLIST = "SELECT number FROM suppression WHERE account_id = 0"
OPT_OUTS = "SELECT account_id, number FROM suppression WHERE account_id <> 0"


def read_directory(
    select: Select, settings_types: Mapping[str, type[msgspec.Struct]]
) -> Directory:
    """
    Read the directory.

    Args:
        select: Runs a query.
        settings_types: The ``Settings`` of each dialect, by name. Accesses of other
            dialects are left out.

    Raises:
        ValueError: An access's settings do not fit their type.

    """
    while True:
        before = read_revision(select)
        found = _directory(select, before, settings_types)
        if before == read_revision(select):  # one state, also without a snapshot
            return found


def directory_of(
    url: str, settings_types: Mapping[str, type[msgspec.Struct]]
) -> Directory:
    """Read the directory over a new connection; raises also StoreUnavailable."""
    with reading(url) as select:
        return read_directory(select, settings_types)


def read_revision(select: Select) -> int:
    """Return the directory's revision."""
    return int(_meta(select, "revision") or 0)


def _meta(select: Select, key: str) -> str | None:
    rows = select(f"SELECT value FROM meta WHERE key = '{key}'")
    return next((row.value for row in rows), None)


def _directory(
    select: Select,
    revision: int,
    settings_types: Mapping[str, type[msgspec.Struct]],
) -> Directory:
    accounts = _accounts(select)
    return Directory(
        revision=revision,
        accesses=_accesses(select, accounts, settings_types),
        carriers={
            row.id: CarrierEntry(
                id=row.id,
                name=row.name,
                kind=row.kind,
                settings=msgspec.json.decode(row.settings),
                down_after=row.down_after,
                switch=Switch(row.switch),
            )
            for row in select("SELECT * FROM carrier")
        },
        routes=tuple(_routes(select)),
        blacklist=frozenset(row.number for row in select(BLACKLIST)),
        inventory=_inventory(select),
        salt=_meta(select, SALT) or "",
        operators={
            prefix: row.code
            for row in select("SELECT * FROM operator")
            for prefix in msgspec.json.decode(row.prefixes)
        },
    )


def _routes(select: Select) -> Iterator[Route]:
    rows = select("SELECT id, costs FROM carrier")
    costs = {row.id: msgspec.json.decode(row.costs) for row in rows}
    for row in select("SELECT * FROM route"):
        carriers = tuple(msgspec.json.decode(row.carriers))
        weights = msgspec.json.decode(row.weights)
        yield Route(
            prefix=row.prefix,
            carriers=carriers,
            account_id=row.account_id,
            operator=row.operator,
            sender=row.sender,
            kind=row.kind,
            hours=row.hours,
            weights=dict(zip(carriers, weights, strict=False)),
            least_cost=bool(row.least_cost),
            costs={id_: costs[id_] for id_ in carriers} if row.least_cost else {},
            requires=frozenset(msgspec.json.decode(row.requires)),
            senders=msgspec.json.decode(row.senders),
        )


def _inventory(select: Select) -> NumberInventory:
    numbers = {
        row.id: Number(
            id=row.id,
            value=row.value,
            kind=NumberKind(row.kind),
            access_id=row.access_id,
            url=row.url,
        )
        for row in select("SELECT * FROM number")
    }
    keywords = {
        row.id: Keyword(
            id=row.id,
            number_id=row.number_id,
            word=row.word,
            aliases=tuple(msgspec.json.decode(row.aliases)),
            access_id=row.access_id,
            url=row.url,
            receipt=row.receipt,
        )
        for row in select("SELECT * FROM keyword")
    }
    return NumberInventory(numbers, keywords)


def _price_lists(select: Select) -> dict[int, PriceList]:
    prices: dict[int, list[Price]] = {}
    for row in select("SELECT * FROM price"):
        prices.setdefault(row.price_list_id, []).append(
            Price(
                prefix=row.prefix,
                amount=row.amount,
                valid_from=row.valid_from,
                valid_until=row.valid_until,
                mms=row.mms,
            )
        )
    return {
        row.id: PriceList(
            name=row.name,
            currency=row.currency,
            prices=tuple(prices.get(row.id, ())),
        )
        for row in select("SELECT * FROM price_list")
    }


def _opted_out(select: Select) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in select(OPT_OUTS):
        found.setdefault(row.account_id, set()).add(row.number)
    return found


def _accounts(select: Select) -> dict[int, Account]:
    lists, opted_out = _price_lists(select), _opted_out(select)
    return {
        row.id: Account(
            id=row.id,
            name=row.name,
            blocked=bool(row.blocked),
            grants=tuple(msgspec.json.decode(row.grants)),
            unsure=row.unsure,
            unsure_after=row.unsure_after,
            no_receipt=row.no_receipt,
            no_receipt_after=row.no_receipt_after,
            currency=row.currency,
            prepaid=bool(row.prepaid),
            credit_limit=row.credit_limit,
            prices=lists.get(row.price_list_id, _unlisted(row)),
            refund=REFUNDS[row.pays_for],
            premium=bool(row.premium),
            home=row.home,
            reply_number=row.reply_number,
            opted_out=frozenset(opted_out.get(row.id, ())),
            stop=tuple(msgspec.json.decode(row.stop)),
            stop_reply=row.stop_reply,
        )
        for row in select("SELECT * FROM account")
    }


def _unlisted(row: Any) -> PriceList | None:
    """Return the prices of an account without a list."""
    return pieces(row.home) if row.currency == SMS else None


def _accesses(
    select: Select,
    accounts: Mapping[int, Account],
    settings_types: Mapping[str, type[msgspec.Struct]],
) -> dict[int, Access]:
    return {
        row.id: Access(
            id=row.id,
            account=accounts[row.account_id],
            dialect=row.dialect,
            identifier=row.identifier,
            secret=row.secret,
            networks=tuple(map(ip_network, msgspec.json.decode(row.networks))),
            require_https=bool(row.require_https),
            blocked=bool(row.blocked),
            settings=_settings(row, settings_types[row.dialect]),
        )
        for row in select("SELECT * FROM access")
        if row.dialect in settings_types
    }


def _settings(row: Any, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(row.settings, type=kind)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"access {row.dialect} {row.identifier}: settings: {error}"
        ) from error

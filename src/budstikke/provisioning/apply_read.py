"""What is there of all that ``apply``'s file may speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, select

from budstikke.provisioning.apply_state import State
from budstikke.store import schema
from budstikke.store.admin import read_revision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.provisioning.apply_entries import File

AT_A_TIME = 500
"""Numbers looked up by one statement."""

JSON = frozenset(
    {
        *("grants", "networks", "settings", "carriers", "requires", "senders"),
        *("stop", "aliases"),
    }
)
"""Columns that hold JSON."""

Names = dict[int | None, str]
"""Of the rows of a table, by id."""


def read_state(connection: Connection, file: File) -> State:
    """Read it; of groups and suppressions only those that the file names."""
    owner = _names(connection, schema.account)
    link = _names(connection, schema.carrier)
    lists = _names(connection, schema.price_list)
    accesses = connection.execute(select(schema.access)).all()
    numbers, keywords = _inventory(connection, accesses)
    return State(
        revision=read_revision(connection),
        carrier={
            row.name: _values(row) for row in connection.execute(select(schema.carrier))
        },
        account={
            row.name: {**_values(row), "price_list": lists.get(row.price_list_id)}
            for row in connection.execute(select(schema.account))
        },
        access={
            (row.dialect, row.identifier): {
                **_values(row),
                "account": owner[row.account_id],
            }
            for row in accesses
        },
        route={
            (owner.get(row.account_id), row.prefix): {
                **_values(row),
                "account": owner.get(row.account_id),
                "carriers": _links(row.carriers, link),
            }
            for row in connection.execute(select(schema.route))
        },
        suppression=_suppressions(connection, file),
        price_list=_price_lists(connection),
        fee={
            (owner[row.account_id], row.name): _values(row)
            for row in connection.execute(select(schema.fee))
        },
        number=numbers,
        keyword=keywords,
        contact_group=_groups(connection, file),
        kept=_kept(connection),
    )


def _names(connection: Connection, table: Any) -> Names:
    rows = connection.execute(select(table.c.id, table.c.name))
    return {row.id: row.name for row in rows}


def _values(row: Any) -> dict[str, Any]:
    return {
        column: msgspec.json.decode(value) if column in JSON else value
        for column, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy's API
    }


def _links(carriers: str, link: Mapping[int | None, str]) -> list[str]:
    return [link.get(id_, f"no. {id_}") for id_ in msgspec.json.decode(carriers)]


def _inventory(
    connection: Connection, accesses: Sequence[Any]
) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]:
    """Read numbers, and keywords on them."""
    ways = {row.id: (row.dialect, row.identifier) for row in accesses}
    rows = connection.execute(select(schema.number)).all()
    values = {row.id: row.value for row in rows}
    numbers = {
        row.value: {**_values(row), "access": ways.get(row.access_id)} for row in rows
    }
    keywords = {
        (values[row.number_id], row.word): {
            **_values(row),
            "access": ways.get(row.access_id),
        }
        for row in connection.execute(select(schema.keyword))
    }
    return numbers, keywords


def _price_lists(connection: Connection) -> dict[str, dict[str, Any]]:
    prices: dict[int, list[list[Any]]] = {}
    for row in connection.execute(select(schema.price)):
        until = -1.0 if row.valid_until is None else row.valid_until
        mms = -1 if row.mms is None else row.mms
        found = [row.prefix, row.valid_from, until, row.amount, mms]
        prices.setdefault(row.price_list_id, []).append(found)
    return {
        row.name: {"currency": row.currency, "prices": sorted(prices.get(row.id, []))}
        for row in connection.execute(select(schema.price_list))
    }


def _kept(connection: Connection) -> frozenset[str]:
    """Find the accounts that have a ledger; the index says it."""
    account, ledger = schema.account.c, schema.ledger.c
    entry = select(ledger.id).where(ledger.account_id == account.id).exists()
    return frozenset(connection.scalars(select(account.name).where(entry)))


def _groups(
    connection: Connection, file: File
) -> dict[tuple[str, str], dict[str, tuple[str, bool]]]:
    account, group = schema.account.c, schema.contact_group.c
    contact, member = schema.contact.c, schema.membership.c
    found: dict[tuple[str, str], dict[str, tuple[str, bool]]] = {}
    for owner in file.account:
        for entry in owner.group:
            id_ = connection.scalar(
                select(group.id)
                .join(schema.account, account.id == group.account_id)
                .where(account.name == owner.name, group.name == entry.name)
            )
            if id_ is None:
                continue
            rows = connection.execute(
                select(contact.number, contact.name, contact.active)
                .join(schema.membership, member.contact_id == contact.id)
                .where(member.group_id == id_)
            )
            members = {row.number: (row.name, row.active) for row in rows}
            found[owner.name, entry.name] = members
    return found


def _suppressions(
    connection: Connection, file: File
) -> dict[tuple[str | None, str], dict[str, Any]]:
    """Read those that the file names: there may be millions of others."""
    table, owners = schema.suppression.c, _names(connection, schema.account)
    owners[0] = ""  # everybody's
    numbers = sorted({entry.number for _, entry in file.suppressed})
    found: dict[tuple[str | None, str], dict[str, Any]] = {}
    for start in range(0, len(numbers), AT_A_TIME):
        some = numbers[start : start + AT_A_TIME]
        rows = connection.execute(
            select(table.number, table.account_id, table.reason).where(
                table.number.in_(some)
            )
        )
        for row in rows:
            if row.account_id in owners:
                key = (owners[row.account_id] or None, row.number)
                found[key] = {"reason": row.reason}
    return found

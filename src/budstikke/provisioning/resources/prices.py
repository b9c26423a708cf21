"""Price lists."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Struct, field
from sqlalchemy import Connection, delete, insert, select

from budstikke.domain.fees import midnight
from budstikke.provisioning.resource import (
    KEY,
    Draft,
    Entry,
    Resource,
    Section,
    Source,
    Stored,
    fields_of,
)
from budstikke.provisioning.values import DEFAULT, Amount, Currency, Name, Prefix
from budstikke.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.provisioning.changes import Change
    from budstikke.provisioning.present import Reading


def _begin_of(first: date | None) -> float:
    return midnight(first) if first else 0.0


def _end_of(last: date | None) -> float | None:
    return midnight(last + timedelta(days=1)) if last else None


class PriceEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[price_list.price]]``: the price of a segment to some numbers."""

    prefix: Annotated[
        Prefix,
        Stored(convert=lambda prefix: prefix or "+", literal=True),
        "`+` and digits. The longest prefix that matches the recipient counts.",
    ]
    amount: Annotated[Amount, 'Price of a segment: a number as text, `"0.05"`.']
    since: Annotated[
        date | None,
        Stored("valid_from", convert=_begin_of),
        "First day of the price, `2026-01-01`. Default: no first day.",
    ] = field(default=None, name="from")
    until: Annotated[
        date | None,
        Stored("valid_until", convert=_end_of),
        "Last day of the price. Default: no last day.",
    ] = None
    mms: Annotated[
        Amount | None,
        "Price of an MMS. Without it the gateway refuses MMS to that prefix.",
    ] = None


class PriceListEntry(Entry, kw_only=True):
    """``[[price_list]]``: prices that accounts refer to."""

    name: Annotated[Name, KEY, "A name that you choose; accounts use it."]
    currency: Annotated[
        Currency, "ISO 4217, or `SMS`. Required, except with `remove`."
    ] = ""
    price: Annotated[list[PriceEntry], Stored(column=None, convert=price_rows)] = []


def price_rows(prices: list[PriceEntry]) -> list[dict[str, Any]]:
    """Make the rows of a list's prices, in order."""
    rows = [
        {
            each.column.name: each.stored.convert(getattr(price, each.name))
            for each in fields_of(PriceEntry)
            if each.column
        }
        for price in prices
    ]
    return sorted(rows, key=_place)


def _place(row: dict[str, Any]) -> tuple[str, float]:
    return row["prefix"], row["valid_from"]


def _check(entry: PriceListEntry, _: Source) -> Iterator[str]:
    if entry.name == DEFAULT:
        yield f'choose another name: "{DEFAULT}" resets a key'
    rows = price_rows(entry.price)
    for row in rows:
        if row["valid_until"] is not None and row["valid_until"] <= row["valid_from"]:
            yield f"price {row['prefix']}: ends before it begins"
    for one, two in pairwise(rows):
        if _place(one) == _place(two):
            yield f"price {one['prefix']} is there twice"


def _complete(draft: Draft[PriceListEntry]) -> Iterator[str]:
    if not draft.row["currency"]:
        yield "currency is missing"


def _read(reading: Reading) -> dict[str, dict[str, Any]]:
    prices: dict[int, list[dict[str, Any]]] = {}
    for stored in reading.connection.execute(select(schema.price)).mappings():
        row = dict(stored)
        prices.setdefault(row.pop("price_list_id"), []).append(row)
    rows = reading.rows(PRICE_LIST)
    for row in rows.values():
        row["price"] = sorted(prices.get(row["id"], ()), key=_place)
    return rows


def _write_prices(connection: Connection, changes: list[tuple[int, Change]]) -> None:
    price = schema.price
    for list_id, change in changes:
        connection.execute(delete(price).where(price.c.price_list_id == list_id))
        if rows := change.values["price"]:
            rows = [row | {"price_list_id": list_id} for row in rows]
            connection.execute(insert(price), rows)


def _remove_prices(connection: Connection, changes: list[Change]) -> None:
    ids = [(change.there or {})["id"] for change in changes]
    of_lists = schema.price.c.price_list_id.in_(ids)
    connection.execute(delete(schema.price).where(of_lists))


PRICE_LIST = Resource(
    table=schema.price_list,
    key=("name",),
    label=lambda name: f"price_list {name}",
    sections=(
        Section(
            path="price_list",
            entry=PriceListEntry,
            check=_check,
            complete=_complete,
        ),
    ),
    read=_read,
    before_removal=_remove_prices,
    write_below=_write_prices,
)

"""Databases to move from and to, and one with a row of everything to move."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Float, LargeBinary, delete, insert, select

from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate
from budstikke.store.move import export, load
from budstikke.store.move.tables import MOVED
from store.databases import postgres_store, sqlite_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy import Column, Table

    from budstikke.store.contract import Store
    from budstikke.store.move import Exported, Imported
    from store.postgres_server import Server

Rows = dict[str, list[tuple[Any, ...]]]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Base:
    """A migrated database; ``file`` is SQLite's."""

    url: str
    file: Path | None

    def store(self) -> Store:
        if self.file is None:
            return postgres_store(self.url, node="test")
        return sqlite_store(self.file, synchronous="OFF")

    def export(self, path: Path, now: float = 1.0) -> Exported:
        engine = open_engine(self.url)
        try:
            return export(engine, path, program="9.9", now=now)
        finally:
            engine.dispose()

    def load(self, path: Path, now: float = 1.0) -> Imported:
        engine = open_engine(self.url)
        try:
            return load(engine, path, now=now)
        finally:
            engine.dispose()

    def execute(self, *statements: Any) -> None:
        engine = open_engine(self.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)
        engine.dispose()

    def dump(self) -> Rows:
        """Read every table, nodes as well."""
        return self.rows(*schema.metadata.sorted_tables)

    def rows(self, *tables: Table) -> Rows:
        """Read tables, all that are moved unless some are named, in a fixed order."""
        engine = open_engine(self.url)
        with engine.connect() as connection:
            found = {
                str(table.name): sorted(
                    map(tuple, connection.execute(select(table))), key=repr
                )
                for table in tables or MOVED.values()
            }
        engine.dispose()
        return found


def new_base(kind: str, folder: Path, server: Server) -> Base:
    """Make an empty database of the kind ``sqlite`` or ``postgres``."""
    number = next(_numbers)
    if kind == "sqlite":
        file = folder / f"{number}" / "b.sqlite"
        base = Base(f"sqlite:///{file}", file)
    else:
        server.execute(f"CREATE DATABASE move_{number}")
        base = Base(server.url(f"move_{number}"), None)
    migrate(base.url)
    return base


TEXTS = (
    *("", " ", "Hei, verden", "Blåbærsyltetøy", "שלום \u202eעולם", "日本語", "e\u0301"),
    *(
        "👩‍👩‍👧\U0010ffff",
        "a\tb\nc\r\nd",
        "\\N \\. \\u0000 \\",
        "\x01\x1b\x7f\x85\u2028\ufeff",
    ),
    *("'quoted' \"twice\"", "{}", "[1,\n2]", "NULL", "x" * 1000),
)
FLOATS = (0.0, 0.1, -1.5, 1e300, 5e-324, 1_700_000_000.123456, 2.0**53 + 2, 1 / 3)

PLAIN: dict[tuple[str, str], Any] = {
    ("bulk", "done"): 5,  # made, all of it: what it holds is read otherwise
    ("bulk", "total"): 5,
    ("part", "state"): "delivered",  # nobody is at it
    ("callback", "state"): "done",
    ("queue", "state"): "idle",
}

SMALL = {("account", "balance"), ("ledger", "amount"), ("message", "price")}
"""Amounts are summed up."""

MANY = {"message": 2001, "part": 4000, "media": 17}
"""Rows that fill slices to their edge, or go one beyond it."""


def fill(base: Base, seed: int) -> None:
    """Write rows of all kinds into every table."""
    chance = random.Random(seed)  # noqa: S311 - nobody guesses it
    engine = open_engine(base.url)
    with engine.begin() as connection:
        connection.execute(delete(schema.meta))
        for name, table in MOVED.items():
            rows = [
                {
                    column.name: _value(column, number, chance)
                    for column in table.columns
                }
                for number in range(1, MANY.get(name, 30) + 1)
            ]
            connection.execute(insert(table), rows)
    engine.dispose()


def _value(column: Column[Any], number: int, chance: random.Random) -> Any:
    place = (column.table.name, column.name)
    if place in PLAIN:
        return PLAIN[place]
    if column.foreign_keys or column.primary_key or _is_unique(column):
        return _distinct(column, number)
    if column.nullable and chance.random() < 0.3:
        return None
    if place in SMALL:
        return chance.randint(-(10**12), 10**12)
    return _any(column, chance)


def _is_unique(column: Column[Any]) -> bool:
    table: Any = column.table
    unique = [c.columns for c in table.constraints if "Unique" in type(c).__name__]
    unique += [index.columns for index in table.indexes if index.unique]
    return any(column.name in columns for columns in unique)


def _distinct(column: Column[Any], number: int) -> Any:
    """Make a value for a key: no two rows have the same; references find a row."""
    if isinstance(column.type, Float):
        return number + 0.25
    if column.type.python_type is int:
        return number
    return f"{number} {TEXTS[number % len(TEXTS)]}"[:200]


def _any(column: Column[Any], chance: random.Random) -> Any:
    kind = column.type
    if isinstance(kind, Boolean):
        return chance.random() < 0.5
    if isinstance(kind, Float):
        return chance.choice(FLOATS)
    if isinstance(kind, LargeBinary):
        return chance.choice((b"", b"\0", bytes(range(256)), chance.randbytes(5000)))
    if kind.python_type is int:
        most = 2**63 - 1 if kind is schema.Id else 2**31 - 1
        return chance.choice((0, 1, -1, most, -most - 1, chance.randint(-most, most)))
    return chance.choice(TEXTS)


def changed(rows: Rows, **tables: Iterable[tuple[Any, ...]]) -> Rows:
    """Say what rows are expected but for these tables."""
    return rows | {name: sorted(found, key=repr) for name, found in tables.items()}

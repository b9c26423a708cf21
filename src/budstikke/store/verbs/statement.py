"""
Statements for both engines.

A statement is written once, as PostgreSQL's SQL: ``$1`` for a parameter, ``::bigint``
for a cast. For SQLite the casts are removed, since its columns and JSON values have
their types. Where the SQL differs, ``Fragments`` has a field:

    RELEASE = statement(lambda e: f'''
    UPDATE part SET state = 'queued' WHERE id {e.in_ids("$1")} AND state = 'sending'
    ''')

If one text cannot serve both (their plans differ, or another text is faster on the hot
path), ``two`` takes a text for each, and a comment says why.

A batch is one JSON parameter, and its result one JSON value: docs/why/sqlite.md and
docs/why/postgres.md have the figures.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_CASTS = {
    "i": "::bigint",
    "n": "::integer",
    "f": "::float8",
    "b": "::boolean",
    "t": "",
}
"""The type of a letter in ``columns``."""


class Statement(msgspec.Struct, frozen=True):
    """A statement as each engine takes it: ``?1`` on SQLite, ``$1`` on PostgreSQL."""

    sqlite: str
    postgres: str


class Fragments(msgspec.Struct, frozen=True):
    """
    The differences between the engines' SQL.

    Attributes:
        list: The aggregate that makes one JSON array of rows.
        row: The function that makes a JSON array of its arguments.
        join: A join whose right side is evaluated for each row of the left side.
        greatest: The function that returns its largest argument.
        lock: Locks the rows that a subquery reads until the transaction ends; SQLite,
            with one writer, needs no locks.
        lock_balance: Likewise, but rows of other transactions may refer to these.
        skip_locked: Likewise, but skips rows that another transaction has locked.
        true: JSON's ``true``.

    """

    list: str
    row: str
    join: str
    greatest: str
    lock: str
    lock_balance: str
    skip_locked: str
    true: str
    concatenated: str
    json_value: str
    json_boolean: str
    rows_table: str
    texts_table: str
    ids_table: str
    ids_set: str

    def rows(self, parameter: str = "$1") -> str:
        """
        Write a batch as a table ``j``, with a JSON ``value`` and a ``key`` from 0.

        ``j.value->>n`` is column n of a row of the batch: text on PostgreSQL.
        """
        return self.rows_table.format(parameter)

    def text_rows(self, parameter: str = "$1") -> str:
        """Write a batch of texts as a table ``j`` with the columns of ``rows``."""
        return self.texts_table.format(parameter)

    def id_rows(self, parameter: str = "$1") -> str:
        """Write a batch of ids as a table ``j`` with the column ``value``."""
        return self.ids_table.format(parameter)

    def in_ids(self, parameter: str = "$1") -> str:
        """Write the condition, after a column, that it is in a batch of ids."""
        return self.ids_set.format(parameter)

    def concatenation(self, column: str) -> str:
        """Write the aggregate that joins texts in the order of their rows."""
        return self.concatenated.format(column)

    def json(self, column: str) -> str:
        """Write a column that holds a JSON text, as part of a JSON value."""
        return self.json_value.format(column)

    def boolean(self, condition: str) -> str:
        """Write a condition, as part of a JSON value."""
        return self.json_boolean.format(condition)

    def only(self, *, sqlite: str = "", postgres: str = "") -> str:
        """Return one of these texts, by the engine."""
        return sqlite if self is SQLITE else postgres


SQLITE = Fragments(
    list="json_group_array",
    row="json_array",
    join="CROSS JOIN",
    greatest="max",
    lock="",
    lock_balance="",
    skip_locked="",
    true="json('true')",
    concatenated="group_concat({}, '')",
    json_value="json({})",
    json_boolean="json(CASE WHEN {} THEN 'true' ELSE 'false' END)",
    rows_table="json_each({}) j",
    texts_table="json_each({}) j",
    ids_table="json_each({}) j",
    ids_set="IN (SELECT value FROM json_each({}))",
)

POSTGRES = Fragments(
    list="json_agg",
    row="json_build_array",
    join="JOIN",
    greatest="greatest",
    lock="FOR UPDATE",
    lock_balance="FOR NO KEY UPDATE",
    skip_locked="FOR UPDATE SKIP LOCKED",
    true="true",
    concatenated="string_agg({}, '')",
    json_value="{}::json",
    json_boolean="({})",
    rows_table=(
        "(SELECT value, key - 1 AS key FROM jsonb_array_elements({}::jsonb)"
        " WITH ORDINALITY AS a (value, key)) j"
    ),
    texts_table=(
        "jsonb_array_elements_text({}::jsonb) WITH ORDINALITY AS j (value, key)"
    ),
    ids_table=(
        "unnest(ARRAY(SELECT a::bigint"
        " FROM jsonb_array_elements_text({}::jsonb) AS b (a))) AS j (value)"
    ),
    ids_set=(
        "= ANY(ARRAY(SELECT a::bigint"
        " FROM jsonb_array_elements_text({}::jsonb) AS b (a)))"
    ),
)

_PARAMETER = re.compile(r"\$(\d+)")
_CAST = re.compile(r"::[a-z0-9]+(\[\])?")


def two(*, sqlite: str, postgres: str) -> Statement:
    """
    Make a statement with a text for each engine; both write parameters as ``$1``.

    ``postgres`` is empty if another statement has done the step on PostgreSQL, where
    ``Connection.execute`` skips it.
    """
    return Statement(_PARAMETER.sub(r"?\1", sqlite), postgres)


def server_only(text: str) -> Statement:
    """Make a statement for ``Connection.on_server``: SQLite runs none."""
    return Statement("", text)


def statement(text: str | Callable[[Fragments], str]) -> Statement:
    """Make a statement with one text, or with fragments."""
    if isinstance(text, str):
        return two(sqlite=_CAST.sub("", text), postgres=text)
    return two(sqlite=_CAST.sub("", text(SQLITE)), postgres=text(POSTGRES))


def columns(kinds: str, start: int = 0) -> str:
    """Write the columns of the rows ``j`` of a batch, by letters of their types."""
    return ", ".join(
        f"(j.value->>{index}){_CASTS[kind]}" for index, kind in enumerate(kinds, start)
    )

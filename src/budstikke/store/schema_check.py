"""
Whether this program can run on a database's schema.

It refuses an older one until it is migrated. It accepts a newer one whose row
``compatible`` of ``meta`` says so: a migration that only adds leaves that row, so that
nodes of the previous version run beside new ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from budstikke.store.select import file_of, reading

if TYPE_CHECKING:
    from budstikke.store.select import Select

MIGRATIONS = Path(__file__).parent / "migrations" / "versions"

TABLE = "alembic_version"
ON_SQLITE = f"SELECT 1 AS found FROM sqlite_master WHERE name = '{TABLE}'"
ON_POSTGRES = f"SELECT 1 AS found WHERE to_regclass('{TABLE}') IS NOT NULL"
FIND_REVISION = f"SELECT version_num AS value FROM {TABLE}"
FIND_COMPATIBLE = "SELECT value FROM meta WHERE key = 'compatible'"


class SchemaError(Exception):
    """A database whose schema is not this program's; the message says what to do."""


def revisions() -> list[str]:
    """List the names of this program's migrations, oldest first."""
    return sorted(file.name.partition("_")[0] for file in MIGRATIONS.glob("[0-9]*.py"))


def check(url: str) -> None:
    """
    Raise SchemaError unless this program can run on the database's schema.

    Raises StoreUnavailable when the database cannot be read.
    """
    file = file_of(url)
    if file is not None and not file.exists():
        raise SchemaError(f"there is no database {file}: run `budstikke migrate`")
    with reading(url) as select:
        has_table = any(select(ON_POSTGRES if file is None else ON_SQLITE))
        found = _value(select, FIND_REVISION) if has_table else None
        compatible = _value(select, FIND_COMPATIBLE) if found else None
    if found is None:
        raise SchemaError("the database is empty: run `budstikke migrate`")
    newest = revisions()[-1]
    if found != newest and not is_newer(found, compatible):
        raise SchemaError(
            f"the database is at schema {found} and this program needs "
            f"{newest}: run `budstikke migrate`"
        )


def is_newer(found: str | None, compatible: str | None) -> bool:
    """
    Whether a schema is newer than this program, which can use it nevertheless.

    Raises SchemaError if it is newer and this program cannot use it.
    """
    known = revisions()
    if found is None or found in known:
        return False
    if compatible in known:
        return True
    raise SchemaError(
        f"the database is at schema {found}, newer than this program's "
        f"{known[-1]}: use the newer program"
    )


def _value(select: Select, query: str) -> str | None:
    return next((row.value for row in select(query)), None)

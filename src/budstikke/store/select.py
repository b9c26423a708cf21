"""
Reads a database by plain SQL, before a store is open or without one.

It imports only the drivers: SQLAlchemy, which administration uses, takes seconds.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Select = Callable[[str], Iterable[Any]]
"""Runs a query; a row has its columns as attributes."""

POSTGRESQL = ("postgresql://", "postgres://")
"""Beginnings of a PostgreSQL database's URL; the rest is libpq's."""

SQLITE = "sqlite:///"

PATIENCE = 30
"""Seconds to wait for a server, or for another process's transaction."""


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database; ``None``: it is PostgreSQL."""
    return None if url.startswith(POSTGRESQL) else Path(url.removeprefix(SQLITE))


@contextmanager
def reading(url: str) -> Iterator[Select]:
    """
    Connect to read, until the end of the block.

    Args:
        url: As ``store.admin.open_engine`` takes it.

    Raises:
        StoreUnavailable: The database cannot be read; nothing of the URL is in it.

    """
    connect, errors = _driver(url)
    try:
        with closing(connect()) as connection:

            def select(query: str) -> Iterator[Any]:
                cursor = connection.execute(query)
                names = [column[0] for column in cursor.description]
                return map(_row_type(names), cursor)

            yield select
    except errors as error:
        said = str(error).splitlines()
        raise StoreUnavailable(said[0] if said else "no database") from error


def _row_type(columns: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    """Make a type of rows with these columns as attributes."""
    row: Any = namedtuple("Row", columns)  # type: ignore[misc]  # noqa: PYI024
    make: Callable[[Iterable[Any]], Any] = row._make
    return make


def _driver(url: str) -> tuple[Callable[[], Any], type[Exception]]:
    """Return how to connect, and the exception of its errors."""
    file = file_of(url)
    if file is not None:
        path = f"{file.absolute().as_uri()}?mode=ro"
        return lambda: sqlite3.connect(path, uri=True, timeout=PATIENCE), sqlite3.Error
    import psycopg  # noqa: PLC0415 - an installation on SQLite does without it

    return (
        lambda: psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=PATIENCE,
            application_name="budstikke administration",
        ),
        psycopg.Error,
    )

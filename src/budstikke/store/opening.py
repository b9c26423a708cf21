"""Choose the engine of the store by what the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.database_store import DatabaseStore
from budstikke.store.engines.sqlite import SqliteEngine

if TYPE_CHECKING:
    from pathlib import Path

    from budstikke.store.contract import Store


def make_store(url: str, path: Path | None, *, node: str) -> Store:
    """
    Make the store that keeps a database, not yet open.

    Args:
        url: The database, as ``store.admin.open_engine`` takes it.
        path: The file of a SQLite database; ``None``: it is PostgreSQL's.
        node: This process's name among those that share the database.

    """
    if path is not None:
        return DatabaseStore(SqliteEngine(path, in_subprocess=True))
    # Who has SQLite needs none of it.
    from budstikke.store.engines.postgres import PostgresEngine  # noqa: PLC0415 - see above

    return DatabaseStore(PostgresEngine(url, node=node))

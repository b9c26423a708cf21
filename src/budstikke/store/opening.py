"""Chooses the engine of the store by the database's URL."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from budstikke.store.database_store import DatabaseStore
from budstikke.store.engines.sqlite import SqliteEngine
from budstikke.store.engines.sqlite.opening import SYNCHRONOUS

if TYPE_CHECKING:
    from pathlib import Path

    from budstikke.store.contract import Store
    from budstikke.store.contract.durability import Durability


log = logging.getLogger("budstikke.store")


def make_store(
    url: str,
    path: Path | None,
    *,
    node: str,
    durability: Durability = "power",
    in_subprocess: bool = True,
) -> Store:
    """
    Make the store of a database, not yet open.

    Args:
        url: The database, as in ``store.admin.open_engine``.
        path: The file of a SQLite database; ``None``: it is PostgreSQL.
        node: This process's name among those that share the database.
        durability: What a commit survives; a warning is logged if not the default.
        in_subprocess: Write to SQLite in a child process.

    """
    if durability == "process":
        what = "the machine" if path is not None else "PostgreSQL or its machine"
        log.warning(
            "durability is `process`: a crash of %s loses the last commits", what
        )
    if path is not None:
        synchronous = SYNCHRONOUS[durability]
        return DatabaseStore(
            SqliteEngine(path, synchronous=synchronous, in_subprocess=in_subprocess)
        )
    # An installation on SQLite has no driver of PostgreSQL.
    from budstikke.store.engines.postgres import PostgresEngine  # noqa: PLC0415 - see above

    return DatabaseStore(PostgresEngine(url, node=node, durability=durability))

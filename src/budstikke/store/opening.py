"""Choose the engine of the store by what the settings say."""

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
    url: str, path: Path | None, *, node: str, durability: Durability = "power"
) -> Store:
    """
    Make the store that keeps a database, not yet open.

    Args:
        url: The database, as ``store.admin.open_engine`` takes it.
        path: The file of a SQLite database; ``None``: it is PostgreSQL's.
        node: This process's name among those that share the database.
        durability: What a commit survives; the log says so where it is not the default.

    """
    if durability == "process":
        what = "the machine" if path is not None else "PostgreSQL or its machine"
        log.warning(
            "durability is `process`: a crash of %s loses the last commits", what
        )
    if path is not None:
        synchronous = SYNCHRONOUS[durability]
        engine = SqliteEngine(path, synchronous=synchronous, in_subprocess=True)
        return DatabaseStore(engine)
    # Who has SQLite needs none of it.
    from budstikke.store.engines.postgres import PostgresEngine  # noqa: PLC0415 - see above

    return DatabaseStore(PostgresEngine(url, node=node, durability=durability))

"""
Bring a database to the schema of this program, forward only.

A program refuses a database that is older (until it is migrated). A newer one it takes
if that says so: a migration that only adds leaves the row ``compatible`` of ``meta`` as
it is, so that nodes of the version before run beside those of the next; one that
changes what they rely on sets it to its own name.
To write the next migration, change ``store/schema/`` and run
``python -m budstikke.store.migrate "what changes"``.
"""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from budstikke.store.admin import immediate, open_engine
from budstikke.store.engines.sqlite.locking import create, make_private
from budstikke.store.schema_check import FIND_COMPATIBLE, is_newer, revisions
from budstikke.store.select import file_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCRIPTS = "budstikke.store:migrations"
"""A package resource, so that it is found in a wheel, too."""


def migrate(url: str) -> list[str]:
    """
    Run what migrations are missing, in one transaction; returns their names.

    A SQLite file and its folder are made if they are missing, both for their owner
    only; a PostgreSQL database must be there, it may be empty. Raises
    SchemaError for a database that is newer than this program and cannot be used by it.
    """
    if (file := file_of(url)) is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(file)
        make_private(file)
    engine = open_engine(url)
    try:
        with immediate(engine) as connection:
            known = revisions()
            before = _revision(connection)
            compatible = connection.scalar(text(FIND_COMPATIBLE)) if before else None
            if is_newer(before, compatible):
                return []
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            done = known[known.index(before) + 1 :] if before else known
    finally:
        engine.dispose()
    return done


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def write_next(message: str) -> None:
    """Write the migration from the newest one to what ``store.schema`` says now."""
    config = _config()
    number = f"{len(revisions()) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.sqlite"
        migrate(url)
        engine = open_engine(url)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    write_next(sys.argv[1])

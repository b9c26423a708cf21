"""
Migrates a database to this program's schema, forward only.

A program refuses an older database until it is migrated. It accepts a newer one whose
row ``compatible`` of ``meta`` says so: a migration that only adds leaves that row, so
that nodes of the previous version run beside new ones; one that changes what they rely
on sets it to its own name.

Until the first release, the first migration is made from ``store/schema/`` and is the
only one. That release freezes it (docs/release.md). From then on, to write the next
migration, change ``store/schema/`` and run
``python -m budstikke.store.migrate "what changes"``.
"""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING

from alembic import command
from alembic.autogenerate import render_python_code
from alembic.config import Config
from alembic.operations.ops import CreateIndexOp, CreateTableOp, UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from budstikke.store.admin import immediate, open_engine
from budstikke.store.engines.sqlite.locking import create, make_private
from budstikke.store.schema import metadata
from budstikke.store.schema_check import FIND_COMPATIBLE, is_newer, revisions
from budstikke.store.select import file_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCRIPTS = "budstikke.store:migrations"
"""A package resource, so that a wheel has it, too."""


def migrate(url: str) -> list[str]:
    """
    Run the missing migrations in one transaction; return their names.

    It makes a missing SQLite file and its folder, readable by their owner only; a
    PostgreSQL database must exist, and may be empty. Raises SchemaError for a newer
    database that this program cannot use.
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


def frozen_schema() -> str:
    """Write the calls of Alembic that make the tables of today's ``store.schema``."""
    made: list[CreateTableOp | CreateIndexOp] = []
    for table in metadata.sorted_tables:
        made.append(CreateTableOp.from_table(table))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(CreateIndexOp.from_index(index) for index in indexes)
    return render_python_code(UpgradeOps(made))


def write_next(message: str) -> None:
    """Write the migration from the newest one to the present ``store.schema``."""
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
    if sys.argv[1] == "--freeze":
        sys.stdout.write(frozen_schema())
    else:
        write_next(sys.argv[1])

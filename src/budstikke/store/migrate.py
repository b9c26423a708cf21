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
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, select

from budstikke.store.admin import POSTGRESQL, immediate, open_engine
from budstikke.store.engines.sqlite.locking import create, make_private
from budstikke.store.schema import meta

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCRIPTS = "budstikke.store:migrations"
"""A package resource, so that it is found in a wheel, too."""


class SchemaError(Exception):
    """A database whose schema is not this program's; the message says what to do."""


def migrate(url: str) -> list[str]:
    """
    Run what migrations are missing, in one transaction; returns their names.

    A SQLite file and its folder are made if they are missing, both for their owner
    only; a PostgreSQL database must be there, it may be empty. Raises
    SchemaError for a database that is newer than this program and cannot be used by it.
    """
    if (file := _file(url)) is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(file)
        make_private(file)
    engine = open_engine(url)
    try:
        with immediate(engine) as connection:
            known = _revisions()
            before = _revision(connection)
            if _usable_newer(connection, before, known):
                return []
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            done = known[known.index(before) + 1 :] if before else known
    finally:
        engine.dispose()
    return done


def check(url: str) -> None:
    """Raise SchemaError unless this program can run on the database's schema."""
    file = _file(url)
    if file is not None and not file.exists():
        raise SchemaError(f"there is no database {file}: run `budstikke migrate`")
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            found = _revision(connection)
            known = _revisions()
            if _usable_newer(connection, found, known):
                return
    finally:
        engine.dispose()
    if found is None:
        raise SchemaError("the database is empty: run `budstikke migrate`")
    if found != known[-1]:
        raise SchemaError(
            f"the database is at schema {found} and this program needs "
            f"{known[-1]}: run `budstikke migrate`"
        )


def _usable_newer(connection: Connection, found: str | None, known: list[str]) -> bool:
    """Tell whether the schema is newer; raises SchemaError if it is of no use to us."""
    if found is None or found in known:
        return False
    compatible = connection.scalar(
        select(meta.c.value).where(meta.c.key == "compatible")
    )
    if compatible in known:
        return True
    raise SchemaError(
        f"the database is at schema {found}, newer than this program's "
        f"{known[-1]}: use the newer program"
    )


def _file(url: str) -> Path | None:
    """Find the file of a SQLite database; ``None``: it is PostgreSQL's."""
    if url.startswith(POSTGRESQL):
        return None
    return Path(make_url(url).database or "")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


def _revisions() -> list[str]:
    """List the migrations there are, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def write_next(message: str) -> None:
    """Write the migration from the newest one to what ``store.schema`` says now."""
    config = _config()
    number = f"{len(_revisions()) + 1:04}"
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

"""What every command needs: the settings, the database, and who runs it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from budstikke import config

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from msgspec import Struct
    from sqlalchemy import Engine

    Command = Callable[[argparse.Namespace], int]
    Add = Callable[[str, Command, str], argparse.ArgumentParser]
    """Adds a command: its name, the function that runs it, one line of help."""


def read_settings(
    args: argparse.Namespace, roles: Sequence[str] | None = None
) -> config.Settings:
    """
    Read the settings: of ``--config``, ``BUDSTIKKE_CONFIG`` or ./budstikke.toml.

    ``roles`` replaces those of the settings. Raises ConfigError.
    """
    named = args.config or os.environ.get("BUDSTIKKE_CONFIG")
    usual = Path("budstikke.toml")
    file = Path(named) if named else usual if usual.exists() else None
    environ = dict(os.environ)
    if roles is not None:
        environ[config.variable(("roles",))] = ",".join(roles)
    return config.load(file, environ)


@contextmanager
def open_database(settings: config.Settings) -> Iterator[Engine]:
    """Open the database; raises SchemaError when its schema is not this program's."""
    from budstikke.store.admin import open_engine
    from budstikke.store.schema_check import check

    check(settings.database_url)
    engine = open_engine(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def actor() -> str:
    """Name the person who runs the command, for the audit log."""
    name = os.environ.get("SUDO_USER") or os.environ.get("USER")
    return name or f"uid {os.getuid()}"


def dialect_settings() -> dict[str, type[Struct]]:
    """List the settings of each dialect's accesses."""
    from budstikke.dialects import DIALECTS

    return {name: dialect.settings for name, dialect in DIALECTS.items()}


def carrier_settings() -> dict[str, type[Struct]]:
    """List the settings of each kind of carrier."""
    from budstikke.carriers import KINDS

    return {name: kind.settings for name, kind in KINDS.items()}


def carrier_kinds() -> dict[str, frozenset[str]]:
    """List what each kind of carrier carries, for ``domain.directory``."""
    from budstikke.carriers import KINDS

    return {name: kind.carries for name, kind in KINDS.items()}

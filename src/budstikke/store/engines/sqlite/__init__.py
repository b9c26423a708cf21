"""SQLite: the embedded default."""

from budstikke.store.engines.sqlite.engine import SqliteStore

__all__ = ["SqliteStore"]

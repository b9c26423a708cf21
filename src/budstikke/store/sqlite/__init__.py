"""SQLite: the embedded default."""

from budstikke.store.sqlite.engine import SqliteStore

__all__ = ["SqliteStore"]

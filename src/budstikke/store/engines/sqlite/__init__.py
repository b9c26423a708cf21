"""SQLite: the embedded default."""

from budstikke.store.engines.sqlite.engine import SqliteEngine

__all__ = ["SqliteEngine"]

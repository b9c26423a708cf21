"""PostgreSQL: for several nodes, and for more than one process with SQLite can do."""

from budstikke.store.engines.postgres.engine import PostgresEngine

__all__ = ["PostgresEngine"]

"""PostgreSQL: for what one process with SQLite cannot carry, and for several nodes."""

from budstikke.store.engines.postgres.engine import PostgresEngine

__all__ = ["PostgresEngine"]

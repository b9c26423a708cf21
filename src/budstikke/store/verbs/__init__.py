"""
The verbs of the store: what is done to messages, money and customers' data, in SQL.

Each is written once, for both engines. A verb is an ``async`` function whose first
argument is a ``Connection`` (connection.py) in a transaction; it awaits nothing else.
PostgreSQL's connection waits for the server; SQLite's never waits, so that the writer
process runs a verb to its end in one go. What the engines say differently is a
named fragment of a statement, or two texts side by side (statement.py).

A verb may be run again after a rollback: it must not keep anything between runs.
"""

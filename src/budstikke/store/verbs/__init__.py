"""
The verbs of the store: its operations on messages, money and customers' data, in SQL.

Each is written once for both engines. A verb is an ``async`` function whose first
argument is a ``Connection`` (connection.py) in a transaction; it awaits nothing else.
PostgreSQL's connection waits for the server; SQLite's never waits, so that the writer
process runs a verb to its end in one go. Where the engines' SQL differs, a statement
has a named fragment or two texts (statement.py).

A verb may run again after a rollback: it must keep nothing between runs.
"""

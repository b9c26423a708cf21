"""Answer what customers ask, with what is not one set of verbs yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.listing import ListingCommand, ListingQuery
from budstikke.domain.queries import Answer, CancelCommand, GroupCommand, QueryOrCommand
from budstikke.store.engines.sqlite.cancelling import cancel
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.verbs import account_data, queries
from budstikke.store.verbs.groups import answer_group

if TYPE_CHECKING:
    import sqlite3

    from budstikke.store.engines.sqlite.settling import Settling


def look_up(
    connection: sqlite3.Connection, asked: QueryOrCommand, account_id: int | None
) -> Answer:
    """
    Answer a look-up; raises Refusal for a group that is not there.

    All statements of a page see one state of the database.
    """
    if not isinstance(asked, ListingQuery):
        return finish(queries.look_up(Connection(connection), asked, account_id))
    connection.execute("BEGIN")
    try:
        return finish(queries.look_up(Connection(connection), asked, account_id))
    finally:
        connection.execute("COMMIT")


def change(
    connection: sqlite3.Connection,
    settling: Settling,
    asked: QueryOrCommand,
    account_id: int,
    now: float,
) -> Answer:
    """Answer what changes something; raises Refusal."""
    verbs = Connection(connection)
    if isinstance(asked, CancelCommand):
        return cancel(connection, settling, asked, account_id, now)
    if isinstance(asked, ListingCommand):
        return finish(account_data.change(verbs, asked, account_id, now))
    assert isinstance(asked, GroupCommand)  # noqa: S101 - flow.queries answers the others
    return finish(answer_group(verbs, asked, account_id))

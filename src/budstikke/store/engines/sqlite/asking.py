"""Answer what customers ask, with what is not one set of verbs yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.listing import ListingCommand, ListingQuery
from budstikke.domain.queries import Answer, CancelCommand, GroupCommand, QueryOrCommand
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.verbs import account_data, queries
from budstikke.store.verbs.cancellation import cancel
from budstikke.store.verbs.groups import answer_group

if TYPE_CHECKING:
    import sqlite3


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


async def change(
    connection: Connection, asked: QueryOrCommand, account_id: int, now: float
) -> Answer:
    """Answer what changes something; raises Refusal."""
    if isinstance(asked, CancelCommand):
        return await cancel(connection, asked, account_id, now)
    if isinstance(asked, ListingCommand):
        return await account_data.change(connection, asked, account_id, now)
    assert isinstance(asked, GroupCommand)  # noqa: S101 - flow.queries answers the others
    return await answer_group(connection, asked, account_id)

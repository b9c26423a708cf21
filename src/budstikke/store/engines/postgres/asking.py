"""Answer what customers ask, with what is not one set of verbs yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.callback_listing import EventsQuery
from budstikke.domain.listing import ListingCommand, ListingQuery
from budstikke.domain.queries import Answer, CancelCommand, GroupCommand, QueryOrCommand
from budstikke.store.verbs import account_data
from budstikke.store.verbs.cancellation import cancel
from budstikke.store.verbs.groups import answer_group

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.connection import Connection


def in_one_snapshot(asked: QueryOrCommand) -> bool:
    """Tell whether all statements of a look-up are to see one state of the database."""
    return isinstance(asked, ListingQuery) and not isinstance(asked, EventsQuery)


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

"""Store messages from phones with their callbacks, in SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.engines.sqlite.node import save_ids
from budstikke.store.engines.sqlite.telling import Telling
from budstikke.store.verbs.inbound import store_inbound
from budstikke.store.verbs.media import store_media

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from budstikke.store.contract import InboundDraft, Received


def receive(
    connection: sqlite3.Connection,
    node_id: int,
    drafts: Sequence[InboundDraft],
    now: float,
    end: int | None,
) -> Received:
    """
    Store messages from phones, but for those that were stored before.

    ``end`` is where the ids end that were given, when that is to be saved.
    """
    save_ids(connection, end)
    verbs = Connection(connection, node_id)
    drafts = finish(store_inbound(verbs, drafts, now))
    for draft in drafts:
        finish(store_media(verbs, draft.event.message_id, draft.media))
    telling = Telling(connection, node_id, now)
    telling.count_on({d.access_id for d in drafts if d.queued and d.tell})
    for draft in drafts:
        telling.tell(draft)
    return telling.close()

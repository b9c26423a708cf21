"""Store messages from phones with their callbacks, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.engines.postgres.telling import Telling
from budstikke.store.verbs.inbound import store_inbound
from budstikke.store.verbs.media import store_media

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import InboundDraft, Received
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node


async def receive(
    connection: Connection, node: Node, drafts: Sequence[InboundDraft], now: float
) -> Received:
    """Store messages from phones, but for those that were stored before."""
    drafts = await store_inbound(connection, drafts, now)
    for draft in drafts:
        if draft.media:
            await store_media(connection, draft.event.message_id, draft.media)
    telling = Telling(connection, node, now)
    await telling.begin(drafts)
    for draft in drafts:
        telling.tell(draft)
    return await telling.close()

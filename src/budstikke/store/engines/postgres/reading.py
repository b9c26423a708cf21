"""Read replies of MMS, inside one PostgreSQL transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import NotifyOn, StatusEvent
from budstikke.domain.settlement import Concerned, Notification, Settlement
from budstikke.store.engines.postgres import sql
from budstikke.store.engines.postgres.settling import write
from budstikke.store.engines.postgres.sql import IDS, ROWS
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import CallbackRow
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

NOT_READ = f"""
SELECT json_agg(message_id) FROM (
    SELECT message_id FROM mms WHERE message_id = ANY({IDS}) AND read_at IS NULL
    ORDER BY message_id FOR UPDATE) m"""

MARK_READ = f"""
UPDATE mms SET read_at = (v->>1)::float8 FROM {ROWS}
WHERE mms.message_id = (v->>0)::bigint"""

_concerned = msgspec.json.Decoder(list[Concerned]).decode
_ids = msgspec.json.Decoder(list[int]).decode


async def read(
    connection: Connection,
    node: Node,
    carrier_id: int,
    replies: Sequence[tuple[str, str, float]],
    now: float,
) -> list[CallbackRow]:
    """Note that MMS were read, each once; returns what is told of it."""
    found = await connection.one(sql.MATCH_ID, text(replies), carrier_id, 0)
    newest: dict[int, Concerned] = {}  # ids are used again: the newest is meant
    for part in sorted(_concerned(found), key=lambda part: part.part_id):
        newest[part.index] = part
    ids = text([part.message_id for part in newest.values()])
    unread = set(_ids(await connection.one(NOT_READ, ids)))
    times: list[tuple[int, float]] = []
    told: list[Notification] = []
    for index, (_, word, at) in enumerate(replies):
        meant = newest.get(index)
        if meant is None or meant.message_id not in unread:
            continue
        unread.discard(meant.message_id)
        times.append((meant.message_id, at))
        if meant.tell & NotifyOn.FINAL:
            told.append(_told(meant, word, at))
    if times:
        await connection.execute(MARK_READ, text(times))
    return await write(connection, node, Settlement([], [], told, []), now)


def _told(part: Concerned, word: str, at: float) -> Notification:
    event = StatusEvent(
        part.message_id, part.recipient, part.ref, word, "", "", at, part.callback_url
    )
    return Notification(part.access_id, event)

"""Read replies of MMS, inside one SQLite transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import NotifyOn, StatusEvent
from budstikke.domain.settlement import Concerned, Notification, Settlement
from budstikke.store.engines.sqlite import sql
from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from budstikke.store.contract import CallbackRow
    from budstikke.store.engines.sqlite.settling import Settling

NOT_READ = """
SELECT json_group_array(x.message_id) FROM json_each(?1) j
CROSS JOIN mms x ON x.message_id = j.value
WHERE x.read_at IS NULL"""

MARK_READ = """
UPDATE mms SET read_at = j.value->>1 FROM json_each(?1) j
WHERE mms.message_id = j.value->>0"""

_concerned = msgspec.json.Decoder(list[Concerned]).decode
_ids = msgspec.json.Decoder(list[int]).decode


def read(
    connection: sqlite3.Connection,
    settling: Settling,
    carrier_id: int,
    replies: Sequence[tuple[str, str, float]],
    now: float,
) -> list[CallbackRow]:
    """Note that MMS were read, each once; returns what is told of it."""
    found = one(connection, sql.MATCH_ID, text(replies), carrier_id)
    newest: dict[int, Concerned] = {}  # ids are used again: the newest is meant
    for part in sorted(_concerned(found), key=lambda part: part.part_id):
        newest[part.index] = part
    ids = text([part.message_id for part in newest.values()])
    unread = set(_ids(one(connection, NOT_READ, ids)))
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
        connection.execute(MARK_READ, (text(times),))
    return settling.write(connection, Settlement([], [], told, []), now)


def _told(part: Concerned, word: str, at: float) -> Notification:
    event = StatusEvent(
        part.message_id, part.recipient, part.ref, word, "", "", at, part.callback_url
    )
    return Notification(part.access_id, event)

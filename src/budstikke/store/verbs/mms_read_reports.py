"""Read replies of MMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import NotifyOn, StatusEvent
from budstikke.domain.settlement import Concerned, Notification, Settlement
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.receipt_matching import MATCH_ID, decode_concerned
from budstikke.store.verbs.settlement import write_settlement
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import CallbackRow
    from budstikke.store.verbs.connection import Connection

NOT_READ = statement(
    lambda e: (
        f"""
SELECT {e.list}(message_id) FROM (
    SELECT message_id FROM mms WHERE message_id {e.in_ids()} AND read_at IS NULL
    ORDER BY message_id {e.lock}) m"""
    )
)

# Rows of the batch: [message's id, when it was read]
MARK_READ = statement(
    lambda e: (
        f"""
UPDATE mms SET read_at = (j.value->>1)::float8 FROM {e.rows()}
WHERE mms.message_id = (j.value->>0)::bigint"""
    )
)

_ids = msgspec.json.Decoder(list[int]).decode


async def record_read_reports(
    connection: Connection,
    carrier_id: int,
    reports: Sequence[tuple[str, str, float]],
    now: float,
) -> list[CallbackRow]:
    """
    Store read replies of MMS, each once; return their callbacks.

    A reply is the MMSC's message id, its word, and when it was read.
    """
    rows = await connection.one(MATCH_ID, text(reports), carrier_id, 0)
    newest: dict[int, Concerned] = {}  # the MMSC may reuse ids: take the newest
    for part in sorted(decode_concerned(rows), key=lambda part: part.part_id):
        newest[part.index] = part
    ids = text([part.message_id for part in newest.values()])
    unread = set(_ids(await connection.one(NOT_READ, ids)))
    times: list[tuple[int, float]] = []
    callbacks: list[Notification] = []
    for index, (_, word, at) in enumerate(reports):
        meant = newest.get(index)
        if meant is None or meant.message_id not in unread:
            continue
        unread.discard(meant.message_id)
        times.append((meant.message_id, at))
        if meant.notify_on & NotifyOn.FINAL:
            callbacks.append(_callback(meant, word, at))
    if times:
        await connection.execute(MARK_READ, text(times))
    return await write_settlement(
        connection, Settlement([], [], callbacks, [], []), now
    )


def _callback(part: Concerned, word: str, at: float) -> Notification:
    event = StatusEvent(
        part.message_id, part.recipient, part.ref, word, "", "", at, part.callback_url
    )
    return Notification(part.access_id, event)

"""Make callbacks of messages from phones, and write what came of callbacks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback import CallbackState, Event, QueueState
from budstikke.store.contract import CallbackRow, Received
from budstikke.store.contract.leases import LEASE
from budstikke.store.engines.postgres.callback_ids import draw
from budstikke.store.engines.postgres.sql import IDS, ROWS, columns
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from budstikke.store.contract import CallbackResult, InboundDraft
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

# An event's first column says what kind it is, the second what message it is of.
INSERT_TOLD = f"""
INSERT INTO callback (id, access_id, event, state, due_at, node_id, queue_id,
    message_id, tries, answer, at)
SELECT {columns("iittfii")}, (v->2->>1)::bigint, 0, '', $2 FROM {ROWS}"""

MAKE_QUEUES = f"""
INSERT INTO queue (access_id, state, tries, counter, why, alert)
SELECT access_id, 'idle', 0, 0, '', false FROM unnest({IDS}) AS j (access_id)
ORDER BY access_id
ON CONFLICT (access_id) DO NOTHING"""

# Held until the transaction ends: the counter has no gaps and none is given twice.
QUEUES_OF = f"""
SELECT json_agg(json_build_array(access_id, id, counter, state)) FROM (
    SELECT * FROM queue WHERE access_id = ANY({IDS}) ORDER BY id FOR UPDATE) q"""

# One that is paused stays so; one that is due, or is worked, has a time of its own.
FILL_QUEUES = f"""
UPDATE queue SET counter = (v->>1)::integer,
    due_at = CASE WHEN queue.state = 'idle' THEN $2 ELSE queue.due_at END,
    state = CASE WHEN queue.state = 'idle' THEN 'due' ELSE queue.state END
FROM {ROWS} WHERE queue.id = (v->>0)::bigint"""

# What is over stays so, unless it was understood after all. Nothing was attempted
# where there is no ``took``: then what came of the last try is kept.
UPDATE_CALLBACKS = f"""
UPDATE callback SET state = v->>1, due_at = (v->>2)::float8, tries = (v->>3)::integer,
    answer = CASE WHEN v->>7 IS NULL AND v->>4 = '' THEN callback.answer
        ELSE v->>4 END,
    status = CASE WHEN v->>7 IS NULL THEN callback.status ELSE (v->>6)::integer END,
    took = coalesce((v->>7)::float8, callback.took), at = (v->>5)::float8,
    node_id = NULL
FROM {ROWS}
WHERE callback.id = (v->>0)::bigint AND callback.id >= $2
    AND (callback.state IN ('due', 'queued') OR v->>1 = 'done')"""

INSERT_ATTEMPTS = f"""
INSERT INTO attempt (callback_id, at, took, request, status, answer)
SELECT (v->>0)::bigint, (v->>5)::float8, coalesce((v->>7)::float8, 0), v->>8,
    (v->>6)::integer, v->>4
FROM {ROWS} ORDER BY place"""

# Rows of the batch: [id, text, at]; the text is the fifth column of a SendEvent.
UPDATE_RECEIPTS = f"""
UPDATE callback SET event = jsonb_set(callback.event::jsonb, '{{4}}', v->1)::text,
    state = CASE WHEN v->>1 = '' THEN 'done' ELSE 'due' END,
    due_at = CASE WHEN v->>1 = '' THEN NULL ELSE (v->>2)::float8 END,
    at = (v->>2)::float8
FROM {ROWS}
WHERE callback.id = (v->>0)::bigint AND callback.state = 'due'
    AND callback.node_id IS NULL AND callback.event::jsonb->>0 = 'send'"""

_queues = msgspec.json.Decoder(list[tuple[int, int, int, QueueState]]).decode

_Row = tuple[
    *tuple[int, int, Event, CallbackState, float | None, int | None, int | None]
]


class _Queue(msgspec.Struct):
    id: int
    counter: int
    state: QueueState


class Telling:
    """
    The callbacks that a batch of messages from phones makes.

    Args:
        connection: In a transaction that may write.
        node: To whom those that are due now are leased.
        now: Unix seconds.

    """

    def __init__(self, connection: Connection, node: Node, now: float) -> None:
        self._connection = connection
        self._node = node
        self._now = now
        self._ids: deque[int] = deque()
        self._queues: dict[int, _Queue] = {}
        self._rows: list[_Row] = []
        self._leased: list[CallbackRow] = []

    async def begin(self, drafts: Sequence[InboundDraft]) -> None:
        """Hold the queues of these messages; ids drawn then are in their order."""
        await self._count_on({d.access_id for d in drafts if d.queued and d.tell})
        count = sum(d.tell + len(d.sends) for d in drafts if d.access_id is not None)
        if count:
            self._ids.extend(await draw(self._connection, count))

    async def _count_on(self, access_ids: Collection[int | None]) -> None:
        """Read the queues of these accesses; one that is not there yet is made."""
        if not access_ids:
            return
        batch = text(list(access_ids))
        await self._connection.execute(MAKE_QUEUES, batch)
        for row in _queues(await self._connection.one(QUEUES_OF, batch)):
            self._queues[row[0]] = _Queue(*row[1:])

    def tell(self, draft: InboundDraft) -> None:
        """Make the callbacks of a message: what is told of it, then what is sent."""
        if draft.access_id is None:
            return
        told_id = self._ids.popleft() if draft.tell else None
        send_ids = [self._ids.popleft() for _ in draft.sends]
        if told_id is not None:
            event = draft.event
            if draft.waiting is not None:
                receipt_id = send_ids[draft.waiting]
                event = msgspec.structs.replace(event, receipt_id=receipt_id)
            if draft.queued:
                self._queue(told_id, draft.access_id, event)
            else:
                self._add(told_id, draft.access_id, event, self._now)
        for send_id, (send, due_at) in zip(send_ids, draft.sends, strict=True):
            self._add(send_id, draft.access_id, send, due_at)

    def _queue(self, callback_id: int, access_id: int, event: Event) -> None:
        queue = self._queues[access_id]
        queue.counter += 1
        event = msgspec.structs.replace(event, counter=queue.counter)
        self._rows.append(
            (callback_id, access_id, event, CallbackState.QUEUED, None, None, queue.id)
        )

    def _add(
        self, callback_id: int, access_id: int, event: Event, due_at: float
    ) -> None:
        """Make a callback that waits for no other; one due now is leased."""
        node_id = None
        if due_at <= self._now:
            due_at, node_id = self._now + LEASE, self._node.id
            self._leased.append(CallbackRow(callback_id, access_id, event, 0))
        self._rows.append(
            (callback_id, access_id, event, CallbackState.DUE, due_at, node_id, None)
        )

    async def close(self) -> Received:
        """Write the callbacks and the queues' counters."""
        if self._rows:
            batch = text(self._rows)
            await self._connection.execute(INSERT_TOLD, batch, self._now)
        queues = self._queues.values()
        if queues:
            counters = text([(queue.id, queue.counter) for queue in queues])
            await self._connection.execute(FILL_QUEUES, counters, self._now)
        going = {queue.id for queue in queues if queue.state is not QueueState.PAUSED}
        return Received(self._leased, going)


async def write_results(
    connection: Connection, node: Node, results: Sequence[CallbackResult]
) -> None:
    """Write what came of telling customers."""
    last = {result.id: result for result in results}
    low = node.lows.callback(list(last))
    await connection.execute(UPDATE_CALLBACKS, text(list(last.values())), low)
    logged = [result for result in results if result.request]
    if logged:
        await connection.execute(INSERT_ATTEMPTS, text(logged))
    receipts = [(*r.receipt, r.at) for r in results if r.receipt is not None]
    if receipts:
        await connection.execute(UPDATE_RECEIPTS, text(receipts))

"""Makes the callbacks of inbound messages, and records the results of attempts."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback import CallbackState, Event, QueueState
from budstikke.store.contract import CallbackRow, StoredInbound
from budstikke.store.verbs.callback_ids import draw
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import columns, statement

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from budstikke.store.contract import CallbackResult, InboundDraft
    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Fragments

# An event's first column is its kind, the second its message.
INSERT_CALLBACKS = statement(
    lambda e: (
        f"""
INSERT INTO callback (id, access_id, event, state, due_at, node_id, queue_id,
    message_id, tries, answer, at)
SELECT {columns("iittfii")}, (j.value->2->>1)::bigint, 0, '', $2 FROM {e.rows()}"""
    )
)

MAKE_QUEUES = statement(
    lambda e: (
        f"""
INSERT INTO queue (access_id, state, tries, counter, why, alert)
SELECT j.value, 'idle', 0, 0, '', false FROM {e.id_rows()} WHERE true
ORDER BY j.value
ON CONFLICT (access_id) DO NOTHING"""
    )
)

# Locked until the transaction ends, so that the counter has no gaps and no repeats.
QUEUES_OF = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(access_id, id, counter, state)) FROM (
    SELECT * FROM queue WHERE access_id {e.in_ids()} ORDER BY id {e.lock}) q"""
    )
)

# A paused queue stays paused; one that is due or leased keeps its time.
FILL_QUEUES = statement(
    lambda e: (
        f"""
UPDATE queue SET counter = (j.value->>1)::integer,
    due_at = CASE WHEN queue.state = 'idle' THEN $2 ELSE queue.due_at END,
    state = CASE WHEN queue.state = 'idle' THEN 'due' ELSE queue.state END
FROM {e.rows()} WHERE queue.id = (j.value->>0)::bigint"""
    )
)

# Columns of CallbackResult. A callback that is done or failed stays so, unless a late
# attempt succeeds. Without ``took`` there was no attempt, and the last one's result
# stays.
UPDATE_CALLBACKS = statement(
    lambda e: (
        f"""
UPDATE callback SET state = j.value->>1, due_at = (j.value->>2)::float8,
    tries = (j.value->>3)::integer,
    answer = CASE WHEN j.value->>7 IS NULL AND j.value->>4 = '' THEN callback.answer
        ELSE j.value->>4 END,
    status = CASE WHEN j.value->>7 IS NULL THEN callback.status
        ELSE (j.value->>6)::integer END,
    took = coalesce((j.value->>7)::float8, callback.took),
    at = (j.value->>5)::float8, node_id = NULL
FROM {e.rows()}
WHERE callback.id = (j.value->>0)::bigint AND callback.id >= $2
    AND (callback.state IN ('due', 'queued') OR j.value->>1 = 'done')"""
    )
)

INSERT_ATTEMPTS = statement(
    lambda e: (
        f"""
INSERT INTO attempt (callback_id, at, took, request, status, answer)
SELECT (j.value->>0)::bigint, (j.value->>5)::float8,
    coalesce((j.value->>7)::float8, 0), j.value->>8, (j.value->>6)::integer,
    j.value->>4
FROM {e.rows()} ORDER BY j.key"""
    )
)


def _with_text(e: Fragments) -> str:
    """Write a callback's ``SendEvent`` with another text: its fifth column."""
    return e.only(
        sqlite="json_set(callback.event, '$[4]', j.value->>1)",
        postgres="jsonb_set(callback.event::jsonb, '{4}', j.value->1)::text",
    )


# Rows of the batch: [id, text, at].
UPDATE_REPLIES = statement(
    lambda e: (
        f"""
UPDATE callback SET event = {_with_text(e)},
    state = CASE WHEN j.value->>1 = '' THEN 'done' ELSE 'due' END,
    due_at = CASE WHEN j.value->>1 = '' THEN NULL ELSE (j.value->>2)::float8 END,
    at = (j.value->>2)::float8
FROM {e.rows()}
WHERE callback.id = (j.value->>0)::bigint AND callback.state = 'due'
    AND callback.node_id IS NULL AND callback.event::jsonb->>0 = 'send'"""
    )
)

_queues = msgspec.json.Decoder(list[tuple[int, int, int, QueueState]]).decode

_Row = tuple[
    *tuple[int, int, Event, CallbackState, float | None, int | None, int | None]
]


class _Queue(msgspec.Struct):
    id: int
    counter: int
    state: QueueState


class CallbackWriter:
    """
    Makes the callbacks of a batch of inbound messages.

    Args:
        connection: In a transaction. It leases callbacks that are due now to its node.
        now: Unix seconds.

    """

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._ids: deque[int] = deque()
        self._queues: dict[int, _Queue] = {}
        self._rows: list[_Row] = []
        self._leased: list[CallbackRow] = []

    async def begin(self, drafts: Sequence[InboundDraft]) -> None:
        """Lock these messages' queues, then draw ids, so that both have one order."""
        await self._lock_queues({d.access_id for d in drafts if d.queued and d.notify})
        count = sum(d.notify + len(d.sends) for d in drafts if d.access_id is not None)
        if count:
            self._ids.extend(await draw(self._connection, count))

    async def _lock_queues(self, access_ids: Collection[int | None]) -> None:
        """Read the queues of these accesses; make those that do not exist."""
        if not access_ids:
            return
        batch = text(list(access_ids))
        await self._connection.execute(MAKE_QUEUES, batch)
        for row in _queues(await self._connection.one(QUEUES_OF, batch)):
            self._queues[row[0]] = _Queue(*row[1:])

    def add(self, draft: InboundDraft) -> None:
        """Make the callbacks of a message: its event, then the auto-replies."""
        if draft.access_id is None:
            return
        event_id = self._ids.popleft() if draft.notify else None
        send_ids = [self._ids.popleft() for _ in draft.sends]
        if event_id is not None:
            event = draft.event
            if draft.waiting is not None:
                receipt_id = send_ids[draft.waiting]
                event = msgspec.structs.replace(event, receipt_id=receipt_id)
            if draft.queued:
                self._queue(event_id, draft.access_id, event)
            else:
                self._add(event_id, draft.access_id, event, self._now)
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
        """Make a callback outside a queue; lease it if it is due now."""
        node_id = None
        if due_at <= self._now:
            due_at = self._connection.lease_until(self._now)
            node_id = self._connection.node_id
            self._leased.append(CallbackRow(callback_id, access_id, event, 0))
        self._rows.append(
            (callback_id, access_id, event, CallbackState.DUE, due_at, node_id, None)
        )

    async def close(self) -> StoredInbound:
        """Write the callbacks and the queues' counters."""
        if self._rows:
            batch = text(self._rows)
            await self._connection.execute(INSERT_CALLBACKS, batch, self._now)
        queues = self._queues.values()
        if queues:
            counters = text([(queue.id, queue.counter) for queue in queues])
            await self._connection.execute(FILL_QUEUES, counters, self._now)
        going = {queue.id for queue in queues if queue.state is not QueueState.PAUSED}
        return StoredInbound(self._leased, going)


async def record_callbacks(
    connection: Connection, results: Sequence[CallbackResult]
) -> None:
    """Write the results of attempts, and those attempts that are logged."""
    last = {result.id: result for result in results}
    low = connection.bounds.callback(list(last))
    await connection.execute(UPDATE_CALLBACKS, text(list(last.values())), low)
    logged = [result for result in results if result.request]
    if logged:
        await connection.execute(INSERT_ATTEMPTS, text(logged))
    replies = [(*r.receipt, r.at) for r in results if r.receipt is not None]
    if replies:
        await connection.execute(UPDATE_REPLIES, text(replies))

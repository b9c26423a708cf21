"""Make callbacks of messages from phones, and write what came of callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback import CallbackState, Event, QueueState
from budstikke.store.contract import CallbackRow, Received
from budstikke.store.contract.leases import LEASE
from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.engines.sqlite.node import callback_ids
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from budstikke.store.contract import CallbackResult, InboundDraft

# An event's first column says what kind it is, the second what message it is of.
INSERT_TOLD = """
INSERT INTO callback (id, access_id, event, state, due_at, node_id, queue_id,
    message_id, tries, answer, at)
SELECT j.value->>0, j.value->>1, j.value->>2, j.value->>3, j.value->>4, j.value->>5,
    j.value->>6, j.value->2->>1, 0, '', ?2
FROM json_each(?1) j"""

MAKE_QUEUES = """
INSERT INTO queue (access_id, state, tries, counter, why, alert)
SELECT value, 'idle', 0, 0, '', 0 FROM json_each(?1) WHERE true
ON CONFLICT (access_id) DO NOTHING"""

QUEUES_OF = """
SELECT json_group_array(json_array(q.access_id, q.id, q.counter, q.state))
FROM json_each(?1) j CROSS JOIN queue q ON q.access_id = j.value"""

# One that is paused stays so; one that is due, or is worked, has a time of its own.
FILL_QUEUES = """
UPDATE queue SET counter = j.value->>1,
    due_at = iif(queue.state = 'idle', ?2, queue.due_at),
    state = iif(queue.state = 'idle', 'due', queue.state)
FROM json_each(?1) j WHERE queue.id = j.value->>0"""

# What is over stays so, unless it was understood after all. Nothing was attempted
# where there is no ``took``: then what came of the last try is kept.
UPDATE_CALLBACKS = """
UPDATE callback SET state = j.value->>1, due_at = j.value->>2, tries = j.value->>3,
    answer = iif(j.value->>7 IS NULL AND j.value->>4 = '', callback.answer,
        j.value->>4),
    status = iif(j.value->>7 IS NULL, callback.status, j.value->>6),
    took = coalesce(j.value->>7, callback.took), at = j.value->>5, node_id = NULL
FROM json_each(?1) j
WHERE callback.id = j.value->>0
    AND (callback.state IN ('due', 'queued') OR j.value->>1 = 'done')"""

INSERT_ATTEMPTS = """
INSERT INTO attempt (callback_id, at, took, request, status, answer)
SELECT j.value->>0, j.value->>5, coalesce(j.value->>7, 0), j.value->>8, j.value->>6,
    j.value->>4
FROM json_each(?1) j"""

# Rows of the batch: [id, text, at]; the text is the fifth column of a SendEvent.
UPDATE_RECEIPTS = """
UPDATE callback SET event = json_set(callback.event, '$[4]', j.value->>1),
    state = iif(j.value->>1 = '', 'done', 'due'),
    due_at = iif(j.value->>1 = '', NULL, j.value->>2), at = j.value->>2
FROM json_each(?1) j
WHERE callback.id = j.value->>0 AND callback.state = 'due'
    AND callback.node_id IS NULL AND callback.event->>0 = 'send'"""

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
        node_id: To whom those that are due now are leased.
        now: Unix seconds.

    """

    def __init__(
        self, connection: sqlite3.Connection, node_id: int, now: float
    ) -> None:
        self._connection = connection
        self._node_id = node_id
        self._ids = callback_ids(connection)
        self._now = now
        self._queues: dict[int, _Queue] = {}
        self._rows: list[_Row] = []
        self._leased: list[CallbackRow] = []

    def count_on(self, access_ids: Collection[int | None]) -> None:
        """Read the queues of these accesses; one that is not there yet is made."""
        if not access_ids:
            return
        batch = text(list(access_ids))
        self._connection.execute(MAKE_QUEUES, (batch,))
        for row in _queues(one(self._connection, QUEUES_OF, batch)):
            self._queues[row[0]] = _Queue(*row[1:])

    def tell(self, draft: InboundDraft) -> None:
        """Make the callbacks of a message: what is told of it, then what is sent."""
        if draft.access_id is None:
            return
        told_id = next(self._ids) if draft.tell else None
        send_ids = [next(self._ids) for _ in draft.sends]
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
            due_at, node_id = self._now + LEASE, self._node_id
            self._leased.append(CallbackRow(callback_id, access_id, event, 0))
        self._rows.append(
            (callback_id, access_id, event, CallbackState.DUE, due_at, node_id, None)
        )

    def close(self) -> Received:
        """Write the callbacks and the queues' counters."""
        if self._rows:
            batch = text(self._rows)
            self._connection.execute(INSERT_TOLD, (batch, self._now))
        queues = self._queues.values()
        if queues:
            counters = text([(queue.id, queue.counter) for queue in queues])
            self._connection.execute(FILL_QUEUES, (counters, self._now))
        going = {queue.id for queue in queues if queue.state is not QueueState.PAUSED}
        return Received(self._leased, going)


def write_results(
    connection: sqlite3.Connection, results: Sequence[CallbackResult]
) -> None:
    """Write what came of telling customers."""
    last = {result.id: result for result in results}
    connection.execute(UPDATE_CALLBACKS, (text(list(last.values())),))
    logged = [result for result in results if result.request]
    if logged:
        connection.execute(INSERT_ATTEMPTS, (text(logged),))
    receipts = [(*r.receipt, r.at) for r in results if r.receipt is not None]
    if receipts:
        connection.execute(UPDATE_RECEIPTS, (text(receipts),))

"""
Drops old partitions, with the rows of other tables that belong to theirs.

A partition is first read once, in pieces, since it may have messages that were
scheduled long ahead. If it cannot be dropped it is stuck: its rows are deleted one by
one, and the few that remain move to partition 0.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from budstikke.store.engines.postgres.layout import (
    Partition,
    Series,
    dropping,
    is_old,
    spans,
)
from budstikke.store.engines.postgres.partitions import (
    CALLBACKS,
    MESSAGES,
    is_open,
    lock,
    read_layout,
)

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.partitions import Changes
    from budstikke.store.verbs.purge import Spans

log = logging.getLogger("budstikke.store")

PIECE = 100_000
"""Rows to read at a time."""

MOVED = 10_000
"""Rows that may move to partition 0 at a time, while other transactions wait."""

# $1 and $2: bounds of the ids. Returns the number of rows, the last id, and until when
# they must stay.
READ_MESSAGES = """
SELECT count(*), max(id), max(greatest(accepted_at, expires_at)) FROM (
    SELECT id, accepted_at, expires_at FROM message WHERE id > $1 AND id < $2
    ORDER BY id LIMIT $3) m"""

READ_CALLBACKS = """
SELECT count(*), max(id), max(at) FROM (
    SELECT id, at FROM callback WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) c"""

# Of messages; inbound messages have ids of the same blocks, and keep their media.
HUNG_ON_MESSAGES = (
    """
DELETE FROM part_history WHERE (part_id, number) IN (
    SELECT part_id, number FROM part_history
    WHERE part_id >= $1::bigint * 256 AND part_id < $2::bigint * 256 LIMIT $3)""",
    """
DELETE FROM mms WHERE message_id IN (
    SELECT message_id FROM mms WHERE message_id >= $1 AND message_id < $2 LIMIT $3)""",
    """
DELETE FROM media WHERE id IN (
    SELECT id FROM media m WHERE message_id >= $1 AND message_id < $2
        AND NOT EXISTS (SELECT 1 FROM inbound i WHERE i.id = m.message_id) LIMIT $3)""",
)

HUNG_ON_CALLBACKS = (
    """
DELETE FROM attempt WHERE id IN (
    SELECT id FROM attempt WHERE callback_id >= $1 AND callback_id < $2 LIMIT $3)""",
)

HAS_CALLBACKS_DUE = """
SELECT EXISTS (SELECT 1 FROM callback
    WHERE state = 'due' AND due_at IS NOT NULL
        AND message_id >= $1 AND message_id < $2)"""


class Seen(msgspec.Struct):
    """
    What is known of the first partition.

    Attributes:
        number: Its number.
        last: The last id that was read.
        rows: How many rows were read.
        until: When all of them may be dropped, Unix seconds.
        whole: Whether all were read.
        stuck: Whether it cannot be dropped.

    """

    number: int = 0
    last: int = 0
    rows: int = 0
    until: float = 0.0
    whole: bool = False
    stuck: bool = False


class _Of:
    """
    Drops the partitions of a series.

    Args:
        client: The connections.
        changes: Changes partitions.
        series: The series.
        read: The statement that reads a piece.
        hung: Statements that delete dependent rows of other tables.

    """

    def __init__(
        self,
        client: Client,
        changes: Changes,
        series: Series,
        read: str,
        hung: tuple[str, ...],
    ) -> None:
        self._client = client
        self._changes = changes
        self.series = series
        self._read = read
        self._hung = hung
        self._seen = Seen()

    async def spans(self, before: float) -> Spans:
        """Return the ranges in which to delete rows one by one."""
        if self._changes.forbidden:
            return [(0, None)]
        layout = await self._client.read(lambda c: read_layout(c, self.series))
        stuck = self._seen.number if self._seen.stuck else 0
        return spans(layout, before, stuck)

    async def retire(self, before: float, limit: int) -> int:
        """
        Do the next step towards dropping partitions from before ``before``.

        Returns how many rows were dropped. ``limit``: rows to delete at a time.
        """
        layout = await self._client.read(lambda c: read_layout(c, self.series))
        if self._changes.forbidden or not is_old(layout, 1, before):
            return 0
        first = layout[1]
        if self._seen.number != first.number:
            self._seen = Seen(first.number, first.low - 1)
        if not self._seen.whole:
            await self._read_piece(first)
        if not self._seen.whole:
            return 0
        held = await self._client.read(lambda c: is_open(c, self.series, first))
        self._seen.stuck = held or self._seen.until >= before
        if self._seen.stuck:
            return await self._drop(first, moved=True)
        if await self._has_callbacks_due(first) or await self._delete_hung(
            first, limit
        ):
            return 0
        return await self._drop(first, moved=False)

    async def _read_piece(self, first: Partition) -> None:
        seen, begin = self._seen, self._seen.last
        values = (begin, first.high, PIECE)
        rows, last, until = await self._client.read(
            lambda c: c.row(self._read, *values)
        )
        if seen.last != begin or seen.whole:
            return  # a concurrent run has read it
        seen.rows += rows
        seen.last = last if rows else seen.last
        seen.until = max(seen.until, until or 0.0)
        seen.whole = rows < PIECE

    async def _has_callbacks_due(self, first: Partition) -> bool:
        if self.series is not MESSAGES:
            return False
        bounds = (first.low, first.high)
        due: bool = await self._client.read(
            lambda c: c.value(HAS_CALLBACKS_DUE, *bounds)
        )
        return due

    async def _delete_hung(self, first: Partition, limit: int) -> bool:
        """Delete a slice of dependent rows; return whether there may be more."""
        values = (first.low, first.high, limit)

        async def delete(connection: Connection) -> bool:
            counts = [await connection.execute(hung, *values) for hung in self._hung]
            return limit in counts

        return await self._client.write(delete)

    async def _drop(self, first: Partition, *, moved: bool) -> int:
        if moved and not await self._client.read(lambda c: self._has_few(c, first)):
            return 0
        done = False

        async def change(connection: Connection) -> None:
            nonlocal done
            layout = await read_layout(connection, self.series)
            if layout[1].number != first.number:
                return  # another node was faster
            await lock(connection, self.series)
            if not await self._may_go(connection, first, moved=moved):
                return
            for statement in dropping(self.series, first, moved=moved):
                await connection.execute(statement)
            done = True

        await self._changes.make(change)
        if not done:
            return 0
        log.info("dropped the partition %s_%s", self.series.name, first.number)
        return 0 if moved else self._seen.rows

    async def _may_go(
        self, connection: Connection, first: Partition, *, moved: bool
    ) -> bool:
        if moved:
            return await self._has_few(connection, first)
        return not await is_open(connection, self.series, first)

    async def _has_few(self, connection: Connection, first: Partition) -> bool:
        """Whether the rest of a partition may move to number 0."""
        values = (first.low - 1, first.high, MOVED + 1)
        row = await connection.row(self._read, *values)
        return int(row[0]) <= MOVED


class PartitionRetirement:
    """
    Drops old partitions.

    Args:
        client: The connections.
        changes: Changes partitions.

    """

    def __init__(self, client: Client, changes: Changes) -> None:
        messages = (MESSAGES, READ_MESSAGES, HUNG_ON_MESSAGES)
        self._messages = _Of(client, changes, *messages)
        callbacks = (CALLBACKS, READ_CALLBACKS, HUNG_ON_CALLBACKS)
        self._callbacks = _Of(client, changes, *callbacks)

    async def retire(
        self, before: float, limit: int
    ) -> tuple[int, tuple[Spans, Spans]]:
        """
        Do the next step towards dropping partitions from before ``before``.

        Returns how many messages were dropped, and where messages and callbacks have to
        be deleted one by one. ``limit``: rows to delete at a time.
        """
        dropped = await self._messages.retire(before, limit)
        await self._callbacks.retire(before, limit)
        return dropped, (
            await self._messages.spans(before),
            await self._callbacks.spans(before),
        )

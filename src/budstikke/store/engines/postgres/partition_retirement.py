"""
Drop partitions that are old, with all that hung on their rows.

Before one is dropped it is read once, a piece at a time, since it may hold what was
scheduled long ahead. One that cannot go whole is stuck: its rows are deleted one by
one, and what few are left go to partition 0.
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
"""Rows that are read at a time."""

MOVED = 10_000
"""Rows that partition 0 may be given at a time, while all wait."""

# $1 and $2: ids to begin and to end before. How many rows, the last one's id, and until
# when they are kept.
READ_MESSAGES = """
SELECT count(*), max(id), max(greatest(accepted_at, expires_at)) FROM (
    SELECT id, accepted_at, expires_at FROM message WHERE id > $1 AND id < $2
    ORDER BY id LIMIT $3) m"""

READ_CALLBACKS = """
SELECT count(*), max(id), max(at) FROM (
    SELECT id, at FROM callback WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) c"""

# Of messages; texts from phones have ids of the same blocks, and keep theirs.
HUNG_ON_MESSAGES = (
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
    WHERE state = 'due' AND message_id >= $1 AND message_id < $2)"""


class Seen(msgspec.Struct):
    """
    What is known of the first partition.

    Attributes:
        number: Which one it is.
        last: The last id that was read.
        rows: How many were.
        until: When they may all go, Unix seconds.
        whole: All were read.
        stuck: It cannot go whole.

    """

    number: int = 0
    last: int = 0
    rows: int = 0
    until: float = 0.0
    whole: bool = False
    stuck: bool = False


class _Of:
    """
    The dropping of a series' partitions.

    Args:
        client: Has the database.
        changes: Makes what is changed.
        series: What is dropped.
        read: The statement that reads a piece.
        hung: Those that delete what hung on the rows.

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
        """Find where rows are deleted one by one."""
        if self._changes.forbidden:
            return [(0, None)]
        layout = await self._client.read(lambda c: read_layout(c, self.series))
        stuck = self._seen.number if self._seen.stuck else 0
        return spans(layout, before, stuck)

    async def retire(self, before: float, limit: int) -> int:
        """
        Do what may be done now towards dropping what is from before then.

        Returns how many rows are gone. ``limit``: of what is deleted at a time.
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
            return  # another turn of ours has read it
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
        """Delete a slice of what hung on the rows; tells whether there may be more."""
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
                return  # another node was first
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
        """Tell whether all that is left in a partition may go to number 0."""
        values = (first.low - 1, first.high, MOVED + 1)
        row = await connection.row(self._read, *values)
        return int(row[0]) <= MOVED


class PartitionRetirement:
    """
    The dropping of old partitions.

    Args:
        client: Has the database.
        changes: Makes what is changed.

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
        Do what may be done now towards dropping what is from before then.

        Returns how many messages are gone, and where messages, and callbacks, have to
        be deleted one by one. ``limit``: of what is deleted at a time.
        """
        dropped = await self._messages.retire(before, limit)
        await self._callbacks.retire(before, limit)
        return dropped, (
            await self._messages.spans(before),
            await self._callbacks.spans(before),
        )

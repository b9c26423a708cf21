"""
The SQLite engine: one process, one writer thread, a yes that survives power loss.

A second process that serves the same file is refused by a lock beside it; ``apply``
and the like may write while one serves.
"""

from __future__ import annotations

import fcntl
import itertools
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec
import sqlalchemy

from budstikke.domain.message import Part
from budstikke.store import admin
from budstikke.store.contract import (
    BulkProgress,
    BulkRow,
    CallbackResult,
    CallbackRow,
    Draft,
    MessageRow,
    MessageView,
    PartRow,
    StoreUnavailable,
    Woken,
)
from budstikke.store.sqlite import sql
from budstikke.store.sqlite.clock import Places, lease, purge, sweep, wake
from budstikke.store.sqlite.duplicates import DuplicateLock
from budstikke.store.sqlite.settling import Settling, one, text
from budstikke.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.domain.directory import Directory
    from budstikke.domain.inbound import InboundPart
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate

_parts = msgspec.json.Decoder(list[Part]).decode
_views = msgspec.json.Decoder(list[MessageView]).decode

ID_BLOCK = 10_000
"""Ids set aside at a time; what is left of a block at a stop is never used."""

LONGEST_LOCK = 3600.0
"""Seconds; no duplicate lock is longer, so older messages are not read for them."""


class SqliteStore:
    """
    The store on SQLite; see ``store.contract.Store`` for what the verbs promise.

    Args:
        path: The database file, which ``migrate`` has made.
        synchronous: SQLite's pragma; anything but ``FULL`` is for tests.

    """

    node_id = 0

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self._path = path
        self._synchronous = synchronous
        self._writer = Writer(self._connect)
        self._reader = Writer(self._connect_reader, grouped=False)
        self._lock: TextIO | None = None
        self._next_id = 0
        self._saved_id = 0
        self._duplicates = DuplicateLock()
        self._places = Places()
        self._purge_from = 0
        self._settling = Settling(0, itertools.count(1).__next__)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, cached_statements=256, timeout=10.0
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10.0)

    async def open(self, now: float) -> None:
        """Take the file for this process and take over what a dead one left."""
        self._lock = _take_lock(self._path)
        await self._writer.start()
        await self._reader.start()
        await self._writer.run(lambda connection: self._recover(connection, now))

    def _recover(self, connection: sqlite3.Connection, now: float) -> None:
        found = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        self._next_id = self._saved_id = max(int(found.get("next_id", 0)), 1001)
        self.node_id = (
            1
            + (
                connection.execute("SELECT coalesce(max(id), 0) FROM node").fetchone()[
                    0
                ]
            )
        )
        connection.execute("DELETE FROM node")
        connection.execute(
            "INSERT INTO node (id, name, lease_until) VALUES (?, ?, ?)",
            (self.node_id, "sqlite", now),
        )
        connection.execute(sql.RECOVER_PARTS, (now, self.node_id))
        connection.execute(sql.RECOVER_CALLBACKS, (now, self.node_id))
        last = connection.execute("SELECT coalesce(max(id), 0) FROM callback")
        ids = itertools.count(last.fetchone()[0] + 1)
        self._settling = Settling(self.node_id, ids.__next__)
        self._read_locks(connection, now)

    def _read_locks(self, connection: sqlite3.Connection, now: float) -> None:
        for key, until, accepted_at in connection.execute(sql.LOCKED_KEYS):
            if accepted_at < now - LONGEST_LOCK:
                break
            if key is not None and until > now:
                self._duplicates.hold(key, until)

    async def close(self) -> None:
        """Finish what was begun and let the file go."""
        await self._writer.stop()
        await self._reader.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reserve_ids(self, count: int) -> int:
        """Take ids from the block; the block's end is saved with the next accept."""
        first = self._next_id
        self._next_id += count
        return first

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read accounts, accesses, carriers, routes and suppressions."""
        url = f"sqlite:///{self._path}"

        def read(_: sqlite3.Connection) -> Directory:
            engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
            try:
                return admin.read_directory(engine, settings)
            finally:
                engine.dispose()

        return await self._reader.run(read)

    async def revision(self) -> int:
        """Read the revision of the directory."""
        return await self._reader.run(
            lambda connection: int(
                connection.execute(
                    "SELECT value FROM meta WHERE key = 'revision'"
                ).fetchone()[0]
            )
        )

    # -- accept

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Tell which keys are held."""
        return self._duplicates.locked(keys, now)

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[list[int]]:
        """Store messages and parts, in one transaction for all drafts."""
        refused = [self._duplicates.lock_draft(draft, now) for draft in drafts]
        messages, parts, progress = _rows(drafts, refused)
        end = self._next_id
        save = end > self._saved_id

        def write(connection: sqlite3.Connection) -> None:
            if messages:
                connection.execute(sql.INSERT_MESSAGES, (text(messages),))
                connection.execute(sql.INSERT_PARTS, (text(parts),))
            for step in progress:
                connection.execute(sql.ADVANCE_BULK, (step.bulk_id, step.done))
            if save:
                connection.execute(sql.SAVE_NEXT_ID, (str(end + ID_BLOCK),))

        try:
            await self._writer.run(write)
        except BaseException:
            self._duplicates.let_go([row.duplicate_key for row in messages])
            raise
        if save:
            self._saved_id = end + ID_BLOCK
        return refused

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> None:
        """Store a bulk order whole and lock its keys."""
        end = self._next_id
        row = (
            bulk.id,
            bulk.access_id,
            bulk.accepted_at,
            bulk.first_id,
            bulk.total,
            bulk.done,
            bulk.content.decode(),
            bulk.recipients.decode(),
            self.node_id,
        )

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(sql.INSERT_BULK, row)
            connection.execute(sql.SAVE_NEXT_ID, (str(end + ID_BLOCK),))

        for key in keys:
            self._duplicates.hold(key, until)
        try:
            await self._writer.run(write)
        except BaseException:
            self._duplicates.let_go(keys)
            raise
        self._saved_id = max(self._saved_id, end + ID_BLOCK)

    async def open_bulks(self) -> list[BulkRow]:
        """Find bulk orders that are not yet all messages."""

        def read(connection: sqlite3.Connection) -> list[BulkRow]:
            rows = connection.execute(sql.OPEN_BULKS).fetchall()
            return [_bulk(row) for row in rows]

        return await self._reader.run(read)

    # -- send and settle

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Take queued parts for sending."""

        def take(connection: sqlite3.Connection) -> list[Part]:
            found = _parts(one(connection, sql.QUEUED, carrier_id, limit))
            ids = text([part.id for part in found])
            connection.execute(sql.MARK_SENDING, (ids, self.node_id, now))
            found.sort(key=lambda part: (-part.priority, part.id))
            return found

        return await self._writer.run(take)

    async def release(self, part_ids: Sequence[int]) -> None:
        """Give claimed parts back."""
        ids = text(part_ids)
        await self._writer.run(
            lambda connection: connection.execute(sql.MARK_QUEUED, (ids,)).close()
        )

    async def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
    ) -> list[CallbackRow]:
        """Write what carriers answered."""
        return await self._writer.run(
            lambda connection: self._settling.outcomes(connection, updates, now)
        )

    async def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float
    ) -> list[CallbackRow]:
        """Settle by receipts."""
        return await self._writer.run(
            lambda connection: self._settling.receipts(
                connection, carrier_id, receipts, now, keep
            )
        )

    async def inbound(
        self, carrier_id: int, parts: Sequence[InboundPart], now: float
    ) -> None:
        """Keep messages from phones."""
        rows = [
            (
                part.originator,
                part.recipient,
                part.data_coding,
                int(part.udhi),
                part.payload.hex(),
                text({str(tag): value.hex() for tag, value in part.tlvs.items()}),
                part.at or now,
            )
            for part in parts
        ]
        batch = text(rows)
        await self._writer.run(
            lambda connection: connection.execute(
                sql.INSERT_INBOUND, (batch, carrier_id)
            ).close()
        )

    async def told(self, results: Sequence[CallbackResult]) -> None:
        """Write what came of telling customers."""
        batch = text(results)
        await self._writer.run(
            lambda connection: connection.execute(
                sql.UPDATE_CALLBACKS, (batch,)
            ).close()
        )

    # -- the clock

    async def wake(self, now: float, limit: int, callbacks: int) -> Woken:
        """Do what is due."""

        def work(connection: sqlite3.Connection) -> Woken:
            due = lease(connection, self.node_id, now, callbacks)
            return wake(connection, self._settling, now, limit, due)

        return await self._writer.run(work)

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """Do what is not urgent, slice by slice."""

        def work(connection: sqlite3.Connection) -> tuple[Places, list[CallbackRow]]:
            return sweep(connection, self._settling, self._places, now, limit)

        self._places, told = await self._writer.run(work)
        return told

    async def purge(self, before: float, limit: int) -> int:
        """Delete a slice of old messages, with their parts, callbacks, bulk orders."""

        def delete(connection: sqlite3.Connection) -> tuple[int, int]:
            return purge(connection, self._purge_from, before, limit)

        self._purge_from, deleted = await self._writer.run(delete)
        return deleted

    # -- look-ups

    async def messages(self, ids: Sequence[int]) -> list[MessageView]:
        """Look messages up."""
        batch = text(ids)
        return await self._reader.run(
            lambda connection: _views(one(connection, sql.MESSAGES, batch))
        )

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier."""
        return await self._reader.run(
            lambda connection: dict(connection.execute(sql.BACKLOG).fetchall())
        )


def _rows(
    drafts: Sequence[Draft], refused: Sequence[list[int]]
) -> tuple[list[MessageRow], list[PartRow], list[BulkProgress]]:
    """Lay the drafts together, without the messages that were refused."""
    messages: list[MessageRow] = []
    parts: list[PartRow] = []
    progress = [draft.progress for draft in drafts if draft.progress is not None]
    for draft, left_out in zip(drafts, refused, strict=True):
        if not left_out:
            messages += draft.messages
            parts += draft.parts
            continue
        out = {draft.messages[index].id for index in left_out}
        messages += [row for row in draft.messages if row.id not in out]
        parts += [row for row in draft.parts if row.id >> 8 not in out]
    return messages, parts, progress


def _take_lock(path: Path) -> TextIO:
    """Lock the file beside the database, or say who has it."""
    handle = Path(f"{path}.lock").open("a")  # noqa: SIM115 - held while we serve
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StoreUnavailable(f"another process serves {path}") from error
    return handle


def _bulk(row: tuple[int, int, float, int, int, int, str, str]) -> BulkRow:
    return BulkRow(
        id=row[0],
        access_id=row[1],
        accepted_at=row[2],
        first_id=row[3],
        total=row[4],
        done=row[5],
        content=row[6].encode(),
        recipients=row[7].encode(),
    )

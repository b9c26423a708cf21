"""
The jobs of the message path, as the writer is given them.

What they take and return in numbers crosses a socket: it is encoded, once, by its
types. A pickle of so many structs would cost both sides several times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import Part
from budstikke.domain.receipt import Receipt
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.store.contract import (
    BulkRow,
    CallbackResult,
    CallbackRow,
    Draft,
    Verdict,
)
from budstikke.store.engines.sqlite import sql
from budstikke.store.engines.sqlite.accepting import store_bulk, store_drafts
from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.engines.sqlite.node import save_ids
from budstikke.store.engines.sqlite.telling import write_results
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from budstikke.store.engines.sqlite.settling import Settling

decode_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode
decode_parts = msgspec.json.Decoder(list[Part]).decode
decode_verdicts = msgspec.json.Decoder(list[Verdict]).decode

_drafts = msgspec.json.Decoder(list[Draft]).decode
_updates = msgspec.json.Decoder(list[tuple[Concerned, PartUpdate]]).decode
_receipts = msgspec.json.Decoder(list[Receipt]).decode
_results = msgspec.json.Decoder(list[CallbackResult]).decode


def accept(
    connection: sqlite3.Connection,
    drafts: str,
    held: Sequence[list[int]],
    end: int | None,
    now: float,
) -> str:
    """Store drafts; ``held`` are indexes of messages that the duplicate lock holds."""
    verdicts = store_drafts(connection, _drafts(drafts), held, now)
    save_ids(connection, end)
    return text(verdicts)


def accept_bulk(
    connection: sqlite3.Connection, bulk: BulkRow, node_id: int, end: int | None
) -> Verdict:
    """Store a bulk order whole."""
    verdict = store_bulk(connection, bulk, node_id, bulk.accepted_at)
    save_ids(connection, end)
    return verdict


def claim(
    connection: sqlite3.Connection,
    carrier_id: int,
    limit: int,
    node_id: int,
    now: float,
) -> str:
    """Take queued parts; returns them as JSON."""
    found = one(connection, sql.QUEUED, carrier_id, limit)
    connection.execute(sql.MARK_SENDING, (found, node_id, now))
    return found


def release(connection: sqlite3.Connection, ids: str) -> None:
    """Give claimed parts back."""
    connection.execute(sql.MARK_QUEUED, (ids,))


def record(
    connection: sqlite3.Connection, settling: Settling, updates: str, now: float
) -> str:
    """Write what carriers answered; returns callbacks."""
    return text(settling.outcomes(connection, _updates(updates), now))


def settle(  # noqa: PLR0917 - a job's arguments have no names
    connection: sqlite3.Connection,
    settling: Settling,
    carrier_id: int,
    receipts: str,
    now: float,
    keep: float,
) -> str:
    """Settle by receipts; returns callbacks."""
    found = _receipts(receipts)
    return text(settling.receipts(connection, carrier_id, found, now, keep))


def told(connection: sqlite3.Connection, results: str) -> None:
    """Write what came of telling customers."""
    write_results(connection, _results(results))


# -- what is only read


def revision(connection: sqlite3.Connection) -> int:
    """Read the revision of the directory."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'revision'")
    return int(found.fetchone()[0])


def backlog(connection: sqlite3.Connection) -> dict[int, int]:
    """Count queued parts by carrier."""
    return dict(connection.execute(sql.BACKLOG).fetchall())

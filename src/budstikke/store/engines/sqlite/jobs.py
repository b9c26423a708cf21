"""
The jobs of the message path, as the writer is given them.

What they take and return in numbers crosses a socket: it is encoded, once, by its
types. A pickle of so many structs would cost both sides several times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.receipt import Receipt
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.store.contract import CallbackRow
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3

    from budstikke.store.engines.sqlite.settling import Settling

decode_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode

_updates = msgspec.json.Decoder(list[tuple[Concerned, PartUpdate]]).decode
_receipts = msgspec.json.Decoder(list[Receipt]).decode


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


# -- what is only read


def revision(connection: sqlite3.Connection) -> int:
    """Read the revision of the directory."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'revision'")
    return int(found.fetchone()[0])

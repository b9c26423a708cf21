"""Phones and messages as JSON rows of the simulator's API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from budstikke.carriers.simulator.web.mms import part_rows

if TYPE_CHECKING:
    from budstikke.carriers.simulator.web.page import Row


def summary_row(phone: msgspec.Struct) -> Row:
    """Write a phone."""
    row: Row = msgspec.structs.asdict(phone)
    return {**row, "last_at": _time(row["last_at"]) if row["last_at"] else None}


def message_row(message: msgspec.Struct, number: str) -> Row:
    """Write a message that a phone received."""
    row: Row = msgspec.structs.asdict(message)
    row["parts"] = part_rows(number, row["id"], row["parts"])
    row["received_at"] = _time(row["received_at"])
    return row


def composed_row(sent: msgspec.Struct, number: str) -> Row:
    """Write a message that a phone sent."""
    row: Row = msgspec.structs.asdict(sent)
    row["parts"] = part_rows(number, row["id"], row["parts"])
    row["from"] = row.pop("phone")
    row["sent_at"] = _time(row.pop("at"))
    return row


def _time(at: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

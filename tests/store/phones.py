"""Messages from phones on their way into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.callback import SendEvent
from budstikke.domain.inbound import InboundEvent, Kind
from budstikke.store.contract import Equals, HeldPart, InboundDraft
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from budstikke.store.contract import CallbackRow
    from store.path import Path

NUMBER = "2229"


def held_part(number: int, digest: str = "", **columns: Any) -> HeldPart:
    """Make a part of a text of two, not yet held."""
    return HeldPart(
        0,
        columns.get("carrier_id", 1),
        columns.get("originator", RECIPIENT),
        columns.get("recipient", NUMBER),
        columns.get("data_coding", 0),
        1,
        columns.get("payload", f"050003aa02{number:02x}41"),
        columns.get("tlvs", {}),
        columns.get("at", NOW),
        columns.get("reference", "8:170"),
        columns.get("total", 2),
        number,
        digest or f"digest {number}",
        columns.get("due_at", NOW + 600),
        columns.get("equals", Equals.SAME),
    )


def phone(path: Path, text: str = "Hei", **fields: Any) -> InboundDraft:
    """Make a draft of access 1 that is not told; ``event``: fields of its event."""
    event = InboundEvent(
        path.store.reserve_ids(1),
        Kind.SMS,
        RECIPIENT,
        NUMBER,
        text,
        sent_at=NOW - 2,
        came_at=NOW - 1,
    )
    for name, value in fields.pop("event", {}).items():
        setattr(event, name, value)
    draft = InboundDraft(event, 1, NUMBER, 1, 1)
    for name, value in fields.items():
        setattr(draft, name, value)
    return draft


def told(path: Path, *texts: str, access_id: int = 1) -> list[InboundDraft]:
    """Make drafts that are told in the queue of their access."""
    return [
        phone(path, text, access_id=access_id, notify=True, queued=True)
        for text in texts
    ]


def answer(text: str, why: str = "receipt") -> SendEvent:
    """Make what is sent back to the phone."""
    return SendEvent(1, RECIPIENT, NUMBER, text, why, NOW)


def heard(row: CallbackRow) -> InboundEvent:
    """Take the event of a callback that tells of a message from a phone."""
    assert isinstance(row.event, InboundEvent)
    return row.event


def sent(row: CallbackRow) -> SendEvent:
    """Take the event of a callback that sends something."""
    assert isinstance(row.event, SendEvent)
    return row.event

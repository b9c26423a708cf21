"""Messages from phones on their way to customers, in as few words as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.callback import SendEvent
from budstikke.domain.inbound import InboundEvent, Kind
from budstikke.store.contract import InboundDraft
from flow.rig import directory
from store.path import NOW

if TYPE_CHECKING:
    from budstikke.domain.directory import Directory
    from budstikke.store.contract import StoredInbound
    from flow.rig import Rig

PHONE = "+4799999999"


def two_way(**settings: Any) -> Directory:
    """Make a directory of Front accesses whose customers get messages from phones."""
    usual: dict[str, Any] = {
        "two_way": True,
        "inbound_url": "https://in.example/in",
    }
    return directory(**usual | settings)


def event(message_id: int, **values: Any) -> InboundEvent:
    usual: dict[str, Any] = {
        "message_id": message_id,
        "kind": Kind.SMS,
        "originator": PHONE,
        "recipient": "2229",
        "text": "Hei",
        "came_at": NOW,
    }
    return InboundEvent(**usual | values)


def draft(told: InboundEvent, access_id: int = 1, **values: Any) -> InboundDraft:
    usual: dict[str, Any] = {"notify": True, "queued": True}
    return InboundDraft(told, 1, "2229", access_id, access_id, **usual | values)


def answer(text: str, due_at: float = NOW, **values: Any) -> tuple[SendEvent, float]:
    """Make a message that is sent in answer, and when."""
    usual: dict[str, Any] = {
        "message_id": 1,
        "recipient": PHONE,
        "originator": "2229",
        "why": "receipt",
    }
    return SendEvent(text=text, **usual | values), due_at


async def receive(
    rig: Rig, count: int, access_id: int = 1, **values: Any
) -> StoredInbound:
    """Have the store take so many messages from phones; tells nobody of them."""
    first = rig.path.store.reserve_ids(count)
    drafts = [draft(event(first + n), access_id, **values) for n in range(count)]
    found: StoredInbound = await rig.path.store.receive(drafts, rig.now)
    return found


def counters(rig: Rig, first: int = 0) -> list[int]:
    """List the counters that customers were told, tries included."""
    told = rig.transport.requests[first:]
    return [msgspec.json.decode(each.body)["counter"] for each in told]

"""Parts for carrier 1, by the backlog or directly, and receipts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from flow.rig import until
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from flow.rig import Rig


async def queue(rig: Rig, count: int, **columns: float) -> list[int]:
    """Store messages for carrier 1 and say so; returns the ids of their parts."""
    ids = await rig.path.accept(*[RECIPIENT] * count, **columns)
    rig.senders[1].stored()
    return [(message_id << 8) + 1 for message_id in ids]


async def send(rig: Rig, count: int, **columns: float) -> list[int]:
    """Send messages directly by carrier 1, as accept does."""
    assert rig.senders[1].reserve(count)
    ids = await rig.path.sending(*[RECIPIENT] * count, **columns)
    rig.senders[1].offer([rig.path.part(part_id, **columns) for part_id in ids])
    return ids


async def settled_down(rig: Rig) -> None:
    """Have the sender see that there is no backlog."""
    sender = rig.senders[1]
    sender.stored()
    await until(lambda: not (sender._behind or sender._claimable or sender._reserved))


def receipt(smsc_id: str, state: ReceiptState = ReceiptState.DELIVERED) -> Receipt:
    return Receipt(smsc_id, None, state, Reason.NONE, "DELIVRD", NOW, RECIPIENT)

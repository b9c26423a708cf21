"""Messages on their way through a store, in as few words as a test can bear."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from budstikke.domain.message import NotifyOn, Part, StatusEvent
from budstikke.domain.outcome import concerned
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.domain.states import MessageState, PartState
from budstikke.store import schema
from budstikke.store.contract import BulkRow, CallbackRow, Draft, MessageRow, PartRow
from store.engines import rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from budstikke.store.contract import MessageView, Store
    from store.engines import Engine

NOW = 1_700_000_000.0
RECIPIENT = "+4799999999"
KEEP = 7 * 86400.0
BOTH = int(NotifyOn.FINAL | NotifyOn.SENT)
FINAL = int(NotifyOn.FINAL)

Update = tuple[Concerned, PartUpdate]


class Path:
    """An open store, and what the steps around it would do."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.engine = engine
        self.store = store

    # -- accept

    def draft(
        self,
        first_id: int,
        *recipients: str,
        parts: int = 1,
        state: PartState = PartState.QUEUED,
        **columns: Any,
    ) -> Draft:
        """Make a draft; ``columns`` are those of message and part that differ."""
        recipients = recipients or (RECIPIENT,)
        result = Draft([], [])
        for message_id, recipient in enumerate(recipients, first_id):
            result.messages.append(
                _message(message_id, first_id, recipient, parts, columns)
            )
            result.parts += [
                self._part((message_id << 8) + number, state, columns)
                for number in range(1, parts + 1)
            ]
        return result

    def _part(self, part_id: int, state: PartState, columns: dict[str, Any]) -> PartRow:
        return PartRow(
            part_id,
            columns.get("carrier_id", 1),
            state,
            columns.get("text", f"text {part_id & 255}"),
            columns.get("tables", 0),
            columns.get("priority", 1),
            columns.get("due_at"),
            self.store.node_id if state is PartState.SENDING else None,
            NOW,
        )

    async def held(self, drafts: Sequence[Draft], now: float) -> list[list[int]]:
        """Accept drafts; returns which of their messages the duplicate lock held."""
        verdicts = await self.store.accept(drafts, now)
        assert not any(v.no_credit or v.taken for v in verdicts)
        return [verdict.duplicates for verdict in verdicts]

    async def accept(self, *recipients: str, **columns: Any) -> list[int]:
        """Accept messages; returns their ids."""
        count = len(recipients) or 1
        first = self.store.reserve_ids(count)
        await self.store.accept([self.draft(first, *recipients, **columns)], NOW)
        return list(range(first, first + count))

    async def sending(self, *recipients: str, **columns: Any) -> list[int]:
        """Accept messages that are sent at once; returns the ids of their parts."""
        ids = await self.accept(*recipients, state=PartState.SENDING, **columns)
        parts = columns.get("parts", 1)
        return [(i << 8) + n for i in ids for n in range(1, parts + 1)]

    # -- send

    async def answer(
        self, part_id: int, state: PartState, smsc_id: str = "", **columns: Any
    ) -> list[CallbackRow]:
        """Record what a carrier said of a part."""
        update = self.update(part_id, state, smsc_id, **columns)
        return await self.store.record([update], columns.get("at", NOW))

    def update(
        self, part_id: int, state: PartState, smsc_id: str = "", **columns: Any
    ) -> Update:
        """Say what a carrier said of a part, as the sender does."""
        was = columns.get("was", PartState.SENDING)
        update = PartUpdate(
            part_id,
            state,
            columns.get("carrier_id", 1),
            smsc_id or None,
            columns.get("smsc_key"),
            columns.get("reason", ""),
            columns.get("raw", ""),
            columns.get("at", NOW),
            columns.get("due_at"),
            columns.get("tries", 0),
        )
        return concerned(self.part(part_id, **columns), 1, was), update

    def part(self, part_id: int, **columns: Any) -> Part:
        """Make a part as the sender holds it."""
        return Part(
            part_id,
            part_id & 255,
            columns.get("parts", 1),
            "Budstikke",
            columns.get("recipient", RECIPIENT),
            "text",
            "gsm",
            (0, 0),
            False,
            0,
            1,
            NOW + 86400,
            True,
            columns.get("access_id", 1),
            columns.get("ref"),
            columns.get("notify_on", FINAL),
            columns.get("tries", 0),
            callback_url=columns.get("callback_url"),
        )

    async def sent(
        self, *recipients: str, smsc_ids: list[str], **columns: Any
    ) -> list[int]:
        """Accept messages and have carrier 1 take every part; returns part ids."""
        ids = await self.sending(*recipients, **columns)
        updates = [
            self.update(part_id, PartState.SENT, smsc_id, **columns)
            for part_id, smsc_id in zip(ids, smsc_ids, strict=True)
        ]
        await self.store.record(updates, NOW)
        return ids

    async def settle(
        self, *receipts: Receipt, carrier_id: int = 1
    ) -> list[CallbackRow]:
        """Settle by receipts."""
        return await self.store.settle(carrier_id, receipts, NOW + 1, KEEP)

    async def settle_in(
        self, size: int, receipts: Sequence[Receipt]
    ) -> list[CallbackRow]:
        """Settle by receipts in batches of this size."""
        told: list[CallbackRow] = []
        for batch in batches(size, receipts):
            told += await self.settle(*batch)
        return told

    # -- look

    async def states(self, *message_ids: int) -> list[str]:
        """Look up the states of messages."""
        return [view.state.value for view in await self.views(*message_ids)]

    async def views(self, *message_ids: int) -> list[MessageView]:
        """Look messages up, in the order asked."""
        found = {view.id: view for view in await self.store.messages(message_ids)}
        return [found[message_id] for message_id in message_ids]

    def parts(self) -> dict[int, str]:
        """Read the states of all parts, by id."""
        return {row[0]: row[1] for row in rows(self.engine, schema.part, "id", "state")}

    def column(self, name: str, table: Any = schema.part) -> list[Any]:
        """Read one column of all parts (or of another table)."""
        return [row[0] for row in rows(self.engine, table, name)]


def _message(
    message_id: int,
    order_id: int,
    recipient: str,
    parts: int,
    columns: dict[str, Any],
) -> MessageRow:
    scheduled = columns.get("due_at") is not None
    return MessageRow(
        message_id,
        order_id,
        columns.get("access_id", 1),
        recipient,
        columns.get("originator", "Budstikke"),
        columns.get("ref"),
        columns.get("encoding", "gsm"),
        columns.get("segments", parts),
        parts,
        columns.get("flash", 0),
        columns.get("protocol_id", 0),
        columns.get("priority", 1),
        columns.get("notify_on", FINAL),
        columns.get("duplicate_key"),
        columns.get("duplicate_until"),
        columns.get("accepted_at", NOW),
        columns.get("expires_at", NOW + 86400),
        MessageState.SCHEDULED if scheduled else MessageState.ACCEPTED,
        callback_url=columns.get("callback_url"),
    )


def status(row: CallbackRow) -> StatusEvent:
    """Take the event of a callback that tells how a message stands."""
    assert isinstance(row.event, StatusEvent)
    return row.event


def receipt(
    smsc_id: str,
    state: ReceiptState = ReceiptState.DELIVERED,
    *,
    key: str | None = None,
    recipient: str = RECIPIENT,
    reason: Reason = Reason.NONE,
) -> Receipt:
    """Make a receipt."""
    raw = f"{state.value.upper()} 000"
    return Receipt(smsc_id, key, state, reason, raw, NOW + 1, recipient)


def bulk(first_id: int, total: int = 3) -> BulkRow:
    """Make a bulk order."""
    recipients = b'["+4799999999"]'
    return BulkRow(first_id, 1, NOW, first_id + 1, total, 0, b'{"a":1}', recipients)


T = TypeVar("T")


def batches(size: int, items: Sequence[T]) -> list[Sequence[T]]:
    """Cut items into batches."""
    return [items[n : n + size] for n in range(0, len(items), size)]


@asynccontextmanager
async def opened(engine: Engine, now: float = NOW) -> AsyncIterator[Path]:
    """Open the engine's store for the block."""
    store = engine.store()
    await store.open(now)
    try:
        yield Path(engine, store)
    finally:
        await store.close()


def run(engine: Engine, scenario: Callable[[Path], Awaitable[None]]) -> None:
    """Open a store, play a scenario on it, and close it."""

    async def whole() -> None:
        async with opened(engine) as path:
            await scenario(path)

    asyncio.run(whole())

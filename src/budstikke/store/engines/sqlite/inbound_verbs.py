"""The verbs of messages from phones, and of queues, on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.engines.sqlite.node import run_with_ids
from budstikke.store.verbs import callback_queues as queues
from budstikke.store.verbs import inbound, media, mms_read_reports, reassembly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.inbound import MediaPart
    from budstikke.domain.message import MmsContent
    from budstikke.store.contract import (
        CallbackRow,
        HeldPart,
        InboundDraft,
        PausedQueue,
        QueueHead,
        QueueResult,
        Received,
        Thread,
        Unrouted,
    )
    from budstikke.store.engines.sqlite.node import Node
    from budstikke.store.engines.sqlite.process import WriterProcess
    from budstikke.store.engines.sqlite.thread import WorkerThread


class InboundVerbs:
    """
    What ``store.contract.InboundStore`` promises.

    Args:
        writer: Owns the connection that writes.
        reader: Looks up beside it.
        node: Gives ids.

    """

    def __init__(
        self,
        writer: WorkerThread | WriterProcess,
        reader: WorkerThread,
        node: Node,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._node = node

    async def hold(self, parts: Sequence[HeldPart]) -> list[HeldPart]:
        """Keep parts of long texts."""
        return await self._writer.run(reassembly.hold, parts)

    async def held(self, now: float, limit: int) -> list[HeldPart]:
        """Find held parts that are to be worked now."""
        return await self._reader.run(reassembly.held, now, limit)

    async def drop(self, part_ids: Sequence[int]) -> None:
        """Forget held parts."""
        await self._writer.run(reassembly.drop, part_ids)

    async def threads(self, pairs: Sequence[tuple[str, str]]) -> list[Thread | None]:
        """Find what phones answer."""
        return await self._reader.run(inbound.threads, pairs)

    async def receive(self, drafts: Sequence[InboundDraft], now: float) -> Received:
        """Store messages from phones, in one transaction for all drafts."""
        end = self._node.unsaved()
        received: Received = await self._writer.run(
            run_with_ids, end, inbound.receive, (drafts, now)
        )
        self._node.saved(end)
        return received

    async def assigned(self, limit: int) -> list[Unrouted]:
        """Find messages of the tray that were given to an access."""
        return await self._reader.run(inbound.assigned, limit)

    async def media(self, ids: Sequence[str]) -> dict[str, MediaPart]:
        """Read parts of MMS."""
        return await self._reader.run(media.read_parts, ids)

    async def mms(self, message_ids: Sequence[int]) -> dict[int, MmsContent]:
        """Read what is in MMS that go out."""
        return await self._reader.run(media.read_contents, message_ids)

    async def read(
        self, carrier_id: int, smsc_ids: Sequence[tuple[str, str, float]], now: float
    ) -> list[CallbackRow]:
        """Note that MMS were read."""
        values = (carrier_id, smsc_ids, now)
        return await self._writer.run(mms_read_reports.read, *values)

    async def subscribers(self, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Look numbers up in the directory."""
        return await self._reader.run(inbound.subscribers, numbers)

    async def take_queue(
        self, queue_id: int, limit: int, now: float
    ) -> QueueHead | None:
        """Lease a queue and read its first callbacks."""
        return await self._writer.run(queues.take_queue, queue_id, limit, now)

    async def queue_told(self, results: Sequence[QueueResult]) -> None:
        """Write what came of working queues."""
        await self._writer.run(queues.record_queues, results)

    async def paused(self) -> int:
        """Count the queues that are paused."""
        return await self._reader.run(queues.count_paused)

    async def unalerted(self, limit: int, now: float) -> list[PausedQueue]:
        """Find paused queues that nobody was told of yet."""
        return await self._reader.run(queues.unalerted, limit, now)

    async def alert(self, queue_id: int, token: str, now: float) -> bool:
        """Take it on to tell of a pause."""
        return await self._writer.run(queues.take_alert, queue_id, token, now)

    async def alerted(self, queue_id: int, token: str) -> None:
        """Note that its people were told."""
        await self._writer.run(queues.record_alert, queue_id, token)

    async def paused_by(self, token: str) -> PausedQueue | None:
        """Find the paused queue that this token resumes."""
        return await self._reader.run(queues.paused_by, token)

    async def resume(
        self, *, queue_id: int = 0, account_id: int | None = None, token: str = ""
    ) -> int | None:
        """Let a paused queue go on."""
        return await self._writer.run(queues.resume, queue_id, account_id, token)

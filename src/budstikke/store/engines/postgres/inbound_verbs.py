"""The verbs of messages from phones, and of queues, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.node import Node


class InboundVerbs:
    """
    What ``store.contract.InboundStore`` promises.

    Args:
        client: Runs them.
        node: This one.

    """

    def __init__(self, client: Client, node: Node) -> None:
        self._client = client
        self._node = node

    async def hold(self, parts: Sequence[HeldPart]) -> list[HeldPart]:
        """Keep parts of long texts."""
        return await self._client.write(lambda c: reassembly.hold(c, parts))

    async def held(self, now: float, limit: int) -> list[HeldPart]:
        """Find held parts that are to be worked now."""
        return await self._client.read(lambda c: reassembly.held(c, now, limit))

    async def drop(self, part_ids: Sequence[int]) -> None:
        """Forget held parts."""
        await self._client.write(lambda c: reassembly.drop(c, part_ids))

    async def threads(self, pairs: Sequence[tuple[str, str]]) -> list[Thread | None]:
        """Find what phones answer."""
        return await self._client.read(lambda c: inbound.threads(c, pairs))

    async def receive(self, drafts: Sequence[InboundDraft], now: float) -> Received:
        """Store messages from phones, in one transaction for all drafts."""
        return await self._client.write(lambda c: inbound.receive(c, drafts, now))

    async def assigned(self, limit: int) -> list[Unrouted]:
        """Find messages of the tray that were given to an access."""
        return await self._client.read(lambda c: inbound.assigned(c, limit))

    async def media(self, ids: Sequence[str]) -> dict[str, MediaPart]:
        """Read parts of MMS."""
        return await self._client.read(lambda c: media.read_parts(c, ids))

    async def mms(self, message_ids: Sequence[int]) -> dict[int, MmsContent]:
        """Read what is in MMS that go out."""
        return await self._client.read(lambda c: media.read_contents(c, message_ids))

    async def read(
        self, carrier_id: int, smsc_ids: Sequence[tuple[str, str, float]], now: float
    ) -> list[CallbackRow]:
        """Note that MMS were read."""
        return await self._client.write(
            lambda c: mms_read_reports.read(c, carrier_id, smsc_ids, now)
        )

    async def subscribers(self, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Look numbers up in the directory."""
        return await self._client.read(lambda c: inbound.subscribers(c, numbers))

    async def take_queue(
        self, queue_id: int, limit: int, now: float
    ) -> QueueHead | None:
        """Lease a queue and read its first callbacks."""
        return await self._client.write(
            lambda c: queues.take_queue(c, queue_id, limit, now)
        )

    async def queue_told(self, results: Sequence[QueueResult]) -> None:
        """Write what came of working queues."""
        await self._client.write(lambda c: queues.record_queues(c, results))

    async def paused(self) -> int:
        """Count the queues that are paused."""
        return await self._client.read(queues.count_paused)

    async def unalerted(self, limit: int, now: float) -> list[PausedQueue]:
        """Find paused queues that nobody was told of yet."""
        return await self._client.read(lambda c: queues.unalerted(c, limit, now))

    async def alert(self, queue_id: int, token: str, now: float) -> bool:
        """Take it on to tell of a pause."""
        return await self._client.write(
            lambda c: queues.take_alert(c, queue_id, token, now)
        )

    async def alerted(self, queue_id: int, token: str) -> None:
        """Note that its people were told."""
        await self._client.write(lambda c: queues.record_alert(c, queue_id, token))

    async def paused_by(self, token: str) -> PausedQueue | None:
        """Find the paused queue that this token resumes."""
        return await self._client.read(lambda c: queues.paused_by(c, token))

    async def resume(
        self, *, queue_id: int = 0, account_id: int | None = None, token: str = ""
    ) -> int | None:
        """Let a paused queue go on."""
        return await self._client.write(
            lambda c: queues.resume(c, queue_id, account_id, token)
        )

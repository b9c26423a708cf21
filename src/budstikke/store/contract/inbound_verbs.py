"""The verbs of messages from phones, and of queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.inbound import MediaPart
    from budstikke.domain.message import MmsContent
    from budstikke.store.contract.inbound import (
        HeldPart,
        InboundDraft,
        PausedQueue,
        QueueHead,
        QueueResult,
        Received,
        Thread,
        Unrouted,
    )
    from budstikke.store.contract.outbound import CallbackRow


class InboundStore(Protocol):
    """What a store keeps of messages from phones."""

    async def hold(self, parts: Sequence[HeldPart]) -> list[HeldPart]:
        """
        Keep parts of long texts; of equal ones as ``equals`` says, in a batch only one.

        Returns all held parts, oldest first, of the texts that these are of (equal
        originator, recipient, reference and total), from this and any other batch.
        """

    async def held(self, now: float, limit: int) -> list[HeldPart]:
        """
        Find held parts that are to be worked now, about so many.

        All those of texts of which one is due, or every number from 1 to ``total`` is
        there: a node stopped before it could join them.
        """

    async def drop(self, part_ids: Sequence[int]) -> None:
        """Forget held parts: copies of parts of texts that were told."""

    async def threads(self, pairs: Sequence[tuple[str, str]]) -> list[Thread | None]:
        """
        Find what phones answer: for (reply number, phone) the newest message there.

        Without one to that phone it is the newest that was sent from the number.
        """

    async def receive(self, drafts: Sequence[InboundDraft], now: float) -> Received:
        """
        Store messages from phones with what is told of them and sent in answer.

        The events of callbacks have their counters and receipts. ``sends`` become
        callbacks of kind ``send``, due at their times. A phone that opts out is on the
        account's list from here on, and the directory's revision has changed. The
        parts they were joined of are remembered as done until ``due_at`` is past.
        """

    async def assigned(self, limit: int) -> list[Unrouted]:
        """Find messages of the tray that an administrator gave to an access."""

    async def media(self, ids: Sequence[str]) -> dict[str, MediaPart]:
        """Read parts of MMS; those that are no more are left out."""

    async def mms(self, message_ids: Sequence[int]) -> dict[int, MmsContent]:
        """Read what is in MMS that go out; those that are no more are left out."""

    async def read(
        self, carrier_id: int, smsc_ids: Sequence[tuple[str, str, float]], now: float
    ) -> list[CallbackRow]:
        """
        Note that MMS were read: (the MMSC's id, ``read`` or ``deleted``, when).

        Each is a ``StatusEvent`` whose state is that word, once. Unknown ids, and those
        that were noted before, are ignored.
        """

    async def subscribers(self, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Look numbers up in the directory: name and address."""

    async def take_queue(
        self, queue_id: int, limit: int, now: float
    ) -> QueueHead | None:
        """
        Lease a queue and read its first callbacks.

        ``None``: it is paused, not due yet, leased to another, or there is nothing in
        it (it is idle then). A queue that this node leases is leased for longer.
        """

    async def queue_told(self, results: Sequence[QueueResult]) -> None:
        """
        Write what came of working queues.

        One that was resumed or taken by another meanwhile keeps its state; what came
        of its callbacks is written all the same. A queue that pauses wants an alert.
        """

    async def paused(self) -> int:
        """Count the queues that are paused."""

    async def unalerted(self, limit: int, now: float) -> list[PausedQueue]:
        """Find paused queues that nobody was told of and no other node tells of."""

    async def alert(self, queue_id: int, token: str, now: float) -> bool:
        """
        Take it on to tell of a pause; ``token`` is the SHA-256 of the link's.

        From here on it resumes the queue, and no earlier one does. No other node tells
        of this pause for 300 seconds, unless this one dies. ``False``: another node is
        at it, or there is nothing to tell.
        """

    async def alerted(self, queue_id: int, token: str) -> None:
        """Note that its people were told by this token's link, if it is good still."""

    async def paused_by(self, token: str) -> PausedQueue | None:
        """Find the paused queue that this token (its SHA-256) resumes."""

    async def resume(
        self, *, queue_id: int = 0, account_id: int | None = None, token: str = ""
    ) -> int | None:
        """
        Let a paused queue go on, by its id within an account or by its token.

        The token is of no use afterwards. Returns the queue's id; ``None``: there is no
        such queue, or it is not paused.
        """

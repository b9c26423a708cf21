"""The verbs of inbound messages, and of queues of callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.inbound import MediaPart
    from budstikke.domain.message import MmsContent
    from budstikke.store.contract.inbound import (
        Conversation,
        HeldPart,
        InboundDraft,
        PausedQueue,
        QueueHead,
        QueueResult,
        StoredInbound,
        Unrouted,
    )
    from budstikke.store.contract.outbound import CallbackRow


class InboundStore(Protocol):
    """What a store does with inbound messages, and with queues of callbacks."""

    async def hold_parts(self, parts: Sequence[HeldPart], /) -> list[HeldPart]:
        """
        Hold parts of long texts; a part's ``equals`` says what becomes of a repeat.

        Of equal parts in one batch it holds one. Returns, oldest first, all held parts
        and unused copies of these texts (equal originator, recipient, reference and
        total), from this and every other batch.
        """

    async def ready_parts(self, now: float, limit: int, /) -> list[HeldPart]:
        """
        Find the parts of about ``limit`` texts that can be delivered now.

        That is a text of which a part is due, or of which every number from 1 to
        ``total`` is there: a node stopped before it joined them.
        """

    async def drop_parts(self, part_ids: Sequence[int], /) -> None:
        """Delete held parts and unused copies: no text needs them."""

    async def conversations(
        self, pairs: Sequence[tuple[str, str]], /
    ) -> list[Conversation | None]:
        """
        Find what phones reply to: for (reply number, phone) the newest message.

        That is the newest message from the number to the phone, or, if there is none,
        the newest from the number to anybody.
        """

    async def receive(
        self, drafts: Sequence[InboundDraft], now: float, /
    ) -> StoredInbound:
        """
        Store inbound messages with their callbacks and auto-replies.

        Sets the counters and auto-replies of the callbacks' events. ``sends`` become
        callbacks of kind ``send``, due at their times. A phone that opts out is on the
        account's list from then on, and the directory's revision changes. The parts of
        a text are remembered as done until ``due_at`` is past.
        """

    async def assigned_unrouted(self, limit: int, /) -> list[Unrouted]:
        """Find unrouted messages that an administrator assigned to an access."""

    async def media_parts(self, ids: Sequence[str], /) -> dict[str, MediaPart]:
        """Read files of MMS, by their ids; leaves out those that are deleted."""

    async def mms_contents(
        self, message_ids: Sequence[int], /
    ) -> dict[int, MmsContent]:
        """Read the contents of outbound MMS; leaves out those that are deleted."""

    async def record_read_reports(
        self, carrier_id: int, smsc_ids: Sequence[tuple[str, str, float]], now: float, /
    ) -> list[CallbackRow]:
        """
        Store read reports of MMS: (the MMSC's id, ``read`` or ``deleted``, when).

        Returns a callback for the first report of each MMS: a ``StatusEvent`` with that
        word as its state. Ignores unknown ids.
        """

    async def subscribers(
        self, numbers: Sequence[str], /
    ) -> dict[str, tuple[str, str]]:
        """Look numbers up in the number directory: name and address."""

    async def take_queue(
        self, queue_id: int, limit: int, now: float, /
    ) -> QueueHead | None:
        """
        Lease a queue and read its first callbacks.

        ``None``: it is paused, not due yet, leased to another node, or empty (then it
        becomes idle). Prolongs the lease of a queue that this node leases already.
        """

    async def record_queues(self, results: Sequence[QueueResult], /) -> None:
        """
        Write the results of working on queues.

        A queue that was resumed, or that another node leased meanwhile, keeps its
        state; the results of its callbacks are written all the same. A queue that
        pauses needs an alert.
        """

    async def count_paused_queues(self) -> int:
        """Count paused queues."""

    async def unalerted_pauses(self, limit: int, now: float, /) -> list[PausedQueue]:
        """Find paused queues without an alert that no other node has claimed."""

    async def claim_pause_alert(self, queue_id: int, token: str, now: float, /) -> bool:
        """
        Claim the alert of a paused queue, with the SHA-256 of its link's token.

        From then on this token resumes the queue, and no earlier one does. No other
        node sends the alert for ``ALERT_LEASE`` seconds, unless this one dies.
        ``False``: another node has claimed it, or the queue needs no alert.
        """

    async def record_pause_alert(self, queue_id: int, token: str, /) -> None:
        """Note that the alert with this token was sent, unless another replaced it."""

    async def paused_queue_of(self, token: str, /) -> PausedQueue | None:
        """Find the paused queue that a token (its SHA-256) resumes."""

    async def resume_queue(
        self, *, queue_id: int = 0, account_id: int | None = None, token: str = ""
    ) -> int | None:
        """
        Resume a paused queue, by its id within an account or by its token.

        The token cannot be used again. Returns the queue's id; ``None``: there is no
        such queue, or it is not paused.
        """

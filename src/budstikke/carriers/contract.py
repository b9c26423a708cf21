"""
What a carrier is: a link to an operator, or something that behaves as one.

1. A carrier MUST call ``sink.answered`` exactly once for each part it was offered,
   whatever the operator does: no answer or a lost link is ``Unsure``, and what was
   never written to the wire is ``Rejected(..., Retry.LATER)``.
2. It MUST NOT raise for anything an operator may do.
3. It MUST acknowledge a receipt or an inbound message only after the sink's future
   for it is done, and answer with a temporary error when that failed.
4. It MUST keep the parts of one message on one link, in order.
5. It MUST keep the order of what it was offered when the operator throttles.
6. It SHOULD report in batches: all that one read brought, in one call.
7. An answer that comes after a part was answered ``Unsure`` SHOULD be told by
   ``sink.late``, once.
8. ``offer`` MUST NOT block; what exceeds ``room()`` MAY be refused with an assertion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from budstikke.domain.inbound import InboundMms, InboundPart

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Mapping, Sequence

    from budstikke.domain.message import MmsContent, Part
    from budstikke.domain.receipt import Outcome, Receipt


__all__ = ["Carrier", "Contents", "InboundMms", "InboundPart", "ReadReport", "Sink"]


class ReadReport(NamedTuple):
    """
    A read reply of an MMS (MM7 § 7.1.8 of 3GPP TS 23.140).

    ``smsc_id`` is the id that the MMSC gave it; ``deleted``: without being read; ``at``
    is Unix seconds.
    """

    smsc_id: str
    deleted: bool
    at: float


class Contents(Protocol):
    """Where a carrier of MMS finds what is in those that it was offered."""

    async def __call__(self, message_ids: Sequence[int]) -> Mapping[int, MmsContent]:
        """Read them; what is no more is left out. Raises StoreUnavailable."""


class Sink(Protocol):
    """Where a carrier reports to; one per carrier, called on the event loop."""

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        """Take what the operator said of these parts."""

    def late(self, part: Part, outcome: Outcome) -> None:
        """Take what the operator said of a part that was answered as ``Unsure``."""

    def room(self) -> None:
        """Hear that the carrier can take parts again."""

    def receipts(self, receipts: Sequence[Receipt]) -> Future[None]:
        """Take receipts; the future is done when they are durable, or has failed."""

    def inbound(self, parts: Sequence[InboundPart | InboundMms]) -> Future[None]:
        """Take messages from phones; the future is as for receipts."""

    def read(self, reads: Sequence[ReadReport]) -> Future[None]:
        """Take that MMS were read or deleted; the future is as for receipts."""


class Carrier(Protocol):
    """A link to an operator."""

    name: str

    def room(self) -> int:
        """How many parts may be offered now (0 while the link is down)."""

    def offer(self, parts: Sequence[Part]) -> None:
        """Send these parts, in order."""

    async def run(self, sink: Sink) -> None:
        """Keep the link up until cancelled."""

    async def drain(self, seconds: float) -> None:
        """Wait at most this long for answers, take the link down, and return."""

    def healthy(self) -> bool:
        """Whether parts can be sent now."""

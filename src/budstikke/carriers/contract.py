"""
What a carrier is: the way to an operator, or something that behaves as one.

1. A carrier MUST call ``sink.answered`` exactly once for each part that it was
   offered, whatever the operator does. No response or a lost connection is
   ``Unsure``; a part that it never wrote to the wire is
   ``Rejected(..., Retry.LATER)``.
2. It MUST NOT raise for anything an operator may do.
3. It MUST acknowledge a delivery report or an inbound message only when the sink's
   future for it is done, and respond with a temporary error if that failed.
4. It MUST send the parts of a message in order on one bind.
5. It MUST keep the order of parts when the operator throttles.
6. It SHOULD report in batches: all that one read brought, in one call.
7. It SHOULD pass a response that comes after ``Unsure`` to ``sink.late``, once.
8. ``offer`` MUST NOT block. It MAY fail an assertion if it gets more than ``room()``.
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

    ``smsc_id`` is the MMSC's message id; ``deleted``: the phone deleted it unread;
    ``at`` is Unix seconds.
    """

    smsc_id: str
    deleted: bool
    at: float


class Contents(Protocol):
    """Reads the content of MMS for a carrier."""

    async def __call__(self, message_ids: Sequence[int]) -> Mapping[int, MmsContent]:
        """Return contents by message id, if they exist; raises StoreUnavailable."""


class Sink(Protocol):
    """Takes what a carrier reports; one for each carrier, called on the event loop."""

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        """Take the outcomes of parts."""

    def late(self, part: Part, outcome: Outcome) -> None:
        """Take the outcome of a part that was reported as ``Unsure``."""

    def room(self) -> None:
        """Note that the carrier has room for parts again."""

    def receipts(self, receipts: Sequence[Receipt]) -> Future[None]:
        """Take delivery reports; the future is done when they are durable, or fails."""

    def inbound(self, parts: Sequence[InboundPart | InboundMms]) -> Future[None]:
        """Take inbound messages; the future is as for delivery reports."""

    def read(self, reads: Sequence[ReadReport]) -> Future[None]:
        """Take read replies; the future is as for delivery reports."""


class Carrier(Protocol):
    """The way to an operator."""

    name: str

    def room(self) -> int:
        """How many parts may be offered now (0 while the operator is not reachable)."""

    def offer(self, parts: Sequence[Part]) -> None:
        """Send these parts, in order; their outcomes go to the sink."""

    async def run(self, sink: Sink) -> None:
        """Work until cancelled: connect, and reconnect."""

    async def drain(self, seconds: float) -> None:
        """Wait at most these seconds for responses, disconnect, and return."""

    def healthy(self) -> bool:
        """Whether parts can be sent now."""

"""The verbs of nodes that share a database: notifications and bind leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


CHANNEL = "budstikke"
"""The channel of hints, on an engine that has notifications."""


class Hint(msgspec.Struct, omit_defaults=True):
    """
    What one node tells the others to do; a node that misses it finds it by polling.

    Attributes:
        node: The node that says so.
        carriers: They have queued parts.
        queues: They may have callbacks that are due.
        directory: It has changed.

    """

    node: int
    carriers: list[int] = []
    queues: list[int] = []
    directory: bool = False


class CarrierStatus(msgspec.Struct, omit_defaults=True):
    """
    What a node says of one of its carriers; counts are since the carrier was made.

    Attributes:
        state: ``up``, ``down``, ``paused``, ``drained``, or ``not here``: other nodes
            have the bind leases.
        binds: Binds that are up.
        submits: Requests with a part.
        answers: Responses.
        refused: Responses that refused the part.
        throttled: Responses that asked to slow down.
        unsure: Parts without a response.
        receipts: Delivery reports.
        answer_delay: Seconds to a response, as a moving average; 0: not known.
        receipt_delay: Seconds from there to the delivery report, likewise.
        ids: How ids of delivery reports are matched: a rule of ``smpp.ids``.
        alarm: What somebody should look into; empty: nothing.

    """

    carrier_id: int
    state: str
    binds: int = 0
    submits: int = 0
    answers: int = 0
    refused: int = 0
    throttled: int = 0
    unsure: int = 0
    receipts: int = 0
    answer_delay: float = 0.0
    receipt_delay: float = 0.0
    ids: str = ""
    alarm: str = ""


class NodeStore(Protocol):
    """What the nodes on one database do for each other."""

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Call ``heard`` with each hint of another node."""

    async def lease_binds(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """
        Take or renew bind leases, for ``LINK_LEASE`` seconds.

        Args:
            carriers: For each carrier its id, how many nodes may hold binds with it
                (0: any number), and whether this node's bind is up.
            now: Unix seconds.

        Returns the carriers whose lease this node holds. Another node's lease is free
        when that node releases it, when it is over, or when a new process has taken
        that node's name.

        """

    async def release_binds(self, carrier_ids: Sequence[int]) -> None:
        """Release the leases of these carriers."""

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Find the carriers with which another node has a bind that is up."""

    async def put_carrier_status(
        self, statuses: Sequence[CarrierStatus], now: float
    ) -> None:
        """Replace what this node has said of these carriers."""


LINK_LEASE = 10.0
"""Seconds; a node that cannot renew a lease ends binds that others may want."""

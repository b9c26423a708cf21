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


LINK_LEASE = 10.0
"""Seconds; a node that cannot renew a lease ends binds that others may want."""

"""The verbs of nodes that share a database: what they say, and who holds a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


CHANNEL = "budstikke"
"""Where hints are notified, on an engine that has notifications."""


class Hint(msgspec.Struct, omit_defaults=True):
    """
    What a node says is to be done; who misses one finds the same by polling.

    Attributes:
        node: Who says so.
        carriers: They have parts to send that no node is sending.
        queues: There may be something to tell in them.
        directory: It has changed.

    """

    node: int
    carriers: list[int] = []
    queues: list[int] = []
    directory: bool = False


class NodeStore(Protocol):
    """What nodes know of each other."""

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Have ``heard`` told at once what other nodes leave to be done."""

    async def lease_binds(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """
        Hold links to operators for ``LINK_LEASE`` seconds, or for longer.

        Args:
            carriers: For each carrier its id, how many nodes may hold a link to it
                (0: any number), and whether this node's link is up.
            now: Unix seconds.

        Returns those that this node holds. What another holds is free again when it
        is unbound, its lease is over, or a process has taken over that node's name.

        """

    async def release_binds(self, carrier_ids: Sequence[int]) -> None:
        """Hold these no longer."""

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Tell to which carriers some other node has a link that is up."""


LINK_LEASE = 10.0
"""Seconds; a node that cannot renew a lease ends a link that others may want."""

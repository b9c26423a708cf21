"""
The notifier of a node without the role ``notify``: it leaves callbacks to other nodes.

A callback is a row that is leased to the node that made it. This notifier ends the
lease, so that the callback is due at once on another node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from budstikke.flow.batching import WriteBehind
from budstikke.store.contract import CallbackResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from budstikke.store.contract import CallbackRow, Store


class CallbackSink(Protocol):
    """Takes callbacks: ``Notifier``, or ``DeferredNotifier``."""

    def free(self) -> int:
        """Tell how many more callbacks it can hold."""

    def notify(self, rows: Sequence[CallbackRow]) -> None:
        """Take callbacks that were just made."""

    async def woken(self, rows: Sequence[CallbackRow]) -> None:
        """Take callbacks that the store returned because they are due."""

    def queues(self, ids: Iterable[int]) -> None:
        """Work these queues; each may have callbacks."""

    async def stop(self, seconds: float) -> None:
        """Start no more callbacks, and stop."""


class DeferredNotifier:
    """
    Leaves all callbacks to other nodes.

    Args:
        store: Has the callbacks.
        clock: Unix seconds.

    """

    def __init__(self, *, store: Store, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._results: WriteBehind[CallbackResult] = WriteBehind(store.record_callbacks)

    def free(self) -> int:
        """Hold no callbacks: the store returns none that are due."""
        return 0

    def notify(self, rows: Sequence[CallbackRow]) -> None:
        """End the leases of these callbacks, so that they are due at once."""
        now = self._clock()
        self._results.push(
            [CallbackResult(row.id, "due", now, row.tries, "", now) for row in rows]
        )

    async def woken(self, rows: Sequence[CallbackRow]) -> None:
        """End the leases of these callbacks."""
        self.notify(rows)

    def queues(self, ids: Iterable[int]) -> None:
        """Leave queues to other nodes, which see that they are due."""

    async def stop(self, seconds: float) -> None:
        """Wait until the ended leases are written."""
        await self._results.drain(seconds)

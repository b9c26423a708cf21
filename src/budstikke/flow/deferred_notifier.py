"""
Hand over: what a node that tells nobody does with callbacks.

They are rows, leased to whoever made them; here they are due at once for others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from budstikke.flow.batching import WriteBehind
from budstikke.store.contract import CallbackResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from budstikke.store.contract import CallbackRow, Store


class CallbackSink(Protocol):
    """Whoever takes callbacks."""

    def free(self) -> int:
        """Tell how many more callbacks may be given."""

    def tell(self, rows: Sequence[CallbackRow]) -> None:
        """Take these."""

    async def woken(self, rows: Sequence[CallbackRow]) -> None:
        """Take these, which come back from the store."""

    def queues(self, ids: Iterable[int]) -> None:
        """Have queues worked that have, or may have, something in them."""

    async def stop(self, seconds: float) -> None:
        """Begin nothing new, and end."""


class DeferredNotifier:
    """
    The step that tells, on a node that does not.

    Args:
        store: Has the callbacks.
        clock: Unix seconds.

    """

    def __init__(self, *, store: Store, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._results: WriteBehind[CallbackResult] = WriteBehind(store.record_callbacks)

    def free(self) -> int:
        """Take none that are due."""
        return 0

    def tell(self, rows: Sequence[CallbackRow]) -> None:
        """Let others have these at once."""
        now = self._clock()
        self._results.push(
            [CallbackResult(row.id, "due", now, row.tries, "", now) for row in rows]
        )

    async def woken(self, rows: Sequence[CallbackRow]) -> None:
        """Do the same."""
        self.tell(rows)

    def queues(self, ids: Iterable[int]) -> None:
        """Leave queues to others, who see that they are due."""

    async def stop(self, seconds: float) -> None:
        """Write what was handed over."""
        await self._results.drain(seconds)

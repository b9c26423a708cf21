"""The duplicate keys that this process knows to be locked, in a dictionary."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import Draft, Verdict


AT_ONCE = 2_000
"""Keys to lock or drop in one go, in about 2 ms: then other tasks run."""


class DuplicateLock:
    """
    The duplicate keys that are locked, and until when (Unix seconds).

    On SQLite it is the lock itself. When the store opens it is read from the newest
    messages, so that a restart lets no duplicate through; a table of random keys would
    cost a page write for each. On PostgreSQL a table locks the keys for all nodes; this
    is a node's copy, so that it refuses duplicates early.

    Args:
        shared: Whether the database locks the keys, for all nodes.

    """

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self._until: dict[int, float] = {}
        self._ends: deque[tuple[float, int]] = deque()

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Return which keys are locked."""
        self._forget(now)
        return [self._until.get(key, 0.0) > now for key in keys]

    def held(self, keys: Sequence[int], now: float) -> list[int]:
        """Return the indexes of the keys that are locked."""
        return [
            index for index, is_held in enumerate(self.locked(keys, now)) if is_held
        ]

    def _forget(self, now: float) -> None:
        """
        Drop keys whose time is over, at most ``AT_ONCE``: a bulk order has many.

        A key that is locked for long keeps those that were locked after it.
        """
        for _ in range(AT_ONCE):
            if not self._ends or self._ends[0][0] > now:
                break
            _, key = self._ends.popleft()
            if self._until.get(key, now) <= now:
                self._until.pop(key, None)

    def hold(self, key: int, until: float) -> None:
        """Lock a key."""
        self._until[key] = until
        self._ends.append((until, key))

    async def hold_all(
        self, keys: Sequence[int], now: float, until: float
    ) -> list[int]:
        """
        Lock all of these keys, or none; return the indexes of those in the way.

        Other tasks run after each ``AT_ONCE`` keys.
        """
        held: list[int] = []
        ours = 0
        try:
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                held += [start + index for index in self.held(some, now)]
                if not held:
                    for key in some:
                        self.hold(key, until)
                    ours += len(some)
                await asyncio.sleep(0)
        except BaseException:
            self.let_go(keys[:ours])
            raise
        if held:
            self.let_go(keys[:ours])
        return held

    def let_go(self, keys: Sequence[int | None]) -> None:
        """Unlock keys: their messages were not stored."""
        for key in keys:
            if key is not None:
                self._until.pop(key, None)

    def of_database(self, keys: Sequence[int]) -> Sequence[int]:
        """Return the keys that the database has to lock: all, or none."""
        return keys if self._shared else ()

    def lock_drafts(self, drafts: Sequence[Draft], now: float) -> list[list[int]]:
        """
        Lock the keys of orders that are about to be stored, unless the database does.

        Returns for each order the indexes of messages whose keys were locked before.
        """
        if self._shared:
            return [[] for _ in drafts]
        return [self.lock_draft(draft, now) for draft in drafts]

    def not_stored(
        self, drafts: Sequence[Draft], held: Sequence[Sequence[int]]
    ) -> None:
        """Unlock the keys that ``lock_drafts`` locked: nothing was stored."""
        for draft, indexes in zip(drafts, held, strict=True):
            if not self._shared:
                self.let_go_draft(draft, indexes)

    def stored(
        self, drafts: Sequence[Draft], verdicts: Sequence[Verdict], now: float
    ) -> None:
        """Lock the keys of orders that were stored, and unlock those of others."""
        for draft, verdict in zip(drafts, verdicts, strict=True):
            refused = verdict.no_credit or verdict.taken
            if self._shared and not refused:
                self.lock_draft(draft, now)
            elif refused and not self._shared:
                self.let_go_draft(draft, verdict.duplicates)

    def let_go_draft(self, draft: Draft, held: Sequence[int]) -> None:
        """Unlock the keys that ``lock_draft`` locked: the order was not stored."""
        out = set(held)
        self.let_go(
            [row.duplicate_key for i, row in enumerate(draft.messages) if i not in out]
        )

    def lock_draft(self, draft: Draft, now: float) -> list[int]:
        """Lock the keys of an order's messages; return the indexes of duplicates."""
        self._forget(now)
        refused: list[int] = []
        ours = draft.progress is not None  # locked when the bulk order was accepted
        for index, row in enumerate(draft.messages):
            key, until = row.duplicate_key, row.duplicate_until
            if key is None or until is None:
                continue
            if self._until.get(key, 0.0) <= now:
                self.hold(key, until)  # those of a bulk order, too, after a restart
            elif not ours:
                refused.append(index)
        return refused

"""
Fail-over of queued parts: they leave a carrier that has been of no use for long.

No operator has a queued part, so that moving it is safe. ``domain.fail_over`` has the
rules; ``flow.settle`` applies them to parts that a carrier refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from budstikke import metrics
from budstikke.domain.fail_over import Trouble, next_carrier, read_tried
from budstikke.flow.settle import carriers_of
from budstikke.store.contract import Move

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.flow.send import Sender
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.fail_over")

MOST_MOVED = 1000
"""Parts to look at in one go."""

AGAIN = 10.0
"""Seconds after which a queue that was looked at whole is looked at again."""

WORDS = {Trouble.DOWN: "down", Trouble.THROTTLED: "throttled by its operator"}

FIRST = (4, 0)
"""Before the first part of every queue: a priority above all, and an id below all."""


class FailOver:
    """
    The periodic job that moves parts.

    Args:
        store: Has the queued parts.
        senders: By carrier id.
        up: Tells whether a carrier is up, by its id.
        directory: Returns the current directory.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        store: Store,
        senders: Mapping[int, Sender],
        up: Callable[[int], bool],
        directory: Callable[[], Directory],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._senders = senders
        self._up = up
        self._directory = directory
        self._clock = clock
        self._down: dict[int, float] = {}  # since when, by carrier
        self._behind: dict[int, tuple[int, int]] = {}  # where to go on looking
        self._next: dict[int, float] = {}  # when to look from the beginning
        self._logged: set[int] = set()

    async def run_once(self) -> bool:
        """Move what waits for carriers that are down; ``True``: there is more."""
        more = False
        for carrier_id, sender in list(self._senders.items()):
            if sender.takes():
                self._forget(carrier_id)
                continue
            trouble = Trouble.THROTTLED if sender.up() else Trouble.DOWN
            if self._is_due(carrier_id, trouble):
                await sender.give_back()
                more = await self._look(carrier_id, trouble) or more
        for carrier_id in self._down.keys() - self._senders.keys():
            self._forget(carrier_id)
        return more

    def _forget(self, carrier_id: int) -> None:
        for known in (self._down, self._behind, self._next):
            known.pop(carrier_id, None)
        self._logged.discard(carrier_id)

    def _is_due(self, carrier_id: int, trouble: Trouble) -> bool:
        """Whether the trouble has lasted so long that parts may leave."""
        now, entry = self._clock(), self._directory().carriers.get(carrier_id)
        if trouble is Trouble.DOWN:
            since = self._down.setdefault(carrier_id, now)
            after = 0.0 if entry is None else entry.down_after
            if not after or now - since < after:
                return False
        return now >= self._next.get(carrier_id, 0.0) and self._has_another(carrier_id)

    def _has_another(self, carrier_id: int) -> bool:
        """Whether a route with this carrier has another one that is up."""
        return any(
            self._up(other)
            for route in self._directory().routes
            for its in (route.carriers, route.mms)
            if carrier_id in its
            for other in its
        )

    async def _look(self, carrier_id: int, trouble: Trouble) -> bool:
        """Move parts of a piece of a carrier's queue; ``True``: there is more."""
        behind = self._behind.get(carrier_id, FIRST)
        parts, last = await self._store.waiting(carrier_id, behind, MOST_MOVED)
        moves = [
            move for part in parts if (move := self._move(part, carrier_id, trouble))
        ]
        if moves:
            await self._carry_out(carrier_id, moves, trouble)
        if last is not None:
            self._behind[carrier_id] = last
            return True
        self._behind.pop(carrier_id, None)
        self._next[carrier_id] = self._clock() + AGAIN
        return False

    async def _carry_out(
        self, carrier_id: int, moves: list[Move], trouble: Trouble
    ) -> None:
        name = self._senders[carrier_id].carrier.name
        why = f"{name}: {WORDS[trouble]}"
        got = await self._store.move_queued(moves, why, self._clock())
        for other in got:
            if other in self._senders:
                self._senders[other].stored()
        if got:
            metrics.moved(name, trouble, len(moves))
        if got and carrier_id not in self._logged:
            self._logged.add(carrier_id)
            log.warning(
                "%s: its queued messages go by other carriers of their routes", why
            )

    def _move(self, part: Part, carrier_id: int, trouble: Trouble) -> Move | None:
        """Choose the next carrier of a message; ``None``: it stays."""
        now = self._clock()
        if part.expires_at <= now:
            return None
        next_id = next_carrier(
            trouble,
            carrier_id,
            carriers_of(part, self._directory(), now),
            tried=read_tried(part.tried),
            up=self._up,
        )
        if next_id is None:
            return None
        return Move(part.message_id, part.total, carrier_id, next_id)

"""
Second copies: a part that a carrier may have goes to another one, as its account rules.

Without such a rule (``unsure = "elsewhere"``, ``no_receipt = "elsewhere"``) no part is
here: the phone may get the text twice. Nothing is charged again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke import metrics
from budstikke.domain.fail_over import Trouble, and_tried, next_carrier, read_tried
from budstikke.domain.outcome import concerned
from budstikke.domain.receipt import Reason
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.flow.settle import carriers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.store.contract import CallbackRow, Store

MOST = 1000
"""Parts in one transaction."""

TROUBLES = {PartState.UNSURE: Trouble.UNSURE, PartState.SENT: Trouble.NO_RECEIPT}

WORDS = {
    Trouble.UNSURE: "no answer and no receipt",
    Trouble.NO_RECEIPT: "no receipt",
}


class SecondCopies:
    """
    The periodic job that sends such parts again.

    Args:
        store: Has the parts.
        up: Tells whether a carrier is up, by its id.
        directory: Returns the current directory.
        notify: Takes callbacks that are due.
        requeued: Called with the id of a carrier whose queue got parts.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        store: Store,
        up: Callable[[int], bool],
        directory: Callable[[], Directory],
        notify: Callable[[Sequence[CallbackRow]], None],
        requeued: Callable[[int], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._up = up
        self._directory = directory
        self._notify = notify
        self._requeued = requeued
        self._clock = clock

    async def run_once(self) -> bool:
        """Send again what has waited long enough; ``True``: there may be more."""
        now = self._clock()
        waiting = await self._store.silent(now, MOST)
        if not waiting:
            return False
        updates = [
            (concerned(part, carrier_id, state), self._update(part, carrier_id, state))
            for part, carrier_id, state in waiting
        ]
        got, callbacks = await self._store.send_again(updates, now)
        self._notify(callbacks)
        for part, update in updates:
            if update.state is PartState.QUEUED:
                self._count(part.carrier_id, TROUBLES[part.part_state])
        for carrier_id in got:
            self._requeued(carrier_id)
        return len(waiting) == MOST

    def _count(self, carrier_id: int, trouble: Trouble) -> None:
        entry = self._directory().carriers.get(carrier_id)
        metrics.moved(str(carrier_id) if entry is None else entry.name, trouble, 1)

    def _update(self, part: Part, carrier_id: int, state: PartState) -> PartUpdate:
        """Return what becomes of a part: another carrier gets it, or none does."""
        now, directory, trouble = self._clock(), self._directory(), TROUBLES[state]
        access = directory.accesses.get(part.access_id)
        allowed = access is not None and access.account.allows_second(state)
        next_id = next_carrier(
            trouble,
            carrier_id,
            carriers_of(part, directory, now),
            tried=read_tried(part.tried),
            up=self._up,
            allowed=allowed and now < part.expires_at,
        )
        update = PartUpdate(
            part.id,
            PartState.SENT if state is PartState.SENT else PartState.UNDELIVERED,
            carrier_id,
            reason=Reason.UNSURE,
            raw=WORDS[trouble],
            at=now,
            tries=part.tries,
        )
        if next_id is not None:
            update.state, update.carrier_id = PartState.QUEUED, next_id
            update.tries += 1
            update.tried = and_tried(part.tried, carrier_id)
        return update

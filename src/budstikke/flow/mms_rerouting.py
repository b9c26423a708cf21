"""Gives MMS a carrier that were accepted while no carrier took MMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.outcome import concerned, expired
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.domain.states import PartState
from budstikke.flow.mms import mms_traits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.store.contract import CallbackRow, Store

NO_CARRIER = 0
"""The carrier id of MMS that were accepted while no carrier took MMS."""

MOST_PLACED = 1000

QUEUED = PartState.QUEUED


class MmsRerouter:
    """
    The periodic job that gives them to carriers.

    Args:
        store: Has them.
        directory: Returns the current directory.
        clock: Unix seconds.
        notify: Takes callbacks that are due.
        requeued: Called with the id of a carrier whose queue got parts.

    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        notify: Callable[[Sequence[CallbackRow]], None],
        requeued: Callable[[int], None],
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._notify = notify
        self._requeued = requeued

    async def run_once(self) -> bool:
        """Move waiting MMS to a carrier of their route; ``True``: there are more."""
        now = self._clock()
        parts = await self._store.claim(NO_CARRIER, MOST_PLACED, now)
        updates: list[tuple[Concerned, PartUpdate]] = []
        stay: list[int] = []
        for part in parts:
            update = self._placed(part, now)
            if update is None:
                stay.append(part.id)
            else:
                known = concerned(part, NO_CARRIER, PartState.SENDING)
                updates.append((known, update))
        if stay:
            await self._store.release(stay)
        if updates:
            self._notify(await self._store.record(updates, now))
            queued = [update for _, update in updates if update.state is QUEUED]
            for carrier_id in {update.carrier_id for update in queued}:
                self._requeued(carrier_id)
        return bool(updates) and len(parts) == MOST_PLACED

    def _placed(self, part: Part, now: float) -> PartUpdate | None:
        """Return the update with a part's carrier; ``None``: there is none yet."""
        if part.expires_at <= now:
            return expired(part, NO_CARRIER, now)
        directory = self._directory()
        access = directory.accesses.get(part.access_id)
        if access is None:
            return None
        traits = mms_traits(part.originator, now)
        route = directory.mms_route(access.account.id, part.recipient, traits)
        if route is None:
            return None
        return PartUpdate(
            part.id, PartState.QUEUED, route.mms[0], at=now, tries=part.tries
        )

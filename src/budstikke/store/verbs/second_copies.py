"""Sends parts again that a carrier may have, by another carrier, as accounts allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.history import HistoryKind
from budstikke.domain.settlement import conclude_outcomes
from budstikke.domain.states import PartState
from budstikke.store.verbs.fail_over import lock_silent
from budstikke.store.verbs.settlement import read_siblings, write_settlement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import CallbackRow
    from budstikke.store.verbs.connection import Connection


async def send_again(
    connection: Connection,
    updates: Sequence[tuple[Concerned, PartUpdate]],
    now: float,
) -> tuple[set[int], list[CallbackRow]]:
    """
    Move parts that still wait as they did to other carriers, or conclude them.

    A ``sent`` part without another carrier waits on, without a time. The history keeps
    the operator's id of each part that moves, so that a late delivery report finds it.
    Returns the carriers that got parts, and callbacks.
    """
    locked = await lock_silent(connection, updates, now)
    pairs = [
        (part, update)
        for part, update in updates
        if part.part_id in locked and update.state is not PartState.SENT
    ]
    if not pairs:
        return set(), []
    siblings = await read_siblings(connection, [part for part, _ in pairs])
    result = conclude_outcomes(pairs, siblings)
    for row in result.history:
        if row.kind is HistoryKind.MOVED:
            row.smsc_id = locked[row.part_id]
    result.parts = [update for _, update in pairs]
    callbacks = await write_settlement(connection, result, now)
    queued = [update for _, update in pairs if update.state is PartState.QUEUED]
    return {update.carrier_id for update in queued}, callbacks

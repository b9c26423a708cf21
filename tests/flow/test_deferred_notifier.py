"""A node that tells nobody lets others tell at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.states import PartState
from budstikke.flow.deferred_notifier import DeferredNotifier
from store.path import NOW, opened

if TYPE_CHECKING:
    from store.engines import Engine


async def test_what_is_handed_over_is_due_at_once(engine: Engine) -> None:
    async with opened(engine) as path:
        (part,) = await path.sending()
        rows = await path.answer(part, PartState.REJECTED)
        assert [] == (await path.store.wake(NOW, 10, 10)).callbacks
        other = DeferredNotifier(store=path.store, clock=lambda: NOW)
        assert 0 == other.free()
        await other.woken(rows)
        other.queues([1])
        await other.stop(5)
        woken = await path.store.wake(NOW, 10, 10)
        assert rows == woken.callbacks

"""Store conformance: queues of callbacks, told in order, paused and resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke.domain.callback import QueueState
from budstikke.store import schema
from budstikke.store.contract import (
    CallbackResult,
    PausedQueue,
    QueueResult,
    StoredInbound,
    StoreUnavailable,
)
from store.path import NOW, Path, opened
from store.phones import heard, phone, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import CallbackRow, QueueHead
    from store.engines import Engine

LATER = NOW + 3600
"""Long after any lease."""

TOKEN = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
OTHER = "6cf615d5bcaac778352a8f1f3360d23f02f34ec182e259897fd6ce485d7870d4"


async def fill(path: Path, *texts: str, access_id: int = 1) -> int:
    """Put messages into the queue of an access; returns its id."""
    drafts = told(path, *texts, access_id=access_id)
    (queue_id,) = (await path.store.receive(drafts, NOW)).queues
    return queue_id


async def take(path: Path, queue_id: int, now: float = NOW) -> QueueHead:
    head = await path.store.take_queue(queue_id, 100, now)
    assert head is not None
    return head


def texts(head: QueueHead | None) -> list[str]:
    assert head is not None
    return [heard(row).text for row in head.callbacks]


def counters(head: QueueHead | None) -> list[int]:
    assert head is not None
    return [heard(row).counter for row in head.callbacks]


def done(row: CallbackRow) -> CallbackResult:
    return CallbackResult(row.id, "done", None, row.tries + 1, "OK", NOW, 200, 0.1)


def all_done(head: QueueHead) -> list[CallbackResult]:
    return [done(row) for row in head.callbacks]


def again(row: CallbackRow) -> CallbackResult:
    return CallbackResult(row.id, "queued", None, row.tries + 1, "no", NOW, 500, 0.1)


def goes_on(
    queue_id: int,
    results: Sequence[CallbackResult] = (),
    *,
    due_at: float | None = None,
    tries: int = 0,
) -> QueueResult:
    due = QueueState.DUE
    return QueueResult(queue_id, list(results), due, due_at, tries, NOW)


def pauses(queue_id: int, row: CallbackRow, why: str = "HTTP 500") -> QueueResult:
    state = QueueState.PAUSED
    return QueueResult(queue_id, [again(row)], state, None, 3, NOW + 7, why)


async def pause(path: Path, queue_id: int) -> None:
    head = await take(path, queue_id, LATER)
    await path.store.record_queues([pauses(queue_id, head.callbacks[0])])


# In order


async def tell(path: Path, queue_id: int, token: str) -> None:
    """Have the people of a paused queue told."""
    assert await path.store.claim_pause_alert(queue_id, token, NOW)
    await path.store.record_pause_alert(queue_id, token)


async def test_they_come_in_the_order_they_were_received(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    await fill(path, "c")
    head = await path.store.take_queue(queue_id, 2, NOW)
    assert head is not None
    assert (queue_id, 1, 0) == (head.queue_id, head.access_id, head.tries)
    assert ["a", "b"] == texts(head)
    assert [1, 2] == counters(head)
    await path.store.record_queues([goes_on(queue_id, all_done(head))])
    head = await take(path, queue_id)
    assert (["c"], [3]) == (texts(head), counters(head))


async def test_each_access_has_a_queue_and_counters_of_its_own(path: Path) -> None:
    drafts = [*told(path, "a"), *told(path, "b", access_id=2), *told(path, "c")]
    received = await path.store.receive(drafts, NOW)
    assert [] == received.callbacks
    heads = [await take(path, queue_id) for queue_id in sorted(received.queues)]
    found = {head.access_id: (texts(head), counters(head)) for head in heads}
    assert {1: (["a", "c"], [1, 2]), 2: (["b"], [1])} == found


async def test_counters_have_no_gaps_across_batches_and_restarts(
    engine: Engine, path: Path
) -> None:
    queue_id = await fill(path, "a", "b")
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await fill(path, "lost")
    silent = phone(path, "silent", notify=True)
    await path.store.receive([silent, *told(path, "c")], NOW)
    async with opened(engine.after_power_loss(), NOW) as restarted:
        await fill(restarted, "d")
        head = await take(restarted, queue_id)
        assert (list("abcd"), [1, 2, 3, 4]) == (texts(head), counters(head))


async def test_queued_ones_are_never_due_by_themselves(path: Path) -> None:
    queue_id = await fill(path, "a")
    woken = await path.store.wake(LATER, 10, 10)
    assert ([], [queue_id]) == (woken.callbacks, woken.queues)
    assert not woken.more


# Leases


async def test_a_queue_is_due_when_something_is_put_into_it(path: Path) -> None:
    queue_id = await fill(path, "a")
    assert [queue_id] == (await path.store.wake(NOW, 10, 10)).queues
    await take(path, queue_id)
    assert [] == (await path.store.wake(NOW + 60, 10, 10)).queues


async def test_one_that_is_worked_off_is_idle_until_there_is_more(path: Path) -> None:
    queue_id = await fill(path, "a")
    head = await take(path, queue_id)
    await path.store.record_queues([goes_on(queue_id, all_done(head))])
    assert await path.store.take_queue(queue_id, 10, NOW) is None
    assert ["idle"] == path.column("state", schema.queue)
    assert [] == (await path.store.wake(LATER, 10, 10)).queues
    assert await path.store.take_queue(queue_id, 10, LATER) is None
    assert queue_id == await fill(path, "b")
    assert [2] == counters(await take(path, queue_id))


async def test_what_comes_into_an_idle_queue_has_all_its_tries(path: Path) -> None:
    queue_id = await fill(path, "a")
    head = await take(path, queue_id)
    await path.store.record_queues([goes_on(queue_id, all_done(head), tries=2)])
    assert await path.store.take_queue(queue_id, 10, NOW) is None
    await fill(path, "b")
    assert 0 == (await take(path, queue_id)).tries


async def test_what_comes_while_it_is_worked_is_not_forgotten(path: Path) -> None:
    queue_id = await fill(path, "a")
    head = await take(path, queue_id)
    await fill(path, "b")
    assert [] == (await path.store.wake(NOW + 1, 10, 10)).queues
    await path.store.record_queues([goes_on(queue_id, all_done(head))])
    assert [] == (await path.store.wake(NOW + 1, 10, 10)).queues
    assert ["b"] == texts(await take(path, queue_id, NOW + 1))


async def test_a_queue_waits_for_its_next_try(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    head = await take(path, queue_id)
    result = goes_on(queue_id, [again(head.callbacks[0])], due_at=NOW + 5, tries=1)
    await path.store.record_queues([result])
    assert await path.store.take_queue(queue_id, 10, NOW + 4.9) is None
    await fill(path, "c")
    assert [] == (await path.store.wake(NOW + 4.9, 10, 10)).queues
    assert [queue_id] == (await path.store.wake(NOW + 5, 10, 10)).queues
    head = await take(path, queue_id, NOW + 5)
    assert (1, ["a", "b", "c"]) == (head.tries, texts(head))
    assert [1, 0, 0] == [row.tries for row in head.callbacks]


async def test_a_lease_that_is_over_is_due_again(path: Path) -> None:
    queue_id = await fill(path, "a")
    await take(path, queue_id)
    assert [queue_id] == (await path.store.wake(LATER, 10, 10)).queues
    assert ["a"] == texts(await take(path, queue_id, LATER))
    assert [] == (await path.store.wake(LATER + 60, 10, 10)).queues


async def test_whoever_leases_it_may_lease_it_for_longer(path: Path) -> None:
    queue_id = await fill(path, "a")
    for second in range(0, 600, 60):
        assert ["a"] == texts(await take(path, queue_id, NOW + second))
        assert [] == (await path.store.wake(NOW + second + 59, 10, 10)).queues


async def test_what_a_dead_process_worked_is_due_at_once(
    engine: Engine, path: Path
) -> None:
    leased = await fill(path, "a")
    waits = await fill(path, "b", access_id=2)
    await take(path, leased)
    await take(path, waits)
    result = goes_on(waits, due_at=NOW + 600, tries=2)
    await path.store.record_queues([result])
    async with opened(engine.after_power_loss(), NOW + 1) as restarted:
        assert [leased] == (await restarted.store.wake(NOW + 1, 10, 10)).queues
        assert ["a"] == texts(await take(restarted, leased, NOW + 1))
        head = await take(restarted, waits, NOW + 600)
        assert (2, ["b"]) == (head.tries, texts(head))


async def test_an_unknown_queue_is_none(path: Path) -> None:
    assert await path.store.take_queue(99, 10, NOW) is None
    await path.store.record_queues([goes_on(99)])


async def test_a_lease_that_cannot_be_stored_is_not_given(
    engine: Engine, path: Path
) -> None:
    queue_id = await fill(path, "a")
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.take_queue(queue_id, 10, NOW)
    assert [queue_id] == (await path.store.wake(NOW, 10, 10)).queues
    assert ["a"] == texts(await take(path, queue_id))


async def test_what_came_of_it_is_stored_whole_or_not_at_all(
    engine: Engine, path: Path
) -> None:
    queue_id = await fill(path, "a", "b")
    head = await take(path, queue_id)
    result = goes_on(queue_id, all_done(head), due_at=NOW, tries=0)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.record_queues([result])
    assert ["a", "b"] == texts(await take(path, queue_id))
    await path.store.record_queues([result])
    assert await path.store.take_queue(queue_id, 10, NOW) is None


async def test_two_results_of_one_queue_are_written_in_order(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    first, second = (await take(path, queue_id)).callbacks
    results = [
        goes_on(queue_id, [again(first)], tries=1),
        goes_on(queue_id, [done(first), done(second)], due_at=NOW + 9),
    ]
    await path.store.record_queues(results)
    assert ["done", "done"] == path.column("state", schema.callback)
    assert [] == (await path.store.wake(NOW + 8, 10, 10)).queues
    assert [queue_id] == (await path.store.wake(NOW + 9, 10, 10)).queues


# Pausing


async def test_a_queue_that_is_paused_waits_with_all_that_comes(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    await pause(path, queue_id)
    received = await path.store.receive(told(path, "c"), NOW)
    assert StoredInbound([], set()) == received
    woken = await path.store.wake(LATER * 2, 10, 10)
    assert ([], []) == (woken.queues, woken.callbacks)
    assert await path.store.take_queue(queue_id, 10, LATER * 2) is None
    assert [None] == path.column("node_id", schema.queue)


async def test_a_paused_queue_wants_an_alert_until_somebody_was_told(
    path: Path,
) -> None:
    queue_id = await fill(path, "a", "b")
    await fill(path, "elsewhere", access_id=2)
    assert [] == await path.store.unalerted_pauses(10, NOW)
    assert 0 == await path.store.count_paused_queues()
    await pause(path, queue_id)
    assert 1 == await path.store.count_paused_queues()
    expected = PausedQueue(queue_id, 1, "HTTP 500", NOW + 7, 2)
    assert [expected] == await path.store.unalerted_pauses(10, NOW)
    assert [] == await path.store.unalerted_pauses(0, NOW)
    await tell(path, queue_id, TOKEN)
    assert [] == await path.store.unalerted_pauses(10, NOW)
    assert expected == await path.store.paused_queue_of(TOKEN)


async def test_a_token_is_good_before_anybody_was_told(path: Path) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    assert await path.store.claim_pause_alert(queue_id, OTHER, NOW)
    (waits,) = await path.store.unalerted_pauses(10, NOW)
    assert waits == await path.store.paused_queue_of(OTHER)
    assert await path.store.claim_pause_alert(queue_id, TOKEN, NOW)
    assert await path.store.paused_queue_of(OTHER) is None
    await tell(path, queue_id, TOKEN)
    assert [] == await path.store.unalerted_pauses(10, NOW)
    assert queue_id == await path.store.resume_queue(token=TOKEN)


async def test_only_the_newest_token_tells(path: Path) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    for token in (OTHER, TOKEN):
        assert await path.store.claim_pause_alert(queue_id, token, NOW)
    await path.store.record_pause_alert(queue_id, OTHER)
    assert 1 == len(await path.store.unalerted_pauses(10, NOW))
    await path.store.record_pause_alert(queue_id, TOKEN)
    assert [] == await path.store.unalerted_pauses(10, NOW)


async def test_an_alert_that_a_stop_cut_short_is_told_after_a_restart(
    engine: Engine,
    path: Path,
) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    assert await path.store.claim_pause_alert(queue_id, OTHER, NOW)
    async with opened(engine.after_power_loss(), NOW + 1) as restarted:
        assert 1 == len(await restarted.store.unalerted_pauses(10, NOW + 1))
        assert await restarted.store.claim_pause_alert(queue_id, TOKEN, NOW + 1)
        assert queue_id == await restarted.store.resume_queue(token=TOKEN)


async def test_all_paused_queues_are_found(path: Path) -> None:
    queues = [await fill(path, "a", access_id=n) for n in (1, 2)]
    for queue_id in queues:
        await pause(path, queue_id)
    found = await path.store.unalerted_pauses(10, NOW)
    assert sorted(queues) == [each.queue_id for each in found]
    assert 1 == len(await path.store.unalerted_pauses(1, NOW))


async def test_it_is_paused_after_a_restart_too(engine: Engine, path: Path) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    await tell(path, queue_id, TOKEN)
    async with opened(engine.after_power_loss(), LATER) as restarted:
        assert [] == (await restarted.store.wake(LATER, 10, 10)).queues
        assert queue_id == await restarted.store.resume_queue(token=TOKEN)


async def test_an_alert_for_a_queue_that_goes_on_does_nothing(path: Path) -> None:
    queue_id = await fill(path, "a")
    assert not await path.store.claim_pause_alert(queue_id, TOKEN, NOW)
    await path.store.record_pause_alert(queue_id, TOKEN)
    assert await path.store.paused_queue_of(TOKEN) is None
    await pause(path, queue_id)
    assert 1 == len(await path.store.unalerted_pauses(10, NOW))
    await tell(path, queue_id, TOKEN)
    assert not await path.store.claim_pause_alert(queue_id, OTHER, NOW)
    assert queue_id == await path.store.resume_queue(token=TOKEN)
    assert not await path.store.claim_pause_alert(queue_id, OTHER, NOW)


# Resuming


async def test_a_queue_goes_on_where_it_was_paused(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    await pause(path, queue_id)
    await path.store.receive(told(path, "c"), NOW)
    assert queue_id == await path.store.resume_queue(queue_id=queue_id)
    assert [queue_id] == (await path.store.wake(NOW, 10, 10)).queues
    assert [] == await path.store.unalerted_pauses(10, NOW)
    head = await take(path, queue_id)
    assert (["a", "b", "c"], [1, 2, 3]) == (texts(head), counters(head))
    assert 0 == head.tries  # as many tries as at first
    assert [1, 0, 0] == [row.tries for row in head.callbacks]


async def test_a_token_is_good_once(path: Path) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    await tell(path, queue_id, TOKEN)
    assert await path.store.resume_queue(token=OTHER) is None
    assert await path.store.paused_queue_of(OTHER) is None
    assert queue_id == await path.store.resume_queue(token=TOKEN)
    assert await path.store.resume_queue(token=TOKEN) is None
    assert await path.store.paused_queue_of(TOKEN) is None


async def test_a_new_pause_has_a_new_token(path: Path) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    await tell(path, queue_id, TOKEN)
    await path.store.resume_queue(queue_id=queue_id)
    assert await path.store.paused_queue_of(TOKEN) is None
    await pause(path, queue_id)
    assert 1 == len(await path.store.unalerted_pauses(10, NOW))
    assert await path.store.resume_queue(token=TOKEN) is None
    await tell(path, queue_id, OTHER)
    assert await path.store.resume_queue(token=TOKEN) is None
    assert queue_id == await path.store.resume_queue(token=OTHER)


async def test_only_what_is_paused_is_resumed(path: Path) -> None:
    queue_id = await fill(path, "a")
    assert await path.store.resume_queue(queue_id=queue_id) is None
    assert await path.store.resume_queue(queue_id=99) is None
    assert await path.store.resume_queue() is None
    await pause(path, queue_id)
    assert await path.store.resume_queue() is None  # nor is it by a token there is not
    assert await path.store.paused_queue_of("") is None
    assert queue_id == await path.store.resume_queue(queue_id=queue_id)
    assert await path.store.resume_queue(queue_id=queue_id) is None


async def test_only_an_accounts_own_queue_is_resumed(path: Path) -> None:
    queue_id = await fill(path, "a", access_id=2)
    await pause(path, queue_id)
    assert await path.store.resume_queue(queue_id=queue_id, account_id=1) is None
    assert queue_id == await path.store.resume_queue(queue_id=queue_id, account_id=2)


async def test_a_resume_that_cannot_be_stored_changes_nothing(
    engine: Engine, path: Path
) -> None:
    queue_id = await fill(path, "a")
    await pause(path, queue_id)
    await tell(path, queue_id, TOKEN)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.resume_queue(token=TOKEN)
    assert queue_id == await path.store.resume_queue(token=TOKEN)


async def test_late_results_do_not_touch_a_queue_that_was_resumed(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    first, second = (await take(path, queue_id)).callbacks
    await path.store.record_queues([pauses(queue_id, first)])
    await path.store.resume_queue(queue_id=queue_id)
    await path.store.record_queues([pauses(queue_id, first)])
    await path.store.record_queues([goes_on(queue_id, [done(first)], due_at=LATER)])
    assert ["due"] == path.column("state", schema.queue)
    assert [] == await path.store.unalerted_pauses(10, NOW)
    head = await take(path, queue_id)
    assert ([second.id], 0) == ([row.id for row in head.callbacks], head.tries)


async def test_late_results_do_not_touch_a_queue_that_another_works(
    path: Path,
) -> None:
    queue_id = await fill(path, "a", "b")
    first, second = (await take(path, queue_id)).callbacks
    await path.store.record_queues([goes_on(queue_id, due_at=NOW)])
    await path.store.record_queues([pauses(queue_id, first)])  # leased to nobody
    assert ["due"] == path.column("state", schema.queue)
    await path.store.record_queues([goes_on(queue_id, [done(first)], due_at=LATER)])
    assert [second.id] == [row.id for row in (await take(path, queue_id)).callbacks]


# What was told


async def test_one_that_was_understood_waits_no_more(path: Path) -> None:
    queue_id = await fill(path, "a", "b")
    first, second = (await take(path, queue_id)).callbacks
    result = CallbackResult(first.id, "done", None, 1, "OK", NOW + 1, 200, 0.25)
    await path.store.record_queues([goes_on(queue_id, [result])])
    late = CallbackResult(first.id, "queued", None, 1, "late", NOW + 2)
    await path.store.record_queues([goes_on(queue_id, [late])])
    assert [second.id] == [row.id for row in (await take(path, queue_id)).callbacks]
    assert ["OK", ""] == path.column("answer", schema.callback)
    assert [200, None] == path.column("status", schema.callback)
    assert [0.25, None] == path.column("took", schema.callback)


async def test_tries_that_failed_are_remembered(path: Path) -> None:
    queue_id = await fill(path, "a")
    (row,) = (await take(path, queue_id)).callbacks
    no = CallbackResult(row.id, "queued", None, 1, "no", NOW, 500, 0.5, "POST /in ***")
    silent = CallbackResult(
        row.id, "queued", None, 2, "no answer in time", NOW + 9, None, 60, "POST"
    )
    await path.store.record_queues([goes_on(queue_id, [no])])
    await path.store.record_queues([goes_on(queue_id, [silent])])
    await path.store.record_queues([goes_on(queue_id, [done(row)])])
    expected = {
        "callback_id": [row.id] * 2,
        "at": [NOW, NOW + 9],
        "took": [0.5, 60],
        "request": ["POST /in ***", "POST"],
        "status": [500, None],
        "answer": ["no", "no answer in time"],
    }
    table = schema.attempt
    assert expected == {name: path.column(name, table) for name in expected}


async def test_one_that_was_handed_back_keeps_what_came_of_it(path: Path) -> None:
    draft = phone(path, notify=True)
    (row,) = (await path.store.receive([draft], NOW)).callbacks
    no = CallbackResult(row.id, "due", NOW + 5, 1, "no", NOW, 500, 0.5)
    back = CallbackResult(row.id, "due", NOW + 6, 1, "", NOW)
    await path.store.record_callbacks([no])
    await path.store.record_callbacks([back])
    assert (["no"], [500], [0.5], [1], [NOW + 6]) == tuple(
        path.column(name, schema.callback)
        for name in ("answer", "status", "took", "tries", "due_at")
    )

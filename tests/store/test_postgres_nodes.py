"""Several nodes on one PostgreSQL: what they share, and what becomes of a dead one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from budstikke.domain.message import StatusEvent
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from budstikke.store.engines.postgres.node import LEASE
from budstikke.store.verbs.clock import DUE, IS_DUE
from patience import PATIENCE
from store.databases import postgres_of, postgres_store
from store.engines import rows
from store.money import faults, pay_in, priced
from store.nodes import at_once, kill, node, two_nodes
from store.path import NOW, RECIPIENT, Path, receipt

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from budstikke.store.contract import Hint
    from budstikke.store.engines.postgres.connection import Connection
    from store.postgres_engine import PostgresEngine

KEYS: dict[str, Any] = {"duplicate_key": 7, "duplicate_until": NOW + 60}


async def test_a_part_is_claimed_by_one_node(one: Path, two: Path) -> None:
    await one.accept(*[RECIPIENT] * 200)
    claims = await at_once(
        *(path.store.claim(1, 30, NOW) for path in (one, two) for _ in range(4))
    )
    claimed = [part.id for parts in claims for part in parts]
    assert 200 == len(claimed) == len(set(claimed))
    nodes = set(one.column("node_id"))
    assert {one.store.node_id, two.store.node_id} == nodes


async def test_a_node_returns_no_part_that_another_has_claimed(
    one: Path, two: Path
) -> None:
    """A return that got no answer is repeated: it may have been done the first time."""
    await one.accept()
    (part,) = await one.store.claim(1, 1, NOW)
    await one.store.release([part.id])
    assert [part.id] == [again.id for again in await two.store.claim(1, 1, NOW)]
    await one.store.release([part.id])
    assert {part.id: "sending"} == one.parts()


async def test_nodes_give_ids_of_their_own(one: Path, two: Path) -> None:
    given = [
        path.store.reserve_ids(count)
        for count in (1, 100_001, 5)
        for path in (one, two)
    ]
    counts = [count for count in (1, 100_001, 5) for _ in range(2)]
    spans = sorted(zip(given, counts, strict=True))
    ends = [first + count for first, count in spans]
    assert all(end <= after for end, (after, _) in zip(ends, spans[1:], strict=False))
    assert 1001 == spans[0][0]
    assert ends[-1] < 2**31


async def test_ids_do_not_run_out(one: Path, two: Path) -> None:
    seen = 0
    for _ in range(30):
        first = one.store.reserve_ids(100_000)
        assert first >= seen
        seen = first + 100_000
        await two.store.revision()
        refill = postgres_of(one.store)._ids._task
        if refill is not None:
            await refill


async def test_what_is_left_of_a_block_is_given_back(postgres: PostgresEngine) -> None:
    for expected in (1001, 1002, 1003):
        async with node(postgres, "a") as path:
            assert expected == path.store.reserve_ids(1)


async def test_a_duplicate_lock_that_is_over_is_deleted(one: Path, two: Path) -> None:
    await one.accept(**KEYS)
    await two.store.sweep(NOW + 59, 10)
    assert [7] == one.column("key", schema.duplicate)
    await two.store.sweep(NOW + 60, 10)
    assert [] == one.column("key", schema.duplicate)


async def test_the_duplicate_lock_holds_across_nodes(one: Path, two: Path) -> None:
    await one.accept(**KEYS)
    again = two.draft(two.store.reserve_ids(1), **KEYS)
    assert [[0]] == await two.held([again], NOW + 59)
    later = two.draft(two.store.reserve_ids(1), **KEYS)
    assert [[]] == await two.held([later], NOW + 60)


async def test_of_equal_ones_at_once_one_is_stored(one: Path, two: Path) -> None:
    drafts = [
        (path, path.draft(path.store.reserve_ids(1), **KEYS))
        for _ in range(10)
        for path in (one, two)
    ]
    held = await at_once(*(path.held([draft], NOW) for path, draft in drafts))
    assert 1 == held.count([[]])
    assert 1 == len(one.column("id", schema.message))


async def test_what_is_let_go_is_free_for_other_nodes(one: Path, two: Path) -> None:
    draft = priced(one, 500, **KEYS)
    (verdict,) = await one.store.accept([draft], NOW)
    assert verdict.no_credit
    assert [[]] == await two.held([two.draft(two.store.reserve_ids(1), **KEYS)], NOW)


async def test_a_balance_is_spent_once(
    postgres: PostgresEngine, one: Path, two: Path
) -> None:
    await pay_in(one, 60)
    verdicts = await at_once(
        *(
            path.store.accept([priced(path, 1)], NOW)
            for _ in range(40)
            for path in (one, two)
        )
    )
    assert 20 == sum(verdict.no_credit for (verdict,) in verdicts)
    assert [] == faults(postgres)


async def test_accounts_are_never_locked_crosswise(postgres: PostgresEngine) -> None:
    """Batches name accounts in any order, and at the same time."""

    async with two_nodes(postgres) as (one, two):
        await pay_in(one, 1000)
        await pay_in(one, 1000, account_id=2)

        def batch(path: Path, *accounts: int) -> list[Any]:
            drafts = [priced(path, 1) for _ in accounts]
            for draft, account in zip(drafts, accounts, strict=True):
                assert draft.charge is not None
                draft.charge.account_id = account
                draft.messages[0].account_id = account
            return drafts

        verdicts = await at_once(
            *(
                path.store.accept(batch(path, *accounts), NOW)
                for _ in range(20)
                for path, accounts in ((one, (1, 2)), (two, (2, 1)))
            )
        )
        assert not any(v.no_credit for each in verdicts for v in each)
        assert [] == faults(postgres)


async def test_an_answer_and_a_receipt_that_cross_find_each_other(
    one: Path,
    two: Path,
) -> None:
    parts = await one.sending(*[RECIPIENT] * 60)
    await at_once(
        *(
            each
            for part in parts
            for each in (
                one.answer(part, PartState.SENT, f"id{part}"),
                two.settle(receipt(f"id{part}")),
            )
        )
    )
    assert {"delivered"} == set(one.parts().values())
    assert [] == one.column("id", schema.orphan)
    assert 60 == len(one.column("id", schema.callback))


async def test_parts_of_a_message_that_end_at_once_end_it_once(
    postgres: PostgresEngine,
    one: Path,
    two: Path,
) -> None:
    parts = await one.sending(*[RECIPIENT] * 30, parts=2)
    told = await at_once(
        *(
            (one, two)[part & 1].answer(part, PartState.REJECTED, parts=2)
            for part in parts
        )
    )
    events = [row.event for each in told for row in each]
    assert 30 == len(events) == len({event.message_id for event in events})
    states = [row[0] for row in rows(postgres, schema.message, "state")]
    assert ["rejected"] * 30 == states


async def statements_of(path: Path, work: Awaitable[object]) -> list[str]:
    """List what is asked of the server meanwhile: each is a round trip."""
    asked: list[str] = []

    def note(record: Any) -> None:
        asked.append(record.query.strip())

    pool: Any = postgres_of(path.store)._client._pool
    connections = [holder._con for holder in pool._holders if holder._con is not None]
    for connection in connections:
        connection.add_query_logger(note)
    await work
    for connection in connections:
        connection.remove_query_logger(note)
    return asked


async def test_a_wake_with_nothing_to_do_is_one_round_trip(one: Path) -> None:
    await one.accept(RECIPIENT, due_at=NOW + 5)
    await one.store.wake(NOW, 10, 10)
    (asked,) = await statements_of(one, one.store.wake(NOW + 4.9, 10, 10))
    assert IS_DUE.postgres.strip() == asked


async def test_a_wake_reads_all_that_is_due_at_once(one: Path) -> None:
    await one.accept(RECIPIENT, due_at=NOW + 5)
    await one.store.wake(NOW, 10, 10)
    asked = await statements_of(one, one.store.wake(NOW + 5, 10, 10))
    read = [query for query in asked if query.startswith("SELECT") and "due" in query]
    assert [IS_DUE.postgres.strip(), DUE.postgres.strip()] == read
    # Begin, both updates of parts and messages, the hint, commit.
    assert 7 == len(asked)


async def test_a_lease_is_renewed_though_nothing_is_due(one: Path) -> None:
    leases = []
    for seconds in (0, 9, 10):
        await one.store.wake(NOW + seconds, 10, 10)
        leases.append(one.column("lease_until", schema.node))
    assert [[NOW + LEASE], [NOW + LEASE], [NOW + LEASE + 10]] == leases


async def test_nodes_wake_each_other(one: Path, two: Path) -> None:
    heard: asyncio.Queue[Hint] = asyncio.Queue()
    own: list[Hint] = []
    one.store.listen(own.append)
    two.store.listen(heard.put_nowait)
    await one.sending()  # this node sends it: nobody else is needed
    await one.accept(carrier_id=3)
    hint = await asyncio.wait_for(heard.get(), PATIENCE)
    assert (one.store.node_id, [3]) == (hint.node, hint.carriers)
    assert [] == own


async def test_a_living_node_keeps_what_it_has(one: Path, two: Path) -> None:
    (part,) = await one.sending()
    for seconds in range(0, 200, 15):
        await one.store.wake(NOW + seconds, 10, 10)
        await two.store.wake(NOW + seconds, 10, 10)
    assert {part: "sending"} == two.parts()


async def test_what_a_dead_node_had_is_taken_over(postgres: PostgresEngine) -> None:
    async def scenario(one: Path, two: Path) -> None:
        (part,) = await one.sending()
        (refused,) = await one.sending()
        (row,) = await one.answer(refused, PartState.REJECTED)
        await kill(one)
        woken = await two.store.wake(NOW + LEASE, 10, 10)
        assert [] == woken.callbacks
        assert "sending" == two.parts()[part]
        woken = await two.store.wake(NOW + LEASE + 20, 10, 10)
        assert "unsure" == two.parts()[part]
        assert [row.id] == [callback.id for callback in woken.callbacks]
        assert isinstance(woken.callbacks[0].event, StatusEvent)

    async with AsyncExitStack() as stack:
        two = await stack.enter_async_context(node(postgres, "b"))
        one = postgres_store(postgres.url, node="a")
        await one.open(NOW)
        await scenario(Path(postgres, one), two)


async def test_what_comes_of_a_node_that_is_forgotten_is_taken_over(
    postgres: PostgresEngine,
) -> None:
    """A killed process's session may commit after its name was taken over."""

    one = postgres_store(postgres.url, node="a")
    await one.open(NOW)
    await kill(Path(postgres, one))
    async with node(postgres, "a") as again:
        (part,) = await again.sending()
        with psycopg.connect(postgres.url) as late:
            late.execute("UPDATE part SET node_id = %s", [one.node_id])
        await again.store.wake(NOW + 5, 10, 10)
        assert {part: "sending"} == again.parts()
        await again.store.wake(NOW + 11, 10, 10)
        assert {part: "unsure"} == again.parts()


async def test_no_host_that_may_be_written_to_is_unavailable(
    postgres: PostgresEngine,
) -> None:
    url = f"{postgres.url}&target_session_attrs=standby"

    with pytest.raises(StoreUnavailable):
        await postgres_store(url, node="a").open(NOW)


@pytest.mark.parametrize(("in_commit", "runs"), [(False, 3), (True, 1)])
async def test_an_unknown_error_on_a_dead_connection_is_unavailable(
    postgres: PostgresEngine, *, in_commit: bool, runs: int
) -> None:
    """uvloop says RuntimeError of a transport that has just been closed."""
    ran: list[bool] = []

    async def job(connection: Connection) -> None:
        ran.append(in_commit)
        if in_commit:  # it may have happened, and is not tried again
            connection.raw._con._transport.abort()
        else:
            connection.raw._con.terminate()
            raise RuntimeError("the handler is closed")

    async with node(postgres, "a") as path:
        with pytest.raises(StoreUnavailable):
            await postgres_of(path.store)._client.write(job)
        assert {} == await path.store.backlog()
    assert [in_commit] * runs == ran


async def test_a_new_process_of_that_name_takes_over_at_once(
    postgres: PostgresEngine,
) -> None:
    one = postgres_store(postgres.url, node="a")
    await one.open(NOW)
    path = Path(postgres, one)
    (part,) = await path.sending()
    await kill(path)
    async with node(postgres, "a") as again:
        assert {part: "unsure"} == again.parts()
        assert 1 == len(again.column("id", schema.node))


async def test_a_name_is_one_process(postgres: PostgresEngine) -> None:
    async with node(postgres, "a"):
        other = postgres_store(postgres.url, node="a")
        with pytest.raises(StoreUnavailable, match="another process is the node a"):
            await other.open(NOW)


async def test_a_bulk_order_is_made_by_one_node(postgres: PostgresEngine) -> None:
    async def scenario(one: Path, two: Path) -> None:
        from store.path import bulk

        first = one.store.reserve_ids(4)
        await one.store.accept_bulk(bulk(first), [], NOW)
        assert [] == await two.store.open_bulks()
        await kill(one)
        await two.store.wake(NOW + LEASE + 20, 10, 10)
        assert [first] == [row.id for row in await two.store.open_bulks()]

    async with node(postgres, "b") as two:
        one = postgres_store(postgres.url, node="a")
        await one.open(NOW)
        await scenario(Path(postgres, one), two)


@pytest.mark.parametrize("jump", [400 * 86400.0, -400 * 86400.0])
async def test_nobody_is_dead_because_a_clock_was_set(
    postgres: PostgresEngine, jump: float
) -> None:
    """Both hear that the new time is right, one of them a little later."""

    async with two_nodes(postgres) as (one, two):
        await two.sending()
        for now in (NOW + 11, NOW + 22):
            await one.store.wake(now, 10, 10)
            await two.store.wake(now, 10, 10)
        now = NOW + 22 + jump
        await one.store.wake(now, 10, 10)
        await two.store.wake(now + 2, 10, 10)
        for later in (11.0, 22.0, 33.0):
            await one.store.wake(now + later, 10, 10)
            await two.store.wake(now + later, 10, 10)
        assert ["sending"] == list(two.parts().values())
        await kill(two)
        for later in (44.0, 55.0, 66.0, 77.0):
            await one.store.wake(now + later, 10, 10)
        assert ["unsure"] == list(one.parts().values())

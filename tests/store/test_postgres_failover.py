"""A killed server, and a fail-over to its replica: retries, and no message lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest

from budstikke.domain.states import PartState
from budstikke.store.contract import BulkRow, StoreUnavailable
from budstikke.store.engines.postgres import client, engine
from budstikke.store.engines.postgres.failing import CommitUnknown
from budstikke.store.migrate import migrate
from patience import PATIENCE
from store.databases import postgres_of, postgres_store
from store.engines import fill_directory
from store.path import NOW, RECIPIENT, Path
from store.phones import told
from store.postgres_server import DURABLE, Server, serving

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

DATABASE = "bud"

REPLICA = (*DURABLE, "hot_standby=on")

WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

CUT_OFF = """
CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER cut_off AFTER INSERT ON message
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut_off()"""
"""Ends the session when it commits."""


class Anywhere:
    """An engine of which only the URL is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture
def server() -> Iterator[Server]:
    server = serving(DURABLE)
    try:
        server.execute(f"CREATE DATABASE {DATABASE}")
        migrate(server.url(DATABASE))
        fill_directory(server.url(DATABASE))
        yield server
    finally:
        server.close()


@pytest.fixture
def replica(server: Server) -> Iterator[Server]:
    replica = Server(REPLICA)
    try:
        replica.copy_of(server)
        replica.start()
        server.execute(
            "ALTER SYSTEM SET synchronous_standby_names = 'replica'",
            "SELECT pg_reload_conf()",
        )
        yield replica
    finally:
        replica.close()


async def accepted_again(path: Path) -> tuple[list[int], int]:
    """Accept until it succeeds; returns the ids, and how often it was refused."""
    end = time.monotonic() + PATIENCE
    refused = 0
    while True:
        try:
            return await path.accept(), refused
        except StoreUnavailable:
            refused += 1
            assert time.monotonic() < end
            await asyncio.sleep(0.1)


async def test_a_server_that_is_killed_costs_retries_and_no_messages(
    server: Server,
) -> None:
    store = postgres_store(server.url(DATABASE), node="a")
    await store.open(NOW)
    path = Path(Anywhere(server.url(DATABASE)), store)  # type: ignore[arg-type]
    accepted = await path.accept(*[RECIPIENT] * 50)
    server.kill()
    with pytest.raises(StoreUnavailable):
        await path.accept()
    with pytest.raises(StoreUnavailable):
        await store.messages([1])
    server.start()
    more, _ = await accepted_again(path)
    accepted += more
    assert ["accepted"] * 51 == await path.states(*accepted)
    assert 51 == len(await store.claim(1, 100, NOW))
    await store.close()


async def test_a_fail_over_costs_retries_and_no_messages(
    server: Server, replica: Server
) -> None:
    hosts = quote(f"{server.folder},{replica.folder}", safe=",")
    url = (
        f"postgresql://budstikke@/{DATABASE}?host={hosts}"
        "&target_session_attrs=read-write"
    )

    store = postgres_store(url, node="a")
    await store.open(NOW)
    path = Path(Anywhere(url), store)  # type: ignore[arg-type]
    accepted = [id_ for _ in range(30) for id_ in await path.accept()]
    server.kill()
    with pytest.raises(StoreUnavailable):
        await path.accept()
    replica.promote()
    more, _ = await accepted_again(path)
    accepted += more
    assert len(set(accepted)) == 31
    assert ["accepted"] * 31 == await path.states(*accepted)
    assert {1: 31} == await store.backlog()
    assert path.parts().keys() == {(id_ << 8) + 1 for id_ in accepted}
    await store.wake(NOW + 60, 10, 10)  # its lease went over with it
    assert 31 == len(await store.claim(1, 100, NOW))
    await store.close()


def waits_for(server: Server, names: str) -> None:
    """Have commits wait for these replicas; one that is not there never comes."""
    server.execute(
        f"ALTER SYSTEM SET synchronous_standby_names = '{names}'",
        "SELECT pg_reload_conf()",
    )


async def until_it_waits(server: Server) -> None:
    """Wait until a commit waits for a replica."""
    end = time.monotonic() + PATIENCE
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        while not connection.execute(WAITS).fetchall():
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def test_a_commit_that_was_not_answered_is_found(server: Server) -> None:
    """The server commits, waits for a replica that never comes, and is cut off."""
    store = postgres_store(server.url(DATABASE), node="a")
    await store.open(NOW)
    path = Path(Anywhere(server.url(DATABASE)), store)  # type: ignore[arg-type]
    waits_for(server, "nobody")
    accepting = asyncio.create_task(path.accept())
    await until_it_waits(server)
    waits_for(server, "")
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE wait_event = 'SyncRep'"
    )
    (id_,) = await asyncio.wait_for(accepting, PATIENCE)
    assert ["accepted"] == await path.states(id_)
    assert 1 == len(path.parts())
    await store.close()


async def cut_off_at_commit(server: Server, verb: Coroutine[Any, Any, object]) -> None:
    """Let a verb commit, and lose the answer."""
    waits_for(server, "nobody")
    running = asyncio.create_task(verb)
    await until_it_waits(server)
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE wait_event = 'SyncRep'"
    )
    waits_for(server, "")
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(running, PATIENCE)


async def test_leases_whose_commit_was_not_answered_are_put_back(
    server: Server,
) -> None:
    """The node never heard of them: it does not wait until the leases are over."""
    store = postgres_store(server.url(DATABASE), node="a")
    await store.open(NOW)
    path = Path(Anywhere(server.url(DATABASE)), store)  # type: ignore[arg-type]
    parts = await path.sending(RECIPIENT, RECIPIENT)
    known, unheard = (path.update(part, PartState.REJECTED) for part in parts)
    (row,) = await store.record([known], NOW)
    await cut_off_at_commit(server, store.record([unheard], NOW + 1))
    assert [] == (await store.wake(NOW + 2, 10, 10)).callbacks
    (other,) = (await store.wake(NOW + 3, 10, 10)).callbacks
    assert parts == [(each.event.message_id << 8) + 1 for each in (row, other)]
    over = NOW + 400  # all leases
    await cut_off_at_commit(server, store.wake(over, 10, 10))
    assert [] == (await store.wake(over + 1, 10, 10)).callbacks
    woken = await store.wake(over + 2, 10, 10)
    assert {row.id, other.id} == {each.id for each in woken.callbacks}
    (queue,) = (await store.receive(told(path, "one"), over)).queues
    await cut_off_at_commit(server, store.take_queue(queue, 10, over + 3))
    assert [] == (await store.wake(over + 4, 10, 10)).queues
    assert [queue] == (await store.wake(over + 5, 10, 10)).queues
    await store.close()


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_commit_that_takes_long_is_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, *, bulk: bool
) -> None:
    """What is not there yet may still come: nobody is refused for it."""
    store = postgres_store(server.url(DATABASE), node="a")
    await store.open(NOW)
    path = Path(Anywhere(server.url(DATABASE)), store)  # type: ignore[arg-type]
    monkeypatch.setattr(engine, "ACCEPT_WITHIN", 0.5)
    waits_for(server, "nobody")
    row = BulkRow(store.reserve_ids(9), 1, NOW, 500, 2, 0, b"{}", b'["1","2"]')
    asked: asyncio.Task[object] = asyncio.create_task(
        store.accept_bulk(row, [], NOW) if bulk else path.accept()
    )
    await until_it_waits(server)
    await asyncio.wait([asked], timeout=2)
    assert postgres_of(store)._client.lost  # it was given up, and is looked for
    assert not asked.done()
    waits_for(server, "")
    await asyncio.wait_for(asked, PATIENCE)
    assert bulk == bool(await store.open_bulks())
    assert bulk != bool(path.parts())
    await store.close()


async def test_what_is_committed_after_its_customer_was_refused_is_withdrawn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = postgres_store(server.url(DATABASE), node="a")
    await store.open(NOW)
    path = Path(Anywhere(server.url(DATABASE)), store)  # type: ignore[arg-type]
    monkeypatch.setattr(engine, "ACCEPT_WITHIN", 0.5)
    monkeypatch.setattr(client, "LANDING", 1.0)
    waits_for(server, "nobody")
    with pytest.raises(CommitUnknown):
        await path.accept()
    assert {} == path.parts()
    waits_for(server, "")
    end = time.monotonic() + PATIENCE
    while not path.parts():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    await store.wake(NOW + 1, 10, 10)
    assert {"cancelled"} == set(path.parts().values())
    await store.close()


async def test_a_commit_that_did_not_happen_is_none(server: Server) -> None:
    store = postgres_store(server.url(DATABASE), node="a")
    await store.open(NOW)
    path = Path(Anywhere(server.url(DATABASE)), store)  # type: ignore[arg-type]
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        connection.execute(CUT_OFF)
    with pytest.raises(StoreUnavailable):
        await path.accept()
    assert {} == path.parts()
    await store.close()

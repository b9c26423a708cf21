"""Workers and their gateway in one process: orders, logins, look-ups."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.dialects.contract import Login
from budstikke.domain.message import Order
from budstikke.domain.queries import BalanceQuery, OrderQuery
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import Route
from budstikke.domain.staging import TextProfile
from budstikke.flow.queries import QueryHandler
from budstikke.flow.refusal_alerts import RefusalAlerts
from budstikke.servers.auth import (
    GUESSES,
    Authenticator,
    Caller,
    hash_secret,
    new_secret,
)
from budstikke.servers.public_lookups import PublicLookups
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from budstikke.workers.desk import Desk
from budstikke.workers.messages import Known
from budstikke.workers.remote import (
    RemoteAcceptor,
    RemoteAuthenticator,
    RemoteLookups,
    RemoteQueries,
)
from flow.accounts import change
from flow.rig import Rig, directory, rig_on
from store.path import RECIPIENT
from workers.lines import End, joined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from store.engines import SqliteEngine

pytestmark = pytest.mark.anyio

OTHER = "+4798888888"
HERE = Caller("192.0.2.1", secure=True, dialect="front", identifier="1")
PROFILES = {1: TextProfile(), 2: TextProfile()}


async def no_app(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError


class Worker:
    """What a worker has in the place of the gateway's steps."""

    def __init__(self, site: Site) -> None:
        self.end = End({}, {})
        line = self.end.line
        self.directory = site.rig.directory
        known = lambda: Known(self.directory, PROFILES)  # noqa: E731 - it is one value
        self.acceptor = RemoteAcceptor(line, known, site.clock)
        self.queries = RemoteQueries(line)
        self.lookups = RemoteLookups(line, frozenset({"front"}), site.clock)
        self.authenticator = RemoteAuthenticator(line)

    async def accept(self, *recipients: str, **values: Any) -> Any:
        wanted = {"recipients": recipients or (RECIPIENT,), "text": "Hei"}
        order = Order(**wanted | {"originator": "Budstikke"} | values)
        return await self.acceptor.accept(order, self.directory.accesses[1])


class Site:
    """A gateway's path with two workers; ``orders`` counts those staged by workers."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        queries = QueryHandler(
            store=rig.store, directory=lambda: rig.directory, clock=self.clock
        )
        self.authenticator = Authenticator(lambda: rig.now)
        self.lookups = PublicLookups(
            queries, lambda: rig.directory, self.clock, frozenset({"front"})
        )
        self.desk = Desk(
            directory=lambda: rig.directory,
            committer=rig.committer,
            acceptor=rig.acceptor,
            queries=queries,
            lookups=self.lookups,
            authenticator=self.authenticator,
            alerts=RefusalAlerts(transport=None, clock=self.clock),
            app=no_app,
        )
        self.orders = self.wholes = 0
        self.workers = [Worker(self), Worker(self)]

    def clock(self) -> float:
        return self.rig.now

    def functions(self) -> dict[str, Any]:
        functions = self.desk.functions()

        async def commit(encoded: bytes) -> Any:
            self.orders += 1
            return await self.desk.commit(encoded)

        async def accept(order: Order, access_id: int) -> Any:
            self.wholes += 1
            return await self.desk.accept(order, access_id)

        return functions | {"orders": commit, "accept": accept}


@asynccontextmanager
async def site_on(engine: SqliteEngine) -> AsyncIterator[Site]:
    async with rig_on(engine) as rig, AsyncExitStack() as stack:
        site = Site(rig)
        stack.callback(site.authenticator.close)
        for worker in site.workers:
            gateway = End(site.functions(), site.desk.notes())
            await stack.enter_async_context(joined(gateway, worker.end))
        yield site


@pytest.fixture
async def site(engine: SqliteEngine) -> AsyncIterator[Site]:
    async with site_on(engine) as site:
        yield site


# Orders


async def test_what_a_worker_staged_is_stored_and_sent_as_any_other(
    site: Site,
) -> None:
    rig, one = site.rig, site.rig.carriers[1]
    rig.directory = site.workers[0].directory = directory(
        Route(prefix="", carriers=(1,))
    )
    async with rig.running():
        await rig.settled_down()
        values: dict[str, Any] = {"ref": "r", "text": "x" * 200, "interim": True}
        ours = await rig.accept(RECIPIENT, OTHER, **values)
        theirs = await site.workers[0].accept(RECIPIENT, OTHER, **values)
    assert (1, 0) == (site.orders, site.wholes)
    shift = theirs.order_id - ours.order_id
    assert shift > 0
    moved = [m + shift for m in ours.ids]
    assert moved == list(theirs.ids)
    assert theirs == replace(ours, order_id=theirs.order_id, ids=theirs.ids)
    for table, columns in (
        (schema.message, ("recipient", "segments", "ref", "notify_on", "state")),
        (schema.part, ("carrier_id", "state", "text", "node_id")),
    ):
        for column in columns:
            found = rig.path.column(column, table)
            half = len(found) // 2
            assert found[:half] == found[half:], column
    half = len(one.offered) // 2
    for first, second in zip(one.offered[:half], one.offered[half:], strict=True):
        first.id += shift << 8
        assert first == second
    orders = rig.path.column("order_id", schema.message)
    assert [ours.order_id] * 2 + [theirs.order_id] * 2 == orders


async def test_a_lone_message_has_its_orders_id(site: Site) -> None:
    accepted = await site.workers[0].accept()
    assert [accepted.order_id] == list(accepted.ids)
    assert [accepted.order_id] == site.rig.path.column("order_id", schema.message)


async def test_ids_are_given_in_the_order_of_commits(site: Site) -> None:
    ids = []
    for turn in range(6):
        accepted = await site.workers[turn % 2].accept()
        ids.append(accepted.order_id)
    assert sorted(set(ids)) == ids


async def test_duplicates_from_two_workers_at_once_are_one_message(
    site: Site,
) -> None:
    asked = [each.accept(duplicate_lock=120) for each in site.workers * 3]
    results = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in results if isinstance(each, Refusal)]
    assert {RefusalCode.DUPLICATE} == {each.code for each in refused}
    assert 5 == len(refused)
    assert 1 == len(site.rig.path.parts())
    again = await site.workers[0].accept(RECIPIENT, OTHER, duplicate_lock=120)
    assert RefusalCode.DUPLICATE is again.ids[0]
    stored = site.rig.path.column("id", schema.message)
    assert again.ids[1] in stored


async def test_equal_idempotency_keys_in_two_workers_are_one_commit(
    site: Site,
) -> None:
    asked = [each.accept(key="k") for each in site.workers * 3]
    results = await asyncio.gather(*asked)
    assert 1 == len({each.order_id for each in results})
    assert 5 == sum(each.replayed for each in results)
    assert 1 == len(site.rig.path.parts())
    assert 0 == site.orders


@pytest.mark.parametrize(
    "values", [{"key": "k"}, {"test": True}, {"groups": ("g",)}, {"reply_to": 5}]
)
async def test_what_needs_a_lookup_is_left_to_the_gateway(
    site: Site, values: dict[str, Any]
) -> None:
    ours: dict[str, Any] = {**values, **({"key": "other"} if "key" in values else {})}
    results = await asyncio.gather(
        site.workers[0].accept(**values),
        site.rig.accept(**ours),
        return_exceptions=True,
    )
    assert (0, 1) == (site.orders, site.wholes)
    theirs, direct = results
    assert type(theirs) is type(direct)
    if isinstance(theirs, Refusal) and isinstance(direct, Refusal):
        assert (theirs.code, theirs.field) == (direct.code, direct.field)


async def test_a_large_order_is_left_to_the_gateway(site: Site) -> None:
    await site.workers[0].accept(*[f"+479{n:07}" for n in range(501)])
    assert (0, 1) == (site.orders, site.wholes)


async def test_refusals_are_the_same(site: Site) -> None:
    change(site.rig, grants=())
    site.workers[0].directory = site.rig.directory
    with pytest.raises(Refusal) as refusal:
        await site.workers[0].accept()
    assert RefusalCode.BAD_ORIGINATOR is refusal.value.code
    assert 0 == site.orders


async def test_an_order_by_an_older_directory_takes_the_new_routes(site: Site) -> None:
    rig = site.rig
    rig.directory = directory(Route(prefix="", carriers=(2,)))
    del rig.senders[1]
    site.workers[0].directory = directory(Route(prefix="", carriers=(1,)))
    await site.workers[0].accept()
    assert (1, 1) == (site.orders, site.wholes)
    assert [2] == rig.path.column("carrier_id", schema.part)


async def test_an_access_that_is_gone_accepts_nothing(site: Site) -> None:
    site.rig.directory = replace(site.rig.directory, accesses={})
    with pytest.raises(Refusal) as refusal:
        await site.workers[0].accept(key="k")
    assert RefusalCode.UNKNOWN_LOGIN is refusal.value.code


async def test_what_could_not_be_stored_is_refused_and_room_is_given_back(
    site: Site,
) -> None:
    async with site.rig.running():
        await site.rig.settled_down()
        site.rig.store.down = True
        asked = [each.accept() for each in site.workers * 3]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert {StoreUnavailable} == {type(each) for each in results}
        assert [0, 0] == site.rig.reserved()


async def test_an_order_that_cannot_be_stored_does_not_harm_others(
    site: Site,
) -> None:
    """It cannot even be written for the gateway."""
    asked = [site.workers[0].accept(ref="\ud800" if n == 5 else "r") for n in range(10)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    failed = [n for n, each in enumerate(results) if isinstance(each, Exception)]
    assert [5] == failed
    assert 9 == len(site.rig.path.parts())


async def test_orders_of_one_turn_cross_together(site: Site) -> None:
    await asyncio.gather(*[site.workers[0].accept() for _ in range(20)])
    assert site.orders <= 2


# Logins


def with_secret(rig: Rig, secret: str) -> None:
    access = replace(rig.directory.accesses[1], secret=hash_secret(secret))
    rig.directory = replace(rig.directory, accesses={1: access})


async def let_in(worker: Worker, secret: str, caller: Caller = HERE) -> str:
    access = worker.directory.accesses[1]
    try:
        if worker.authenticator.check_now(access, secret, caller):
            return "now"
        await worker.authenticator.check(access, secret, caller)
    except Refusal as refusal:
        return refusal.code.value
    return "asked"


async def test_a_secret_that_was_right_is_known_to_its_worker(
    engine: SqliteEngine,
) -> None:
    async with rig_on(engine) as rig:
        with_secret(rig, "a short one")
    async with site_on(engine) as site:
        with_secret(site.rig, "a short one")
        for worker in site.workers:
            worker.directory = site.rig.directory
        one, other = site.workers
        assert ["asked", "now"] == [await let_in(one, "a short one") for _ in range(2)]
        assert "asked" == await let_in(other, "a short one")
        # A secret that was changed is asked for again, as soon as it is known.
        with_secret(site.rig, "another")
        one.directory = site.rig.directory
        assert "wrong_password" == await let_in(one, "a short one")


async def test_guesses_count_together_whichever_worker_they_come_to(
    site: Site,
) -> None:
    with_secret(site.rig, "right")
    for worker in site.workers:
        worker.directory = site.rig.directory
    said = [
        await let_in(site.workers[turn % 2], f"wrong {turn}") for turn in range(GUESSES)
    ]
    assert {"wrong_password"} == set(said)
    refused = [await let_in(worker, "right") for worker in site.workers]
    assert ["too_many_requests"] * 2 == refused
    assert "asked" == await let_in(
        site.workers[0], "right", replace_client("192.0.2.2")
    )


def replace_client(client: str) -> Caller:
    return HERE._replace(client=client)


async def test_who_is_blocked_or_comes_without_tls_is_asked_about(site: Site) -> None:
    secret = new_secret()
    with_secret(site.rig, secret)
    worker = site.workers[0]
    worker.directory = site.rig.directory
    assert "now" == await let_in(worker, secret)
    plain = HERE._replace(secure=False)
    access = replace(worker.directory.accesses[1], require_https=True)
    worker.directory = replace(worker.directory, accesses={1: access})
    site.rig.directory = worker.directory
    assert "https_required" == await let_in(worker, secret, plain)
    access = replace(access, blocked=True)
    worker.directory = replace(worker.directory, accesses={1: access})
    site.rig.directory = worker.directory
    assert "account_blocked" == await let_in(worker, secret)


async def test_a_key_is_found_by_the_gateway_and_remembered(site: Site) -> None:
    worker = site.workers[0]
    login = Login("1", None)
    found = await worker.authenticator.find(worker.directory, login, HERE)
    assert found is worker.directory.accesses[1]
    nobody = Login("nobody", "nobody")
    assert await worker.authenticator.find(worker.directory, nobody, HERE) is None


# Everything else


async def test_queries_and_lookups_are_the_gateways(site: Site) -> None:
    accepted = await site.rig.accept()
    worker = site.workers[1]
    access = worker.directory.accesses[1]
    answer: Any = await worker.queries.handle(OrderQuery(accepted.order_id), access)
    assert [accepted.order_id] == [each.id for each in answer.messages]
    with pytest.raises(Refusal) as refusal:
        await worker.queries.handle(BalanceQuery(), None)
    assert RefusalCode.MISSING_LOGIN is refusal.value.code
    query = OrderQuery(accepted.order_id)
    with pytest.raises(Refusal) as refusal:
        await worker.lookups.look_up(query, "front", "192.0.2.9")
    assert RefusalCode.ADDRESS_NOT_ALLOWED is refusal.value.code
    site.workers[0].lookups.logged_in("front", "192.0.2.9")  # at the other worker
    await site.workers[0].queries.handle(query, access)  # so that it was heard
    found: Any = await worker.lookups.look_up(query, "front", "192.0.2.9")
    assert 1 == len(found.messages)

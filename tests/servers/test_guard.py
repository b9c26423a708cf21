"""What takes too long or too much is ended, and others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from budstikke import metrics
from budstikke.servers import bounds
from budstikke.servers.guard import Guard
from servers.talking import Client, Observed, connected, serving
from servers.test_lenient_http import Echo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PLAIN = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 200_000
POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LARGE


def talk(
    scenario: Callable[[Client, Observed], Awaitable[None]], guard: Guard | None = None
) -> Echo:
    """Play a scenario on a connection, with the server's side of it."""
    echo = Echo()

    async def whole() -> None:
        async with connected(echo, guard) as client:
            while not Observed.present:  # noqa: ASYNC110 - a set tells nobody
                await asyncio.sleep(0)
            (protocol,) = Observed.present
            await scenario(client, protocol)

    asyncio.run(whole())
    return echo


def after(protocol: Observed, seconds: float) -> None:
    """Look at a connection so many seconds from now."""
    protocol.look(protocol.loop.time() + seconds)


async def ends(client: Client) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await client.reader.read()
    return b""


@pytest.mark.parametrize("begun", [b"G", b"GET /a HTTP/1.1\r\nHost: x\r\n", PLAIN[:-2]])
def test_a_head_has_ten_seconds(begun: bytes) -> None:
    async def scenario(client: Client, protocol: Observed) -> None:
        await client.say(begun)
        after(protocol, bounds.HEAD_SECONDS - 1)
        assert not protocol.ended()
        await client.say(b"")
        after(protocol, bounds.HEAD_SECONDS + 1)
        assert (await ends(client)).startswith(b"HTTP/1.1 408 ")

    assert [] == talk(scenario).asked


def test_a_head_that_comes_drop_by_drop_gets_no_more_time() -> None:
    async def scenario(client: Client, protocol: Observed) -> None:
        await client.say(b"GET /a HTTP/1.1\r\n")
        since = protocol._since
        await client.say(*[b"X-A: b\r\n"] * 20)
        assert since == protocol._since

    talk(scenario)


def test_a_body_must_come_at_a_least_rate() -> None:
    async def scenario(client: Client, protocol: Observed) -> None:
        await client.say(POST, b"x" * 40_960)
        after(protocol, bounds.BODY_SECONDS + 40_960 / bounds.BODY_RATE - 1)
        assert not protocol.ended()
        after(protocol, bounds.BODY_SECONDS + 40_960 / bounds.BODY_RATE + 1)
        assert (await ends(client)).startswith(b"HTTP/1.1 408 ")

    assert [] == talk(scenario).asked


def test_a_connection_that_is_not_used_is_closed() -> None:
    async def scenario(client: Client, protocol: Observed) -> None:
        await client.say(PLAIN)
        assert 200 == (await client.hear())[0]
        after(protocol, protocol.timeout_keep_alive - 1)
        assert not protocol.ended()
        after(protocol, protocol.timeout_keep_alive + 1)
        assert b"" == await ends(client)

    talk(scenario)


async def test_an_answer_may_take_its_time() -> None:
    go = asyncio.Event()

    class Slow(Echo):
        async def __call__(self, scope: object, receive: object, send: object) -> None:
            await go.wait()
            await super().__call__(scope, receive, send)

    async with connected(Slow()) as client:
        await client.say(PLAIN)
        (protocol,) = Observed.present
        after(protocol, 1000)
        assert not protocol.ended()
        go.set()
        assert 200 == (await client.hear())[0]


def test_who_reads_nothing_is_hung_up_on() -> None:
    async def scenario(client: Client, protocol: Observed) -> None:
        protocol.timeout_keep_alive = 1000
        protocol.pause_writing()
        after(protocol, bounds.STUCK_SECONDS - 1)
        assert not protocol.ended()
        protocol.resume_writing()
        after(protocol, bounds.STUCK_SECONDS + 1)
        assert not protocol.ended()
        protocol.pause_writing()
        after(protocol, bounds.STUCK_SECONDS + 1)
        assert protocol.ended()

    talk(scenario)


async def test_one_timer_looks_at_all_connections() -> None:
    guard = Guard()
    looked: list[object] = []

    class Connection:
        def look(self, now: float) -> None:
            looked.append(self)

    loop = asyncio.get_running_loop()
    connections = [Connection() for _ in range(3)]
    for each in connections:
        guard.watch(each, loop)
    timer = guard._timer
    assert timer is not None
    guard._look(loop)
    assert set(connections) == set(looked)
    for each in connections:
        guard.forget(each)
    assert guard._timer is None


async def test_an_address_has_so_many_connections() -> None:
    guard = Guard(connections=2)
    async with serving(Echo(), guard) as port, asyncio.timeout(20):
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        clients = [Client(*pair) for pair in pairs]
        head = await clients[2].reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 5\r\n" in head
        clients[0].writer.close()
        while len(Observed.present) > 1:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0)
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        client.writer.write(PLAIN)
        assert 200 == (await client.hear())[0]
        for each in (*clients, client):
            each.writer.close()


def test_bodies_have_so_much_room_together_and_small_ones_always_fit() -> None:
    guard = Guard(bodies=2 * 65536)

    async def scenario(client: Client, protocol: Observed) -> None:
        await client.say(POST)
        client.writer.write(b"x" * LARGE)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5\r\n" in head

    assert [] == talk(scenario, guard).asked
    assert guard.take("", 2 * 65536)  # nothing of it is taken
    small = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n"

    async def others(client: Client, protocol: Observed) -> None:
        client.writer.write(small + b"x" * 65536)
        assert 200 == (await client.hear())[0]

    talk(others, Guard(bodies=0))


def test_room_is_given_back_when_a_request_is_answered() -> None:
    guard = Guard(bodies=2 * LARGE)

    async def scenario(client: Client, protocol: Observed) -> None:
        for _ in range(5):
            client.writer.write(POST + b"x" * LARGE)
            assert 200 == (await client.hear())[0]

    assert 5 == len(talk(scenario, guard).asked)
    assert guard.take("", 2 * LARGE)  # nothing of it is taken


def test_one_address_has_half_of_the_room() -> None:
    guard = Guard(bodies=1000)
    assert guard.take("192.0.2.1", 500)
    assert not guard.take("192.0.2.1", 1)
    assert guard.take("192.0.2.2", 500)
    assert not guard.take("192.0.2.3", 1)
    guard.give_back("192.0.2.1", 500)
    assert guard.take("192.0.2.3", 500)


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("10.0.0.1", ""),
        ("", ""),
    ],
)
def test_whose_a_connection_is(peer: str, whose: str) -> None:
    assert whose == Guard(trusted=(ip_network("10.0.0.0/8"),)).whose(peer)


def test_what_is_refused_is_counted() -> None:
    counted = metrics.http_refused.labels("408")._value
    before = counted.get()

    async def scenario(client: Client, protocol: Observed) -> None:
        await client.say(b"GET")
        after(protocol, bounds.HEAD_SECONDS + 1)

    talk(scenario)
    assert before + 1 == counted.get()

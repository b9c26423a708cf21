"""The fast path answers as the usual way does, and leaves what is odd to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.message import Accepted
from budstikke.servers.fast_path import FastPathProtocol, Headers
from servers.talking import Client, Observed, connected
from servers.test_http import Served

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TARGET = b"/psk/push.php?serviceid=1234&phoneno=004799999999&txt=Hei&fromid=B"
PLAIN = b"GET " + TARGET + b" HTTP/1.1\r\nHost: x\r\n\r\n"
SAID = (200, b"ErrorCode=0, ID=7")


class Slow:
    """An acceptor that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def accept(self, _order: Any, _access: Any) -> Accepted:
        self.asked += 1
        await self.go.wait()
        return Accepted(7, [7], 1)


@pytest.fixture
def express(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the targets that went onto the fast path."""
    found: list[str] = []
    cut = FastPathProtocol._cut_request

    def noted(self: Any, data: bytes, server: Any) -> Any:
        taken = cut(self, data, server)
        if taken is not None:
            found.append(taken[1].target)
        return taken

    monkeypatch.setattr(FastPathProtocol, "_cut_request", noted)
    return found


def talk(
    scenario: Callable[[Client, Served], Awaitable[None]], **values: Any
) -> Served:
    served = Served(**values)

    async def whole() -> None:
        async with connected(served.app) as client:
            await scenario(client, served)

    asyncio.run(whole())
    return served


def answers(*pieces: bytes, count: int = 1) -> list[tuple[int, bytes]]:
    """Send pieces, each in a segment of its own, and take so many answers."""
    heard: list[tuple[int, bytes]] = []

    async def scenario(client: Client, _served: Served) -> None:
        await client.say(*pieces)
        heard.extend([await client.hear() for _ in range(count)])

    talk(scenario)
    return heard


@pytest.mark.parametrize(
    "request_",
    [
        PLAIN,
        PLAIN.replace(b"push.php", b"PUSH.php"),
        PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: Keep-Alive\r\nAccept: */*"),
        PLAIN.replace(b"Host: x", b"host:x"),
    ],
)
def test_a_plain_request_takes_it(request_: bytes, express: list[str]) -> None:
    assert [SAID] == answers(request_)
    assert 1 == len(express)


ODD = [
    PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: close"),
    PLAIN.replace(b"Host: x", b"Host: x\r\nContent-Length: 0"),
    PLAIN.replace(b"Host: x", b"Host: x\r\nUpgrade: websocket\r\nConnection: upgrade"),
    PLAIN.replace(b"txt=Hei", b"txt=Hei du"),
    PLAIN.replace(b"txt=Hei", b"txt=bl\xe5"),
    PLAIN.replace(b"txt=Hei", b"txt=Hei#1"),
    b"\r\n" + PLAIN,
]


@pytest.mark.parametrize("request_", ODD)
def test_what_is_odd_goes_the_usual_way(request_: bytes, express: list[str]) -> None:
    assert [SAID] == answers(request_)
    assert [] == express


@pytest.mark.parametrize("request_", [PLAIN, *ODD])
def test_a_request_may_come_in_pieces(request_: bytes) -> None:
    half = len(request_) // 2
    assert [SAID] == answers(request_[:half], request_[half:])


@given(st.lists(st.sampled_from([PLAIN, *ODD[2:3], *ODD[4:7]]), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_each_of_many_is_answered_in_order(requests: list[bytes]) -> None:
    assert [SAID] * len(requests) == answers(*requests, count=len(requests))


def test_pipelined_requests_are_answered_one_after_another() -> None:
    assert [SAID] * 3 == answers(PLAIN * 3, count=3)


def test_what_comes_before_the_answer_waits() -> None:
    slow = Slow()

    async def scenario(client: Client, _served: Served) -> None:
        await client.say(PLAIN, PLAIN, PLAIN.replace(b"txt=Hei", b"txt=Hei du"))
        assert 1 == slow.asked
        slow.go.set()
        assert [SAID] * 3 == [await client.hear() for _ in range(3)]

    talk(scenario, acceptor=slow)
    assert 3 == slow.asked


def test_the_last_answer_says_so() -> None:
    slow = Slow()

    async def scenario(client: Client, _served: Served) -> None:
        await client.say(PLAIN)
        (protocol,) = Observed.present
        protocol.close_after_answer()
        slow.go.set()
        assert b"connection: close" in (await client.reader.read()).lower()

    talk(scenario, acceptor=slow)


def test_a_client_that_hangs_up_has_its_message_accepted() -> None:
    slow = Slow()
    done: list[Accepted] = []

    async def scenario(client: Client, served: Served) -> None:
        await client.say(PLAIN)
        (protocol,) = Observed.present
        (task,) = protocol.tasks
        client.writer.close()
        await client.writer.wait_closed()
        slow.go.set()
        await task
        done.append(Accepted(7, [7], 1))

    talk(scenario, acceptor=slow)
    assert 1 == slow.asked
    assert done


def test_headers_are_read_when_they_are_asked_for() -> None:
    headers = Headers(b"\r\nHost: x\r\nX-Forwarded-For:  10.0.0.1 \r\n\r\n")
    assert {"host": "x", "x-forwarded-for": "10.0.0.1"} == dict(headers)
    assert 2 == len(headers)
    assert None is headers.get("authorization")


def test_proxies_are_believed() -> None:
    from ipaddress import ip_network

    network = ip_network("127.0.0.1/32")
    forwarded = b"Host: x\r\nX-Forwarded-For: 192.0.2.1"
    heard: list[tuple[int, bytes]] = []

    async def scenario(client: Client, _served: Served) -> None:
        await client.say(PLAIN.replace(b"Host: x", forwarded))
        heard.append(await client.hear())

    talk(scenario, trusted=(network,))
    assert [(200, b"ErrorCode=2, ID=0")] == heard


def test_lines_of_one_header_are_joined() -> None:
    head = (
        b"\r\nX-Forwarded-For: 10.0.0.1\r\nA: b\r\nx-forwarded-for:\t10.0.0.2 \r\n\r\n"
    )
    assert {"x-forwarded-for": "10.0.0.1, 10.0.0.2", "a": "b"} == dict(Headers(head))


@pytest.mark.parametrize("odd", [b"", b"X-Odd: \r\nConnection: close\r\n"])
@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ([b"For: 127.0.0.1", b"For: 192.0.2.1"], False),
        ([b"For: 192.0.2.1", b"For: 127.0.0.1"], True),
        ([b"For: 127.0.0.1", b"For: 10.0.0.9"], True),
        ([b"For: 192.0.2.1", b"For: 10.0.0.9", b"For: 10.0.0.8"], False),
    ],
)
async def test_each_proxy_may_add_a_line(
    odd: bytes, lines: list[bytes], *, allowed: bool
) -> None:
    """The right-most untrusted address counts, on either path."""
    from ipaddress import ip_network

    proxies = (ip_network("10.0.0.0/8"),)
    served = Served(trusted=proxies)
    heard: list[tuple[int, bytes]] = []

    async with connected(served.app) as client:
        while not Observed.present:  # noqa: ASYNC110 - a set tells nobody
            await asyncio.sleep(0)
        (protocol,) = Observed.present
        protocol.client = ("10.0.0.1", 1)
        forwarded = b"".join(b"X-Forwarded-" + line + b"\r\n" for line in lines)
        await client.say(PLAIN.replace(b"Host", odd + forwarded + b"Host"))
        heard.append(await client.hear())
    assert [SAID if allowed else (200, b"ErrorCode=2, ID=0")] == heard

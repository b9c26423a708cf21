"""Customers write the URLs: none of them leads into our own network."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from budstikke.clients.http import connection, transport
from budstikke.clients.http import resolver as resolver_module
from budstikke.clients.http.addresses import NOT_HTTP, public
from budstikke.clients.http.connection import MOST_ANSWER, MOST_HEAD
from budstikke.clients.http.resolver import Resolver
from budstikke.flow.transports import NotReached
from budstikke.wire import WireRequest
from clients.http.customers import OK, Customer, ask, calling, opened, play, why
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.clients.http.transport import HttpTransport

GOOD = "93.184.216.34"

NOT_PUBLIC = {
    "metadata of AWS, Google, Azure": "169.254.169.254",
    "metadata of AWS over IPv6": "fd00:ec2::254",
    "metadata of Alibaba": "100.100.100.200",
    "metadata of Oracle": "192.0.0.192",
    "host of Azure's machines": "168.63.129.16",
    "protocol assignments": "192.0.0.10",
    "relay of 6to4": "192.88.99.1",
    "benchmarks": "198.19.255.255",
    "documentation": "203.0.113.9",
    "this network": "0.1.2.3",
    "reserved": "250.0.0.1",
    "mapped": "::ffff:10.0.0.1",
    "mapped, hexadecimal": "::ffff:a00:1",
    "compatible": "::10.0.0.1",
    "translated": "::ffff:0:10.0.0.1",
    "6to4 of a private one": "2002:a00:1::1",
    "6to4 of a public one": "2002:5db8:d822::1",
    "Teredo": "2001:0:5db8:d822::1",
    "ORCHID": "2001:20::1",
    "NAT64 of a private one": "64:ff9b::a00:1",
    "NAT64 of metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 of the network's own": "64:ff9b:1::a00:1",
    "ISATAP of a private one": "2600::5efe:10.0.0.1",
    "ISATAP of a private one, global": "2600::200:5efe:10.0.0.1",
    "documentation of IPv6": "3fff::1",
    "segment routing": "5f00::1",
    "discard": "100::1",
    "unique local": "fd12:3456::1",
    "site-local": "fec0::1",
    "link-local with a zone": "fe80::1%eth0",
    "multicast": "ff05::2",
}


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            GOOD,
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
        ),
        *("172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"),
        *("168.63.129.15", "168.63.129.17", "198.17.255.255", "198.20.0.0"),
        *("223.255.255.255", "2606:2800:220:1::1", "2a00::1", f"::ffff:{GOOD}"),
        *(f"64:ff9b::{GOOD}", f"2600::5efe:{GOOD}", "2001:200::1", "2003::1"),
    ],
)
def test_public(address: str) -> None:
    assert public(address)


HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001"),
    *("0x7f.0.0.1", "0177.0.0.1", "017700000001", "0x7f.1", "127.0.0.1.", "localhost"),
    *("LocalHost", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    # Characters that become digits or dots when a name is made ASCII.
    *("①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1"),
    # Names in front that are none.
    *("good.example@127.0.0.1", "good.example:80@127.0.0.1", "a@b@127.0.0.1"),
    *("good.example%2f@127.0.0.1", "good.example\\@127.0.0.1", "%31%32%37.0.0.1"),
]


@pytest.mark.parametrize("host", HOSTS)
async def test_every_spelling_of_ourselves_is_refused(host: str) -> None:
    customer = Customer(OK)

    async with calling(customer, allow_private=False) as (client, url):
        port = url.rpartition(":")[2]
        for target in (f"http://{host}:{port}/", f"http://{host}:{port}?x@{GOOD}/"):
            with pytest.raises(NotReached):
                await client.deliver(WireRequest("GET", target))
    assert 0 == customer.connections


@pytest.mark.parametrize(
    "url",
    ["gopher://c.example/", "file:///etc/passwd", "ftp://c.example/", "unix:/run/x"],
)
async def test_other_schemes(url: str) -> None:
    async with opened() as client:
        with pytest.raises(NotReached, match="URLs are not called"):
            await client.deliver(WireRequest("GET", url))


# Names


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], list[str]]]:
    """Names and what they resolve to each time, instead of the DNS."""
    found: dict[str, Callable[[], list[str]]] = {}
    monkeypatch.setattr(resolver_module, "look_up", lambda host, _: found[host]())
    return found


async def test_a_name_that_turns_is_not_followed(
    known: dict[str, Callable[[], list[str]]],
) -> None:
    """Public when it is checked, loopback when it is called."""
    answers = iter([[GOOD], ["127.0.0.1"], ["127.0.0.1"]])
    known["turn.example"] = lambda: next(answers)
    called: list[str] = []

    customer = Customer(OK)
    async with opened(allow_private=False, timeout=5) as client:
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def noted(make: object, host: str, *_: object, **__: object) -> None:
            called.append(host)
            raise OSError("no way there")

        loop.create_connection = noted  # type: ignore[method-assign, assignment]
        for _ in range(2):
            with pytest.raises(NotReached):
                await client.deliver(WireRequest("GET", "http://turn.example/"))
        loop.create_connection = connect  # type: ignore[method-assign]
    assert 0 == customer.connections
    assert [GOOD, GOOD] == called


def test_a_name_whose_servers_do_not_answer_delays_nobody(
    known: dict[str, Callable[[], list[str]]],
) -> None:
    release = threading.Event()
    asked: list[int] = []

    def hanging() -> list[str]:
        asked.append(1)
        release.wait(PATIENCE)
        return [GOOD]

    for number in range(50):
        known[f"hangs{number}.example"] = hanging
    known["good.example"] = lambda: [GOOD]

    async def scenario() -> None:
        resolver = Resolver(allow_private=False)
        waiting = [
            asyncio.create_task(resolver.resolve(f"hangs{number}.example", 443))
            for number in range(50)
            for _ in range(16)
        ]
        async with asyncio.timeout(PATIENCE):
            assert [GOOD] == await resolver.resolve("good.example", 443)
        release.set()
        assert [[GOOD]] * 800 == await asyncio.gather(*waiting)
        resolver.close()

    asyncio.run(scenario())
    assert 50 == len(asked)


async def test_what_was_found_is_used_while_it_is_asked_for_again(
    known: dict[str, Callable[[], list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    answers = iter(["1.1.1.1", "2.2.2.2"])

    def slow() -> list[str]:
        address = next(answers)
        if address != "1.1.1.1":
            release.wait(PATIENCE)
        return [address]

    known["slow.example"] = slow
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    resolver = Resolver(allow_private=False)
    assert ["1.1.1.1"] == await resolver.resolve("slow.example", 443)
    now += resolver_module.REMEMBERED + 1
    for _ in range(3):
        assert ["1.1.1.1"] == await resolver.resolve("slow.example", 443)
    release.set()
    await asyncio.wait(resolver._asked.values())
    assert ["2.2.2.2"] == await resolver.resolve("slow.example", 443)
    resolver.close()


async def test_a_name_that_is_gone_is_forgotten(
    known: dict[str, Callable[[], list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([[GOOD], ["10.0.0.1"], [GOOD]])
    known["c.example"] = lambda: next(answers)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    resolver = Resolver(allow_private=False)
    assert [GOOD] == await resolver.resolve("c.example", 443)
    now += resolver_module.USABLE + 1
    with pytest.raises(OSError, match="no public address"):
        await resolver.resolve("c.example", 443)
    assert [GOOD] == await resolver.resolve("c.example", 443)
    resolver.close()


@pytest.mark.parametrize("port", sorted({0, 22, 25, 587, 6667} & NOT_HTTP))
async def test_ports_of_other_protocols(port: int) -> None:
    async with opened(allow_private=False) as client:
        with pytest.raises(NotReached, match=f"port {port} is not called"):
            await client.deliver(WireRequest("GET", f"http://{GOOD}:{port}/"))


async def test_an_address_that_takes_nobody_is_passed_over(
    known: dict[str, Callable[[], list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT", 0.05)
    known["two.example"] = lambda: ["192.0.2.1", "127.0.0.1"]
    tried: list[str] = []

    async with calling(Customer(OK, OK, hang_up=True)) as (client, url):
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def some(
            make: object, host: str, *more: object, **named: object
        ) -> object:
            tried.append(host)
            if host == "192.0.2.1":
                await asyncio.Event().wait()
            return await connect(make, host, *more, **named)  # type: ignore[call-overload]

        loop.create_connection = some  # type: ignore[method-assign, assignment]
        port = url.rpartition(":")[2]
        for _ in range(2):
            request = WireRequest("GET", f"http://two.example:{port}/")
            assert 200 == (await client.deliver(request)).status
    assert ["192.0.2.1", "127.0.0.1", "127.0.0.1"] == tried


# Headers


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\nX: y", "a\rb", "a\0b", "a\x7fb"])
def test_headers_cannot_be_made_more(bad: str) -> None:
    async def scenario(client: HttpTransport, url: str) -> None:
        for headers in ({"x": bad}, {bad: "x"}):
            with pytest.raises(NotReached, match="line break"):
                await client.deliver(WireRequest("GET", url, headers=headers))

    customer = play(Customer(OK), scenario)
    assert [] == customer.asked


async def test_headers_that_are_no_latin_1() -> None:
    async with calling(Customer(OK)) as (client, url):
        with pytest.raises(NotReached):
            await client.deliver(WireRequest("GET", url, headers={"x": "€"}))


@pytest.mark.parametrize("rest", ["/a\r\nX: y", "/a b", "/\t", "?a=\n", "/å"])
def test_paths_cannot_be_more_either(rest: str) -> None:
    assert why(Customer(OK), rest)


# Answers


class Talker(Customer):
    """Says the same over and over, with pauses."""

    def __init__(self, head: bytes, piece: bytes, pause: float = 0.0) -> None:
        super().__init__()
        self.head, self.piece, self.pause = head, piece, pause

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.head)
            while not writer.is_closing():
                writer.write(self.piece)
                await writer.drain()
                await asyncio.sleep(self.pause)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    started = time.monotonic()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    assert "no answer in time" == why(Talker(head, b"x", 0.01), timeout=0.3)
    assert time.monotonic() - started < 5


def test_so_is_a_head_that_drips() -> None:
    talker = Talker(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.01)
    assert "no answer in time" == why(talker, timeout=0.3)


def test_a_head_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_READ", 1 << 40)
    talker = Talker(b"HTTP/1.1 200 OK\r\n", b"X-Long: " + b"y" * 8000 + b"\r\n")
    assert "more than an answer came" in why(talker)
    line = Talker(b"HTTP/1.1 200 ", b"y" * MOST_HEAD)
    assert why(line)


def test_interim_answers_have_an_end() -> None:
    talker = Talker(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 100)
    assert "more than an answer came" in why(talker)


def test_only_the_beginning_of_a_body_is_kept() -> None:
    size = 3_000_000
    body = b"1\r\nx\r\n" * 1000 + b"%x\r\n" % size + b"y" * size + b"\r\n0\r\n\r\n"
    answer = ask(
        Customer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    )
    assert MOST_ANSWER == len(answer.body)
    assert b"x" * 1000 + b"y" == answer.body[:1001]

"""Callbacks over HTTP: what is said, and what customers' servers may do."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from budstikke.clients.http.connection import MOST_ANSWER
from budstikke.flow.transports import NotReached
from budstikke.wire import WireRequest
from clients.http.customers import OK, Customer, ask, calling, play, why

if TYPE_CHECKING:
    from budstikke.clients.http.transport import HttpTransport

# What is said


def test_what_is_asked() -> None:
    customer = Customer(OK)
    answer = ask(customer, "/s?status=4&ref=a%20b#x")
    assert (200, b"OK", "text/plain") == (
        answer.status,
        answer.body,
        answer.content_type,
    )
    (head,) = customer.asked
    host = customer.url.removeprefix("http://")
    assert (
        f"GET /s?status=4&ref=a%20b HTTP/1.1\r\nHost: {host}\r\n"
        "User-Agent: budstikke/1.2\r\n\r\n"
    ).encode() == head


async def test_a_body_and_headers() -> None:
    customer = Customer(OK)

    async with calling(customer) as (transport, url):
        headers = {"Content-Type": "application/json"}
        request = WireRequest("POST", f"{url}/in", headers=headers, body=b'{"a":1}')
        await transport.deliver(request)
        for bad in ({"X": "a\r\nY: b"}, {"X\r\nY": "a"}, {"X": "a\n"}):
            with pytest.raises(NotReached, match="line break"):
                await transport.deliver(WireRequest("GET", url, headers=bad))
    (asked,) = customer.asked
    assert b"\r\nContent-Length: 7\r\n" in asked
    assert b"\r\nContent-Type: application/json\r\n" in asked
    assert asked.endswith(b'\r\n\r\n{"a":1}')


async def test_a_password_in_the_url_is_basic_authentication() -> None:
    customer = Customer(OK)

    async with calling(customer) as (transport, url):
        target = url.replace("://", "://ola:n%40rd@") + "/s"
        await transport.deliver(WireRequest("GET", target))
    assert b"\r\nAuthorization: Basic b2xhOm5AcmQ=\r\n" in customer.asked[0]


# What is answered


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers(status: int) -> None:
    location = b"Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    customer = Customer(b"HTTP/1.1 %d Moved\r\n" % status + location, OK)
    assert status == ask(customer).status
    assert 1 == len(customer.asked)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nno!", 500, b"no!"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"OK"),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\ntr\r\n2\r\nue\r\n0\r\n\r\n"
            ),
            200,
            b"true",
        ),
    ],
)
def test_answers(answer: bytes, status: int, body: bytes) -> None:
    found = ask(Customer(answer))
    assert (status, body) == (found.status, found.body)


def test_an_answer_that_ends_with_the_connection() -> None:
    customer = Customer(b"HTTP/1.0 200 OK\r\n\r\ntrue", hang_up=True)
    assert b"true" == ask(customer).body


def test_an_answer_in_pieces_is_read_whole() -> None:
    class Slow(Customer):
        async def serve(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            for octet in OK:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(0)
            writer.close()

    assert b"OK" == ask(Slow()).body


def test_a_large_answer_is_cut() -> None:
    size = 1_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    answer = ask(Customer(head + b"x" * size))
    assert b"x" * MOST_ANSWER == answer.body


def test_an_endless_answer_is_given_up() -> None:
    class Endless(Customer):
        async def serve(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            except ConnectionError:
                writer.close()

    assert "more than an answer came" in why(Endless())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_what_is_no_answer(answer: bytes) -> None:
    assert why(Customer(answer, hang_up=True))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"])
def test_no_answer_in_time(answer: bytes) -> None:
    assert "no answer in time" == why(Customer(answer), timeout=0.05)


async def test_nobody_listens() -> None:
    async with calling(Customer()) as (transport, _url):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            target = f"http://127.0.0.1:{free.getsockname()[1]}/"
            with pytest.raises(NotReached, match="Refused"):
                await transport.deliver(WireRequest("GET", target))


# Connections


def test_a_connection_is_used_again() -> None:
    async def scenario(transport: HttpTransport, url: str) -> None:
        for number in range(5):
            await transport.deliver(WireRequest("GET", f"{url}/{number}"))

    customer = play(Customer(*[OK] * 5), scenario)
    assert 1 == customer.connections
    assert 5 == len(customer.asked)


def test_one_that_was_closed_meanwhile_is_made_anew() -> None:
    async def scenario(transport: HttpTransport, url: str) -> None:
        for number in range(3):
            answer = await transport.deliver(WireRequest("GET", f"{url}/{number}"))
            assert b"OK" == answer.body

    customer = play(Customer(*[OK] * 3, hang_up=True), scenario)
    assert 3 == customer.connections
    assert 3 == len(customer.asked)


@pytest.mark.parametrize("extra", [b"x", OK])
def test_more_than_was_asked_for_is_never_another_answer(extra: bytes) -> None:
    async def scenario(transport: HttpTransport, url: str) -> None:
        bodies = []
        for number in range(2):
            answer = await transport.deliver(WireRequest("GET", f"{url}/{number}"))
            bodies.append(answer.body)
            await asyncio.sleep(0)
        assert [b"OK", b"yes"] == bodies

    yes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
    customer = play(Customer(OK + extra, yes), scenario)
    assert 2 == customer.connections


def test_a_late_answer_is_not_taken_for_the_next() -> None:
    late = asyncio.Event()

    class Late(Customer):
        async def serve(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            self.connections += 1
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/slow" in head:
                await late.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + head[4:9])
            writer.close()

    async def scenario(transport: HttpTransport, url: str) -> None:
        with pytest.raises(NotReached, match="in time"):
            await transport.deliver(WireRequest("GET", f"{url}/slow"))
        late.set()
        answer = await transport.deliver(WireRequest("GET", f"{url}/fast"))
        assert b"/fast" == answer.body

    customer = play(Late(), scenario, timeout=0.2)
    assert 2 == customer.connections


def test_many_at_once() -> None:
    async def scenario(transport: HttpTransport, url: str) -> None:
        requests = [
            transport.deliver(WireRequest("GET", f"{url}/{number}"))
            for number in range(50)
        ]
        answers = await asyncio.gather(*requests)
        assert {200} == {answer.status for answer in answers}

    customer = play(Customer(*[OK] * 50), scenario)
    assert 50 == len(set(customer.asked))


async def test_closing_ends_what_is_under_way() -> None:
    customer = Customer()
    async with calling(customer) as (transport, url):
        request = asyncio.create_task(transport.deliver(WireRequest("GET", url)))
        await customer.came.wait()
        await transport.close()
        with pytest.raises(NotReached):
            await request

"""The process that calls customers' servers, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.clients.http import process
from budstikke.clients.http.process import HttpTransportProcess
from budstikke.flow.transports import NotReached
from budstikke.wire import WireRequest
from clients.http.customers import OK, Customer, listening
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from budstikke.wire import WireResponse


@asynccontextmanager
async def opened(**values: Any) -> AsyncIterator[HttpTransportProcess]:
    usual: dict[str, Any] = {"timeout": 10.0, "allow_private": True, "version": "1.2"}
    transport = HttpTransportProcess(allow_http=True, **usual | values)
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def calling(
    customer: Customer, **values: Any
) -> AsyncIterator[tuple[HttpTransportProcess, str]]:
    async with (
        asyncio.timeout(PATIENCE),
        listening(customer),
        opened(**values) as transport,
    ):
        yield transport, customer.url


def play(
    customer: Customer,
    scenario: Callable[[HttpTransportProcess, str], Awaitable[None]],
    **values: Any,
) -> Customer:
    async def whole() -> None:
        async with calling(customer, **values) as (transport, url):
            await scenario(transport, url)

    asyncio.run(whole())
    return customer


def pid(transport: HttpTransportProcess) -> int:
    assert transport._process is not None
    return transport._process.pid


def told(answer: WireResponse) -> tuple[int, bytes, str]:
    return answer.status, answer.body, answer.content_type


def test_what_is_asked_and_answered() -> None:
    refused = OK.replace(b"200 OK", b"500 No").replace(b"text/plain", b"text/html")

    async def scenario(transport: HttpTransportProcess, url: str) -> None:
        first = await transport.deliver(WireRequest("GET", f"{url}/s?a=1"))
        headers = {"Content-Type": "application/json"}
        request = WireRequest("POST", f"{url}/in", headers=headers, body=b'{"a":1}')
        second = await transport.deliver(request)
        assert (200, b"OK", "text/plain") == told(first)
        assert (500, b"OK", "text/html") == told(second)

    customer = play(Customer(OK, refused), scenario)
    get, post = customer.asked
    assert get.startswith(b"GET /s?a=1 HTTP/1.1\r\n")
    assert b"\r\nUser-Agent: budstikke/1.2\r\n" in get
    assert b"\r\nContent-Type: application/json\r\n" in post
    assert post.endswith(b'\r\n\r\n{"a":1}')
    assert 1 == customer.connections


async def test_many_at_once_each_get_their_own() -> None:
    class Echo(Customer):
        async def serve(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1]
            size = str(len(path)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + size + b"\r\n\r\n")
            writer.write(path)
            writer.close()

    async with calling(Echo()) as (transport, url):
        paths = [f"/{number}" for number in range(300)]
        answers = await asyncio.gather(
            *(transport.deliver(WireRequest("GET", url + path)) for path in paths)
        )
        assert paths == [answer.body.decode() for answer in answers]


async def test_why_there_is_no_answer() -> None:
    async with calling(Customer()) as (transport, url):
        for target, why in (
            ("ftp://example.com/", "ftp URLs are not called"),
            ("http://example.com:99999/", "not a URL"),
        ):
            with pytest.raises(NotReached, match=why):
                await transport.deliver(WireRequest("GET", target))
        with pytest.raises(NotReached, match="in time"):
            await transport.deliver(WireRequest("GET", url), 0.1)


def test_private_addresses_are_refused_there() -> None:
    async def scenario(transport: HttpTransportProcess, url: str) -> None:
        with pytest.raises(NotReached, match="address"):
            await transport.deliver(WireRequest("GET", url))

    assert [] == play(Customer(OK), scenario, allow_private=False).asked


async def test_one_that_was_killed_is_replaced() -> None:
    customer = Customer()
    async with calling(customer) as (transport, url):
        asked = asyncio.ensure_future(transport.deliver(WireRequest("GET", url)))
        await customer.came.wait()
        first = pid(transport)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(NotReached, match="has ended"):
            await asked
        customer.answers.append(OK)
        answer = await transport.deliver(WireRequest("GET", url))
        assert b"OK" == answer.body
        assert first != pid(transport)


async def test_what_was_not_yet_said_is_given_up_with_the_rest() -> None:
    async with calling(Customer(OK, OK)) as (transport, url):
        faults: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        await transport.deliver(WireRequest("GET", url))
        asked = asyncio.ensure_future(transport.deliver(WireRequest("GET", url)))
        loop.call_soon(os.kill, pid(transport), signal.SIGKILL)
        loop.call_soon(transport._lost)  # the loop may hear of it before it says more
        with pytest.raises(NotReached, match="has ended"):
            await asked
        answer = await transport.deliver(WireRequest("GET", url))
        assert b"OK" == answer.body
        assert [] == faults
        loop.set_exception_handler(None)


async def test_signals_to_the_whole_group_are_the_gateway_s() -> None:
    async with calling(Customer(OK, OK)) as (transport, url):
        await transport.deliver(WireRequest("GET", url))
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid(transport), number)
        answer = await transport.deliver(WireRequest("GET", url))
        assert b"OK" == answer.body


async def test_whoever_asked_may_go_away() -> None:
    customer = Customer()
    async with calling(customer) as (transport, url):
        asked = asyncio.ensure_future(transport.deliver(WireRequest("GET", url)))
        await customer.came.wait()
        asked.cancel()
        customer.answers.append(OK)
        answer = await transport.deliver(WireRequest("GET", url))
        assert b"OK" == answer.body


async def test_an_end_waits_for_nobody_s_answer() -> None:
    ended: list[int | None] = []

    customer = Customer()
    async with asyncio.timeout(PATIENCE), listening(customer):
        transport = HttpTransportProcess(
            timeout=60.0, allow_private=True, allow_http=True, version="1"
        )
        asked = asyncio.ensure_future(
            transport.deliver(WireRequest("GET", customer.url))
        )
        await customer.came.wait()
        process = transport._process
        await transport.close()
        assert process is not None
        ended.append(process.returncode)
        with pytest.raises(NotReached, match="has ended"):
            await asked
    assert [0] == ended


async def test_one_that_hangs_is_said_to_and_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def becomes(transport: HttpTransportProcess, said: str) -> None:
        while transport.look()[: len(said) or None] != said:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    monkeypatch.setattr(process, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(process, "LATE", 0.1)
    async with calling(Customer(OK, OK)) as (transport, url):
        assert "" == transport.look()  # there is none yet
        await transport.deliver(WireRequest("GET", url))
        first = pid(transport)
        await becomes(transport, "")
        os.kill(first, signal.SIGSTOP)
        await becomes(transport, "the callback process has not answered for")
        monkeypatch.setattr(process, "HANGING", 0.2)
        await becomes(transport, "")
        answer = await transport.deliver(WireRequest("GET", url))
        assert b"OK" == answer.body
        assert first != pid(transport)
        assert "" == transport.look()


async def test_nobody_is_said_to_hang_by_a_gateway_that_was_away_itself() -> None:
    async with calling(Customer(OK)) as (transport, url):
        await transport.deliver(WireRequest("GET", url))
        transport.look()
        transport._unanswered = True
        transport._looked -= 60.0
        transport._asked_at -= 60.0
        assert "" == transport.look()
        assert transport._process is not None
        assert transport._process.poll() is None


async def test_one_that_answers_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOOK_EVERY", 0.0)
    async with calling(Customer(OK)) as (transport, url):
        await transport.deliver(WireRequest("GET", url))
        for _ in range(20):
            transport.look()
            assert transport._unanswered
            while transport._unanswered:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0)

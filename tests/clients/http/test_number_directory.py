"""A number directory behind a URL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.clients.http.number_directory import (
    AT_ONCE,
    HttpNumberDirectory,
    text_at,
)
from budstikke.flow.transports import NotReached
from clients.http.customers import Customer, calling, play

if TYPE_CHECKING:
    from budstikke.clients.http.transport import HttpTransport


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(),
        len(body),
        body,
    )


def look_up(
    customer: Customer, path: str = "/{digits}", **values: Any
) -> tuple[str, str]:
    found: list[tuple[str, str]] = []
    known: dict[str, Any] = {"headers": {}, "name": "name", "address": "address"}

    async def scenario(transport: HttpTransport, url: str) -> None:
        directory = HttpNumberDirectory(transport, url=url + path, **known | values)
        found.append(await directory.find("+4799999999"))

    play(customer, scenario)
    return found[0]


def test_what_is_asked_and_answered() -> None:
    customer = Customer(answer('{"name": " Kari ", "address": "Æ 1", "x": 1}'.encode()))
    headers = {"X-Api-Key": "secret"}
    path = "/v1?n={number}&d={digits}"
    assert ("Kari", "Æ 1") == look_up(customer, path, headers=headers)
    (asked,) = customer.asked
    assert asked.startswith(b"GET /v1?n=%2B4799999999&d=4799999999 HTTP/1.1\r\n")
    assert b"\r\nX-Api-Key: secret\r\n" in asked
    assert b"\r\naccept: application/json\r\n" in asked


def test_keys_lead_into_the_answer() -> None:
    body = b'{"hits": [{"who": {"n": "Kari"}, "lines": ["Storgata 1", null, "0155"]}]}'
    found = look_up(Customer(answer(body)), name="hits.0.who.n", address="hits.0.lines")
    assert ("Kari", "Storgata 1, 0155") == found


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "410 Gone"])
def test_it_has_not_got_the_number(status: str) -> None:
    assert ("", "") == look_up(Customer(answer(b"", status)))


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'"x"', b'{"name": {}, "address": 1.5}']
)
def test_an_answer_without_the_keys(body: bytes) -> None:
    assert ("", "") == look_up(Customer(answer(body)))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(b"{}", "500 Oops"), "HTTP 500"),
        (answer(b"{}", "302 Found"), "HTTP 302"),
        (answer(b"<html>"), "no JSON"),
        (answer(b"[" * 60_000), "no JSON"),
    ],
)
def test_a_directory_that_fails(said: bytes, why: str) -> None:
    with pytest.raises(NotReached, match=why):
        look_up(Customer(said))


async def test_so_many_at_once_and_no_more() -> None:
    customer = Customer()

    async with calling(customer) as (transport, url):
        directory = HttpNumberDirectory(
            transport, url=url + "/{digits}", headers={}, name="n", address="a"
        )
        tasks = [
            asyncio.create_task(directory.find(f"+47{n}")) for n in range(2 * AT_ONCE)
        ]
        while len(customer.asked) < AT_ONCE:
            customer.came.clear()
            await customer.came.wait()
        assert AT_ONCE == customer.connections
        await directory.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert AT_ONCE == len(customer.asked)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.text(),
)
def test_any_answer_gives_a_text(document: Any, path: str) -> None:
    found = text_at(msgspec.json.decode(msgspec.json.encode(document)), path)
    assert len(found) <= 200

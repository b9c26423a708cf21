"""HTTP as old clients speak it, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.servers.bounds import LONGEST_HEAD, LONGEST_VALUE, MOST_HEADERS
from budstikke.servers.lenient_http import escape_target
from servers.talking import Client, Observed, connected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

END = b"\r\nHost: x\r\n\r\n"


class Echo:
    """An application that answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes, bytes]] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            body += message["body"]
            if not message.get("more_body"):
                break
        query = scope["query_string"]
        self.headers.append(list(scope["headers"]))
        self.asked.append((scope["method"], scope["path"], query, body))
        answer = b"%d" % len(self.asked)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def talk(scenario: Callable[[Client, Echo], Awaitable[None]]) -> Echo:
    """Play a scenario on a connection; returns what was asked."""

    async def whole() -> Echo:
        echo = Echo()
        async with connected(echo) as client:
            await scenario(client, echo)
        return echo

    return asyncio.run(whole())


def asked(*pieces: bytes, answers: int = 1) -> list[tuple[str, str, bytes, bytes]]:
    """Send pieces and take so many answers of 200; returns what was asked."""

    async def scenario(client: Client, echo: Echo) -> None:
        await client.say(*pieces)
        for _ in range(answers):
            assert 200 == (await client.hear())[0]

    return talk(scenario).asked


def segments(whole: bytes, size: int) -> list[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def get(query: bytes) -> tuple[str, str, bytes, bytes]:
    return ("GET", "/a", query, b"")


LINES = [
    (b"GET /a?txt=Hei HTTP/1.1", b"txt=Hei"),
    (b"GET /a?txt=bl\xe5b\xe6r HTTP/1.1", b"txt=bl%E5b%E6r"),
    (b"GET /a?txt=bl\xc3\xa5 HTTP/1.1", b"txt=bl%C3%A5"),
    (b"GET /a?txt=Hei du der&x=1 HTTP/1.1", b"txt=Hei%20du%20der&x=1"),
    (b"GET /a?txt= HTTP/1.1 HTTP/1.1", b"txt=%20HTTP/1.1"),
    (b"GET /a?txt=nr #1&x=2 HTTP/1.1", b"txt=nr%20%231&x=2"),
    (b"GET /a?txt=\xe6 \xf8 \xe5 HTTP/1.1", b"txt=%E6%20%F8%20%E5"),
    (b'GET /a?t={a}|<b>^`"\\[]~ HTTP/1.1', b't={a}|<b>^`"\\[]~'),
    (b"GET /a?txt=100%&x=%zz HTTP/1.1", b"txt=100%&x=%zz"),
]


QUERIES = [get(query) for _, query in LINES]


def test_request_lines() -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        for line, _ in LINES:
            await client.say(line + END)
            assert 200 == (await client.hear())[0]

    assert QUERIES == talk(scenario).asked


@pytest.mark.parametrize("size", [1, 7, 16])
def test_request_lines_in_segments(size: int) -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        for line, _ in LINES:
            await client.say(*segments(line + END, size))
            assert 200 == (await client.hear())[0]

    assert QUERIES == talk(scenario).asked


def test_request_lines_cut_anywhere() -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        for line, query in LINES:
            request = line + END
            for cut in range(1, len(request)):
                await client.say(request[:cut], request[cut:])
                assert 200 == (await client.hear())[0]
                assert get(query) == echo.asked[-1]

    talk(scenario)


def test_pipelined() -> None:
    whole = b"".join(line + END for line, _ in LINES)
    assert QUERIES == asked(whole, answers=len(LINES))


def test_pipelined_in_segments_of_any_size() -> None:
    whole = b"".join(line + END for line, _ in LINES)
    for size in (5, 50, 64, 150):
        assert QUERIES == asked(*segments(whole, size), answers=len(LINES))


BODY = b"a b\xe5#\r\n\r\nGET / x HTTP/1.1\r\n\r\n"
POST = b"POST /p?q=\xe5 b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.mark.parametrize("size", [1, 10, 33, 1000])
def test_a_body_is_not_touched(size: int) -> None:
    found = asked(*segments(POST + BODY, size))
    assert [("POST", "/p", b"q=%E5%20b", BODY)] == found


def test_after_a_body_a_line_is_mended_again() -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        for _ in range(3):
            await client.say(POST + BODY)
            assert 200 == (await client.hear())[0]
            await client.say(b"GET /a?x=\xe5 y HTTP/1.1" + END)
            assert 200 == (await client.hear())[0]

    both = [("POST", "/p", b"q=%E5%20b", BODY), get(b"x=%E5%20y")]
    assert both * 3 == talk(scenario).asked


@pytest.mark.parametrize("extra", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_line_ends_between_requests(extra: bytes) -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        await client.say(POST + BODY + extra)
        assert 200 == (await client.hear())[0]
        await client.say(extra, b"GET /a?x=\xe5 y HTTP/1.1" + END)
        assert 200 == (await client.hear())[0]

    assert get(b"x=%E5%20y") == talk(scenario).asked[-1]


def test_chunked_bodies() -> None:
    head = b"POST /p?q=1 2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = asked(head + b"3\r\na b\r\n", b"2\r\n\r\n\r\n0\r\n\r\n")
    assert [("POST", "/p", b"q=1%202", b"a b\r\n")] == found


def test_thirty_kilobytes_in_a_url_however_long_they_are_when_mended() -> None:
    text = b"x \xe5" * 10_000
    (found,) = asked(b"GET /a?txt=" + text + b" HTTP/1.1" + END)
    assert b"txt=" + text.replace(b" ", b"%20").replace(b"\xe5", b"%E5") == found[2]


async def refused(client: Client, *pieces: bytes) -> int:
    """Send what is too much; gives the status, and the end that must follow."""
    for piece in pieces:
        client.writer.write(piece)
        await asyncio.sleep(0)
    status, _ = await client.hear()
    with contextlib.suppress(ConnectionError):
        assert b"" == await client.reader.read()
    return status


LONG = LONGEST_HEAD - 100
FIELD = b"X-A: " + b"x" * 1000 + b"\r\n"
HEAD = b"GET /a HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET /a?txt=" + b"x" * LONGEST_HEAD], 414),
        ([b"GET /a?txt=" + b"x" * LONGEST_HEAD + b" HTTP/1.1" + END], 414),
        ([b"GET /a?txt="] + [b"x" * 1000] * 40, 414),
        ([HEAD + FIELD * 40], 431),
        ([HEAD] + [FIELD] * 40, 431),
        ([HEAD + FIELD * 40 + b"\r\n"], 431),
        ([HEAD + b"X-A: " + b"x" * (LONGEST_VALUE + 1) + b"\r\n\r\n"], 431),
        ([HEAD + b"X-A: x\r\n" * MOST_HEADERS + b"\r\n"], 431),
        ([b"GET /a?" + b"x" * LONG + b" HTTP/1.1\r\n", b"Host: x\r\n" + FIELD], 431),
    ],
)
def test_what_is_more_is_refused_and_hung_up_on(
    pieces: list[bytes], status: int
) -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        assert status == await refused(client, *pieces)

    assert [] == talk(scenario).asked


def test_a_head_may_be_as_long_as_the_docs_say() -> None:
    fields = b"X-A: " + b"x" * (LONGEST_VALUE - 5) + b"\r\n"
    rest = LONGEST_HEAD - len(HEAD) - 3 * len(fields) - len(b"X-B: \r\n\r\n")
    whole = HEAD + fields * 3 + b"X-B: " + b"x" * rest + b"\r\n\r\n"
    assert LONGEST_HEAD == len(whole)
    assert [get(b"")] == asked(whole)
    assert [get(b"")] == asked(*segments(whole, 1000))


def test_what_follows_a_chunked_body_is_bounded_and_no_header() -> None:
    head = b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def scenario(client: Client, echo: Echo) -> None:
        await client.say(head + b"0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
        assert 200 == (await client.hear())[0]
        assert 431 == await refused(client, head + b"0\r\n", *[FIELD] * 40)

    found = talk(scenario)
    assert ("POST", "/p", b"", b"") == found.asked[0]
    assert [b"host", b"transfer-encoding"] == [name for name, _ in found.headers[0]]


@pytest.mark.parametrize(
    "hosts",
    [b"Host: [", b"Host: [zz]", b"Host: a/b", b"Host: a\r\nHost: b", b"Host: a b"],
)
def test_a_host_that_is_none_is_refused(hosts: bytes) -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        assert 400 == await refused(
            client, b"GET /a HTTP/1.1\r\n" + hosts + END[:2] * 2
        )

    assert [] == talk(scenario).asked


@pytest.mark.parametrize(
    "host", [b"x", b"", b"x:", b"x:80", b"[::1]:80", b"a_b.example", b"192.0.2.1"]
)
def test_a_host_that_is_one_passes(host: bytes) -> None:
    assert [get(b"")] == asked(b"GET /a HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")


def test_pipelined_requests_are_worked_one_at_a_time() -> None:
    """A segment of thousands of requests does not stop everybody else."""

    async def scenario(client: Client, echo: Echo) -> None:
        client.writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
        await client.hear()
        (protocol,) = Observed.present
        assert not protocol.pipeline
        for _ in range(1999):
            assert 200 == (await client.hear())[0]

    assert 2000 == len(talk(scenario).asked)


def test_a_pipelined_request_behind_a_body_is_mended() -> None:
    line = b"GET /a?x=\xe5 y HTTP/1.1" + END
    found = asked(POST + BODY + line, answers=2)
    assert [("POST", "/p", b"q=%E5%20b", BODY), get(b"x=%E5%20y")] == found


@pytest.mark.parametrize(
    "line", [b"GARBAGE", b"\x16\x03\x01\x02\x00", b"GET", b"GET  HTTP/1.1"]
)
def test_what_is_no_http_is_refused(line: bytes) -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        await client.say(line + END)
        assert 400 == (await client.hear())[0]

    assert [] == talk(scenario).asked


def test_a_client_that_hangs_up_in_the_middle_of_a_body() -> None:
    async def scenario(client: Client, echo: Echo) -> None:
        await client.say(POST + BODY[:5])
        client.writer.close()
        await echo.gone.wait()

    assert [] == talk(scenario).asked


@given(st.binary(max_size=60).filter(lambda text: b"\n" not in text))
def test_what_is_mended_is_ascii_and_says_the_same(text: bytes) -> None:
    line = b"GET /a?" + text + b" HTTP/1.1"
    escaped = escape_target(line)
    assert escaped.isascii()
    assert 2 == escaped.count(b" ")
    assert b"#" not in escaped
    target = escaped.removeprefix(b"GET ").removesuffix(b" HTTP/1.1")
    for escaped in {*range(0x80, 0x100), 0x20, 0x23}:
        target = target.replace(b"%%%02X" % escaped, bytes([escaped]))
    if b"%" not in text:
        assert b"/a?" + text == target

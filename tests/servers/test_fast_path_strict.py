"""The fast path takes nothing that another parser refuses or reads otherwise."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import h11
import httptools
import pytest

from budstikke.servers.fast_path import FastPathProtocol
from chaos.mutate import mutate
from servers.test_http import Served

if TYPE_CHECKING:
    from budstikke.wire import WireRequest

TARGET = b"/psk/push.php?serviceid=1234&phoneno=004799999999&txt=Hei&fromid=B"
HEADS = [
    b"GET " + TARGET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET " + TARGET + b" HTTP/1.1\r\nHost: x:80\r\nConnection: keep-alive\r\n"
    b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n",
    (
        b"GET /PSK/push.php?a=%E5 HTTP/1.1\r\nAccept: */*\r\nhost:\t[::1]:8080 \r\n"
        b"User-Agent: curl/8 (x; y) \xe5\r\nAuthorization:Basic YTpi\r\nX:\r\n\r\n"
    ),
]
TRICKS = (
    *(b"Content-Length : 30\r\n", b"Content-Length: 30\r\n", b"Content-Length\t:3\r\n"),
    *(b"\n", b"\r", b"\r\n", b"\r\n ", b"\r\n\t", b"no colon\r\n", b": x\r\n"),
    *(b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n"),
    *(b"Host: y\r\n", b"Host : y\r\n", b"\0", b"\x7f", b"\x0b", b"\x85", b"(", b'"'),
    *(
        b"\r\n\r\nGET /psk/push.php HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\n\n",
        b" :",
        b"[",
        b"#",
    ),
)
HEADS_TRIED = 100_000


class Lane:
    """``_cut_request`` of a connection that has no socket."""

    client = ("127.0.0.1", 1)
    scheme = "http"

    def __init__(self) -> None:
        self._server = Served().app

    def take(self, data: bytes) -> WireRequest | None:
        this: Any = self
        if not data.startswith(b"GET "):  # as ``work`` asks
            return None
        found = FastPathProtocol._cut_request(this, data, self._server)
        return None if found is None else found[1]


def mutated(dice: random.Random) -> bytes:
    head = dice.choice(HEADS)
    if dice.randrange(4) == 0:
        return mutate(head, dice)
    for _ in range(dice.randint(1, 2)):
        at = dice.choice([head.find(b"\r\n") + 2, dice.randrange(len(head) + 1)])
        head = head[:at] + dice.choice(TRICKS) + head[at + dice.randrange(2) :]
    return head


def by_h11(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """Read one request that is alone and has no body; ``None``: it is none."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            return None
        assert isinstance(connection.next_event(), h11.EndOfMessage)
    except h11.RemoteProtocolError:
        return None
    assert b"" == connection.trailing_data[0]
    return request.target, list(request.headers)


class Parsed:
    """What the parser of the usual way finds."""

    def __init__(self) -> None:
        self.url, self.done = b"", 0
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.done += 1


def by_httptools(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    parsed = Parsed()
    try:
        httptools.HttpRequestParser(parsed).feed_data(data)
    except httptools.HttpParserError:
        return None
    return (parsed.url, parsed.headers) if parsed.done == 1 else None


def joined(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1"), value.decode("latin-1").strip(" \t")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


@pytest.mark.parametrize("head", HEADS)
def test_what_is_plain_is_taken(head: bytes) -> None:
    assert Lane().take(head) is not None


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_among_the_headers_goes_the_usual_way(trick: bytes) -> None:
    if trick == b"(":
        trick = b"(: x\r\n"
    head = HEADS[0].replace(b"Host: x\r\n", b"Host: x\r\n" + trick)
    assert Lane().take(head) is None


def test_what_is_taken_is_what_other_parsers_read() -> None:
    dice = random.Random(911)  # noqa: S311 - dice
    lane, taken = Lane(), 0
    for _ in range(HEADS_TRIED):
        data = mutated(dice)
        request = lane.take(data)
        if request is None:
            continue
        taken += 1
        for found in (by_h11(data), by_httptools(data)):
            assert found is not None, data
            target, headers = found
            asked = request.target.encode() + (
                b"?" + request.query if request.query else b""
            )
            assert target.rstrip(b"?") == asked, data
            assert joined(headers) == dict(request.headers), data
    assert taken > HEADS_TRIED // 50

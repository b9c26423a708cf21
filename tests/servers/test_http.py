"""The ASGI application: routes, bodies, and what goes wrong in the dialect's words."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from budstikke.dialects.front import Front
from budstikke.dialects.front.settings import Settings
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.message import Accepted, Order
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.auth import Authenticator
from budstikke.servers.http import HttpServer
from budstikke.servers.public_lookups import PublicLookups
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.contract import Call
    from budstikke.wire import WireResponse
from servers.talking import connected

PUSH = "/psk/push.php"
QUERY = b"serviceid=1234&phoneno=004799999999&txt=Hei&fromid=B"
SECRET = "do not show this to anyone"  # in an exception's message
MAX_BODY = 1000


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Acceptor:
    """Answers with id 7, or raises what it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.orders: list[Order] = []

    async def accept(self, order: Order, access: Access) -> Accepted:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.orders.append(order)
        return Accepted(7, [7], 1)


class Broken(Front):
    """Front with bugs."""

    where = ""

    def parse(self, call: Call, access: Any, now: float) -> Any:
        if self.where == "parse":
            raise ZeroDivisionError(SECRET)
        return super().parse(call, access, now)

    def render(self, call: Call, answer: Any, now: float) -> WireResponse:
        if self.where == "render" and isinstance(answer, Accepted):
            raise ZeroDivisionError(SECRET)
        if self.where == "refusal":
            raise ZeroDivisionError(SECRET)
        return super().render(call, answer, now)


class Served:
    """The application with Front, and everything else answered 404."""

    def __init__(self, **values: Any) -> None:
        self.front = Broken()
        self.acceptor = Acceptor()
        access = Access(
            id=1,
            account=Account(id=1, name="a", grants=("*",)),
            dialect="front",
            identifier="1234",
            networks=(ip_network("127.0.0.0/8"),),
            require_https=False,
            settings=Settings(),
        )
        directory = Directory(revision=1, accesses={1: access}, carriers={})
        known: dict[str, Any] = {
            "dialects": {"front": self.front},
            "directory": lambda: directory,
            "authenticator": Authenticator(),
            "acceptor": self.acceptor,
            "query_handler": None,
            "rest": not_found,
            "max_body": MAX_BODY,
            "trusted": (),
            "clock": lambda: 1000.0,
        }
        parts = known | values
        parts.setdefault(
            "lookups",
            PublicLookups(parts["query_handler"], parts["directory"], parts["clock"]),
        )
        self.app = HttpServer(**parts)

    def ask(
        self,
        method: str = "GET",
        path: str = PUSH,
        *,
        query: bytes = QUERY,
        body: Sequence[bytes | None] = (b"",),
        client: str = "127.0.0.1",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Answer:
        """Make one request; ``None`` in the body: the client hangs up."""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(headers),
            "client": (client, 5000),
            "scheme": "http",
        }
        incoming = [
            {"type": "http.disconnect"}
            if piece is None
            else {
                "type": "http.request",
                "body": piece,
                "more_body": number < len(body),
            }
            for number, piece in enumerate(body, 1)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        start, end = sent
        return Answer(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            end["body"],
        )


async def not_found(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": scope["type"].encode()})


# Routes


def test_accepted() -> None:
    answer = Served().ask()
    assert (200, b"ErrorCode=0, ID=7") == (answer.status, answer.body)
    assert "17" == answer.headers["content-length"]
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", [PUSH, PUSH.upper(), "/PSK/Push.Php"])
def test_paths_are_matched_in_any_case(path: str) -> None:
    assert 200 == Served().ask(path=path).status


@pytest.mark.parametrize("path", ["/", "/psk", PUSH + "/", "/psk/push.php5", "//"])
def test_unknown_paths_are_for_the_rest(path: str) -> None:
    assert (404, b"http") == Served().ask(path=path)[::2]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", PUSH, "GET, POST"),
        ("HEAD", PUSH, "GET, POST"),
        ("GET", "/psk/push_bulk.php", "POST"),
        ("DELETE", "/PSK/push_bulk.php", "POST"),
        ("get", PUSH, "GET, POST"),
    ],
)
def test_wrong_methods_are_told_which_are_right(
    method: str, path: str, allowed: str
) -> None:
    served = Served()
    answer = served.ask(method, path)
    assert (405, allowed) == (answer.status, answer.headers["allow"])
    assert [] == served.acceptor.orders


def test_what_is_not_http_is_for_the_rest() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    asyncio.run(Served().app({"type": "lifespan"}, receive, send))
    assert b"lifespan" == sent[1]["body"]


# Bodies

BODY = b'{"serviceid":1234,"phoneno":"+4799999999","txt":"Hei bl\xc3\xa5","fromid":"B"}'


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_in_pieces(size: int) -> None:
    served = Served()
    pieces = [BODY[at : at + size] for at in range(0, len(BODY), size)]
    answer = served.ask("POST", query=b"", body=pieces)
    assert 200 == answer.status
    assert b'"id":7' in answer.body
    assert ["Hei blå"] == [order.text for order in served.acceptor.orders]


@pytest.mark.parametrize(
    "pieces", [[b" " * (MAX_BODY + 1)], [b" " * 600, b" " * 401], [b" "] * 1001]
)
def test_a_body_that_is_too_large(pieces: list[bytes]) -> None:
    served = Served()
    answer = served.ask("POST", query=b"", body=pieces)
    assert 413 == answer.status
    assert b'"errorcode":8' in answer.body
    assert [] == served.acceptor.orders


def test_a_body_that_is_just_not_too_large() -> None:
    body = [BODY + b" " * (MAX_BODY - len(BODY) - 1), b" "]
    assert 200 == Served().ask("POST", query=b"", body=body).status


@pytest.mark.parametrize("pieces", [[None], [BODY, None], [b"", BODY, None]])
def test_a_client_that_hangs_up_is_not_served(pieces: list[bytes | None]) -> None:
    served = Served()
    answer = served.ask("POST", query=b"", body=pieces)
    assert 400 == answer.status
    assert [] == served.acceptor.orders


# What goes wrong


def test_the_store_is_away(caplog: pytest.LogCaptureFixture) -> None:
    served = Served()
    served.acceptor.error = StoreUnavailable("disk full")
    answer = served.ask()
    assert (503, b"ErrorCode=99, ID=0") == (answer.status, answer.body)
    assert [
        "refused a request, the database is unavailable: disk full"
    ] == caplog.messages


def test_the_store_is_away_for_json() -> None:
    served = Served()
    served.acceptor.error = StoreUnavailable("disk full")
    answer = served.ask("POST", query=b"", body=[BODY])
    assert 503 == answer.status
    assert b'"errorcode":99' in answer.body
    assert b"disk" not in answer.body


@pytest.mark.parametrize("where", ["parse", "accept", "render"])
def test_a_bug_is_logged_and_not_shown(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served()
    served.front.where = where
    if where == "accept":
        served.acceptor.error = ZeroDivisionError(SECRET)
    answer = served.ask()
    assert (500, b"ErrorCode=99, ID=0") == (answer.status, answer.body)
    (record,) = caplog.records
    assert (logging.ERROR, "request failed: internal error in front") == (
        record.levelno,
        record.message,
    )
    assert SECRET in caplog.text
    served.front.where, served.acceptor.error = "", None
    assert 200 == served.ask().status


def test_a_refusal_that_cannot_be_written_is_answered_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served()
    served.front.where = "refusal"
    answer = served.ask()
    assert (500, b"Internal error\n") == (answer.status, answer.body)
    messages = [record.message for record in caplog.records]
    assert [
        "request failed: internal error in front",
        "front cannot write its own refusal",
    ] == messages


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (RefusalCode.NO_CREDIT, 200),
        (RefusalCode.TOO_MANY_REQUESTS, 429),
        (RefusalCode.HELD, 200),
    ],
)
def test_a_refusal_is_in_the_dialects_words(code: RefusalCode, status: int) -> None:
    served = Served()
    served.acceptor.error = Refusal(code)
    answer = served.ask()
    assert status == answer.status
    assert answer.body.startswith(b"ErrorCode=")
    assert not answer.body.startswith(b"ErrorCode=0")


def test_whatever_octets_are_answered() -> None:
    served = Served()
    for query in (b"", b"\xff\xfe", b"&&&==&=%", b"serviceid=%00", b"a" * 100_000):
        assert 200 == served.ask(query=query).status
    for body in (b"", b"\xff", b"[]", b"nul", b'{"serviceid":', b'{"serviceid":{}}'):
        assert served.ask("POST", body=[body]).status in (200, 400)
    assert [] == served.acceptor.orders


# Who is calling


@pytest.mark.parametrize(
    ("client", "trusted", "headers", "code"),
    [
        ("127.0.0.1", (), [], 0),
        ("10.0.0.1", (), [], 2),
        ("10.0.0.1", (), [(b"x-forwarded-for", b"127.0.0.1")], 2),
        ("10.0.0.1", ("10.0.0.0/8",), [(b"x-forwarded-for", b"127.0.0.1")], 0),
        ("127.0.0.1", ("127.0.0.1",), [(b"x-forwarded-for", b"192.0.2.1")], 2),
    ],
)
def test_addresses(
    client: str,
    trusted: tuple[str, ...],
    headers: list[tuple[bytes, bytes]],
    code: int,
) -> None:
    served = Served(trusted=tuple(map(ip_network, trusted)))
    answer = served.ask(client=client, headers=headers)
    assert answer.body.startswith(b"ErrorCode=%d," % code)


def test_refusals_are_heard_of() -> None:
    heard: list[tuple[str, Access | None, RefusalCode]] = []

    def refused(dialect: Any, call: Call, access: Any, refusal: Refusal) -> None:
        heard.append((dialect.name, access and access.id, refusal.code))

    served = Served(refused=refused)
    served.ask()
    served.ask(query=b"serviceid=9")
    served.acceptor.error = Refusal(RefusalCode.NO_CREDIT)
    served.ask()
    assert [
        ("front", None, RefusalCode.UNKNOWN_LOGIN),
        ("front", 1, RefusalCode.NO_CREDIT),
    ] == heard


# Over a socket


def talk(served: Served, *requests: bytes) -> list[tuple[int, bytes]]:
    """Make requests one after the other on one connection."""

    async def whole() -> list[tuple[int, bytes]]:
        answers = []
        async with connected(served.app) as client:
            for request in requests:
                await client.say(request)
                answers.append(await client.hear())
        return answers

    return asyncio.run(whole())


def get(query: bytes) -> bytes:
    return b"GET /psk/push.php?" + query + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes) -> bytes:
    head = b"POST /psk/push.php HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def test_raw_latin_1_and_blanks_reach_the_order() -> None:
    served = Served()
    query = b"serviceid=1234&phoneno=0047 99999999&fromid=B&txt=Bl\xe5b\xe6r p\xe5 #1"
    assert [(200, b"ErrorCode=0, ID=7")] == talk(served, get(query))
    (order,) = served.acceptor.orders
    assert ("0047 99999999", "Blåbær på #1") == (order.recipients[0], order.text)


def test_as_much_text_as_a_head_holds_is_read_and_the_next_is_served() -> None:
    served = Served()
    start = b"serviceid=1234&phoneno=004799999999&fromid=B&txt="
    answers = talk(served, get(start + b"x" * 30_000), get(start + b"Hei"))
    assert [200, 200] == [status for status, _ in answers]
    assert [30_000, 3] == [len(order.text) for order in served.acceptor.orders]


def test_ten_megabytes_of_body_are_refused_and_the_next_is_served() -> None:
    served = Served()
    answers = talk(served, post(b" " * 10_000_000), post(BODY), get(QUERY))
    assert [413, 200, 200] == [status for status, _ in answers]
    assert 2 == len(served.acceptor.orders)


def test_a_bug_shows_nothing_to_the_client() -> None:
    served = Served()
    served.acceptor.error = ZeroDivisionError(SECRET)
    ((status, body),) = talk(served, get(QUERY))
    assert (500, b"ErrorCode=99, ID=0") == (status, body)

from __future__ import annotations

import asyncio
import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers.simulator.fates import SUMMARIES
from budstikke.carriers.simulator.phones import Change, Phones
from budstikke.carriers.simulator.web import app as simulator
from budstikke.carriers.simulator.web.app import simulator_app
from budstikke.domain.message import Part
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

OLA = "+4799999999"
NOW = 1_793_534_400.0
PATH = f"/simulator/phones/{OLA}/messages"


class Answer:
    """What an ASGI application answered."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    on_event: Callable[[int], bool] = lambda _: False,
) -> Answer:
    """
    Make one request of an ASGI application.

    The client leaves after the answer, or when ``on_event`` says so, which is told how
    many server-sent events have come.
    """
    path, _, query = target.partition("?")
    pieces = [(body[:10], True), (body[10:], False)]
    started: dict[str, Any] = {}
    octets: list[bytes] = []
    done = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not pieces:
            await done.wait()
            return {"type": "http.disconnect"}
        piece, more = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
            return
        octets.append(message.get("body", b""))
        events = b"".join(octets).count(b"data:")
        if not message.get("more_body") or (events and on_event(events)):
            done.set()

    scope = {
        "type": "http",
        "method": method,
        # As servers do it: percent-decoded.
        "path": path.replace("%2B", "+").replace("%20", " "),
        "query_string": query.encode(),
        "headers": [(n.encode(), v.encode()) for n, v in (headers or {}).items()],
    }
    async with asyncio.timeout(PATIENCE):
        await app(scope, receive, send)
    return Answer(
        started["status"],
        {n.decode(): v.decode() for n, v in started["headers"]},
        b"".join(octets),
    )


class Site:
    """Phones, and their HTTP application."""

    def __init__(self, **sizes: int) -> None:
        self.phones = Phones(**sizes)
        self.app = simulator_app(self.phones, fates=SUMMARIES, clock=lambda: NOW)

    def ask(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        body = raw or b"" if content is None else json.dumps(content).encode()
        return asyncio.run(ask(self.app, method, target, body, headers=headers))

    def receive(self, text: str = "Hei", **changes: Any) -> None:
        fields: dict[str, Any] = {
            "id": 257,
            "number": 1,
            "total": 1,
            "originator": "2229",
            "recipient": OLA,
            "text": text,
            "encoding": "gsm",
            "tables": (0, 0),
            "flash": False,
            "protocol_id": 0,
            "priority": 1,
            "expires_at": 0.0,
            "report": True,
        }
        self.phones.receive(Part(**(fields | changes)), 1, NOW)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    "written", [OLA, "%2B4799999999", "%204799999999", "4799999999", "004799999999"]
)
def test_messages_however_the_plus_arrived(site: Site, written: str) -> None:
    site.receive(flash=True, protocol_id=65)

    answer = site.ask("GET", f"/simulator/phones/{written}/messages")

    assert 200 == answer.status
    assert "application/json" == answer.headers["content-type"]
    assert [
        {
            "id": 1,
            "originator": "2229",
            "text": "Hei",
            "encoding": "gsm",
            "segments": 1,
            "flash": True,
            "protocol_id": 65,
            "received_at": "2026-11-01T12:00:00.000Z",
            "kind": "sms",
            "subject": "",
            "parts": [],
        }
    ] == answer.json


def test_messages_after_one_that_is_known(site: Site) -> None:
    site.receive("a")
    site.receive("b")

    answer = site.ask("GET", PATH + "?after=1")

    assert ["b"] == [message["text"] for message in answer.json]
    assert 400 == site.ask("GET", PATH + "?after=x").status


def test_a_phone_that_was_never_used_has_no_messages(site: Site) -> None:
    assert (200, []) == ((answer := site.ask("GET", PATH)).status, answer.json)
    assert [] == site.ask("GET", "/simulator/phones").json


def test_phones_are_listed(site: Site) -> None:
    site.receive()
    expected = {
        "number": OLA,
        "on": True,
        "messages": 1,
        "last_at": "2026-11-01T12:00:00.000Z",
    }

    assert [expected] == site.ask("GET", "/simulator/phones").json
    assert expected == site.ask("GET", f"/simulator/phones/{OLA}").json
    unused = site.ask("GET", "/simulator/phones/+4711111111").json
    assert {"number": "+4711111111", "on": True, "messages": 0, "last_at": None} == (
        unused
    )


@pytest.mark.parametrize("to", ["2229", 2229, "26114123456789", "+4798888888"])
def test_sending_from_a_phone(site: Site, to: str | int) -> None:
    answer = site.ask("POST", PATH, {"to": to, "text": "JA takk 😀"})

    assert 201 == answer.status
    assert {
        "id": 1,
        "from": OLA,
        "to": str(to),
        "text": "JA takk 😀",
        "sent_at": "2026-11-01T12:00:00.000Z",
        "kind": "sms",
        "subject": "",
        "parts": [],
    } == answer.json
    assert [(OLA, str(to), "JA takk 😀")] == [
        (sent.phone, sent.to, sent.text) for sent in site.phones.take(10)
    ]


def test_emptying_a_phone(site: Site) -> None:
    site.receive()

    assert {"deleted": 1} == site.ask("DELETE", PATH).json
    assert [] == site.ask("GET", PATH).json


def test_switching_a_phone(site: Site) -> None:
    off = site.ask("PUT", f"/simulator/phones/{OLA}", {"on": False})

    assert (200, False) == (off.status, off.json["on"])
    refused = site.ask("POST", PATH, {"to": "2229", "text": "a"})
    assert (409, "phone_off") == (refused.status, refused.json["error"])

    assert site.ask("PUT", f"/simulator/phones/{OLA}", {"on": True}).json["on"]
    assert 201 == site.ask("POST", PATH, {"to": "2229", "text": "a"}).status


def test_a_full_queue(site: Site) -> None:
    site = Site(outbox=1)
    site.ask("POST", PATH, {"to": "2229", "text": "a"})

    answer = site.ask("POST", PATH, {"to": "2229", "text": "b"})

    assert (503, "queue_full") == (answer.status, answer.json["error"])


@pytest.mark.parametrize(
    ("method", "target", "raw", "expected"),
    [
        ("GET", "/simulator/phones/abc/messages", None, (400, "bad_number")),
        ("GET", "/simulator/phones/+/messages", None, (400, "bad_number")),
        ("GET", "/simulator/phones/12", None, (400, "bad_number")),
        ("GET", "/simulator?phone=abc", None, (400, "bad_number")),
        ("GET", "/simulator/phones/abc/events", None, (400, "bad_number")),
        ("GET", "/simulator/nothing", None, (404, "not_found")),
        ("GET", "/simulator/static/secret", None, (404, "not_found")),
        ("PATCH", PATH, None, (405, "method_not_allowed")),
        ("GET", f"{PATH}?after={'9' * 5000}", None, (400, "bad_field")),
        ("GET", f"{PATH}?after=0{'&a' * 51}", None, (400, "bad_field")),
        ("GET", f"{PATH}/{'9' * 5000}/parts/1", None, (404, "not_found")),
        ("GET", f"{PATH}/1/parts/{'9' * 5000}", None, (404, "not_found")),
        ("GET", f"{PATH}/x/parts/1", None, (404, "not_found")),
        ("GET", f"/simulator/phones/{'9' * 5000}", None, (400, "bad_number")),
        ("POST", PATH, b'{"x":' + b"[" * 100_000, (400, "malformed")),
        ("PUT", f"/simulator/phones/{OLA}", b"[" * 100_000, (400, "bad_field")),
        ("POST", PATH, b'{"to":' + b"9" * 5000 + b"}", (400, "bad_field")),
        ("POST", PATH, b"{", (400, "malformed")),
        ("POST", PATH, b"", (400, "malformed")),
        ("POST", PATH, b"\xff\xfe", (400, "malformed")),
        ("POST", PATH, b'{"to":"22","text":"\xff"}', (400, "malformed")),
        ("POST", PATH, b'{"to":"2229","text":"\\ud800"}', (400, "malformed")),
        ("POST", PATH, b"[]", (400, "bad_field")),
        ("POST", PATH, b'{"to":"2229"}', (400, "bad_field")),
        ("POST", PATH, b'{"to":"2229","text":1}', (400, "bad_field")),
        ("POST", PATH, b'{"to":"2229","text":""}', (400, "bad_field")),
        ("POST", PATH, b'{"to":"","text":"a"}', (400, "bad_field")),
        ("POST", PATH, b'{"to":"a;b","text":"a"}', (400, "bad_field")),
        (
            "POST",
            PATH,
            b'{"to":"2229","text":"%s"}' % (b"a" * 5001),
            (413, "too_large"),
        ),
        ("POST", PATH, b" " * 1_100_000, (413, "too_large")),
        ("PUT", f"/simulator/phones/{OLA}", b'{"on":"no"}', (400, "bad_field")),
    ],
)
def test_errors_are_clear_json(
    site: Site, method: str, target: str, raw: bytes | None, expected: tuple[int, str]
) -> None:
    answer = site.ask(method, target, raw=raw)

    assert expected == (answer.status, answer.json["error"])
    assert answer.json["message"]
    assert [] == site.phones.take(10)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://other.example", "host": "localhost:8080"},
        {"origin": "http://localhost:8081", "host": "localhost:8080"},
        {"origin": "null", "host": "localhost:8080"},
    ],
)
def test_what_a_browser_does_for_another_site_is_refused(
    site: Site, headers: dict[str, str]
) -> None:
    for method in ("POST", "DELETE"):
        answer = site.ask(method, PATH, {"to": "2229", "text": "a"}, headers=headers)
        assert (403, "cross_site") == (answer.status, answer.json["error"])


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:8080", "host": "localhost:8080"},
        {"origin": "https://sms.example", "sec-fetch-site": "same-origin"},
    ],
)
def test_what_a_browser_does_for_our_own_page_is_done(
    site: Site, headers: dict[str, str]
) -> None:
    answer = site.ask("POST", PATH, {"to": "2229", "text": "a"}, headers=headers)
    assert 201 == answer.status


class Tags(HTMLParser):
    """Collects elements, and the text that people see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for n, v in attrs if n in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_list_page(site: Site) -> None:
    site.receive()
    site.phones.switch(OLA, on=False)

    answer = site.ask("GET", "/simulator")

    page = Tags(answer.body.decode())
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert OLA in page.text
    assert "switched off" in page.text
    assert "throttled three times first" in page.text
    assert f"/simulator?phone=%2B{OLA[1:]}" in page.links
    assert all(link.startswith("/simulator") for link in page.links)


def test_the_phone_page_escapes_everything(site: Site) -> None:
    evil = "<script>alert('1')</script>\"&"
    site.receive(evil, originator=evil)
    site.ask("POST", PATH, {"to": "2229", "text": evil})

    answer = site.ask("GET", f"/simulator?phone={OLA}")

    page = Tags(answer.body.decode())
    assert 1 == page.tags.count("script")
    assert page.text.count(evil) == 3
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy


def test_the_phone_page_shows_what_matters_of_a_message(site: Site) -> None:
    site.receive("Vi sees 🇳🇴 nå", encoding="ucs2", flash=True, protocol_id=65)

    page = Tags(site.ask("GET", f"/simulator?phone={OLA}").body.decode())

    for fact in [
        "2229",
        "2026-11-01 12:00:00",
        "UCS-2",
        "1 segment",
        "flash",
        "replace type 1",
        "UCS-2 because of 🇳🇴",
        "Vi sees 🇳🇴 nå",
        "Switch off",
    ]:
        assert fact in page.text


@pytest.mark.parametrize("name", ["phones.css", "phones.js"])
def test_the_assets_are_served(site: Site, name: str) -> None:
    answer = site.ask("GET", f"/simulator/static/{name}")

    assert (200, True) == (answer.status, len(answer.body) > 100)
    assert "nosniff" == answer.headers["x-content-type-options"]


def lines(answer: Answer) -> list[str]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [line for line in answer.body.decode().split("\n") if line]


def test_events_until_the_client_leaves(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "BREATH", 0)

    def on_event(count: int) -> bool:
        site.receive()
        return count == 3

    answer = asyncio.run(ask(site.app, "GET", "/simulator/events", on_event=on_event))

    assert ["retry: 1000", *["data: changed"] * 3] == lines(answer)
    assert not any(site.phones._watchers[change] for change in Change)


def test_events_of_one_phone_until_the_stream_ends(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "STREAM_SECONDS", 0.1)
    monkeypatch.setattr(simulator, "BREATH", 0)

    def on_event(_count: int) -> bool:
        site.receive()
        return False

    events = "/simulator/phones/+4711111111/events"
    answer = asyncio.run(ask(site.app, "GET", events, on_event=on_event))

    assert ["retry: 1000", "data: changed"] == lines(answer)


async def test_faults_are_switched_and_reset() -> None:
    phones = Phones()
    app, path = simulator_app(phones), "/simulator/faults"
    before = (await ask(app, "GET", path)).json
    assert {"no_receipts", "half_open"} <= before.keys()
    changed = await ask(app, "PUT", path, b'{"no_receipts": true}')
    changed = await ask(app, "PUT", path, b'{"answer_delay": 2}')
    assert before | {"no_receipts": True, "answer_delay": 2} == changed.json
    assert phones.faults.no_receipts
    for wrong in (b'{"nonsense": 1}', b'{"answer_delay": -1}'):
        assert (await ask(app, "PUT", path, wrong)).status == 400
    assert phones.faults.answer_delay == 2
    assert before == (await ask(app, "DELETE", path)).json
    assert not phones.faults.no_receipts

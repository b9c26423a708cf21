"""Front's pause: the customer is down, 500 messages wait, and a link lets them go."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import AsyncExitStack
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from budstikke import app, config
from budstikke import gateway as program
from budstikke.carriers.simulator.phones import Phones
from budstikke.flow.clock import steady
from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import free_port, wait_until
from journeys.twoway import OWNED, access
from journeys.web import Answer, Background, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

MESSAGES = 500
WATCH = "+4790000199"
"""A phone that is told of pauses."""


class Customer:
    """A customer's server on the standard library's; its status is what it answers."""

    def __init__(self) -> None:
        self.status = 500
        self.tried: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        customer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = customer.status
                told = customer.taken if status == 200 else customer.tried
                told.append(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/in"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Post:
    """A mail server; ``mails`` are what it took."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str]] = []
        self.port = free_port()

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _smtp: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        body = mail.get_body()
        assert body is not None
        self.mails.append((envelope.rcpt_tos, body.get_content()))
        return "250 OK"


class Site:
    """A gateway in this process, whose clock the test moves, and all around it."""

    def __init__(self, folder: Path, own: Own) -> None:
        self.customer: Customer = own(Customer())
        self.post = Post()
        self.ahead = 0.0
        settings = {
            "two_way": True,
            "inbound_url": self.customer.url,
            "inbound_alerts": ["ola@kunde.example"],
            "inbound_alert_numbers": [WATCH],
        }
        account = {
            "name": "acme",
            "access": [access("front", "1000", **settings)],
            "number": [{"value": OWNED}],
        }
        mail = {"host": "127.0.0.1", "port": self.post.port, "tls": "none"}
        self.gateway = Gateway(
            folder,
            simulator_carrier(),
            [account],
            {
                "simulator": {"enabled": True},
                "mail": mail | {"sender": "alerts@gateway.example"},
            },
        )
        self._background: Background = own(Background())
        self._stack = AsyncExitStack()
        own(self)
        self._background.run(self._start())

    async def _start(self) -> None:
        loop = self._background.loop
        server = await loop.create_server(
            lambda: SMTP(self.post, hostname="mail.example", loop=loop),
            "127.0.0.1",
            self.post.port,
        )
        self._stack.callback(server.close)
        settings = config.load(self.gateway.config, {})
        phones = Phones()
        running = program.Gateway(
            settings,
            phones=phones,
            clock=lambda: time.time() + self.ahead,
            count=lambda: steady() + self.ahead,
        )
        self._stack.push_async_callback(running.stop)
        await running.start()
        others = app._others(running, phones, app.Metrics())
        served = app._http(app._application(running, others), settings.http)
        await self._stack.enter_async_context(served)

    def close(self) -> None:
        self._background.run(self._stack.aclose())

    def say(self, number: int) -> None:
        content = {"to": OWNED, "text": f"Melding {number}"}
        phone = f"+4791{number:06}"
        answer = self.gateway.ask(
            "POST", f"/simulator/phones/{phone}/messages", content
        )
        assert 201 == answer.status, answer

    def waiting(self) -> int:
        return self.gateway.count(
            "SELECT count(*) FROM callback WHERE state = 'queued'"
        )

    def tries(self, count: int) -> None:
        """See so many tries in all fail: the clock passes the times between."""
        for seconds in (60.0, 300.0):
            wait_until(f"{count}", lambda: len(self.customer.tried) == count)  # noqa: B023
            count += 1
            self._written(count - 1)
            self.ahead += seconds + 1
        wait_until("the last try", lambda: len(self.customer.tried) == count)

    def _written(self, count: int) -> None:
        """Wait until it is written that the try failed."""
        written = "SELECT count(*) FROM attempt"
        wait_until("a try", lambda: self.gateway.count(written) == count)

    def link(self, number: int) -> str:
        """Wait for a mail; returns where it leads."""
        wait_until("a mail", lambda: len(self.post.mails) >= number)
        to, text = self.post.mails[number - 1]
        assert ["ola@kunde.example"] == to
        (found,) = re.findall(r"^http://[^/]+(/resume/[\w-]+)\s", text, re.MULTILINE)
        return str(found)

    def ask(self, method: str, path: str) -> Answer:
        return ask(self.gateway.port, method, path)

    def counters(self) -> list[int]:
        return [each["counter"] for each in self.customer.taken]


def test_all_that_waited_arrives_once_and_in_order(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    site = Site(tmp_path, own)
    for number in range(1, MESSAGES + 1):
        site.say(number)
    wait_until("all wait", lambda: site.waiting() == MESSAGES)
    site.tries(1)

    first = site.link(1)
    for _ in range(2):  # scanners look, too
        page = site.ask("GET", first)
        assert 200 == page.status
        assert f"<dd>{MESSAGES}</dd>".encode() in page.body
    assert [1, 1, 1] == [each["counter"] for each in site.customer.tried]
    assert MESSAGES == site.waiting()

    site.customer.status = 200
    assert [] == site.customer.taken
    begun = time.monotonic()
    assert 200 == site.ask("POST", first).status
    wait_until("all told", lambda: len(site.customer.taken) >= MESSAGES)
    took = time.monotonic() - begun
    wait_until("all written", lambda: site.waiting() == 0)
    assert list(range(1, MESSAGES + 1)) == site.counters()
    texts = [each["text"] for each in site.customer.taken]
    assert {f"Melding {n}" for n in range(1, MESSAGES + 1)} == set(texts)
    assert 404 == site.ask("GET", first).status
    assert 404 == site.ask("POST", first).status

    # It fails again: a new link works, and the old one stays dead.
    site.customer.status = 500
    site.say(MESSAGES + 1)
    site.tries(4)
    second = site.link(2)
    assert first != second
    assert 404 == site.ask("POST", first).status
    assert 1 == site.waiting()
    site.customer.status = 200
    assert 200 == site.ask("POST", second).status
    wait_until("told", lambda: len(site.customer.taken) > MESSAGES)
    assert MESSAGES + 1 == site.counters()[-1]
    assert 404 == site.ask("GET", second).status
    assert 2 == len(site.post.mails)
    wait_until("two SMS", lambda: len(site.gateway.phone(WATCH)) == 2)
    said = [message["text"] for message in site.gateway.phone(WATCH)]
    assert [True, True] == [
        link in text for link, text in zip((first, second), said, strict=True)
    ]
    figures(waited=MESSAGES, told=len(site.customer.taken), seconds=round(took, 2))

"""Messages from phones by the REST API: events, replays, requests, the tray, queues."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook

from journeys.gateway import PROGRAM, Gateway, simulator_carrier
from journeys.processes import clean_environment, wait_until
from journeys.web import Customer, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from journeys.web import Answer, Push

TOKEN = "rest-token"
SECRET = "whsec_" + "a" * 32
PHONE = "+4799990401"

pytestmark = pytest.mark.slow


class Site:
    """A gateway with shared numbers, an account with two accesses, and its server."""

    def __init__(self, folder: Path, own: Callable[[Any], Any]) -> None:
        self.customer = own(Customer())
        self.customer.open()
        native = {
            "dialect": "native",
            "password": TOKEN,
            "require_https": False,
            "settings": {
                "status_url": self.customer.url("/hook"),
                "webhook_secrets": [SECRET],
            },
        }
        front = {
            "dialect": "front",
            "id": "1000",
            "password": "demo-secret",
            "settings": {
                "two_way": True,
                "inbound_url": self.customer.url("/front"),
            },
        }
        account = {
            "name": "rest",
            "originators": ["*"],
            "access": [native, front],
            "keyword": [
                {"number": "2229", "word": "NATIVE", "access": "native"},
                {"number": "2229", "word": "FRONT", "access": "front"},
            ],
        }
        settings = {"simulator": {"enabled": True}}
        numbers = [{"value": "2229"}, {"value": "2065"}]
        carrier = simulator_carrier()
        self.gateway = own(Gateway(folder, carrier, [account], settings, numbers))
        self.gateway.start()

    def ask(self, method: str, path: str, content: Any = None) -> Answer:
        given = {"authorization": f"Bearer {TOKEN}"}
        if content is not None:
            given["content-type"] = "application/json"
        body = None if content is None else json.dumps(content).encode()
        return ask(self.gateway.port, method, f"/v1{path}", body, given)

    def say(self, text: str, to: str = "2229") -> None:
        path = f"/simulator/phones/{PHONE}/messages"
        assert 201 == self.gateway.ask("POST", path, {"to": to, "text": text}).status

    def run(self, *arguments: str) -> str:
        """Run a command of the administrator's while the gateway serves."""
        done = subprocess.run(
            [*PROGRAM, *arguments, "--config", str(self.gateway.config)],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, text: str, times: int = 1) -> list[Push]:
        """Wait for webhooks of a text, verify them, and wait until they are stored."""

        def found() -> list[Push]:
            return [
                push
                for push in list(self.customer.pushes)
                if push.path == "/hook"
                and json.loads(push.body)["data"].get("text") == text
            ]

        wait_until(f"{text} is told", lambda: len(found()) >= times)
        for push in found():
            Webhook(SECRET).verify(push.body, push.headers)
        self.gateway.written()
        return found()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:

        def own(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        yield Site(tmp_path_factory.mktemp("rest"), own)


def test_events_are_read_replayed_and_sent_again(site: Site) -> None:
    begin = site.ask("GET", "/events").json["next_cursor"]
    site.say("NATIVE en")
    site.say("Native to")
    (first,) = site.told("NATIVE en")
    site.told("Native to")

    page = site.ask("GET", f"/events?cursor={begin}").json

    events = {event["data"]["text"]: event for event in page["data"]}
    assert {"NATIVE en", "Native to"} == set(events)
    event = events["NATIVE en"]
    assert first.headers["webhook-id"] == event.pop("id")
    assert json.loads(first.body) == event

    inbound = site.ask("GET", f"/inbound/{event['data']['id']}").json
    assert ("NATIVE", PHONE, "2229") == (
        inbound["keyword"],
        inbound["from"],
        inbound["to"],
    )

    at = datetime.fromisoformat(event["timestamp"])
    moment = {"from": str(at), "to": str(at + timedelta(milliseconds=1))}
    assert {"events": 1} == site.ask("POST", "/events/replay", moment).json
    again = site.told("NATIVE en", 2)[-1]
    assert first.headers["webhook-id"] == again.headers["webhook-id"]

    path = f"/callbacks?message={event['data']['id']}"
    (callback,) = site.ask("GET", path).json["data"]
    assert ("inbound", 200) == (callback["topic"], callback["status"])
    site.ask("POST", f"/callbacks/{callback['id']}/resend")
    site.told("NATIVE en", 3)


def test_a_keyword_is_asked_for_and_given(site: Site) -> None:
    wanted = {"kind": "keyword", "number": "2065", "word": "TIPS"}
    request = site.ask("POST", "/number-requests", wanted).json
    assert "keyword 2065 TIPS" in site.run("requests")

    assert site.run("approve", str(request["id"])).startswith(
        "keyword TIPS on 2065 for"
    )

    after = site.ask("GET", f"/number-requests/{request['id']}").json
    assert ("approved", "keyword TIPS on 2065") == (after["state"], after["answer"])
    words = [each["word"] for each in site.ask("GET", "/numbers").json["data"]]
    assert "TIPS" in words

    texts = iter(range(1000))

    def routed() -> bool:
        # The gateway looks for changes now and then.
        site.say(f"tips {next(texts)}", "2065")
        return any(b"tips" in push.body for push in site.customer.pushes)

    wait_until("it is routed", routed)


def test_what_is_nobodys_is_given_to_somebody(site: Site) -> None:
    site.say("Hvem er jeg?", "1963")
    wait_until("it waits", lambda: "-> 1963" in site.run("unrouted"))
    assert "Hvem" not in site.run("unrouted")
    lines = site.run("unrouted", "--show-text").splitlines()
    (line,) = [line for line in lines if "Hvem er jeg?" in line]
    access = site.gateway.query("SELECT identifier FROM access WHERE id = 1")[0][0]

    site.run("assign", line.split()[0], "--access", f"native:{access}")

    (push,) = site.told("Hvem er jeg?")
    assert "1963" == json.loads(push.body)["data"]["to"]
    assert "Hvem er jeg?" not in site.run("unrouted", "--show-text")


def test_a_paused_queue_is_resumed_by_another_access_of_the_account(site: Site) -> None:
    site.customer.status = 500
    try:
        site.say("FRONT en")
        wait_until("it was tried", lambda: fronts(site.customer.tried))
    finally:
        site.customer.status = 200
    file = site.gateway.data / "budstikke.sqlite"
    pause = "UPDATE queue SET state = 'paused', due_at = NULL, paused_at = 1, why = 'x'"
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        site.gateway.written()
        connection.execute(pause)
        connection.commit()
    site.say("FRONT to")
    wait_until("both wait", lambda: waiting(site) == 2)

    (queue,) = site.ask("GET", "/queues").json["data"]
    assert ("paused", "front:1000") == (queue["state"], queue["access"])
    assert [] == fronts(site.customer.pushes)
    (callback, *_) = site.ask("GET", "/callbacks?state=queued").json["data"]
    refused = site.ask("POST", f"/callbacks/{callback['id']}/resend")
    assert (409, "queued") == (refused.status, refused.json["code"])

    resumed = site.ask("POST", f"/queues/{queue['id']}/resume")

    assert 200 == resumed.status
    assert "paused" != resumed.json["state"]
    wait_until("both came", lambda: len(fronts(site.customer.pushes)) == 2)
    site.gateway.written()
    assert waiting(site) == 0


def fronts(pushes: list[Push]) -> list[Push]:
    return [push for push in list(pushes) if push.path == "/front"]


def waiting(site: Site) -> int:
    (queue,) = site.ask("GET", "/queues").json["data"]
    found: int = queue["waiting"]
    return found

"""The REST API of a gateway in a process of its own, to phones and back by webhook."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook

from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import wait_until
from journeys.web import Customer, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from journeys.web import Answer, Push

TOKEN = "rest-token"
SECRETS = ("whsec_" + "a" * 32, "whsec_" + "b" * 40)

pytestmark = pytest.mark.slow


class Site:
    """A gateway with the simulator, and a customer of its REST API."""

    def __init__(self, folder: Path, own: Callable[[Any], Any]) -> None:
        self.customer = own(Customer())
        self.customer.open()
        access = {
            "dialect": "native",
            "password": TOKEN,
            "require_https": False,
            "settings": {
                "status_url": self.customer.url("/hook"),
                "webhook_secrets": list(SECRETS),
                "status_interim": True,
            },
        }
        account = {"name": "rest", "originators": ["*"], "access": [access]}
        carrier = simulator_carrier(delivery_delay=0.2)
        settings = {"simulator": {"enabled": True}}
        self.gateway = own(Gateway(folder, carrier, [account], settings))
        self.gateway.start()

    def ask(
        self, method: str, path: str, content: Any = None, **headers: str
    ) -> Answer:
        given = {"authorization": f"Bearer {TOKEN}", **headers}
        if content is not None:
            given["content-type"] = "application/json"
        body = None if content is None else json.dumps(content).encode()
        return ask(self.gateway.port, method, f"/v1{path}", body, given)

    def send(self, to: str, **fields: Any) -> int:
        """Send a message; returns its id."""
        body = {"to": to, "from": "Test", "text": "Hei på deg 🤣", **fields}
        answer = self.ask("POST", "/messages", body)
        assert answer.status == 201, answer
        (result,) = answer.json["recipients"]
        found: int = result["id"]
        return found

    def hooks(self, message_id: int, pushes: list[Push]) -> dict[str, list[Push]]:
        """Sort what the customer got of a message by type; all of it is verified."""
        found: dict[str, list[Push]] = {}
        for push in list(pushes):
            said = json.loads(push.body)
            if said["data"]["id"] == message_id:
                for secret in SECRETS:
                    Webhook(secret).verify(push.body, push.headers)
                found.setdefault(said["type"], []).append(push)
        return found

    def told(self, message_id: int, *expected: str) -> dict[str, list[Push]]:
        wait_until(
            f"{message_id} is told {expected}",
            lambda: set(expected) <= set(self.hooks(message_id, self.customer.pushes)),
        )
        self.gateway.written()
        return self.hooks(message_id, self.customer.pushes)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:

        def own(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        yield Site(tmp_path_factory.mktemp("rest"), own)


def test_to_a_phone_and_back(site: Site) -> None:
    message_id = site.send("+4799990301", ref="a/å")

    found = site.told(message_id, "message.sent", "message.delivered")
    (delivered,) = found["message.delivered"]
    assert "/hook" == delivered.path
    assert {"to": "+4799990301", "ref": "a/å", "state": "delivered"}.items() <= (
        json.loads(delivered.body)["data"].items()
    )
    (message,) = site.gateway.phone("+4799990301")
    assert ("Hei på deg 🤣", "ucs2") == (message["text"], message["encoding"])
    shown = site.ask("GET", f"/messages/{message_id}").json
    assert ("delivered", "Hei på deg 🤣") == (shown["state"], shown["text"])


def test_a_webhook_that_is_not_taken_comes_again_with_its_id(site: Site) -> None:
    site.customer.status = 500
    try:
        message_id = site.send("+4799990302")
        wait_until(
            "it was tried",
            lambda: "message.delivered" in site.hooks(message_id, site.customer.tried),
        )
    finally:
        site.customer.status = 200
    (first, *_) = site.hooks(message_id, site.customer.tried)["message.delivered"]
    (second,) = site.told(message_id, "message.delivered")["message.delivered"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) > int(
        first.headers["webhook-timestamp"]
    )


def test_cancelled_in_time(site: Site) -> None:
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    message_id = site.send("+4799990303", send_at=due)

    answer = site.ask("POST", f"/messages/{message_id}/cancel")

    assert (200, "cancelled") == (answer.status, answer.json["state"])
    site.told(message_id, "message.cancelled")
    assert [] == site.gateway.phone("+4799990303")


def test_a_key_survives_a_crash(site: Site) -> None:
    body = {"to": "+4799990304", "from": "Test", "text": "En gang"}
    key = {"Idempotency-Key": "crash-1"}
    first = site.ask("POST", "/messages", body, **key)
    site.gateway.kill()
    site.gateway.start()

    again = site.ask("POST", "/messages", body, **key)

    assert (201, 200) == (first.status, again.status)
    assert first.json == again.json
    other = site.ask("POST", "/messages", {**body, "text": "To"}, **key)
    assert (409, "idempotency_conflict") == (other.status, other.json["code"])


def test_who_opted_out_gets_nothing(site: Site) -> None:
    assert 201 == site.ask("PUT", "/opt-outs/+4799990305").status

    def refused() -> bool:
        body = {"to": "+4799990305", "from": "Test", "text": "Hei", "test": True}
        answer = site.ask("POST", "/messages", body)
        return (422, "opted_out") == (answer.status, answer.json.get("code"))

    wait_until("it counts", refused)
    assert 204 == site.ask("DELETE", "/opt-outs/+4799990305").status
    wait_until("it counts no more", lambda: not refused())


def test_a_group_by_a_name_with_a_slash(site: Site) -> None:
    assert 200 == site.ask("PUT", "/groups/Oslo%2FBergen").status
    member = "/groups/Oslo%2FBergen/members/+4799990306"
    assert 200 == site.ask("PUT", member, {"name": "Kari"}).status
    body = {"groups": ["Oslo/Bergen"], "from": "Test", "text": "Til alle"}

    answer = site.ask("POST", "/messages", body)

    assert ["+4799990306"] == [each["to"] for each in answer.json["recipients"]]
    wait_until("it came", lambda: site.gateway.phone("+4799990306"))


def test_the_page_is_served(site: Site) -> None:
    answer = ask(site.gateway.port, "GET", "/v1/docs")
    assert 200 == answer.status
    assert b"openapi.json" in answer.body

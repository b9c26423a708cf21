"""The events of a token that no webhook is sent for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import wait_until
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "rest-token"
PHONE = "+4799990402"

pytestmark = pytest.mark.slow


def test_events_are_there_without_any_url(
    tmp_path: Path, own: Callable[[Any], Any], empty_database: str
) -> None:
    access = {
        "dialect": "native",
        "password": TOKEN,
        "require_https": False,
        "settings": {"status_interim": True},
    }
    account = {
        "name": "rest",
        "originators": ["*"],
        "access": [access],
        "number": [{"value": "2065", "access": "native"}],
    }
    settings = {"simulator": {"enabled": True}}
    gateway = own(
        Gateway(
            tmp_path,
            simulator_carrier(),
            [account],
            settings,
            database=empty_database,
        )
    )
    gateway.start()

    def call(method: str, path: str, content: Any = None) -> Any:
        given = {"authorization": f"Bearer {TOKEN}"}
        body = None if content is None else json.dumps(content).encode()
        return ask(gateway.port, method, path, body, given).json

    message = {"to": [PHONE, "+4799990001"], "from": "Test", "text": "Hei"}
    sent = call("POST", "/v1/messages", message)
    said = {"to": "2065", "text": "Hei du"}
    call("POST", f"/simulator/phones/{PHONE}/messages", said)

    def events() -> set[tuple[str, str]]:
        found = call("GET", "/v1/events")["data"]
        return {
            (event["type"], event["data"].get("to"))
            for event in found
            if event["type"] != "message.sent" or event["data"]["to"] == PHONE
        }

    expected = {
        ("message.sent", PHONE),
        ("message.delivered", PHONE),
        ("message.undelivered", "+4799990001"),
        ("message.received", "2065"),
    }
    assert 2 == sent["accepted"]
    wait_until("all events are there", lambda: events() == expected)
    log = call("GET", "/v1/callbacks")["data"]
    wait_until(
        "all are over",
        lambda: (
            {each["state"] for each in call("GET", "/v1/callbacks")["data"]} == {"done"}
        ),
    )
    assert log

"""Native: signed webhooks of messages from phones, replies, and events by cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook

from journeys.processes import wait_until
from journeys.twoway import OWNED, SHARED, TwoWay, access

if TYPE_CHECKING:
    from pathlib import Path

    from journeys.twoway import Own

pytestmark = [pytest.mark.slow, pytest.mark.peer]

KEY = "whsec_" + "a" * 32
ONE = "+4790000101"


def account(url: Any) -> dict[str, Any]:
    settings = {"inbound_url": url("in"), "webhook_secrets": [KEY]}
    return {
        "access": [access("native", **settings)],
        "reply_number": "26114",
        "stop": ["en"],
        "number": [{"value": OWNED}],
        "keyword": [{"number": SHARED, "word": "", "url": url("keyword")}],
    }


def test_webhooks_replies_and_events(tmp_path: Path, own: Own) -> None:
    site = TwoWay(tmp_path, own, account)
    body = {"to": ONE, "text": "Kommer du?", "reply": True}
    answer = site.native("POST", "/messages", body)
    (sent,) = answer.json["recipients"]
    ((originator, _),) = site.heard(ONE)

    site.say(ONE, "Ja 🎉", originator)
    site.told(1, "in")
    site.say(ONE, "Hei", OWNED)
    site.told(2, "in")
    site.say(ONE, "Stop", OWNED)
    told = site.told(3, "in")
    site.say(ONE, "hva som helst")
    (other,) = site.told(1, "keyword")

    for each in (*told, other):
        Webhook(KEY).verify(each.body, each.headers)
    data = [each.json["data"] for each in (*told, other)]
    assert ["message.reply", *["message.received"] * 3] == [
        each.json["type"] for each in (*told, other)
    ]
    assert ["Ja 🎉", "Hei", "Stop", "hva som helst"] == [each["text"] for each in data]
    assert [sent["id"], None, None, None] == [each["in_reply_to"] for each in data]
    assert [False, False, True, False] == [each["opt_out"] for each in data]
    assert [originator, f"+{OWNED}", f"+{OWNED}", SHARED] == [e["to"] for e in data]

    page = site.native("GET", "/events").json
    received = [
        each["data"]["id"]
        for each in page["data"]
        if each["type"] in {"message.received", "message.reply"}
    ]
    assert [each["id"] for each in data] == received

    def refused() -> bool:
        answer = site.native("POST", "/messages", {"to": ONE, "from": "X", "text": "x"})
        return b"opted_out" in answer.body

    wait_until("it is known", refused)

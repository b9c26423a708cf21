"""iP.1: the callback, at a URL with a query of its own, taken by OK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from journeys.processes import wait_until
from journeys.twoway import OWNED, TwoWay, access

if TYPE_CHECKING:
    from pathlib import Path

    from journeys.twoway import Own

pytestmark = [pytest.mark.slow, pytest.mark.peer]

PHONE = "+46705555555"
DONE = "SELECT count(*) FROM callback WHERE state = 'done'"
AGAIN = "SELECT due_at - at FROM callback WHERE state = 'due' AND tries = 1"


def account(url: Any) -> dict[str, Any]:
    number = {"value": OWNED, "url": url("in") + "?key=a%2Fb&x=1"}
    return {"access": [access("ip1", "ip1-1000")], "number": [number]}


def test_the_callback(tmp_path: Path, own: Own) -> None:
    site = TwoWay(tmp_path, own, account, **{"in": {"body": " OK\r\n"}})

    site.say(PHONE, "Hej på dig & 100 % 🎉", OWNED)
    (told,) = site.told(1, "in")
    wait_until("it is done", lambda: site.gateway.count(DONE))

    said = told.query()
    assert said.pop("incsmsid").isdigit()
    assert {
        "key": "a/b",
        "x": "1",
        "sender": PHONE[1:],
        "to": OWNED,
        "text": "Hej på dig & 100 % 🎉",
    } == said
    # Whatever is not OK comes again, and does not hold back the next.
    site.customer.answer("in", status=200, body="<p>OK</p>")
    site.say(PHONE, "två", OWNED)
    site.told(2, "in")
    wait_until("it is due again", lambda: site.gateway.query(AGAIN))
    site.customer.answer("in", status=200, body="OK")
    site.say(PHONE, "tre", OWNED)
    assert "tre" == site.told(3, "in")[2].query()["text"]
    ((wait,),) = site.gateway.query(AGAIN)
    assert 1800 == round(wait)

"""Sveve: keywords, receipts with what the customer answered, replies, STOP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from journeys.processes import wait_until
from journeys.twoway import SECRET, SHARED, TwoWay, access

if TYPE_CHECKING:
    from pathlib import Path

    from journeys.twoway import Own

pytestmark = [pytest.mark.slow, pytest.mark.peer]

ONE, TWO, THREE = "+4790000101", "+4790000102", "+4790000103"
ANSWER = {"body": "Hei Øyvind 🎉\n"}


def account(url: Any) -> dict[str, Any]:
    return {
        "access": [access("sveve", "acme", reply_url=url("replies"))],
        "reply_number": "26114",
        "stop": ["nb"],
        "stop_reply": "Du får ikke mer.",
        "keyword": [
            {
                "number": SHARED,
                "word": "QUIZ",
                "aliases": ["KVISS"],
                "url": url("quiz"),
                "receipt": "Svar: %HTTP_PUSH_RESPONSE%!",
            },
            {"number": SHARED, "word": "TIPS", "receipt": "Takk for tipset"},
        ],
    }


def test_receipts_replies_and_stop(tmp_path: Path, own: Own) -> None:
    site = TwoWay(tmp_path, own, account, quiz=ANSWER)

    # With what the customer answers, to the phone that wrote
    site.say(ONE, "kviss nummer 7 på")
    (told,) = site.told(1, "quiz")
    assert "GET" == told.method
    assert {
        "number": ONE[3:],
        "msg": "kviss nummer 7 på",
        "prefix": "QUIZ",
        "shortnumber": SHARED,
    } == told.query()
    assert [(SHARED, "Svar: Hei Øyvind 🎉!")] == site.heard(ONE)

    # Without, though there is nobody to tell
    site.say(TWO, "TIPS: hei")
    assert [(SHARED, "Takk for tipset")] == site.heard(TWO)

    # A reply leads back to the message that it answers
    query = urlencode(
        {
            "user": "acme",
            "passwd": SECRET,
            "to": THREE,
            "msg": "Kommer du?",
            "reply": "true",
            "f": "json",
        }
    )
    answer = site.gateway.ask("GET", f"/SMS/SendMessage?{query}")
    (message_id,) = answer.json["response"]["ids"]
    ((originator, _),) = site.heard(THREE)
    assert 14 == len(originator)
    site.say(THREE, "Ja, kl. 7", originator)
    (reply,) = site.told(1, "replies")
    assert {
        "msg": "Ja, kl. 7",
        "number": THREE[3:],
        "id": str(message_id),
    } == reply.query()

    # STOP is answered and told, and nothing more is sent
    site.say(ONE, "Stopp quiz")
    assert (SHARED, "Du får ikke mer.") == site.heard(ONE, 2)[1]
    assert "Stopp quiz" == site.told(2, "quiz")[1].query()["msg"]
    wait_until("it is known", lambda: refused(site, ONE))
    assert 2 == len(site.gateway.phone(ONE))


def refused(site: TwoWay, phone: str) -> bool:
    said = {"user": "acme", "passwd": SECRET, "to": phone, "msg": "x", "from": "Acme"}
    answer = site.gateway.ask("GET", f"/SMS/SendMessage?{urlencode(said)}&test=true")
    return "Mottakeren har reservert seg" in answer.body.decode()


def test_a_receipt_when_the_customer_cannot_be_reached(
    tmp_path: Path, own: Own
) -> None:
    site = TwoWay(tmp_path, own, account, quiz={"status": 500, "body": "nonsense"})
    site.say(ONE, "QUIZ")
    wait_until("tried twice", lambda: site.customer.count() >= 2)
    assert [] == site.gateway.phone(ONE)
    site.customer.answer("quiz", status=200, body="endelig")
    assert [(SHARED, "Svar: endelig!")] == site.heard(ONE)

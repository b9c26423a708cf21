"""``kill -9`` at random while phones write: what was acknowledged reaches customers."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.text import udh_concat16
from journeys.flood import Delivery, Flood
from journeys.gateway import Gateway, smpp_carrier
from journeys.processes import wait_until
from journeys.web import Customer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

SEED = 20_261_124
DELIVERIES = 8_000
KILLS = 10
WINDOW = 200
NUMBER = "4759000000"
SECRET = "whsec_" + "a" * 32
UNTOLD = "SELECT count(*) FROM callback WHERE state = 'due'"
HELD = "SELECT count(*) FROM inbound_part WHERE state = 'held'"


def account(url: str) -> dict[str, Any]:
    access = {
        "dialect": "native",
        "password": "secret",
        "settings": {"inbound_url": url, "webhook_secrets": [SECRET]},
    }
    return {"name": "test", "access": [access], "number": [{"value": NUMBER}]}


def deliveries() -> Iterator[Delivery]:
    """Make messages; every tenth has two parts."""
    key = left = 0
    while left < DELIVERIES:
        phone, text = f"47{90_000_000 + key}", b"message %d" % key
        if key % 10:
            yield Delivery(key, 1, phone, NUMBER, b"", text)
            left += 1
        else:
            for number in (2, 1):
                udh = udh_concat16(key, 2, number)
                half = text[:7] if number == 1 else text[7:]
                yield Delivery(key, number, phone, NUMBER, udh, half)
            left += 2
        key += 1


def test_killed_ten_times_while_phones_write(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    dice = random.Random(SEED)  # noqa: S311 - dice
    moments = sorted(dice.sample(range(400, DELIVERIES - 400), KILLS))
    wanted = list(deliveries())
    customer = own(Customer())
    customer.open()
    flood = own(Flood(wanted, WINDOW))
    carrier = smpp_carrier(flood.port, window=WINDOW)
    gateway = own(Gateway(tmp_path, carrier, [account(customer.url("/in"))]))
    gateway.start()

    for moment in moments:
        wait_until("so many", flood.has_acknowledged(moment), 120)
        gateway.kill()
        gateway.start()
    wait_until("all are acknowledged", flood.has_acknowledged(len(wanted)), 120)
    wait_until(
        "all are told",
        lambda: gateway.count(UNTOLD) == 0 and gateway.count(HELD) == 0,
        180,
        every=0.3,
    )
    gateway.stop()

    told = Counter(text_of(push.body) for push in list(customer.pushes))
    stored = dict(gateway.query("SELECT text, count(*) FROM inbound GROUP BY text"))
    said = {f"message {each.key}" for each in wanted}
    figures(
        seed=SEED,
        kills=KILLS,
        at=moments,
        deliveries=len(wanted),
        sent=flood.sent,
        refused=flood.refused,
        messages=len(said),
        lost=len(said - told.keys()),
        stored_twice=sum(stored.values()) - len(stored),
        told_twice=sum(told.values()) - len(told),
        window=WINDOW,
    )
    assert said == told.keys()
    assert said == stored.keys()
    # What was being answered as it was killed is given again, and no more than that.
    assert sum(stored.values()) - len(stored) <= WINDOW * KILLS
    # Texts in parts are whole, and joined once, however often their parts were given.
    tens = {f"message {key}" for key in {each.key for each in wanted if each.udh}}
    assert {1} == {stored[text] for text in tens}


def text_of(body: bytes) -> str:
    data = json.loads(body)["data"]
    assert (0, "sms") == (data["missing"], data["kind"])
    text: str = data["text"]
    return text

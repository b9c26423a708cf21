"""``kill -9`` at random under full load: nothing that was answered with yes is lost."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import MESSAGE, Gateway, account, smpp_carrier
from journeys.load import Load
from journeys.processes import wait_until
from journeys.reassembly import CONCATENATED, split
from journeys.web import Customer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from journeys.centre import Submit

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

SEED = 20_261_123
MESSAGES = 20_000
KILLS = 10
WINDOW = 200
OPEN = "SELECT count(*) FROM part WHERE state IN ('queued', 'sending', 'sent')"
ORPHANS = "SELECT count(*) FROM orphan"
UNTOLD = "SELECT count(*) FROM callback WHERE state = 'due'"


def test_killed_ten_times(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    dice = random.Random(SEED)  # noqa: S311 - dice
    moments = sorted(dice.sample(range(1_000, MESSAGES - 1_000), KILLS))
    customer = own(Customer())
    customer.open()
    centre = own(MessageCentre(tmp_path))
    centre.start()
    accounts = [account(status_url=customer.url())]
    carrier = smpp_carrier(centre.port, window=WINDOW)
    gateway = own(Gateway(tmp_path, carrier, accounts))
    gateway.start()

    with Load(gateway.port, MESSAGES, MESSAGE) as load:
        for accepted in moments:
            wait_until("so many are accepted", load.has_accepted(accepted))
            gateway.kill()
            gateway.start()
        load.finish(180)
        assert not load.refused
        accepted_by_id = dict(load.accepted)
        unheard = len(load.unknown)
    wait_until("all is settled", lambda: settled(gateway, centre), 120, every=0.3)
    gateway.stop()

    got = centre.recipients()
    messages = dict(gateway.query("SELECT id, recipient FROM message"))
    states = {
        recipient: (state, reason, raw)
        for recipient, state, reason, raw in gateway.query(
            "SELECT recipient, part.state, part.reason, part.raw FROM part "
            "JOIN message ON message.id = part.id >> 8"
        )
    }
    lost = [r for r in accepted_by_id.values() if r not in got and r not in states]
    unsure = {r for r, (state, _, _) in states.items() if state == "unsure"}
    doubles = sum(got.values()) - len(got)
    told = customer.statuses()
    figures(
        seed=SEED,
        kills=KILLS,
        at=moments,
        accepted=len(accepted_by_id),
        unheard=unheard,
        stored=len(messages),
        submits=sum(got.values()),
        lost=len(lost),
        unsure=len(unsure),
        of_them_accepted=len(unsure & set(accepted_by_id.values())),
        doubles=doubles,
        window=WINDOW,
        told=len(told),
        told_twice=sum(len(statuses) - 1 for statuses in told.values()),
    )
    # Each id that was given is the message it was given for, and only that.
    assert accepted_by_id.items() <= messages.items()
    assert [] == lost
    assert doubles <= WINDOW * KILLS
    # What the operator has is delivered; of the rest nobody knows, and it is said.
    assert unsure == states.keys() - got.keys()
    for recipient, found in states.items():
        if recipient in unsure:
            stopped = "the gateway stopped while it was being sent"
            assert ("unsure", "unsure", stopped) == found
        else:
            assert found[0] == "delivered"
    assert gateway.count(ORPHANS) == 0
    delivered = {key for key, recipient in messages.items() if recipient in got}
    assert delivered == told.keys()
    assert {"4"} == {status for statuses in told.values() for status in statuses}


def test_bulk_killed_three_times(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    """One order of 4,000 recipients and two parts each, resent where in doubt."""
    recipients = [f"+47902{number:05}" for number in range(4_000)]
    centre = own(MessageCentre(tmp_path))
    centre.start()
    accounts = [account(unsure="resend", unsure_after=7.0)]
    carrier = smpp_carrier(centre.port, window=WINDOW)
    gateway = own(Gateway(tmp_path, carrier, accounts))
    gateway.start()
    content = {**MESSAGE, "txt": "x" * 200, "phoneno": recipients}

    assert gateway.ask("POST", "/psk/push_bulk.php", content).status == 201
    moments = (0, 2_000, 5_000)
    for moment in moments:
        wait_until("so many are sent", partial(reached, centre, moment))
        gateway.kill()
        gateway.start()
    wait_until(
        "all are delivered",
        lambda: gateway.parts() == {"delivered": 2 * len(recipients)},
        120,
        every=0.3,
    )
    gateway.stop()

    submits = centre.submits()
    got = {(submit.recipient, place(submit)) for submit in submits}
    wanted = {(recipient, number) for recipient in recipients for number in (1, 2)}
    doubles = len(submits) - len(got)
    figures(
        kills=len(moments),
        submits=len(submits),
        lost=len(wanted - got),
        doubles=doubles,
        window=WINDOW,
    )
    assert wanted == got
    assert doubles <= WINDOW * len(moments)


def place(submit: Submit) -> int:
    """Tell which part of its text it is."""
    elements, _ = split(submit)
    return elements[CONCATENATED][2]


def reached(centre: MessageCentre, submits: int) -> bool:
    return centre.count("submit") >= submits


def settled(gateway: Gateway, centre: MessageCentre) -> bool:
    """Tell whether everything has happened that will."""
    return (
        gateway.count(OPEN) == 0
        and centre.count("receipted") == centre.count("submit")
        and gateway.count(ORPHANS) == 0
        and gateway.count(UNTOLD) == 0
    )

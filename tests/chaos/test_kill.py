"""``kill -9`` at random under full load: nothing that was answered with yes is lost."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

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
MESSAGES = 8_000
KILLS = 10
WINDOW = 200
OPEN = "SELECT count(*) FROM part WHERE state IN ('queued', 'sending', 'sent')"
ORPHANS = "SELECT count(*) FROM orphan"
PARTS = (
    "SELECT recipient, part.state, part.reason, part.raw FROM part "
    "JOIN message ON message.id = part.id >> 8"
)
MODULES = {"worker": b"workers.child", "caller": b"http.child"}
"""Processes without which the gateway goes on."""
UNTOLD = "SELECT count(*) FROM callback WHERE state = 'due'"


class Truth(NamedTuple):
    """
    What is so when all is over.

    Attributes:
        accepted: Recipient by message id: what was answered with yes.
        messages: The same, in the database.
        parts: By recipient: state, reason, and in whose words.
        submits: By recipient: how often the centre got it.
        told: Statuses by message id, as the customer got them.

    """

    accepted: dict[int, str]
    messages: dict[int, str]
    parts: dict[str, tuple[str, str, str]]
    submits: dict[str, int]
    told: dict[int, list[str]]

    @property
    def unsure(self) -> set[str]:
        """Recipients of whose message nobody knows."""
        return {r for r, (state, _, _) in self.parts.items() if state == "unsure"}

    @property
    def lost(self) -> set[str]:
        return set(self.accepted.values()) - self.submits.keys() - self.unsure

    @property
    def doubles(self) -> int:
        return sum(self.submits.values()) - len(self.submits)

    def figures(self) -> dict[str, int]:
        return {
            "accepted": len(self.accepted),
            "stored": len(self.messages),
            "submits": sum(self.submits.values()),
            "lost": len(self.lost),
            "unsure": len(self.unsure),
            "of them accepted": len(self.unsure & set(self.accepted.values())),
            "doubles": self.doubles,
            "window": WINDOW,
            "told": len(self.told),
            "told twice": sum(len(statuses) - 1 for statuses in self.told.values()),
        }


class Site:
    """A gateway between a message centre and a customer."""

    def __init__(
        self,
        folder: Path,
        own: Own,
        *,
        durability: str = "power",
        workers: int = 0,
        **rules: Any,
    ) -> None:
        self.customer: Customer = own(Customer())
        self.customer.open()
        self.centre: MessageCentre = own(MessageCentre(folder))
        self.centre.start()
        accounts = [account(status_url=self.customer.url(), **rules)]
        carrier = smpp_carrier(self.centre.port, window=WINDOW)
        settings = {"http": {"workers": workers}}
        top = {"durability": durability}
        gateway = Gateway(folder, carrier, accounts, settings, top=top)
        self.gateway: Gateway = own(gateway)
        self.gateway.start()

    def crash(self, victim: str = "gateway") -> None:
        """End a process; the gateway is started again if it ended, too."""
        if victim in MODULES:
            self.gateway.kill_child(MODULES[victim])
        elif victim == "writer":
            self.gateway.kill_writer()
            self.gateway.start()
        else:
            self.gateway.kill()
            self.gateway.start()

    def settled(self) -> bool:
        """Tell whether everything has happened that will."""
        return (
            self.gateway.count(OPEN) == 0
            and self.centre.count("receipted") == self.centre.count("submit")
            and self.gateway.count(ORPHANS) == 0
            and self.gateway.count(UNTOLD) == 0
        )

    def truth(self, accepted: dict[int, str]) -> Truth:
        query = self.gateway.query
        return Truth(
            accepted,
            dict(query("SELECT id, recipient FROM message")),
            {recipient: tuple(found) for recipient, *found in query(PARTS)},
            self.centre.recipients(),
            self.customer.statuses(),
        )


@pytest.mark.parametrize(
    ("durability", "victims"),
    [
        ("power", ("gateway", "writer")),
        ("process", ("gateway", "writer")),
        ("power", ("worker", "gateway", "caller", "writer")),
    ],
    ids=["power", "process", "workers"],
)
def test_killed_ten_times(
    tmp_path: Path,
    own: Own,
    figures: Callable[..., None],
    durability: str,
    victims: tuple[str, ...],
) -> None:
    dice = random.Random(SEED)  # noqa: S311 - dice
    moments = sorted(dice.sample(range(400, MESSAGES - 400), KILLS))
    workers = 2 if "worker" in victims else 0
    site = Site(tmp_path, own, durability=durability, workers=workers)

    with Load(site.gateway.port, MESSAGES, MESSAGE) as load:
        for turn, moment in enumerate(moments):
            wait_until("so many are accepted", load.has_accepted(moment))
            site.crash(victims[turn % len(victims)])
        load.finish(180)
        assert not load.refused
        accepted, unheard = dict(load.accepted), len(load.unknown)
    wait_until("all is settled", site.settled, 120, every=0.3)
    site.gateway.stop()

    truth = site.truth(accepted)
    figures(
        durability=durability,
        seed=SEED,
        kills=KILLS,
        at=moments,
        unheard=unheard,
        **truth.figures(),
    )
    # Each id that was given is the message it was given for, and only that.
    assert accepted.items() <= truth.messages.items()
    assert set() == truth.lost
    assert truth.doubles <= WINDOW * KILLS
    # What the operator has is delivered; of the rest nobody knows, and it is said.
    stopped = ("unsure", "unsure", "the gateway stopped while it was being sent")
    for recipient, found in truth.parts.items():
        if recipient in truth.submits:
            assert "delivered" == found[0]
        else:
            assert stopped == found
    # And what is delivered is told.
    got = {key for key, to in truth.messages.items() if to in truth.submits}
    assert got == truth.told.keys()
    assert {"4"} == {status for found in truth.told.values() for status in found}


def test_bulk_killed_three_times(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    """One order of 2,000 recipients and two parts each, resent where in doubt."""
    recipients = [f"+47902{number:05}" for number in range(2_000)]
    site = Site(tmp_path, own, unsure="resend", unsure_after=7.0)
    content = {**MESSAGE, "txt": "x" * 200, "phoneno": recipients}

    assert site.gateway.ask("POST", "/psk/push_bulk.php", content).status == 201
    moments = (0, 1_000, 2_500)
    for moment in moments:
        wait_until("so many are sent", partial(reached, site.centre, moment))
        site.crash()
    wait_until(
        "all are delivered",
        lambda: site.gateway.parts() == {"delivered": 2 * len(recipients)},
        120,
        every=0.3,
    )
    site.gateway.stop()

    submits = site.centre.submits()
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

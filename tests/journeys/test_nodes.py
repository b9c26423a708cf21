"""Two nodes on one PostgreSQL: roles, an operator's limit of binds, changes."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import Gateway, account, smpp_carrier
from journeys.processes import free_port, listens, wait_until
from journeys.web import Customer, ask, front_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

FIRST = 4_790_300_000
SOON = 20.0
"""
Seconds in which a change of the directory reaches every node.

It takes at most two where a processor is free; a machine that is busy has more.
"""


class Site:
    """A message centre, a customer, and nodes as they are asked for."""

    def __init__(self, folder: Path, own: Own, database: str) -> None:
        self._folder = folder
        self._own = own
        self._database = database
        self.customer: Customer = own(Customer())
        self.customer.open()
        self.centre: MessageCentre = own(MessageCentre(folder))
        self.centre.start()
        self._numbers = iter(range(FIRST, FIRST + 1000))

    def node(
        self, name: str, roles: str = "", health: str = "", **link: Any
    ) -> Gateway:
        folder = self._folder / name
        folder.mkdir()
        gateway: Gateway = self._own(
            Gateway(
                folder,
                smpp_carrier(self.centre.port, **link),
                [account(status_url=self.customer.url())],
                top={"health": health} if health else {},
                database=self._database,
                roles=roles,
            )
        )
        gateway.start()
        return gateway

    def push(self, gateway: Gateway, count: int = 20) -> list[int]:
        return [
            front_id(gateway.push(f"+{next(self._numbers)}", "Hei"))
            for _ in range(count)
        ]

    def told(self, ids: list[int]) -> None:
        """Wait until the customer was told that these were delivered, once."""
        wait_until("told", lambda: set(ids) <= self.customer.statuses().keys())
        statuses = self.customer.statuses()
        assert {key: ["4"] for key in ids} == {key: statuses[key] for key in ids}

    def binds(self) -> int:
        return self.centre.count("bind")


@pytest.fixture
def site(tmp_path: Path, own: Own, new_database: Callable[[], str]) -> Site:
    return Site(tmp_path, own, new_database())


def test_roles(site: Site, figures: Callable[..., None]) -> None:
    """One takes requests, one sends, one tells: each leaves the rest to the others."""
    port, front_health = free_port(), free_port()
    front = site.node("front", "http", f"127.0.0.1:{front_health}")
    back = site.node("back", "send", f"127.0.0.1:{port}")
    site.node("teller", "notify,schedule")

    wait_until("bound", lambda: site.binds() == 1)
    assert not listens(back.port)
    wait_until("ready", lambda: ask(port, "GET", "/readyz").status == 200)
    assert 200 == ask(port, "GET", "/metrics").status
    assert 404 == ask(port, "GET", "/psk/push.php").status
    for path in ("/healthz", "/readyz", "/metrics"):
        assert 200 == ask(front_health, "GET", path).status
        assert 404 == ask(front.port, "GET", path).status
    begun = time.monotonic()
    ids = site.push(front)
    wait_until("sent", lambda: site.centre.count("submit") == len(ids))
    sent = time.monotonic() - begun
    site.told(ids)
    figures(messages=len(ids), sent_within=round(sent, 2))
    assert 1 == site.binds()

    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    answer = front.push(f"+{FIRST - 1}", "Senere", scheduled=due)
    site.told([front_id(answer)])


def test_a_limit_of_binds_is_kept(site: Site, figures: Callable[..., None]) -> None:
    one = site.node("one", max_nodes=1)
    wait_until("bound", lambda: site.binds() == 1)
    two = site.node("two", max_nodes=1)

    site.told(site.push(one) + site.push(two))
    assert 1 == site.binds()

    one.kill()
    begun = time.monotonic()
    ids = site.push(two)
    wait_until("the other is bound", lambda: site.binds() == 2)
    figures(link_taken_over_after=round(time.monotonic() - begun, 1))
    site.told(ids)

    two.stop()
    one.start()
    wait_until("bound again", lambda: site.binds() == 3)
    site.told(site.push(one))


def test_changes_reach_every_node(site: Site, figures: Callable[..., None]) -> None:
    nodes = [site.node("one"), site.node("two")]
    carrier = smpp_carrier(site.centre.port)
    known = account(status_url=site.customer.url())

    nodes[0].apply(carrier, [known, account("new", service="2000")])
    begun = time.monotonic()

    for node in nodes:
        wait_until("it is known", partial(knows, node), SOON)
    figures(known_within=round(time.monotonic() - begun, 2))


def knows(node: Gateway) -> bool:
    """Tell whether it takes messages of the new access."""
    answer = node.push("+4790310000", "Hei", serviceid="2000")
    return b"ErrorCode=0" in answer.body

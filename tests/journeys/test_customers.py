"""Customers whose servers hang, fail or are down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.flow.circuit_breaker import MOST_FAILURES
from journeys.gateway import Gateway, account, simulator_carrier
from journeys.processes import wait_until
from journeys.web import Customer, front_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

CARRIER = simulator_carrier(delivery_delay=0.1)


@pytest.fixture
def customer(own: Own) -> Customer:
    found: Customer = own(Customer())
    return found


def test_one_who_hangs_delays_nobody_else(
    tmp_path: Path, own: Own, customer: Customer, figures: Callable[..., None]
) -> None:
    messages = 300
    customer.open()
    hanging = own(Customer())
    hanging.hangs = True
    hanging.open()
    accounts = [
        account("hanging", service="1001", status_url=hanging.url()),
        account("well", status_url=customer.url()),
    ]
    callbacks = {"allow_http": True, "allow_private": True, "timeout": 5}
    gateway = own(Gateway(tmp_path, CARRIER, accounts, {"callbacks": callbacks}))
    gateway.start()

    slow = [
        front_id(gateway.push(f"+4790002{number:03}", "Hei", serviceid="1001"))
        for number in range(messages)
    ]
    wait_until("all it may have hang", lambda: len(hanging.tried) >= 16)
    fast = [
        front_id(gateway.push(f"+4790003{number:03}", "Hei"))
        for number in range(messages)
    ]
    wait_until("the other is told all", lambda: len(customer.pushes) >= messages)
    assert {"delivered": 2 * messages} == gateway.parts()
    assert {key: ["4"] for key in fast} == customer.statuses()
    hung = len(hanging.tried)
    assert [] == hanging.pushes

    hanging.hangs = False
    wait_until("it is told all, too", lambda: len(hanging.pushes) >= messages)
    assert {key: ["4"] for key in slow} == hanging.statuses()
    figures(messages=2 * messages, hung=hung)


def test_one_who_was_down_is_told_again(
    tmp_path: Path, own: Own, customer: Customer
) -> None:
    gateway = own(Gateway(tmp_path, CARRIER, [account(status_url=customer.url())]))
    gateway.start()
    failed = "SELECT count(*) FROM callback WHERE state = 'due' AND tries > 0"

    ids = [front_id(gateway.push(f"+47900040{n:02}", "Hei")) for n in range(20)]
    # Then the circuit is open: the others wait untried until one gets through.
    wait_until("some have failed", lambda: gateway.count(failed) >= MOST_FAILURES)
    customer.open()

    wait_until("all are told", lambda: len(customer.pushes) >= len(ids))
    assert {key: ["4"] for key in ids} == customer.statuses()


def test_one_who_answers_badly_is_told_again_after_a_restart(
    tmp_path: Path, own: Own, customer: Customer
) -> None:
    customer.status = 500
    customer.open()
    gateway = own(Gateway(tmp_path, CARRIER, [account(status_url=customer.url())]))
    gateway.start()

    message_id = front_id(gateway.push("+4790005000", "Hei"))
    wait_until("it was tried", lambda: customer.tried)
    gateway.stop()
    customer.status = 200
    gateway.start()

    wait_until("it is told", lambda: customer.pushes)
    assert {message_id: ["4"]} == customer.statuses()
    done = "SELECT count(*) FROM callback WHERE state = 'done'"
    wait_until("that is written", lambda: gateway.count(done) == 1)

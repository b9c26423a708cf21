"""Metrics of several processes are one."""

from __future__ import annotations

import pickle

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from budstikke import metrics
from budstikke.metrics import Delays


def total(dialect: str) -> float:
    value = metrics.registry.get_sample_value(
        "budstikke_messages_accepted_total", {"dialect": dialect}
    )
    return value or 0.0


def test_what_another_process_counted_is_added_once() -> None:
    growth = metrics.Growth()
    metrics.accepted("growing", 3)
    metrics.http_refused.labels("429").inc()
    first = pickle.loads(pickle.dumps(growth.take()))  # noqa: S301 - our own
    assert 3.0 == first.counters["budstikke_messages_accepted_total", ("growing",)]
    metrics.accepted("growing", 2)
    second = growth.take()
    key = ("budstikke_messages_accepted_total", ("growing",))
    assert {key: 2.0} == dict(second.counters)
    assert {} == growth.take().counters
    for grown in (first, second):  # as if this were the other process
        metrics.add_growth(grown)
    assert 10.0 == total("growing")


def test_delays_add_up() -> None:
    one, other, whole = (
        Delays("budstikke_accept_seconds", "dialect", (0.5, 1.0)) for _ in range(3)
    )
    for each, dialect, seconds in (
        (one, "a", 0.125),
        (other, "a", 0.75),
        (other, "a", 2.0),
        (other, "b", 0.5),
    ):
        each.note(dialect, seconds)
        whole.note(dialect, seconds)
    one.add(other.take())
    assert {} == other.take()
    written = []
    for each in (one, whole):
        registry = CollectorRegistry()
        registry.register(each)
        written.append(generate_latest(registry))
    assert written[0] == written[1]
    assert b'budstikke_accept_seconds_bucket{dialect="a",le="1.0"} 2.0' in written[0]
    assert b'budstikke_accept_seconds_count{dialect="a"} 3.0' in written[0]


@pytest.mark.parametrize("name", ["budstikke_http_workers", "budstikke_backlog_parts"])
def test_gauges_are_each_process_own(name: str) -> None:
    metrics.http_workers.set(5)
    assert not any(name == key[0] for key in metrics.Growth().take().counters)

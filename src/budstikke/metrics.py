"""
The metrics, for /metrics in Prometheus's format.

They count in batches: one call a batch, not one a message. Every name stands in
``METRICS`` with its meaning, and in docs/operate.md; a test compares the two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate

METRICS: dict[str, str] = {
    "budstikke_requests_total": "HTTP requests of customers, by dialect and result",
    "budstikke_http_refused_total": "HTTP requests and connections beyond the limits, "
    "by status",
    "budstikke_accept_seconds": "Time from a request read to its answer, by dialect",
    "budstikke_messages_accepted_total": "Messages accepted, by dialect",
    "budstikke_parts_answered_total": "Answers of carriers, by carrier and part state",
    "budstikke_receipts_total": "Receipts, by carrier and state",
    "budstikke_inbound_parts_total": "Messages from phones, by carrier",
    "budstikke_inbound_joined_total": "Texts from phones joined of several parts",
    "budstikke_inbound_incomplete_total": "Those told without parts that never came",
    "budstikke_inbound_unrouted_total": "Messages from phones that were nobody's",
    "budstikke_callbacks_total": "Attempts to tell customers, by topic and result",
    "budstikke_callbacks_waiting": "Callbacks in memory, not yet told",
    "budstikke_told_seconds": "Time from an event to its being told, by topic",
    "budstikke_circuits_open": "Endpoints that are not reached: asked now and then",
    "budstikke_queues_paused": "Queues of callbacks that are paused",
    "budstikke_queue_pauses_total": "Times that a queue of callbacks was paused",
    "budstikke_look_ups_total": "Look-ups in the number directory, by result",
    "budstikke_recurred_total": "Times of repeating orders that came, by result",
    "budstikke_carrier_up": "Whether a carrier can be sent to (0: an alarm)",
    "budstikke_carrier_paused": "Links of a carrier that are paused because they tear",
    "budstikke_carrier_room": "Parts that could be offered to a carrier now",
    "budstikke_backlog_parts": "Parts queued in the store, by carrier",
    "budstikke_store_up": "Whether a write is answered now (0: an alarm)",
    "budstikke_clock_confirmed": "Whether the clock is believed (0: an alarm)",
    "budstikke_process_up": "Whether a process of the gateway's answers, by name",
}

registry = CollectorRegistry()


class Delays:
    """A histogram by topic; noting costs a tenth of what the library's does."""

    LIMITS = (
        0.01,
        0.05,
        0.25,
        1.0,
        2.0,
        5.0,
        15.0,
        60.0,
        300.0,
        1800.0,
        7200.0,
        28800.0,
    )

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def note(self, topic: str, seconds: float) -> None:
        """Count one."""
        counts = self._counts.get(topic)
        if counts is None:
            counts = self._counts[topic] = [0] * (len(self.LIMITS) + 1)
            self._sums[topic] = 0.0
        counts[bisect_left(self.LIMITS, seconds)] += 1
        self._sums[topic] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give all to Prometheus."""
        family = HistogramMetricFamily(
            self._name, METRICS[self._name], labels=["topic"]
        )
        limits = [*map(str, self.LIMITS), "+Inf"]
        for topic, counts in self._counts.items():
            buckets = list(zip(limits, accumulate(counts), strict=True))
            family.add_metric([topic], buckets, self._sums[topic])
        yield family


def _counter(name: str, *labels: str) -> Counter:
    return Counter(name, METRICS[name], labels, registry=registry)


def _gauge(name: str, *labels: str) -> Gauge:
    return Gauge(name, METRICS[name], labels, registry=registry)


http_refused = _counter("budstikke_http_refused_total", "status")
requests = _counter("budstikke_requests_total", "dialect", "result")
accept_seconds = Histogram(
    "budstikke_accept_seconds",
    METRICS["budstikke_accept_seconds"],
    ["dialect"],
    registry=registry,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
messages_accepted = _counter("budstikke_messages_accepted_total", "dialect")
parts_answered = _counter("budstikke_parts_answered_total", "carrier", "state")
receipts_total = _counter("budstikke_receipts_total", "carrier", "state")
inbound_parts = _counter("budstikke_inbound_parts_total", "carrier")
inbound_joined = _counter("budstikke_inbound_joined_total")
inbound_incomplete = _counter("budstikke_inbound_incomplete_total")
inbound_unrouted = _counter("budstikke_inbound_unrouted_total")
callbacks = _counter("budstikke_callbacks_total", "topic", "result")
callbacks_waiting = _gauge("budstikke_callbacks_waiting")
told_seconds = Delays("budstikke_told_seconds")
registry.register(told_seconds)
circuits_open = _gauge("budstikke_circuits_open")
queues_paused = _gauge("budstikke_queues_paused")
queue_pauses = _counter("budstikke_queue_pauses_total")
look_ups = _counter("budstikke_look_ups_total", "result")
recurred = _counter("budstikke_recurred_total", "result")
carrier_up = _gauge("budstikke_carrier_up", "carrier")
carrier_paused = _gauge("budstikke_carrier_paused", "carrier")
carrier_room = _gauge("budstikke_carrier_room", "carrier")
backlog_parts = _gauge("budstikke_backlog_parts", "carrier")
store_up = _gauge("budstikke_store_up")
clock_confirmed = _gauge("budstikke_clock_confirmed")
process_up = _gauge("budstikke_process_up", "process")


@cache
def _accepted_by(dialect: str) -> Counter:
    return messages_accepted.labels(dialect)


def accepted(dialect: str, count: int) -> None:
    """Count messages that were accepted."""
    _accepted_by(dialect).inc(count)


def answered(carrier: str, updates: Sequence[tuple[Concerned, PartUpdate]]) -> None:
    """Count a batch of answers."""
    for state, count in Tally(update.state for _, update in updates).items():
        parts_answered.labels(carrier, state.value).inc(count)


def receipts(carrier: str, batch: Sequence[Receipt]) -> None:
    """Count a batch of receipts."""
    for state, count in Tally(receipt.state for receipt in batch).items():
        receipts_total.labels(carrier, state.value).inc(count)


def inbound(carrier: str, count: int) -> None:
    """Count messages from phones."""
    inbound_parts.labels(carrier).inc(count)


@cache
def _called(topic: str, result: str) -> Counter:
    return callbacks.labels(topic, result)


def called(topic: str, result: str) -> None:
    """Count an attempt to tell a customer."""
    _called(topic, result).inc()


def told(topic: str, seconds: float) -> None:
    """Count an attempt that was understood, so many seconds after the event."""
    _called(topic, "done").inc()
    told_seconds.note(topic, seconds)


def heard(*, joined: int, incomplete: int, unrouted: int) -> None:
    """Count whole messages from phones."""
    inbound_joined.inc(joined)
    inbound_incomplete.inc(incomplete)
    inbound_unrouted.inc(unrouted)

"""
The metrics, for /metrics in Prometheus's format.

The functions below count whole batches, not single messages. ``METRICS`` has every name
with its meaning; docs/operate.md has the same table, and a test compares the two. What
another process counts comes as ``Grown``, and is added to what this one has counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate

METRICS: dict[str, str] = {
    "budstikke_requests_total": "Requests of customers, by dialect and result",
    "budstikke_http_refused_total": "HTTP requests and connections refused by a "
    "limit, by status",
    "budstikke_accept_seconds": "Seconds from reading a request to answering it, "
    "by dialect",
    "budstikke_messages_accepted_total": "Messages accepted, by dialect",
    "budstikke_parts_answered_total": "Parts that a carrier has sent or failed to "
    "send, by carrier and new state",
    "budstikke_parts_moved_total": "Parts that left a carrier for another one, by "
    "carrier and reason",
    "budstikke_receipts_total": "Delivery reports, by carrier and state",
    "budstikke_inbound_parts_total": "Inbound messages, and each part of long "
    "ones, by carrier",
    "budstikke_inbound_joined_total": "Inbound texts reassembled from several parts",
    "budstikke_inbound_incomplete_total": "Inbound texts delivered with parts missing",
    "budstikke_inbound_unrouted_total": "Inbound messages that no rule gave to an "
    "access",
    "budstikke_callbacks_total": "Callback attempts, by topic and result",
    "budstikke_callbacks_waiting": "Callbacks in this process that wait to be sent",
    "budstikke_callback_latency_seconds": "Delay from an "
    "event to its successful callback, by topic",
    "budstikke_circuits_open": "Endpoints that do not answer; only test requests go "
    "there",
    "budstikke_queues_paused": "Callback queues that are paused",
    "budstikke_queue_pauses_total": "Pauses of callback queues",
    "budstikke_directory_lookups_total": "Number directory lookups, by result",
    "budstikke_repeated_orders_total": "Occurrences of repeating orders, by result",
    "budstikke_carrier_up": "1 while a carrier can send; 0 is an alarm",
    "budstikke_carrier_paused": "Binds that a carrier has paused because they keep "
    "breaking",
    "budstikke_carrier_silent": "1 while a carrier accepts parts and sends no delivery "
    "reports: an alarm",
    "budstikke_carrier_switched_off": "1 while an administrator has paused or "
    "drained a carrier",
    "budstikke_carrier_answer_delay_seconds": "Delay of a carrier's responses, as a "
    "moving average",
    "budstikke_carrier_receipt_delay_seconds": "Delay from a carrier's response to the "
    "delivery report, as a moving average",
    "budstikke_carrier_room": "Parts that a carrier can take at this moment",
    "budstikke_backlog_parts": "Parts queued in the database, by carrier",
    "budstikke_store_up": "1 while the database answers writes; 0 is an alarm",
    "budstikke_clock_confirmed": "1 while the gateway trusts the clock; 0 is an alarm",
    "budstikke_process_up": "1 while a child process answers, by name",
    "budstikke_smpp_sessions": "Bound SMPP sessions of customers",
    "budstikke_http_workers": "Worker processes that answer HTTP requests",
}

registry = CollectorRegistry()


CALLBACK_LIMITS = (
    *(0.01, 0.05, 0.25, 1.0, 2.0, 5.0, 15.0),
    *(60.0, 300.0, 1800.0, 7200.0, 28800.0),
)
ACCEPT_LIMITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

Bins = tuple[list[int], float]
"""Counts between the limits, and the sum of all seconds."""


class Delays:
    """
    A histogram; ``note`` costs a tenth of the library's ``observe``.

    Args:
        name: Of ``METRICS``.
        label: What it is by.
        limits: Upper bounds, seconds.

    """

    def __init__(self, name: str, label: str, limits: Sequence[float]) -> None:
        self._name = name
        self._label = label
        self._limits = limits
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def note(self, value: str, seconds: float) -> None:
        """Count one; ``value``: of the label."""
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * (len(self._limits) + 1)
            self._sums[value] = 0.0
        counts[bisect_left(self._limits, seconds)] += 1
        self._sums[value] += seconds

    def take(self) -> dict[str, Bins]:
        """Return the counts by the label's value, and start from 0 again."""
        taken = {key: (its, self._sums[key]) for key, its in self._counts.items()}
        self._counts, self._sums = {}, {}
        return taken

    def add(self, taken: Mapping[str, Bins]) -> None:
        """Add the counts of another process."""
        for value, (counts, seconds) in taken.items():
            own = self._counts.get(value, [0] * len(counts))
            self._counts[value] = [a + b for a, b in zip(own, counts, strict=True)]
            self._sums[value] = self._sums.get(value, 0.0) + seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Return the histogram for Prometheus."""
        family = HistogramMetricFamily(
            self._name, METRICS[self._name], labels=[self._label]
        )
        limits = [*map(str, self._limits), "+Inf"]
        for value, counts in self._counts.items():
            buckets = list(zip(limits, accumulate(counts), strict=True))
            family.add_metric([value], buckets, self._sums[value])
        yield family


_counters: dict[str, Counter] = {}


def _counter(name: str, *labels: str) -> Counter:
    counter = Counter(name, METRICS[name], labels, registry=registry)
    _counters[name] = counter
    return counter


def _gauge(name: str, *labels: str) -> Gauge:
    return Gauge(name, METRICS[name], labels, registry=registry)


http_refused = _counter("budstikke_http_refused_total", "status")
requests = _counter("budstikke_requests_total", "dialect", "result")
accept_seconds = Delays("budstikke_accept_seconds", "dialect", ACCEPT_LIMITS)
registry.register(accept_seconds)
messages_accepted = _counter("budstikke_messages_accepted_total", "dialect")
parts_answered = _counter("budstikke_parts_answered_total", "carrier", "state")
parts_moved = _counter("budstikke_parts_moved_total", "carrier", "reason")
receipts_total = _counter("budstikke_receipts_total", "carrier", "state")
inbound_parts = _counter("budstikke_inbound_parts_total", "carrier")
inbound_joined = _counter("budstikke_inbound_joined_total")
inbound_incomplete = _counter("budstikke_inbound_incomplete_total")
inbound_unrouted = _counter("budstikke_inbound_unrouted_total")
callbacks = _counter("budstikke_callbacks_total", "topic", "result")
callbacks_waiting = _gauge("budstikke_callbacks_waiting")
callback_latency = Delays(
    "budstikke_callback_latency_seconds", "topic", CALLBACK_LIMITS
)
registry.register(callback_latency)
circuits_open = _gauge("budstikke_circuits_open")
queues_paused = _gauge("budstikke_queues_paused")
queue_pauses = _counter("budstikke_queue_pauses_total")
directory_lookups = _counter("budstikke_directory_lookups_total", "result")
repeated_orders = _counter("budstikke_repeated_orders_total", "result")
carrier_up = _gauge("budstikke_carrier_up", "carrier")
carrier_paused = _gauge("budstikke_carrier_paused", "carrier")
carrier_silent = _gauge("budstikke_carrier_silent", "carrier")
carrier_switched_off = _gauge("budstikke_carrier_switched_off", "carrier")
carrier_answer_delay = _gauge("budstikke_carrier_answer_delay_seconds", "carrier")
carrier_receipt_delay = _gauge("budstikke_carrier_receipt_delay_seconds", "carrier")
carrier_room = _gauge("budstikke_carrier_room", "carrier")
backlog_parts = _gauge("budstikke_backlog_parts", "carrier")
store_up = _gauge("budstikke_store_up")
clock_confirmed = _gauge("budstikke_clock_confirmed")
process_up = _gauge("budstikke_process_up", "process")
http_workers = _gauge("budstikke_http_workers")
smpp_sessions = _gauge("budstikke_smpp_sessions")


@cache
def _accepted_by(dialect: str) -> Counter:
    return messages_accepted.labels(dialect)


def accepted(dialect: str, count: int) -> None:
    """Count messages that were accepted."""
    _accepted_by(dialect).inc(count)


def answered(carrier: str, updates: Sequence[tuple[Concerned, PartUpdate]]) -> None:
    """Count a batch of outcomes."""
    for state, count in Tally(update.state for _, update in updates).items():
        parts_answered.labels(carrier, state.value).inc(count)


def moved(carrier: str, reason: str, count: int) -> None:
    """Count parts that left a carrier for another one."""
    parts_moved.labels(carrier, reason).inc(count)


def receipts(carrier: str, batch: Sequence[Receipt]) -> None:
    """Count a batch of delivery reports."""
    for state, count in Tally(receipt.state for receipt in batch).items():
        receipts_total.labels(carrier, state.value).inc(count)


def inbound(carrier: str, count: int) -> None:
    """Count inbound messages, and parts of long ones."""
    inbound_parts.labels(carrier).inc(count)


@cache
def _callbacks_by(topic: str, result: str) -> Counter:
    return callbacks.labels(topic, result)


def callback_attempted(topic: str, result: str) -> None:
    """Count a callback attempt."""
    _callbacks_by(topic, result).inc()


def callback_done(topic: str, seconds: float) -> None:
    """Count a callback that the customer understood, ``seconds`` after its event."""
    _callbacks_by(topic, "done").inc()
    callback_latency.note(topic, seconds)


def inbound_messages(*, joined: int, incomplete: int, unrouted: int) -> None:
    """Count whole inbound messages."""
    inbound_joined.inc(joined)
    inbound_incomplete.inc(incomplete)
    inbound_unrouted.inc(unrouted)


class Grown(NamedTuple):
    """
    What a process has counted since it was last asked.

    ``counters`` are by name and the values of the labels; ``accept_seconds`` is as
    ``Delays.take`` gives it.
    """

    counters: dict[tuple[str, tuple[str, ...]], float]
    accept_seconds: dict[str, Bins]


class Growth:
    """Growth of this process's counters, for the process that adds them up."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, tuple[str, ...]], float] = {}

    def take(self) -> Grown:
        """Return the growth since the last call."""
        now = {
            (sample.name, tuple(sample.labels.values())): sample.value
            for counter in _counters.values()
            for family in counter.collect()
            for sample in family.samples
            if sample.name in _counters
        }
        before, self._before = self._before, now
        grown = {key: value - before.get(key, 0.0) for key, value in now.items()}
        counters = {key: value for key, value in grown.items() if value}
        return Grown(counters, accept_seconds.take())


def add_growth(grown: Grown) -> None:
    """Add the counts of another process."""
    for (name, labels), value in grown.counters.items():
        counter = _counters[name]
        (counter.labels(*labels) if labels else counter).inc(value)
    accept_seconds.add(grown.accept_seconds)

"""The measures; each starts a gateway in an empty folder and ends it."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.gateway import PASSWORD, SENDER, TEXT, USER
from bench.instruments import begin_load, end_load, start_sink, wait_for
from bench.memory import proportional
from bench.processes import BenchError, Meter, require_alive, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.gateway import Gateway, Running
    from bench.instruments import Load, Seen, Sink
    from bench.processes import Busy, Child

# Norwegian mobile numbers; every request of a run has its own.
WARM_UP_FIRST = 4799000000
FIRST = 4790000000
BULK_FIRST = 4791000000
PHONES_FIRST, PHONES_WARM_UP = 4792000000, 4793000000


@dataclass(frozen=True, slots=True)
class Size:
    """
    How much is measured.

    Attributes:
        messages: For one request per message.
        bulk: Recipients of the one bulk request.
        warm_up: Messages sent, and waited for, before a measure.
        seconds: Length of the latency measure.
        delay_ms: From a submit_sm to its receipt.

    """

    messages: int = 50_000
    bulk: int = 100_000
    warm_up: int = 2_000
    seconds: float = 10
    delay_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """
    One measure of one gateway in one round.

    Attributes:
        figures: By their names in report.py.
        faults: What went wrong, in words; empty when every message arrived once.

    """

    measure: str
    gateway: str
    round: int
    figures: dict[str, float]
    busy: Busy
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Bench:
    """A gateway that is warm, its sink, and the meter to be."""

    running: Running
    sink: Sink

    @property
    def children(self) -> list[Child]:
        """All processes but the load generator, which comes and goes."""
        return [*self.running.children, self.sink.child]


@contextmanager
def ready(
    gateway: Gateway, folder: Path, size: Size, *, pushes: int, inbound: bool = False
) -> Iterator[Bench]:
    """Start a sink and the gateway, send the warm-up, end both afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sink = start_sink(folder, size.delay_ms)
    children: list[Child] = []
    try:
        running = gateway.start(folder, sink, pushes, inbound=inbound)
        children = running.children
        sink.receipts(wanted=pushes > 0)
        bench = Bench(running, sink)
        _warm_up(bench, size.warm_up)
        if inbound:
            sink.count_by("number")
            _from_phones(bench, size.warm_up, PHONES_WARM_UP)
            sink.reset()
        yield bench
        require_alive(bench.children)
    finally:
        for child in reversed(children):
            stop(child)
        stop(sink.child)


def _warm_up(bench: Bench, count: int) -> None:
    """Send some messages all the way, and forget them."""
    process = begin_load(bench.running.ask, count=count, first=WARM_UP_FIRST)
    load = end_load(process)
    wanted = dict.fromkeys(bench.running.statuses, count)
    seen = wait_for(bench.sink, submits=count, statuses=wanted)
    if load.good < count or seen.submits < count:
        raise BenchError(f"the warm-up failed: {load} {seen}")
    bench.sink.reset()


def _from_phones(bench: Bench, count: int, first: int) -> Seen:
    """Send from so many phones, and wait until the customer has it all."""
    bench.sink.phones(count, first)
    return wait_for(bench.sink, submits=0, statuses={"in": count})


def inbound(gateway: Gateway, folder: Path, size: Size, *, turn: int) -> Result:
    """
    Send a message from each of many phones, as fast as deliver_sm are acknowledged.

    `rate` is messages divided by the time from the first deliver_sm to the last
    request at the customer's URL, `cpu` the gateway's microseconds for each.
    """
    with ready(gateway, folder, size, pushes=0, inbound=True) as bench:
        meter = Meter(bench.children)
        began = time.monotonic()
        seen = _from_phones(bench, size.messages, PHONES_FIRST)
        busy = meter.read()
    figures = {
        "rate": seen.statuses.get("in", 0) / (seen.push_last - began),
        "cpu": _cpu_per_message(bench, busy, size.messages),
    }
    faults = []
    if seen.pushes - seen.push_doubles != size.messages:
        faults.append(f"{seen.pushes - seen.push_doubles} of {size.messages} told")
    if seen.push_doubles:
        faults.append(f"{seen.push_doubles} told twice")
    return Result("e", gateway.name, turn, figures, busy, faults)


def differences(load: Load, seen: Seen, statuses: dict[str, int]) -> list[str]:
    """Compare what was accepted with what arrived."""
    faults = []
    if load.good < load.sent:
        faults.append(f"{load.sent - load.good} of {load.sent} requests not accepted")
    if seen.submits - seen.doubles != load.good:
        faults.append(
            f"{seen.submits - seen.doubles} of {load.good} recipients reached"
        )
    if seen.doubles:
        faults.append(f"{seen.doubles} sent twice")
    for status, count in statuses.items():
        if seen.statuses.get(status, 0) != count:
            got = seen.statuses.get(status, 0)
            faults.append(f"{got} of {count} pushes with status {status}")
    if seen.push_doubles:
        faults.append(f"{seen.push_doubles} pushes came twice")
    return faults


def _cpu_per_message(bench: Bench, busy: Busy, messages: int) -> float:
    """Microseconds of all the gateway's processes for a message."""
    cores = sum(busy.cores[child.name] for child in bench.running.children)
    return cores * busy.seconds / max(messages, 1) * 1e6


def throughput(
    gateway: Gateway, folder: Path, size: Size, *, pushes: int, name: str, turn: int
) -> Result:
    """
    Send one request per message as fast as the answers come.

    With pushes it ends when the last has arrived, else when the last message is
    at the SMSC. `rate` is messages divided by the time from the first request to
    that end; `http` and `smsc` are the rates of the answers and of the submits;
    `cpu` is the gateway's microseconds of processor for a message, `memory` the MB
    of its processes at the end.
    """
    with ready(gateway, folder, size, pushes=pushes) as bench:
        statuses = dict.fromkeys(bench.running.statuses, size.messages)
        meter = Meter(bench.children)
        process = begin_load(bench.running.ask, count=size.messages, first=FIRST)
        load = end_load(process)
        seen = wait_for(bench.sink, submits=load.good, statuses=statuses)
        busy = meter.read()
        memory = proportional(bench.running.children)
    end = seen.push_last if pushes else seen.last
    figures = {
        "rate": load.good / (end - load.first),
        "http": load.per_second,
        "smsc": seen.submits / (seen.last - load.first),
        "cpu": _cpu_per_message(bench, busy, load.good),
        "p50": load.p50_ms,
        "p99": load.p99_ms,
        "memory": memory,
    }
    if pushes:
        figures["pushes"] = seen.pushes / (seen.push_last - seen.push_first)
    faults = differences(load, seen, statuses)
    return Result(name, gateway.name, turn, figures, busy, faults)


def latency(
    gateway: Gateway, folder: Path, size: Size, *, rate: float, name: str, turn: int
) -> Result:
    """Ask at a fixed rate for some seconds; latency from when each was due."""
    with ready(gateway, folder, size, pushes=0) as bench:
        meter = Meter(bench.children)
        process = begin_load(
            bench.running.ask, count=int(rate * size.seconds), first=FIRST, rate=rate
        )
        load = end_load(process)
        seen = wait_for(bench.sink, submits=load.good, statuses={})
        busy = meter.read()
    figures = {
        "rate": rate,
        "p50": load.p50_ms,
        "p99": load.p99_ms,
        "p999": load.p999_ms,
        "max": load.max_ms,
        "late": load.late_p99_ms,
        "starved": load.starved,
    }
    faults = differences(load, seen, {})
    return Result(name, gateway.name, turn, figures, busy, faults)


def post_bulk(
    port: int, path: str, count: int, first: int = BULK_FIRST
) -> tuple[float, float, str]:
    """Send the one request; when it began, how long it took, what is wrong."""
    numbers = [f"00{first + i}" for i in range(count)]
    fields = {"serviceid": USER, "password": PASSWORD, "fromid": SENDER, "txt": TEXT}
    body = json.dumps({**fields, "phoneno": numbers}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    began = time.monotonic()
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    took = time.monotonic() - began
    connection.close()
    wrong = "" if response.status == 201 else f"{response.status} {text[:200]!r}"
    return began, took, wrong


def bulk(gateway: Gateway, folder: Path, size: Size, *, turn: int) -> Result:
    """
    Send one request with many recipients, and a few single ones beside it.

    `answer` is seconds until its answer, `rate` recipients at the SMSC a second
    since it was sent; `p99` and `max` are of the single requests, 50 a second,
    which show whether the bulk holds others up.
    """
    with ready(gateway, folder, size, pushes=0) as bench:
        meter = Meter(bench.children)
        ask = bench.running.ask
        beside = begin_load(ask, count=6_000, first=FIRST, rate=50, connections=8)
        began, took, wrong = post_bulk(ask.ports[0], bench.running.bulk, size.bulk)
        reached = wait_for(bench.sink, submits=0 if wrong else size.bulk, statuses={})
        busy = meter.read()
        beside.terminate()
        load = end_load(beside)
        wanted = load.good + (0 if wrong else size.bulk)
        seen = wait_for(bench.sink, submits=wanted, statuses={})
    figures = {
        "answer": took,
        "rate": reached.submits / max(reached.last - began, took),
        "p50": load.p50_ms,
        "p99": load.p99_ms,
        "max": load.max_ms,
    }
    faults = [f"the bulk request was refused: {wrong}"] if wrong else []
    if seen.submits - seen.doubles != wanted or seen.doubles:
        faults.append(f"{seen.submits} submits, {seen.doubles} twice, of {wanted}")
    return Result("c", gateway.name, turn, figures, busy, faults)

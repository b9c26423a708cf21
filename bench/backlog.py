"""
A long queue: its memory, how fast it drains, and whether urgent messages overtake it.

The operator is away while bulk requests fill the queue, and slow when it is back.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.gateway import PASSWORD, SENDER, TEXT
from bench.measures import BULK_FIRST, Result, post_bulk, ready
from bench.memory import resident
from bench.processes import BenchError, Meter, require_alive

if TYPE_CHECKING:
    from pathlib import Path

    from bench.gateway import Gateway
    from bench.measures import Bench, Size

CHUNK = 100_000
"""Recipients of one bulk request."""
URGENT_FIRST, MOST_URGENT = 4798000000, 10_000
URGENT_EVERY, URGENT_LIMIT = 0.5, 30.0
"""Seconds between urgent messages, and until one is given up."""
CONNECT_SECONDS = 120.0
"""Until the gateway has noticed that the operator is back."""


@dataclass(frozen=True, slots=True)
class Urgent:
    """Seconds from an urgent request to its answer, and to the SMSC's."""

    answered: float
    taken: float


def _request(bench: Bench, method: str, path: str, body: str = "") -> tuple[int, str]:
    """Ask the gateway's first port; status and text of the answer."""
    port = bench.running.ask.ports[0]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {PASSWORD}"}
    if body:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def _queued(bench: Bench) -> float:
    """Read how many parts the gateway says are queued."""
    _status, text = _request(bench, "GET", "/metrics")
    values = re.findall(r"^budstikke_backlog_parts\{.*\} (\S+)$", text, re.MULTILINE)
    return sum(map(float, values))


class Watcher:
    """Samples the memory of the gateway and remembers the most."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.most = 0.0

    def sample(self) -> float:
        """Look now, in MB; BenchError when the gateway has ended."""
        require_alive(self._bench.children)
        now = resident(self._bench.running.children)
        self.most = max(self.most, now)
        return now


def _fill(bench: Bench, count: int, watcher: Watcher) -> float:
    """Fill the queue while the operator is away; seconds until all is in it."""
    began = time.monotonic()
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        port, path = bench.running.ask.ports[0], bench.running.bulk
        _began, _took, wrong = post_bulk(port, path, size, BULK_FIRST + first)
        if wrong:
            raise BenchError(f"a bulk request was refused: {wrong}")
        watcher.sample()
    queued, since = 0.0, time.monotonic()
    while queued < count:
        time.sleep(1)
        watcher.sample()
        now = _queued(bench)
        if now > queued:
            queued, since = now, time.monotonic()
        elif time.monotonic() - since > 60:
            raise BenchError(f"{queued:.0f} of {count} are queued, and no more come")
    return time.monotonic() - began


def _connect(bench: Bench) -> float:
    """Let the operator come back; seconds until the gateway is bound to it."""
    began = time.monotonic()
    bench.sink.down(wanted=False)
    while not bench.sink.seen().binds:
        if time.monotonic() - began > CONNECT_SECONDS:
            raise BenchError("the gateway does not come back to its operator")
        time.sleep(0.02)
    return time.monotonic() - began


def _urge(bench: Bench, recipient: int) -> Urgent:
    """Send one urgent message, and wait until the SMSC has answered for it."""
    order = {"to": f"+{recipient}", "from": SENDER, "text": TEXT, "priority": 3}
    began = time.monotonic()
    status, text = _request(bench, "POST", bench.running.native, json.dumps(order))
    answered = time.monotonic()
    if status >= 300:
        raise BenchError(f"an urgent message was refused: {status} {text[:200]}")
    while not (at := bench.sink.when(recipient)):
        if time.monotonic() - began > URGENT_LIMIT:
            return Urgent(answered - began, URGENT_LIMIT)
        time.sleep(0.01)
    return Urgent(answered - began, at - began)


def _drain(bench: Bench, count: int, rate: float, watcher: Watcher) -> list[Urgent]:
    """Send urgent messages until the SMSC has it all, or time is up."""
    limit = time.monotonic() + 4 * count / rate + 120
    urgent: list[Urgent] = []
    while bench.sink.seen().submits < count + len(urgent):
        if time.monotonic() > limit:
            break
        watcher.sample()
        if len(urgent) < MOST_URGENT and bench.sink.seen().submits < count * 0.95:
            urgent.append(_urge(bench, URGENT_FIRST + len(urgent)))
        time.sleep(URGENT_EVERY)
    return urgent


def measure(
    gateway: Gateway, folder: Path, size: Size, count: int, rate: float, *, turn: int
) -> Result:
    """
    Queue ``count`` messages, then let the SMSC take ``rate`` of them a second.

    Urgent ones are timed until the SMSC answers for them, with what waits within the
    SMSC before them: up to the window divided by the rate.
    """
    with ready(gateway, folder, size, pushes=0) as bench:
        watcher = Watcher(bench)
        empty = watcher.sample()
        bench.sink.down(wanted=True)
        filled = _fill(bench, count, watcher)
        full = watcher.sample()
        bench.sink.watch(URGENT_FIRST, MOST_URGENT)
        bench.sink.rate(rate)
        meter = Meter(bench.children)
        connected = _connect(bench)
        began = time.monotonic()
        urgent = _drain(bench, count, rate, watcher)
        seen = bench.sink.seen()
        busy = meter.read()
    drained = seen.last - began
    figures = {
        "queued": count,
        "slow": rate,
        "filled": filled,
        "empty_mb": empty,
        "full_mb": full,
        "most_mb": watcher.most,
        "connected": connected,
        "drained": drained,
        "rate": seen.submits / drained,
        "urgent": len(urgent),
        "urgent_p50": median([u.taken for u in urgent] or [0.0]),
        "urgent_max": max((u.taken for u in urgent), default=0.0),
        "urgent_answer": max((u.answered for u in urgent), default=0.0),
    }
    wanted = count + len(urgent)
    faults = [] if urgent else ["no urgent message was sent meanwhile"]
    if seen.submits - seen.doubles != wanted or seen.doubles:
        faults.append(f"{seen.submits} submits, {seen.doubles} twice, of {wanted}")
    return Result("backlog", gateway.name, turn, figures, busy, faults)

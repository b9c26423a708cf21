"""
What the verbs of the message path cost on each engine, side by side in one run.

Both are durable (SQLite ``synchronous=FULL``, PostgreSQL ``fsync`` and
``synchronous_commit`` on), and each batch waits for the one before: the figures are
round trips and commits, not what coalescing makes of them. The processor time is this
process's, which is also the one that parses and sends.

    .venv/bin/python -m bench.store_verbs [BATCHES [MESSAGES]]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # their server

from budstikke.domain.message import NotifyOn
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.domain.states import MessageState, PartState
from budstikke.store.contract import (
    CallbackResult,
    Charge,
    Draft,
    Entry,
    MessageRow,
    PartRow,
    Store,
)
from budstikke.store.migrate import migrate
from store.databases import postgres_store, sqlite_store
from store.engines import fill_directory
from store.postgres_server import DURABLE, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

NOW = 1_700_000_000.0
RECIPIENT = "+4799999999"


class Clocks:
    """Wall and processor time of each verb."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = defaultdict(list)
        self.cpu: dict[str, list[float]] = defaultdict(list)

    async def time(self, verb: str, done: Awaitable[Any]) -> Any:
        """Await a verb and note what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        found = await done
        self.wall[verb].append(time.perf_counter() - wall)
        self.cpu[verb].append(time.process_time() - cpu)
        return found


def draft(store: Store, count: int, state: PartState) -> Draft:
    """Make a draft of so many messages of one part, that cost money."""
    first = store.reserve_ids(count)
    messages = [
        MessageRow(
            *(n, first, 1, RECIPIENT, "Budstikke", None, "gsm", 1, 1, 0, 0, 1),
            *(int(NotifyOn.FINAL), None, None, NOW, NOW + 86400, MessageState.ACCEPTED),
            account_id=1,
            price=100,
        )
        for n in range(first, first + count)
    ]
    node_id = store.node_id if state is PartState.SENDING else None
    parts = [
        PartRow((row.id << 8) + 1, 1, state, "x" * 80, 0, 1, None, node_id, NOW)
        for row in messages
    ]
    return Draft(messages, parts, charge=Charge(1, first, 0))


def answers(ids: Sequence[int]) -> list[tuple[Concerned, PartUpdate]]:
    """Say that a carrier took these parts."""
    sending, accepted = PartState.SENDING, MessageState.ACCEPTED
    return [
        (
            Concerned(
                *(0, id_, sending, 1, 0, id_ >> 8, 1, accepted),
                *(int(NotifyOn.FINAL), 1, RECIPIENT, None),
            ),
            PartUpdate(id_, PartState.SENT, 1, f"s{id_}", f"k{id_}", at=NOW),
        )
        for id_ in ids
    ]


def receipts(ids: Sequence[int]) -> list[Receipt]:
    """Say that they were delivered."""
    return [
        Receipt(
            *(f"s{id_}", f"k{id_}", ReceiptState.DELIVERED, Reason.NONE),
            *("stat:DELIVRD err:000", NOW + 1, RECIPIENT),
        )
        for id_ in ids
    ]


async def path(store: Store, batches: int, count: int) -> Clocks:
    """Take batches all the way, half of them queued and claimed first."""
    clocks = Clocks()
    await store.open(NOW)
    await store.post_entries(1, [Entry("payment", 10**12)], NOW)
    for turn in range(batches):
        queued = turn % 2 == 1
        state = PartState.QUEUED if queued else PartState.SENDING
        made = draft(store, count, state)
        await clocks.time("accept", store.accept([made], NOW))
        ids = [row.id for row in made.parts]
        if queued:
            found = await clocks.time("claim", store.claim(1, count, NOW))
            assert len(found) == count  # noqa: S101 - or the figures mean nothing
        await clocks.time("record", store.record(answers(ids), NOW))
        settled = store.settle(1, receipts(ids), NOW, 3600.0)
        told = await clocks.time("settle", settled)
        assert len(told) == count  # noqa: S101 - likewise
        done = [
            CallbackResult(r.id, "done", None, 1, "OK", NOW, 200, 0.1) for r in told
        ]
        await clocks.time("record_callbacks", store.record_callbacks(done))
    await store.close()
    return clocks


def show(name: str, clocks: Clocks, count: int) -> None:
    """Print a line for each verb: the medians without the first fifth."""
    for verb, walls in clocks.wall.items():
        warm = len(walls) // 5
        wall = statistics.median(walls[warm:])
        cpu = statistics.median(clocks.cpu[verb][warm:])
        print(
            f"{name:<11}{verb:<8}{wall * 1e3:8.2f} ms {count / wall:10,.0f} rows/s"
            f" {cpu / count * 1e6:7.1f} µs processor a row"
        )


def main() -> None:
    """Measure SQLite, then PostgreSQL."""
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "b.sqlite"
        migrate(f"sqlite:///{file}")
        fill_directory(f"sqlite:///{file}")
        show("SQLite", asyncio.run(path(sqlite_store(file), batches, count)), count)
    server = serving(DURABLE)
    try:
        server.execute("CREATE DATABASE b")
        migrate(server.url("b"))
        fill_directory(server.url("b"))
        store = postgres_store(server.url("b"), node="bench")
        show("PostgreSQL", asyncio.run(path(store, batches, count)), count)
    finally:
        server.close()


if __name__ == "__main__":
    main()

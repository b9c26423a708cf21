"""What PostgreSQL looks at of the partitions: of each statement of the path."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from budstikke.store.engines.postgres.client import SERVER_SETTINGS
from budstikke.store.engines.postgres.connection import _placed
from budstikke.store.engines.postgres.partitions import CALLBACKS, MESSAGES
from budstikke.store.verbs import (
    callback_queues,
    callbacks,
    claim,
    clock,
    money,
    queries,
    receipt_matching,
    settlement,
    trace,
)
from budstikke.store.verbs.statement import Statement
from store.parted import ask
from store.postgres_engine import PostgresEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.postgres_server import Server

COUNT = 12
SIZE = 1000
LOW = (COUNT - 1) * SIZE + 1
"""Where the one in use begins; behind it is the last one."""

PART = LOW << 8
ROW = f'[[{PART + 257}, "sent", 1, "s", "k", "", "", 1, null, 0, false]]'
FINAL = f'[[{LOW + 1}, "delivered", "", "", 1, true]]'
CLAIMED = {"carrier": 1, "limit": 10, "node": 1, "now": 1.0, "low": PART}
RECEIPT = '[["s", "k"]]'

BY_ID: dict[str, tuple[str | Statement, tuple[Any, ...]]] = {
    "claim": _placed(claim.CLAIM, (CLAIMED,)),
    "release": (claim.RELEASE, (f"[{PART + 257}]", PART, 1)),
    "still open": (settlement.STILL_OPEN, (f"[{PART + 257}]", PART)),
    "update parts": (settlement.UPDATE_PARTS, (ROW, PART)),
    "finish messages": (settlement.FINISH_MESSAGES, (FINAL, LOW)),
    "match by id": (receipt_matching.MATCH_ID, (RECEIPT, 1, PART)),
    "match by key": (receipt_matching.MATCH_KEY, ('[[0, "k"]]', 1, PART)),
    "concerned": (receipt_matching.CONCERNED_BY_PART, (f"[{PART + 257}]", PART)),
    "lock messages": (settlement.LOCK_MESSAGES, (f"[{LOW + 1}]", LOW)),
    "siblings": (settlement.SIBLINGS, (f"[{LOW + 1}]", LOW)),
    "refundable": (money.REFUNDABLE, (FINAL, LOW)),
    "take prices": (money.TAKE_PRICES, (f"[[1, {LOW + 1}, 5]]", LOW)),
    "due": (clock.DUE, (1.0, 10, PART, 10, LOW)),
    "is due": (clock.IS_DUE, (1.0, PART, LOW)),
    "lease callbacks": (clock.LEASE_CALLBACKS, (f"[{LOW + 1}]", 2.0, 1, LOW)),
    "release parts": (clock.RELEASE_PARTS, (f"[{PART + 257}]", PART)),
    "start messages": (clock.START_MESSAGES, (f"[{LOW + 1}]", LOW)),
    "callbacks told": (callbacks.UPDATE_CALLBACKS, (f'[[{LOW + 1}, "done"]]', LOW)),
    "head of a queue": (callback_queues.HEAD, (1, 10, LOW)),
    "look up": (queries.MESSAGES, (f"[{LOW + 1}]", LOW)),
    "one message": _placed(queries.BY_ID, ({"id": LOW + 1, "account": 1},)),
    "backlog": (claim.BACKLOG, (PART,)),
    "open messages": (MESSAGES.is_open, (LOW, LOW + SIZE)),
    "open callbacks": (CALLBACKS.is_open, (LOW, LOW + SIZE)),
}

TRACED = {"id": LOW + 1, "account": 1, "limit": 10}

OF_TRACE: dict[str, tuple[str | Statement, tuple[Any, ...]]] = {
    "message": _placed(trace.MESSAGE, (TRACED,)),
    "parts": _placed(trace.PARTS, (TRACED,)),
    "history": _placed(trace.HISTORY, (TRACED,)),
    "callbacks": _placed(trace.CALLBACKS, (TRACED,)),
    "attempts": _placed(trace.ATTEMPTS, (TRACED,)),
    "refunds": _placed(trace.REFUNDS, (TRACED,)),
}

BIG = r"(?:message|part|callback)_\d+|part_history|attempt|ledger"
"""Tables that grow with history."""

_PARTITION = re.compile(r" on (?:message|part|callback)_(\d+)\b")
"""What follows it may be another such name: the one that it has in the plan."""


@pytest.fixture(scope="module")
def many(
    make_postgres: Callable[[], PostgresEngine], postgres_server: Server
) -> Iterator[PostgresEngine]:
    """A database of twelve partitions below the last one."""
    make_postgres().close()  # so that there is a template
    engine = PostgresEngine(postgres_server)
    for table, factor in (("message", 1), ("part", 256), ("callback", 1)):
        ask(engine, f"DROP TABLE {table}_1, {table}_2")
        for number in range(1, COUNT + 2):
            low = ((number - 1) * SIZE + 1) * factor
            high = "MAXVALUE" if number > COUNT else low + SIZE * factor
            ask(
                engine,
                f"CREATE TABLE {table}_{number} PARTITION OF {table}"
                f" FOR VALUES FROM ({low}) TO ({high})",
            )
    yield engine
    engine.close()


def plan(
    engine: PostgresEngine,
    statement: str | Statement,
    values: tuple[Any, ...],
    *,
    scans: bool = True,
) -> str:
    if isinstance(statement, Statement):
        statement = statement.postgres

    async def explain() -> list[Any]:
        raw = await asyncpg.connect(engine.url, server_settings=SERVER_SETTINGS)
        try:
            if not scans:
                await raw.execute("SET enable_seqscan = off")
            return list(await raw.fetch(f"EXPLAIN {statement}", *values))
        finally:
            await raw.close()

    return "\n".join(row[0] for row in asyncio.run(explain()))


@pytest.mark.parametrize("name", BY_ID)
def test_partitions_below_are_not_looked_at(many: PostgresEngine, name: str) -> None:
    found = plan(many, *BY_ID[name])
    seen = {int(number) for number in _PARTITION.findall(found)}
    assert seen in ({COUNT}, {COUNT, COUNT + 1})


@pytest.mark.parametrize("name", BY_ID)
def test_each_is_looked_at_by_an_index(many: PostgresEngine, name: str) -> None:
    found = plan(many, *BY_ID[name])
    scans = re.findall(
        r"(\w+ Scan|\w+ Only Scan).* on (?:message|part|callback)_", found
    )
    assert scans
    assert not [scan for scan in scans if "Seq" in scan]


def test_an_operators_id_costs_one_probe_a_partition(many: PostgresEngine) -> None:
    found = plan(many, receipt_matching.MATCH_ID, (RECEIPT, 1, 0))
    probes = re.findall(r"Index Scan using part_\d+_smsc_id\w* on part_(\d+)", found)
    assert [str(number) for number in range(COUNT + 2)] == sorted(probes, key=int)


@pytest.mark.parametrize("name", OF_TRACE)
def test_a_trace_reads_by_indexes(many: PostgresEngine, name: str) -> None:
    """Empty tables have no better plan than a scan, unless scans are forbidden."""
    found = plan(many, *OF_TRACE[name], scans=False)
    assert re.search(rf"Index.* on (?:{BIG})\b", found) or "Bitmap" in found
    assert not re.search(rf"Seq Scan on (?:{BIG})\b", found)

"""SQLite: the work of a verb does not grow with history."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.callback import QueueState
from budstikke.domain.states import PartState
from budstikke.store import schema, verbs
from budstikke.store.contract import CallbackResult, MediaRow, QueueResult
from budstikke.store.engines import sqlite
from budstikke.store.engines.sqlite import opening
from budstikke.store.verbs.statement import Statement
from store.databases import sqlite_of
from store.engines import SqliteEngine
from store.path import NOW, RECIPIENT, Path, opened, receipt, run
from store.phones import held_part, phone

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Awaitable, Callable

HISTORY = 100_000
OLD = 1_000_000
"""The first id of the history: those of new messages follow it."""

MODULES = [
    importlib.import_module(f"{package.__name__}.{module.name}")
    for package in (verbs, sqlite)
    for module in pkgutil.iter_modules(package.__path__)
]

_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")

STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]} {name}": text
    for module in MODULES
    for name, value in vars(module).items()
    if name.isupper() and not name.startswith("_")
    for text in [value.sqlite if isinstance(value, Statement) else value]
    if isinstance(text, str)
    and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)", text)
}

STOPS_EARLY = {
    "opening LOCKED_KEYS",  # the reader stops at the first that is older than any lock
    # A slice from the front:
    *("purge DELETE_BULKS", "purge DELETE_HISTORY_OF_BULKS"),
    # The newest rows, so many:
    *("trace_search BY_RECIPIENT", "trace_search CANDIDATES"),
    *("trace_search ORPHANS", "trace_search OLDER"),
    "orders OPEN_BULKS",  # at the start alone, of a table with few rows
    # Of tables that administrators write:
    *("callback_listing ACCESSES", "callback_listing QUEUES"),
    "inbound_listing NUMBERS",
    # One row of each carrier on each node:
    "carrier_status FORGET",
    # All users and accounts, which an operator lists:
    *("users ACCOUNTS", "users ALL_ROLES", "users USERS"),
}
"""Statements that may go through a table in the order of its key, and why."""

OF_HISTORY = {
    *("inbound_part_done", "message_order", "message_ref", "message_reply"),
    *("part_smsc_id", "part_smsc_key", "recurring_ended"),
}
"""Partial indexes that grow with what is done."""

PARTIAL = {
    index.name
    for table in schema.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
    and index.name not in OF_HISTORY
}
"""Indexes that hold only what is not yet done: going through one is no full scan."""

SCAN = re.compile(r"SCAN (\S+)(?: USING (?:COVERING )?INDEX (\S+))?(.*VIRTUAL TABLE)?")


def full_scans(connection: sqlite3.Connection, statement: str) -> list[str]:
    """Find the steps of a statement's plan that go through all rows of a table."""
    values: list[str] | dict[str, str]
    bare = re.sub(r"'[^']*'", "''", statement)
    numbered = [int(n) for n in re.findall(r"\?([0-9]+)", bare)]
    values = ["[]"] * (max(numbered) if numbered else bare.count("?"))
    if named := re.findall(r":([a-z_]+)", bare):
        values = dict.fromkeys(named, "[]")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    lines = [row[3] for row in rows]
    steps = ("MATERIALIZE", "CO-ROUTINE")
    made = {line.split()[1] for line in lines if line.startswith(steps)}
    found = []
    for line in lines:
        scan = None if "CONSTANT ROW" in line else SCAN.match(line)
        if scan is None or scan[1].startswith("(") or scan[1] in made or scan[3]:
            continue  # a search, a result that was made before, or the batch
        if scan[2] not in PARTIAL:
            found.append(line)
    return found


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - STOPS_EARLY))
def test_no_statement_scans_a_table(sqlite_template: pathlib.Path, name: str) -> None:
    connection = sqlite3.connect(sqlite_template)
    assert [] == full_scans(connection, STATEMENTS[name])
    connection.close()


def test_a_scan_would_be_found(sqlite_template: pathlib.Path) -> None:
    connection = sqlite3.connect(sqlite_template)
    for statement in (
        "SELECT * FROM part p WHERE state = 'sent'",
        "SELECT * FROM message m JOIN part p ON p.id = m.id WHERE m.raw = ''",
        "SELECT * FROM callback WHERE at < 1",
    ):
        assert [] != full_scans(connection, statement)
    connection.close()


def write_history(file: pathlib.Path, count: int) -> None:
    """Fill the tables: delivered messages, told callbacks, unmatched receipts."""
    connection = sqlite3.connect(file)
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {count})"
    )
    message = (
        f"SELECT {OLD} + i, {OLD} + i, 1, '{RECIPIENT}', 'B', NULL, 'gsm', 1, 1, 0, 0,"
        f" 1, 1, NULL, NULL, {NOW - 9e5}, {NOW - 3e5}, 'delivered', '', '',"
        f" {NOW - 8e5}, 1, 0, 1, 0, NULL, 0, NULL"
    )
    part = (
        f"SELECT (({OLD} + i) << 8) + 1, 1, 'delivered', 't', 0, 1, NULL, 0, NULL,"
        f" 'h' || i, 'h' || i, '', '', {NOW - 8e5}, NULL, NULL, ''"
    )
    callback = (
        f"SELECT i, 1, {OLD} + i, '[]', 'done', NULL, NULL, 1, '', {NOW - 8e5}, NULL,"
        " 200, 0.1"
    )
    orphan = (
        "SELECT i, 1, 'o' || i, 'o' || i, 'delivered', '', '', 0, '+46' || i,"
        f" {NOW - 9e5}, {NOW + 9e5}"
    )
    inbound = (
        f"SELECT {10 * OLD} + i, 1, 1, 1, NULL, NULL, '{RECIPIENT}', '2229', 'sms', '',"
        f" '', '', '', NULL, 0, 0, 0, {NOW - 9e5}, NULL"
    )
    inbound_part = (
        f"SELECT i, 1, '{RECIPIENT}', '2229', 0, 1, '00', '{{}}', 0, 'r' || i, 2, 1,"
        f" 'd', 0, 0, 'done', {NOW + 9e5}"
    )
    media = f"SELECT 'm' || i, {10 * OLD} + i, 1, '', 'text/plain', 1, '-'"
    attempt = "SELECT i, i, 0, 0, '', 500, ''"
    for table, rows in (
        ("inbound", inbound),
        ("inbound_part", inbound_part),
        ("media", media),
        ("attempt", attempt),
        ("message", message),
        ("part", part),
        ("callback", callback),
        ("orphan", orphan),
    ):
        connection.execute(f"{numbers} INSERT INTO {table} {rows} FROM n")
    value = str(OLD + count + 1)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'next_id'", (value,))
    connection.commit()
    connection.close()


@pytest.fixture(scope="module")
def histories(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: pathlib.Path
) -> dict[int, SqliteEngine]:
    engines = {}
    for count in (1000, HISTORY):
        folder = tmp_path_factory.mktemp(f"history{count}")
        engines[count] = SqliteEngine(folder / "db", sqlite_template)
        write_history(engines[count].file, count)
    return engines


async def count_steps(path: Path, verb: Callable[[], Awaitable[Any]]) -> int:
    """Count the instructions of SQLite's machine, in tens, that a verb takes."""
    store = path.store
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    for thread in (sqlite_of(store)._writer, sqlite_of(store)._reader):
        await thread.run(lambda connection: connection.set_progress_handler(count, 10))
    await verb()
    for thread in (sqlite_of(store)._writer, sqlite_of(store)._reader):
        await thread.run(lambda connection: connection.set_progress_handler(None, 0))
    return steps[0]


async def every_verb(path: Path) -> dict[str, int]:
    """Have each verb do a little, and count what it took."""
    store = path.store
    counts: dict[str, int] = {}

    async def measured(name: str, verb: Callable[[], Awaitable[Any]]) -> None:
        counts[name] = await count_steps(path, verb)

    await measured("accept", lambda: path.accept(*[RECIPIENT] * 5, parts=2))
    await measured("claim", lambda: store.claim(1, 4, NOW))
    parts = await path.sending(*[RECIPIENT] * 4)
    updates = [path.update(part, PartState.SENT, f"{part}") for part in parts[:2]]
    await measured("record", lambda: store.record(updates, NOW))
    known = [receipt(f"{part}") for part in parts[:2]]
    unknown = [receipt("never", recipient="+4790000000")]
    await measured("settle", lambda: store.settle(1, [*known, *unknown], NOW, 10))
    unsure = path.update(parts[2], PartState.UNSURE, due_at=NOW + 1)
    await store.record([unsure], NOW)
    await path.accept(due_at=NOW + 1)
    done = CallbackResult(1, "done", None, 1, "", NOW)
    await measured("record_callbacks", lambda: store.record_callbacks([done]))
    await measured("wake", lambda: store.wake(NOW + 1000, 100, 100))
    await measured("sweep", lambda: store.sweep(NOW + 1000, 100))
    await measured("purge", lambda: store.purge(NOW - 1e6, 100))
    await measured("purge some", lambda: store.purge(NOW - 1e5, 10))
    await measured("messages", lambda: store.messages([OLD + 1, OLD + 2]))
    await measured("backlog", store.backlog)
    await measured("open_bulks", store.open_bulks)
    await measured("release", lambda: store.release([parts[3]]))
    await measured("hold_parts", lambda: store.hold_parts([held_part(1), held_part(2)]))
    held = await store.ready_parts(NOW, 10)
    await measured("ready_parts", lambda: store.ready_parts(NOW, 10))
    draft = phone(path, held=[part.id for part in held], notify=True, queued=True)
    draft.media = [MediaRow("new", 1, "", "text/plain", b"-")]
    await measured("receive", lambda: store.receive([draft], NOW))
    await measured(
        "conversations", lambda: store.conversations([("26114000000000", RECIPIENT)])
    )
    await measured("assigned_unrouted", lambda: store.assigned_unrouted(10))
    await measured("media_parts", lambda: store.media_parts(["m1", "new"]))
    await measured("mms_contents", lambda: store.mms_contents([OLD + 1]))
    await measured(
        "record_read_reports",
        lambda: store.record_read_reports(1, [("h1", "read", NOW)], NOW),
    )
    await measured("take_queue", lambda: store.take_queue(1, 10, NOW))
    paused = QueueResult(1, [], QueueState.PAUSED, None, 1, NOW)
    await measured("record_queues", lambda: store.record_queues([paused]))
    await measured("unalerted_pauses", lambda: store.unalerted_pauses(10, NOW))
    await measured("claim_pause_alert", lambda: store.claim_pause_alert(1, "hash", NOW))
    await measured("record_pause_alert", lambda: store.record_pause_alert(1, "hash"))
    await measured("paused_queue_of", lambda: store.paused_queue_of("hash"))
    await measured("resume_queue", lambda: store.resume_queue(token="hash"))
    await measured("wake queues", lambda: store.wake(NOW + 2000, 100, 100))
    return counts


def test_history_costs_nothing(histories: dict[int, SqliteEngine]) -> None:
    taken: dict[int, dict[str, int]] = {}
    for count, engine in histories.items():

        async def scenario(path: Path, count: int = count) -> None:
            taken[count] = await every_verb(path)

        run(engine, scenario)
    few, many = taken[1000], taken[HISTORY]
    slower = {
        name: (few[name], many[name]) for name in few if many[name] > few[name] + 20
    }
    assert {} == slower


def test_history_does_not_slow_the_start(histories: dict[int, SqliteEngine]) -> None:
    taken: list[int] = []

    async def scenario(path: Path) -> None:
        await path.sending()
        async with opened(path.engine.after_power_loss()) as again:
            store = again.store
            verb = sqlite_of(store)._writer.run
            taken.append(await count_steps(again, lambda: verb(opening.take_over, NOW)))

    for engine in histories.values():
        run(engine, scenario)
    few, many = taken
    assert many <= few + 20


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_part_costs_the_same_however_many_its_text_has(
    engine: SqliteEngine,
) -> None:
    """A phone may give a thousand first parts one reference."""

    async with opened(engine) as path:

        async def hold(first: int, count: int) -> int:
            parts = [held_part(1, f"{n:024x}") for n in range(first, first + count)]
            return await count_steps(path, partial(path.store.hold_parts, parts))

        few = await hold(0, 100)
        await hold(100, 900)
        many = await hold(1000, 100)
        assert many < 4 * few  # those that are held are read once

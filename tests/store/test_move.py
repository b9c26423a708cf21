"""Moving a database: all of it arrives or nothing, whatever engines it is between."""

from __future__ import annotations

import asyncio
import gzip
import json
import stat
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from sqlalchemy import delete, insert, text, update

from budstikke.domain.callback import CallbackState
from budstikke.domain.ledger import Kind
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import CallbackResult, Entry, StoreUnavailable
from budstikke.store.move import MoveError
from budstikke.store.move.tables import MOVED, SLICE, WIDE_SLICE, read_books
from store.engines import fill_directory
from store.moving import MANY, Base, fill, new_base
from store.path import NOW, bulk, opened, receipt, status
from store.postgres_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path as FilePath

    from sqlalchemy import Connection

    from budstikke.store.move import Books
    from store.engines import Engine
    from store.path import Path

WAYS = [(a, b) for a in ("sqlite", "postgres") for b in ("sqlite", "postgres")]
LATER = NOW + 1000
TAKEN_OVER = LATER + 20
"""When a node of PostgreSQL has looked for dead ones."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = serving()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=WAYS, ids=" to ".join)
def way(
    request: pytest.FixtureRequest, tmp_path: FilePath, server: Server
) -> tuple[Base, Base]:
    old, new = request.param
    return new_base(old, tmp_path, server), new_base(new, tmp_path, server)


@pytest.fixture
def lite(tmp_path: FilePath) -> Callable[[], Base]:
    """Make SQLite databases: what is looked at here does not depend on the engine."""
    return lambda: new_base("sqlite", tmp_path, Server.__new__(Server))


@pytest.fixture
def small(lite: Callable[[], Base], tmp_path: FilePath) -> FilePath:
    """Export a few accounts, one with a ledger."""
    base = lite()
    fill_directory(base.url)
    paid = {"id": 1, "account_id": 1, "at": NOW, "kind": "payment", "amount": 7}
    base.execute(
        insert(schema.ledger).values(balance=7, **paid),
        update(schema.account).where(schema.account.c.id == 1).values(balance=7),
    )
    base.export(tmp_path / "small")
    return tmp_path / "small"


def test_every_row_arrives_as_it_was(
    way: tuple[Base, Base], tmp_path: FilePath
) -> None:
    old, new = way
    fill(old, seed=5)
    before = old.rows()
    assert set(before) == {table.name for table in schema.metadata.sorted_tables} - {
        "bind_lease",
        "carrier_status",
        "node",
    }
    assert 0 == MANY["part"] % SLICE
    assert {1} == {MANY["message"] % SLICE, MANY["media"] % WIDE_SLICE}
    exported = old.export(tmp_path / "file", now=1.0)
    imported = new.load(tmp_path / "file", now=1e301)
    assert before == old.rows()
    assert before == new.rows()
    assert {name: len(rows) for name, rows in before.items()} == exported.rows
    assert (exported.rows, exported.books) == (imported.rows, imported.books)


def test_it_arrives_as_it_was_by_way_of_another_engine(
    tmp_path: FilePath, server: Server
) -> None:
    kinds = ("sqlite", "postgres", "sqlite")
    bases = [new_base(kind, tmp_path, server) for kind in kinds]
    fill(bases[0], seed=6)
    bases[0].export(tmp_path / "0")
    bases[1].load(tmp_path / "0")
    bases[1].export(tmp_path / "1")
    bases[2].load(tmp_path / "1")
    bases[2].export(tmp_path / "2")
    first, last = (gzip.decompress((tmp_path / n).read_bytes()) for n in "02")
    kept = [line for line in first.splitlines() if b'"positions"' not in line]
    # The locks that PostgreSQL keeps in a table of their own are of the messages.
    locks = [n for n, line in enumerate(kept) if line.startswith(b'{"table":"dupl')]
    assert kept[1 : locks[0]] == last.splitlines()[1 : locks[0]]


def test_nul_is_no_text_of_postgresql(
    tmp_path: FilePath, server: Server, lite: Callable[[], Base]
) -> None:
    old = lite()
    rows = [
        {"number": "+471", "name": "a\0\0b", "address": "\\u0000"},
        {"number": "+472", "name": "\0", "address": ""},
    ]
    old.execute(insert(schema.subscriber).values(rows))
    old.export(tmp_path / "file")
    for new in (lite(), new_base("postgres", tmp_path, server)):
        new.load(tmp_path / "file")
        assert {
            "subscriber": [
                ("+471", "a\ufffd\ufffdb", "\\u0000"),
                ("+472", "\ufffd", ""),
            ]
        } == new.rows(schema.subscriber)


# -- going on


def test_the_new_gateway_goes_on_where_the_old_one_was(
    way: tuple[Base, Base], tmp_path: FilePath
) -> None:
    """Work of every kind is under way when the gateway dies; each is done once."""
    old, new = way
    for table in (schema.account, schema.access, schema.carrier):
        assert [] == new.rows(table)[table.name]
    fill_directory(old.url)
    asyncio.run(_move_while_working(old, new, tmp_path / "file"))


def working(base: Base, now: float = NOW) -> AbstractAsyncContextManager[Path]:
    """Open a store on a database; all that it needs of an engine is there."""
    return opened(cast("Engine", base), now)


async def _move_while_working(old: Base, new: Base, file: FilePath) -> None:
    async with working(old) as path:
        first, second = await path.accept("+4790000001", "+4790000002")
        (scheduled,) = await path.accept(due_at=TAKEN_OVER - 1)
        (sending,) = await path.sending()
        (sent,) = await path.sent(smsc_ids=["x1"])
        (done,) = await path.sending()
        (told,) = await path.answer(done, PartState.REJECTED)
        (over,) = await path.sending()
        (over_told,) = await path.answer(over, PartState.REJECTED)
        result = CallbackResult(over_told.id, CallbackState.DONE, None, 1, "OK", NOW)
        await path.store.record_callbacks([result])
        await path.accept(duplicate_key=77, duplicate_until=TAKEN_OVER + 600)
        await path.store.post_entries(1, [Entry(Kind.PAYMENT, 10**6)], NOW)
        large = path.store.reserve_ids(4)
        await path.store.accept_bulk(bulk(large), [78], TAKEN_OVER + 600)
        claimed = (await path.store.claim(1, 1, NOW))[0].id
        assert (first << 8) + 1 == claimed
        await asyncio.to_thread(old.export, file, LATER)
        last = path.store.reserve_ids(1)
    new.load(file, LATER)
    async with working(new, LATER) as path:
        assert [large] == [order.id for order in await path.store.open_bulks()]
        woken = await path.store.wake(TAKEN_OVER, 100, 100)
        if old.file is None or new.file is None:  # then another way may take a look
            again = await path.store.wake(TAKEN_OVER, 100, 100)
            woken.callbacks += again.callbacks
        assert [told.id] == [row.id for row in woken.callbacks]
        parts = path.parts()
        assert {"unsure"} == {parts[sending], parts[claimed]}
        ready = [part.id >> 8 for part in await path.store.claim(1, 9, TAKEN_OVER)]
        assert [second, scheduled] == ready[:2]
        assert 3 == len(ready)  # and the one with the duplicate key
        assert [] == await path.store.claim(1, 9, TAKEN_OVER)
        (row,) = await path.settle(receipt("x1"))
        assert ("delivered", sent >> 8) == (status(row).state, row.event.message_id)
        assert row.id > over_told.id
        assert [True, False] == path.store.locked([77, 79], TAKEN_OVER)
        assert old.file is not None or path.store.locked([78], TAKEN_OVER) == [True]
        assert path.store.reserve_ids(1) >= last
        assert 10**6 == await path.store.post_entries(1, [], TAKEN_OVER)


async def test_an_export_is_of_one_moment(
    way: tuple[Base, Base], tmp_path: FilePath
) -> None:
    """What is accepted while it is read is not in it, nor half of it."""
    old, new = way
    fill_directory(old.url)

    async with working(old) as path:
        accepted = await path.accept(*["+4790000001"] * 3000, parts=2)
        writing = asyncio.create_task(asyncio.to_thread(old.export, tmp_path / "f"))
        while not writing.done():
            accepted += await path.accept(*["+4790000001"] * 50, parts=2)
        exported = writing.result()
        found = exported.rows["message"]
        assert 3000 <= found <= len(accepted)
        assert 2 * found == exported.rows["part"]
    imported = new.load(tmp_path / "f")
    assert exported.rows == imported.rows
    assert accepted[:found] == [row[0] for row in _by_id(new, schema.message)]


def _by_id(base: Base, table: Any) -> list[Any]:
    return sorted(base.rows(table)[table.name])


def test_no_id_is_given_twice(way: tuple[Base, Base], tmp_path: FilePath) -> None:
    old, new = way
    account, audit = schema.account, schema.audit
    old.execute(
        insert(account).values(id=7, name="removed"),
        insert(audit).values(id=4, at=0.0, actor="a", act="b"),
    )
    if old.file is None:
        for table, last in (("account", 7), ("audit", 4)):
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            old.execute(text(f"SELECT setval({sequence}, {last})"))
    old.execute(delete(account))
    old.export(tmp_path / "file")
    new.load(tmp_path / "file")
    new.execute(
        insert(account).values(name="next"),
        insert(audit).values(at=0.0, actor="a", act="b"),
    )
    assert [8] == [row[0] for row in _by_id(new, account)]
    assert [4, 5] == [row[0] for row in _by_id(new, audit)]


def test_no_id_of_a_callback_that_is_purged_is_given_again(
    way: tuple[Base, Base], tmp_path: FilePath
) -> None:
    """Events are read by them: a cursor would pass those that come after."""
    old, new = way
    fill_directory(old.url)

    async def made(base: Base) -> int:
        async with working(base) as path:
            (part,) = await path.sending()
            (row,) = await path.answer(part, PartState.REJECTED)
            result = CallbackResult(row.id, CallbackState.DONE, None, 1, "OK", NOW)
            await path.store.record_callbacks([result])
            await path.store.purge(LATER, 100)
            return row.id

    first = asyncio.run(made(old))
    assert [] == _by_id(old, schema.callback)
    old.export(tmp_path / "file")
    new.load(tmp_path / "file")
    assert asyncio.run(made(new)) > first
    assert asyncio.run(made(new)) > first + 1


# -- the file


def test_the_file_is_for_its_owner_only(small: FilePath) -> None:
    assert 0o600 == stat.S_IMODE(small.stat().st_mode)
    header = lines_of(small)[0]
    assert ("budstikke export", 1, "9.9", 1.0) == tuple(
        header[key] for key in ("format", "version", "program", "at")
    )
    assert 2 == header["tables"]["account"]


def test_a_file_that_is_there_is_not_written_over(
    lite: Callable[[], Base], tmp_path: FilePath
) -> None:
    (tmp_path / "file").write_text("dear to somebody")
    with pytest.raises(MoveError, match="file: is there already"):
        lite().export(tmp_path / "file")
    assert "dear to somebody" == (tmp_path / "file").read_text()


def test_what_cannot_be_written_whole_is_removed(
    lite: Callable[[], Base], tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        lite().export(tmp_path / "file")
    assert not (tmp_path / "file").exists()


def lines_of(file: FilePath) -> list[Any]:
    return [
        json.loads(line)
        for line in gzip.decompress(file.read_bytes()).split(b"\n")[:-1]
    ]


def write_lines(file: FilePath, lines: list[Any]) -> None:
    compact = (json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    file.write_bytes(gzip.compress("".join(compact).encode()))


def refused(base: Base, file: FilePath, why: str) -> None:
    """Import what cannot be, and see that nothing of it is left."""
    before = base.dump()
    with pytest.raises(MoveError, match=why):
        base.load(file)
    assert before == base.dump()


def test_a_file_that_is_cut_off_is_refused(
    small: FilePath, lite: Callable[[], Base]
) -> None:
    whole, base = small.read_bytes(), lite()
    for end in (*range(0, len(whole), 253), *range(len(whole) - 12, len(whole))):
        small.write_bytes(whole[:end])
        refused(base, small, "damaged")
    small.write_bytes(whole)
    assert 2 == base.load(small).rows["account"]


def test_a_file_that_lacks_whole_lines_is_refused(
    small: FilePath, lite: Callable[[], Base]
) -> None:
    whole, base = lines_of(small), lite()
    for count in range(0, len(whole), 5):
        write_lines(small, whole[:count])
        refused(base, small, "damaged")
    for count in range(1, len(whole), 7):
        write_lines(small, whole[:count] + whole[count + 1 :])
        refused(base, small, "damaged")
    write_lines(small, [*whole, whole[-1]])
    refused(base, small, "something follows the end")


def test_a_file_with_a_wrong_bit_is_refused(
    small: FilePath, lite: Callable[[], Base]
) -> None:
    whole, base = small.read_bytes(), lite()
    for place in range(10, len(whole), 123):  # before are gzip's own
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        small.write_bytes(damaged)
        refused(base, small, "damaged")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"fails"', '"falls"', "checksum of account is wrong"),
        ('"account":2', '"account":3', "account has 2 rows instead of 3"),
        ('"balance":7', '"balance":8', "ledger of fails is not as it was"),
        ('"account":"resends"', '"account":"others"', "ledger of resends is not as"),
        ('"version":1', '"version":2', "version 2 and this program reads 1"),
        ('"format":"budstikke export"', '"format":"x"', "not that of an export"),
        ('"schema":"0', '"schema":"00', "migrate` on the old database, and export"),
        ('"schema":"0', '"schema":"1', "newer than this program's"),
        ('"columns":["id"', '"columns":["key"', "columns of account should be next"),
        ('"orphan":0,', "", "its tables are not those of schema"),
    ],
)
def test_a_file_that_was_written_by_hand_is_refused(
    small: FilePath, lite: Callable[[], Base], old: str, new: str, why: str
) -> None:
    content = gzip.decompress(small.read_bytes()).decode()
    assert old in content
    small.write_bytes(gzip.compress(content.replace(old, new).encode()))
    refused(lite(), small, why)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"SQLite format 3\0", b"\x1f\x8b"])
def test_what_is_no_export_is_refused(
    tmp_path: FilePath, lite: Callable[[], Base], content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    refused(lite(), tmp_path / "file", "damaged")
    (tmp_path / "file").write_bytes(gzip.compress(content))
    refused(lite(), tmp_path / "file", "damaged")


# -- the database


def test_a_database_with_rows_is_refused(
    small: FilePath, tmp_path: FilePath, server: Server
) -> None:
    for kind in ("sqlite", "postgres"):
        base = new_base(kind, tmp_path, server)
        base.execute(insert(schema.subscriber).values(number="+47", name="a"))
        refused(base, small, "not empty, subscriber has rows")
        base.execute(delete(schema.subscriber))
        base.load(small)
        refused(base, small, "not empty, account has rows")


def test_a_database_that_is_served_is_refused(
    small: FilePath, tmp_path: FilePath, server: Server
) -> None:
    async def scenario(base: Base) -> None:
        store = base.store()
        await store.open(NOW)
        with pytest.raises((MoveError, StoreUnavailable), match="serves"):
            await asyncio.to_thread(base.load, small, NOW + 1)
        await store.close()
        assert 2 == base.load(small, NOW + 2).rows["account"]

    for kind in ("sqlite", "postgres"):
        asyncio.run(scenario(new_base(kind, tmp_path, server)))


def test_no_gateway_starts_on_it_meanwhile(
    small: FilePath, tmp_path: FilePath, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def start(base: Base) -> None:
        """Do what a gateway does first."""
        if base.file is not None:
            asyncio.run(base.store().open(NOW))
            return
        with psycopg.connect(base.url, options="-c lock_timeout=50") as connection:
            connection.execute("INSERT INTO node (name, lease_until) VALUES ('a', 1)")

    for kind in ("sqlite", "postgres"):
        base = new_base(kind, tmp_path, server)

        def checked(connection: Connection, tried: Base = base) -> list[Books]:
            with pytest.raises((StoreUnavailable, psycopg.Error)) as refusal:
                start(tried)
            tries.append(refusal.typename)
            return read_books(connection)

        monkeypatch.setattr("budstikke.store.move.loading.read_books", checked)
        base.load(small)
    assert ["StoreUnavailable", "LockNotAvailable"] == tries


def test_values_that_do_not_fit_leave_nothing(
    tmp_path: FilePath, server: Server, lite: Callable[[], Base]
) -> None:
    """SQLite takes a larger number than PostgreSQL has room for in that column."""
    old = lite()
    fill_directory(old.url)
    order = {"id": 1, "account_id": 1, "at": 0.0, "count": 2**40, "state": "waiting"}
    old.execute(insert(schema.credit_order).values(**order))
    old.export(tmp_path / "file")
    new = new_base("postgres", tmp_path, server)
    refused(new, tmp_path / "file", "credit_order could not be filled: ")


def test_a_ledger_that_is_wrong_is_moved_as_it_is(
    lite: Callable[[], Base], tmp_path: FilePath
) -> None:
    old, new = lite(), lite()
    fill_directory(old.url)
    old.execute(update(schema.account).values(balance=1))
    exported = old.export(tmp_path / "file")
    faults = [["the ledger sums to 0, the balance is 1"]] * 2
    assert faults == [books.faults for books in exported.books]
    imported = new.load(tmp_path / "file")
    assert (exported.rows, exported.books) == (imported.rows, imported.books)


def test_all_tables_are_moved_but_for_nodes() -> None:
    """A table that is added to the schema is moved, unless it is said otherwise."""
    tables = {table.name for table in schema.metadata.sorted_tables}
    assert {"bind_lease", "carrier_status", "node"} == tables - set(MOVED)


def test_tables_follow_those_that_they_refer_to() -> None:
    places = {name: place for place, name in enumerate(MOVED)}
    for name, table in MOVED.items():
        for key in table.foreign_keys:
            assert places[str(key.column.table.name)] < places[name]

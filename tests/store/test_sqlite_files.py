"""SQLite: whose its files are, one gateway by whatever name, and a page that is bad."""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from budstikke.store.contract import StoreDamaged, StoreUnavailable
from budstikke.store.engines.sqlite.locking import FileLock, create, take_lock
from budstikke.store.engines.sqlite.opening import connect
from budstikke.store.engines.sqlite.transactions import Transactions, translated
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.fixture
def open_to_all(tmp_path: Path) -> Path:
    """A folder that was made beforehand, by somebody with no umask to speak of."""
    before = os.umask(0)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    os.umask(before)
    return folder


def test_files_are_their_owner_s_in_any_folder(open_to_all: Path) -> None:
    before = os.umask(0)
    try:
        file = open_to_all / "b.sqlite"
        migrate(f"sqlite:///{file}")
        with take_lock(file):
            connection = connect(file, "FULL")
            connection.execute("CREATE TABLE t (n)")
            assert {
                "b.sqlite": 0o600,
                "b.sqlite-wal": 0o600,
                "b.sqlite-shm": 0o600,
                "b.sqlite.lock": 0o600,
            } == modes(open_to_all)
            connection.close()
    finally:
        os.umask(before)


def test_files_are_their_owner_s_from_the_moment_they_are_made(
    open_to_all: Path,
) -> None:
    """Here nobody comes to change their modes afterwards: the database is taken."""
    before = os.umask(0)
    try:
        file = open_to_all / "b.sqlite"
        create(file)
        with FileLock() as another:
            another.add(os.open(file, os.O_RDONLY))
            with pytest.raises(StoreUnavailable):
                take_lock(file)
        assert {"b.sqlite": 0o600, "b.sqlite.lock": 0o600} == modes(open_to_all)
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o604, 0o600), (0o644, 0o640), (0o666, 0o660), (0o640, 0o640), (0o660, 0o660)],
)
def test_other_users_lose_their_rights_and_the_group_keeps_its(
    open_to_all: Path, mode: int, expected: int
) -> None:
    files = [open_to_all / f"b.sqlite{end}" for end in ("", "-wal", "-shm", ".lock")]
    for file in files:
        file.touch()
        file.chmod(mode)
    take_lock(files[0]).close()
    assert {expected} == set(modes(open_to_all).values())


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_another_name_is_the_same_database(tmp_path: Path, link: str) -> None:
    file, other = tmp_path / "b.sqlite", tmp_path / "elsewhere" / "c.sqlite"
    file.touch()
    other.parent.mkdir()
    getattr(other, link)(file)
    with take_lock(file), pytest.raises(StoreUnavailable, match="another process"):
        take_lock(other)
    take_lock(other).close()


def test_a_folder_by_another_name_is_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    file = tmp_path / "data" / "b.sqlite"
    with take_lock(file), pytest.raises(StoreUnavailable, match="another process"):
        take_lock(tmp_path / "link" / "b.sqlite")


# A page that is bad


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite3.DatabaseError("database disk image is malformed"), StoreDamaged),
        (sqlite3.DatabaseError("file is not a database"), StoreDamaged),
        (sqlite3.OperationalError("disk I/O error"), StoreUnavailable),
        (sqlite3.InternalError("unknown"), StoreUnavailable),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), sqlite3.IntegrityError),
        (sqlite3.ProgrammingError("closed"), sqlite3.ProgrammingError),
    ],
    ids=str,
)
def test_what_sqlite_says_is_a_bug_or_a_state_of_the_disk(
    error: Exception, kind: type[Exception]
) -> None:
    assert type(translated(error)) is kind


def spoil(file: Path, name: str) -> tuple[int, bytes]:
    """Overwrite the first page of a table on the disk; returns where, and what was."""
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
    connection.close()
    place = (page - 1) * size
    with file.open("r+b") as disk:
        disk.seek(place)
        was = disk.read(size)
        disk.seek(place)
        disk.write(b"\xff" * size)
    return place, was


def mend(file: Path, place: int, was: bytes) -> None:
    with file.open("r+b") as disk:
        disk.seek(place)
        disk.write(was)


def test_a_bad_page_is_said_to_be_one_and_works_when_it_is_mended(
    tmp_path: Path,
) -> None:
    file = tmp_path / "t.sqlite"
    connection = connect(file, "OFF")
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.execute("INSERT INTO t VALUES (1)")
    place, was = spoil(file, "t")
    transactions = Transactions(connect(file, "OFF"))

    def add(connection: sqlite3.Connection) -> int:
        return connection.execute("INSERT INTO t VALUES (2)").rowcount

    ((_, error),) = transactions.run([(add, ())])
    assert isinstance(error, StoreDamaged)
    mend(file, place, was)
    assert [(1, None)] == transactions.run([(add, ())])
    assert [(1,), (2,)] == connection.execute("SELECT n FROM t").fetchall()

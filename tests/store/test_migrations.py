"""Migrations make what the schema says, once, and versions are held apart."""

import re
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from budstikke.store.admin import open_engine
from budstikke.store.migrate import _config, frozen_schema, migrate
from budstikke.store.schema import metadata
from budstikke.store.schema_check import MIGRATIONS, SchemaError, check, revisions


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sub/b.sqlite"


def structure(file: Path) -> dict[str, set[str]]:
    """Read every table's columns and constraints, and every index, as SQL."""
    connection = sqlite3.connect(file)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
    ).fetchall()
    connection.close()
    # ALTER TABLE puts all the columns it adds on one line.
    between = re.compile(r",(?![^(]*\)) *|\n")
    return {
        name: {re.sub(r"\s+", " ", piece).strip(" ,") for piece in between.split(sql)}
        - {""}
        for name, sql in rows
    }


def test_migrations_make_the_schema(url: str, tmp_path: Path) -> None:
    migrate(url)
    plain = tmp_path / "plain.sqlite"
    engine = create_engine(f"sqlite:///{plain}")
    metadata.create_all(engine)
    engine.dispose()
    assert structure(plain) == structure(tmp_path / "sub/b.sqlite")


def test_frozen_the_first_migration_makes_the_same(url: str, tmp_path: Path) -> None:
    migrate(url)
    engine = create_engine(f"sqlite:///{tmp_path}/frozen.sqlite")
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        code = f"if True:\n    {frozen_schema()}"
        exec(code, {"op": operations, "sa": sa})  # noqa: S102 - our own
    engine.dispose()
    assert structure(tmp_path / "sub/b.sqlite") == structure(tmp_path / "frozen.sqlite")


def test_no_migration_changes_once_it_is_released() -> None:
    """Only one that is alone, and of no release, may be made from the schema."""
    files = sorted(MIGRATIONS.glob("[0-9]*.py"))
    changing = [file for file in files if "from budstikke" in file.read_text("utf-8")]
    changelog = Path(__file__).parents[2] / "CHANGELOG.md"
    released = re.search(r"^## ", changelog.read_text("utf-8"), re.MULTILINE)
    assert [] == changing or (len(files) == 1 and not released)


def test_alembic_finds_nothing_to_write(url: str) -> None:
    migrate(url)
    engine = open_engine(url)
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)  # raises for what a new migration would hold
    engine.dispose()


def test_migrating_again_does_nothing(url: str) -> None:
    first = migrate(url)
    assert "0001" == first[0]
    assert [] == migrate(url)
    check(url)


def test_the_folder_is_for_its_owner_only(url: str, tmp_path: Path) -> None:
    migrate(url)
    assert 0o700 == (tmp_path / "sub").stat().st_mode & 0o777


def test_what_the_hot_path_counts_with_is_there(url: str, tmp_path: Path) -> None:
    migrate(url)
    connection = sqlite3.connect(tmp_path / "sub/b.sqlite")
    found = dict(connection.execute("SELECT key, value FROM meta"))
    connection.close()
    assert re.fullmatch("[0-9a-f]{32}", found.pop("salt"))
    assert {"revision": "0", "next_id": "1001", "compatible": "0001"} == found


def test_a_missing_database_is_not_made_by_looking(url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"there is no database .*budstikke migrate"):
        check(url)
    assert [] == list(tmp_path.iterdir())


def test_an_empty_database_is_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.sqlite").touch()
    with pytest.raises(SchemaError, match="is empty: run `budstikke migrate`"):
        check(url)


def test_an_older_database_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrate(url)
    monkeypatch.setattr(
        "budstikke.store.schema_check.revisions", lambda: [*known, "9999"]
    )
    with pytest.raises(SchemaError, match=r"at schema .* needs 9999"):
        check(url)


def test_the_migrations_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    assert revisions() == [script.revision for script in scripts][::-1]


def test_a_newer_database_is_refused(url: str, tmp_path: Path) -> None:
    migrate(url)
    connection = sqlite3.connect(tmp_path / "sub/b.sqlite")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("UPDATE meta SET value = '9999' WHERE key = 'compatible'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaError, match="9999, newer than this program"):
        check(url)
    with pytest.raises(SchemaError, match="9999, newer than this program"):
        migrate(url)


def test_the_version_before_runs_on_what_only_adds(url: str, tmp_path: Path) -> None:
    """As long as a newer schema leaves ``compatible`` as it is."""
    migrate(url)
    connection = sqlite3.connect(tmp_path / "sub/b.sqlite")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    check(url)
    assert [] == migrate(url)


def test_the_version_before_is_refused_by_what_changes_more(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(url)
    connection = sqlite3.connect(tmp_path / "sub/b.sqlite")
    connection.execute("UPDATE meta SET value = '0002' WHERE key = 'compatible'")
    connection.execute("UPDATE alembic_version SET version_num = '0002'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaError, match="newer than this program"):
        check(url)
    with pytest.raises(SchemaError, match="newer than this program"):
        migrate(url)
    monkeypatch.setattr(
        "budstikke.store.schema_check.revisions", lambda: ["0001", "0002"]
    )
    check(url)


def test_a_migration_that_fails_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upgrade(config: object, _: str) -> None:
        connection = config.attributes["connection"]  # type: ignore[attr-defined]
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise OSError("disk full")

    monkeypatch.setattr("budstikke.store.migrate.command.upgrade", upgrade)
    with pytest.raises(OSError, match="disk full"):
        migrate(url)
    assert {} == structure(tmp_path / "sub/b.sqlite")

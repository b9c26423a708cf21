"""``apply`` for accesses that a key alone tells from others: no id is written."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

import msgspec
import pytest

from budstikke.dialects import DIALECTS, IDENTIFY
from budstikke.provisioning.apply import ApplyError, Plan, Secrets, apply, read_file
from budstikke.servers.auth import hash_secret, new_secret, verify_secret
from budstikke.store.admin import open_engine, read_directory
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from budstikke.domain.directory import Access, Directory

KEY = new_secret()
OTHER = new_secret()
ID = IDENTIFY["reseller"](KEY)

ACCESS = """
[[account]]
name = "acme"
[[account.access]]
dialect = "reseller"
"""


class Database:
    """A database that files are applied to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        url = f"sqlite:///{path}"
        migrate(url)
        self.engine = open_engine(url)
        self.settings = {name: dialect.settings for name, dialect in DIALECTS.items()}

    def put(self, text: str, **environ: str) -> Plan:
        file = read_file(text, self.settings, {}, environ, IDENTIFY)
        secrets = Secrets(hash_secret, verify_secret)
        return apply(self.engine, file, secrets, actor="tester", now=5.0)

    @property
    def directory(self) -> Directory:
        return read_directory(self.engine, self.settings)

    def login(self, key: str) -> Access | None:
        return self.directory.login("reseller", IDENTIFY["reseller"](key))

    def close(self) -> None:
        self.engine.dispose()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "b.sqlite")
    yield database
    database.close()


@pytest.fixture
def fault(database: Database) -> Callable[..., str]:
    def of(text: str, **environ: str) -> str:
        with pytest.raises(ApplyError) as raised:
            database.put(text, **environ)
        return re.sub(r"^line \d+: ", "", str(raised.value), flags=re.MULTILINE)

    return of


def test_the_id_is_made_of_the_key(database: Database) -> None:
    plan = database.put(f'{ACCESS}password = "{KEY}"')

    assert f"+ access reseller {ID}" in plan.lines()
    access = database.login(KEY)
    assert access is not None
    assert "acme" == access.account.name
    assert access.secret is not None
    assert verify_secret(KEY, access.secret)
    assert database.login(OTHER) is None


def test_the_key_is_stored_nowhere(database: Database) -> None:
    plan = database.put(f'{ACCESS}password = "{KEY}"')
    database.close()

    assert KEY not in "\n".join(plan.lines())
    with sqlite3.connect(database.path) as connection:
        assert not [line for line in connection.iterdump() if KEY in line]
    connection.close()
    assert KEY.encode() not in database.path.read_bytes()


def test_twice_changes_nothing(database: Database) -> None:
    for text in (f'{ACCESS}password = "{KEY}"', f'{ACCESS}password_env = "KEY"') * 2:
        plan = database.put(text, KEY=KEY)

    assert [] == plan.effective


def test_the_id_alone_keeps_the_key(database: Database) -> None:
    database.put(f'{ACCESS}password = "{KEY}"')
    plan = database.put(f'{ACCESS}id = "{ID}"\nblocked = true')

    assert [f"~ access reseller {ID}: blocked"] == plan.lines()[:1]
    access = database.login(KEY)
    assert access is not None
    assert access.blocked
    assert access.secret is not None
    assert verify_secret(KEY, access.secret)


@pytest.mark.parametrize(
    "named", [f'password = "{KEY}"', f'id = "{ID}"'], ids=["key", "id"]
)
def test_one_is_taken_away_by_its_key_or_its_id(database: Database, named: str) -> None:
    database.put(f'{ACCESS}password = "{KEY}"')
    database.put(f"{ACCESS}{named}\nremove = true")

    assert database.login(KEY) is None


def test_a_new_key_is_a_new_access(database: Database) -> None:
    """Both work until the old one is taken away."""
    database.put(f'{ACCESS}password = "{KEY}"')
    database.put(f'{ACCESS}password = "{OTHER}"')

    assert database.login(KEY) is not None
    assert database.login(OTHER) is not None


def test_id_and_key_may_both_be_there(database: Database) -> None:
    database.put(f'{ACCESS}password = "{KEY}"\nid = "{ID}"')

    assert database.login(KEY) is not None


def test_an_id_that_is_not_the_keys(fault: Callable[..., str]) -> None:
    said = fault(f'{ACCESS}password = "{KEY}"\nid = "acme"')

    assert said == (
        "account acme: access reseller acme: id: does not belong to the password; "
        "leave it out"
    )
    assert KEY not in said


def test_neither_id_nor_key(fault: Callable[..., str]) -> None:
    assert fault(ACCESS) == (
        "account acme: access reseller: needs password, password_env or its id"
    )


def test_addresses_instead_of_a_key(fault: Callable[..., str]) -> None:
    said = fault(f'{ACCESS}password = ""\nallow_from = ["192.0.2.1"]')

    assert said == (
        "account acme: access reseller: password: cannot be removed; this API has no "
        "other login"
    )


def test_a_key_cannot_be_two_accounts(
    database: Database, fault: Callable[..., str]
) -> None:
    database.put(f'{ACCESS}password = "{KEY}"')
    text = ACCESS.replace("acme", "other") + f'password = "{KEY}"'

    assert f"access reseller {ID}: belongs to account acme, not other" == fault(text)


def test_a_key_cannot_be_there_twice(fault: Callable[..., str]) -> None:
    text = f'{ACCESS}password = "{KEY}"\n[[account.access]]\ndialect = "reseller"\n'

    said = fault(f'{text}password = "{KEY}"')
    assert f"access reseller {ID} is there twice" == said


def test_other_dialects_need_an_id(fault: Callable[..., str]) -> None:
    text = f'{ACCESS.replace("reseller", "front")}password = "{KEY}"'

    assert "account acme: access front: id is missing" == fault(text)


def test_settings_have_no_keys(fault: Callable[..., str]) -> None:
    text = f'{ACCESS}password = "{KEY}"\n[account.access.settings]\nx = 1'

    assert fault(text) == f"access reseller {ID}: settings: there is no key `x`"
    assert [] == list(msgspec.structs.fields(DIALECTS["reseller"].settings))

"""What is stored of a key that people chose tells nobody what it is."""

from __future__ import annotations

import asyncio
import re
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from budstikke.dialects import DIALECTS, IDENTIFY
from budstikke.dialects.contract import Login
from budstikke.domain.key_identifier import is_keyed, keyed
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.servers import auth
from budstikke.servers.auth import Authenticator, Caller, hash_secret, verify_secret
from budstikke.store.admin import open_engine, read_directory
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from budstikke.domain.directory import Access, Directory

SETTINGS = {name: dialect.settings for name, dialect in DIALECTS.items()}
OURS = "bud_" + "x" * 43
FILE = f"""
[[account]]
name = "acme"
[[account.access]]
dialect = "native"
password = "demo"
require_https = false
[[account.access]]
dialect = "reseller"
password = "demo"
require_https = false
[[account.access]]
dialect = "native"
password = "{OURS}"
require_https = false
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path}/b.sqlite"
    migrate(url)
    return open_engine(url)


def put(engine: Engine, text: str = FILE) -> list[str]:
    """Apply a file; gives the plan."""
    secrets = Secrets(hash_secret, verify_secret, IDENTIFY)
    file = read_file(text, SETTINGS, {}, {}, IDENTIFY)
    plan = apply(engine, file, secrets, actor="t", now=time.time())
    return [str(change) for change in plan.effective]


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT * FROM access ORDER BY id"))
        return list(found.mappings())


def enter(engine: Engine, dialect: str, key: str) -> Access | RefusalCode:
    """Log in with a key, as the servers do."""
    directory = read_directory(engine, SETTINGS)
    guard = Authenticator(workers=1)
    try:
        return asyncio.run(entered(guard, directory, dialect, key))
    except Refusal as refusal:
        return refusal.code
    finally:
        guard.close()


async def entered(
    guard: Authenticator, directory: Directory, dialect: str, key: str
) -> Access:
    caller = Caller("192.0.2.1", False, dialect)
    access = await guard.find(directory, Login(IDENTIFY[dialect](key), key), caller)
    await guard.check(access, key, caller)
    assert access is not None
    return access


def test_nothing_that_is_stored_is_a_plain_digest_of_a_key(engine: Engine) -> None:
    put(engine)
    first, second, ours = rows(engine)
    stored = " ".join(str(value) for row in (first, second) for value in row.values())
    digest = sha256(b"demo").hexdigest()
    for size in range(8, 65):
        assert digest[:size] not in stored
    assert is_keyed(first["identifier"])
    assert first["identifier"] == second["identifier"], "one salt for a database"
    assert IDENTIFY["native"](OURS) == ours["identifier"], "256 bits need none"


def test_another_database_has_other_identifiers(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        url = f"sqlite:///{tmp_path / name}/b.sqlite"
        migrate(url)
        put(engine := open_engine(url))
        found.append(rows(engine)[0]["identifier"])
    assert found[0] != found[1]


def test_keys_open_what_they_should(engine: Engine) -> None:
    put(engine)
    for dialect, key in (("native", "demo"), ("reseller", "demo"), ("native", OURS)):
        access = enter(engine, dialect, key)
        assert not isinstance(access, RefusalCode)
        assert dialect == access.dialect
    assert RefusalCode.UNKNOWN_LOGIN is enter(engine, "native", "demo2")
    assert RefusalCode.UNKNOWN_LOGIN is enter(engine, "reseller", OURS)


def test_a_file_that_is_applied_again_changes_nothing(engine: Engine) -> None:
    put(engine)
    assert [] == put(engine)


def test_a_file_may_name_an_access_by_the_identifier_of_old(engine: Engine) -> None:
    put(engine)
    digest = IDENTIFY["reseller"]("demo")
    text = FILE.replace(
        'dialect = "reseller"\npassword = "demo"',
        f'dialect = "reseller"\nid = "{digest}"\nblocked = true',
    )
    (changed,) = put(engine, text)
    assert re.match(r"access reseller k[0-9a-f]{20}", changed)
    assert [0, 1, 0] == [row["blocked"] for row in rows(engine)]


def test_a_key_is_looked_for_once_and_guesses_are_counted(engine: Engine) -> None:
    put(engine)
    directory = read_directory(engine, SETTINGS)
    made: list[str] = []
    patch = pytest.MonkeyPatch()

    def noted(salt: str, identifier: str) -> str:
        made.append(identifier)
        return keyed(salt, identifier)

    patch.setattr(auth, "keyed", noted)
    guard = Authenticator(workers=1)

    async def calls() -> None:
        await asyncio.gather(
            *(entered(guard, directory, "native", "demo") for _ in range(5))
        )
        await entered(guard, directory, "native", "demo")
        assert 1 == len(made)
        for number in range(auth.GUESSES):
            with pytest.raises(Refusal):
                await entered(guard, directory, "native", f"{number}")
        with pytest.raises(Refusal) as refused:
            await entered(guard, directory, "reseller", "demo")
        assert RefusalCode.TOO_MANY_REQUESTS is refused.value.code
        assert 1 + auth.GUESSES == len(made)
        with pytest.raises(Refusal) as refused:
            await entered(guard, directory, "native", "0")
        assert RefusalCode.UNKNOWN_LOGIN is refused.value.code  # known to be wrong
        assert 1 + auth.GUESSES == len(made)
        await entered(guard, directory, "native", "demo")

    try:
        asyncio.run(calls())
    finally:
        patch.undo()
        guard.close()


async def test_a_wrong_key_is_a_guess_once_it_was_looked_for(engine: Engine) -> None:
    """It is refused at once then: with a second slow hash it took twice as long."""
    put(engine)
    directory = read_directory(engine, SETTINGS)
    guard = Authenticator(workers=1)
    caller = Caller("192.0.2.1", False, "native")

    async def find(key: str) -> Access | None:
        login = Login(IDENTIFY["native"](key), key)
        return await guard.find(directory, login, caller)

    assert await find("wrong") is None
    with pytest.raises(Refusal) as refused:
        guard.check_now(None, "wrong", caller)
    assert RefusalCode.UNKNOWN_LOGIN is refused.value.code
    for number in range(1, auth.GUESSES):
        assert await find(f"{number}") is None
    with pytest.raises(Refusal) as refused:
        await find("one more")
    assert RefusalCode.TOO_MANY_REQUESTS is refused.value.code
    guard.close()

"""``apply`` writes, changes and removes the same rows on each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import select

from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.store import schema
from budstikke.store.admin import open_engine, read_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy

    from store.engines import Engine


class Nothing(msgspec.Struct, frozen=True):
    """No settings."""


KINDS: dict[str, type[msgspec.Struct]] = {"x": Nothing}

WHOLE = """
[[carrier]]
name = "op"
kind = "x"
[[route]]
prefix = "+47"
account = "new"
carriers = ["op"]
[[route]]
prefix = "+"
carriers = ["op"]
[[price_list]]
name = "retail"
currency = "NOK"
price = [{ prefix = "+47", amount = "0.40", until = 2027-01-01 }]
[[number]]
value = "1963"
[[number]]
value = "4759440001"
kind = "owned"
[[account]]
name = "new"
currency = "NOK"
price_list = "retail"
alert_below = "5"
alert_mail = ["a@new.example", "b@new.example"]
stop = ["nb"]
[[account.access]]
dialect = "x"
id = "new"
password = "secret"
[[account.number]]
value = "4759440000"
[[account.keyword]]
number = "1963"
word = "NEW"
aliases = ["NY"]
[[account.fee]]
name = "hosting"
amount = 5
[[account.group]]
name = "staff"
member = [
    { number = "+4799999991", name = "Kari" },
    { number = "+4799999992", active = false },
]
[[account.group]]
name = "all"
member = [{ number = "+4799999991", name = "Kari" }]
[[account.opt_out]]
number = "+4799999993"
[[suppression]]
number = "+4799999993"
"""

CHANGED = """
[[account]]
name = "new"
premium = true
[[account.group]]
name = "staff"
member = [
    { number = "+4799999991", active = false },
    { number = "+4799999992", remove = true },
    { number = "+4799999994", name = "Ola" },
]
[[account.opt_out]]
number = "+4799999993"
reason = "asked"
[[route]]
prefix = "+47"
account = "new"
requires = ["sender"]
"""

GONE = """
[[account]]
name = "new"
remove = true
[[route]]
prefix = "+"
remove = true
[[carrier]]
name = "op"
remove = true
[[price_list]]
name = "retail"
remove = true
[[number]]
value = "1963"
remove = true
[[number]]
value = "4759440001"
remove = true
[[suppression]]
number = "+4799999993"
remove = true
"""


@pytest.fixture
def database(engine: Engine) -> Iterator[sqlalchemy.Engine]:
    opened = open_engine(engine.url)
    yield opened
    opened.dispose()


def put(database: sqlalchemy.Engine, text: str) -> list[str]:
    secrets = Secrets(lambda plain: plain, lambda plain, stored: plain == stored)
    file = read_file(text, KINDS, KINDS, {})
    return apply(database, file, secrets, actor="tester", now=1e9).lines()


def contacts(database: sqlalchemy.Engine) -> list[tuple[Any, ...]]:
    group, contact, member = schema.contact_group, schema.contact, schema.membership
    joined = (
        select(group.c.name, contact.c.number, contact.c.name, contact.c.active)
        .join(member, member.c.group_id == group.c.id)
        .join(contact, contact.c.id == member.c.contact_id)
        .order_by(group.c.name.desc(), member.c.id)
    )
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(joined)]


def test_a_file_is_applied_changed_and_taken_away(database: sqlalchemy.Engine) -> None:
    with database.connect() as connection:
        tables = schema.metadata.sorted_tables
        kept = [each for each in tables if each.name not in {"audit", "meta"}]
        before = {each.name: connection.execute(select(each)).all() for each in kept}
    assert "15 added, 0 changed, 0 removed, 0 unchanged" == put(database, WHOLE)[-1]
    assert "0 added, 0 changed, 0 removed, 15 unchanged" == put(database, WHOLE)[-1]
    assert [
        "~ account new: premium",
        "~ route +47 of new: requires",
        "~ group staff of new: members",
        "~ opt_out +4799999993 of new: reason",
        "0 added, 4 changed, 0 removed, 0 unchanged",
    ] == put(database, CHANGED)
    assert "0 added, 0 changed, 0 removed, 4 unchanged" == put(database, CHANGED)[-1]
    assert [
        ("staff", "+4799999991", "Kari", False),
        ("staff", "+4799999994", "Ola", True),
        ("all", "+4799999991", "Kari", False),
    ] == contacts(database)
    access = read_directory(database, KINDS).login("x", "new")
    assert access is not None
    assert access.account.premium
    assert "0 added, 0 changed, 11 removed, 0 unchanged" == put(database, GONE)[-1]
    with database.connect() as connection:
        for table in kept:
            rows = connection.execute(select(table)).all()
            assert before[table.name] == rows, table.name

"""Store conformance: the directory, and ids that no row has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import insert, update

from budstikke.domain.listing import (
    EraseAnswer,
    EraseCommand,
    RecordsPage,
    RecordsQuery,
)
from budstikke.domain.number_inventory import (
    Keyword,
    Number,
    NumberInventory,
    NumberKind,
)
from budstikke.domain.queries import (
    CancelAnswer,
    CancelCommand,
    MessageQuery,
    MessagesAnswer,
    OrderQuery,
)
from budstikke.store import schema
from budstikke.store.admin import open_engine
from store.path import NOW, RECIPIENT, Path, opened
from store.phones import phone

if TYPE_CHECKING:
    from budstikke.domain.queries import Answer, QueryOrCommand
    from store.engines import Engine

BEYOND = 2**63
"""One more than the last number of 64 bits."""


class Settings(msgspec.Struct):
    """Settings of a dialect that has none."""


def write(engine: Engine, *statements: Any) -> None:
    database = open_engine(engine.url)
    with database.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    database.dispose()


async def test_numbers_and_keywords_are_read(engine: Engine) -> None:
    shared = {"id": 5, "value": "2229", "kind": "shared"}
    owned = {"id": 6, "value": "26114", "kind": "series", "access_id": 2, "url": "u"}
    word = {"id": 7, "number_id": 5, "word": "VI VIL", "aliases": '["VIL","V"]'}
    word |= {"access_id": 1, "url": "http://x", "receipt": "Takk"}
    default = {"id": 8, "number_id": 5, "word": "", "access_id": 2}

    async with opened(engine) as path:
        assert NumberInventory() == (await path.store.directory({})).inventory
        for table, rows in (
            (schema.number, [shared, owned]),
            (schema.keyword, [word, default]),
        ):
            write(engine, *[insert(table).values(**row) for row in rows])
        found = (await path.store.directory({})).inventory
        assert {
            5: Number(id=5, value="2229", kind=NumberKind.SHARED),
            6: Number(
                id=6, value="26114", kind=NumberKind.SERIES, access_id=2, url="u"
            ),
        } == found.numbers
        assert {
            7: Keyword(
                id=7,
                number_id=5,
                word="VI VIL",
                aliases=("VIL", "V"),
                access_id=1,
                url="http://x",
                receipt="Takk",
            ),
            8: Keyword(id=8, number_id=5, word="", access_id=2),
        } == found.keywords


async def test_what_accounts_say_of_stop_is_read(engine: Engine, path: Path) -> None:
    row = update(schema.account).where(schema.account.c.id == 2)
    write(engine, row.values(stop='["nb","en"]', stop_reply="Farvel"))
    await path.store.receive([phone(path, "STOP", opt_out=True)], NOW)
    directory = await path.store.directory({"front": Settings})
    silent, stops = (directory.accesses[n].account for n in (1, 2))
    assert ((), "") == (silent.stop, silent.stop_reply)
    assert (("nb", "en"), "Farvel") == (stops.stop, stops.stop_reply)
    assert frozenset({RECIPIENT}) == silent.opted_out
    assert frozenset() == stops.opted_out


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (MessageQuery(BEYOND), MessagesAnswer(())),
        (OrderQuery(BEYOND), MessagesAnswer(())),
        (CancelCommand(message_id=BEYOND), CancelAnswer(0, 0)),
        (CancelCommand(order_id=BEYOND), CancelAnswer(0, 0)),
        (EraseCommand(BEYOND), EraseAnswer(found=False, erased=False)),
        (RecordsQuery(limit=9, order_id=BEYOND), RecordsPage((), None)),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_has_an_id_beyond_64_bits_is_not_there(
    path: Path, asked: QueryOrCommand, answer: Answer
) -> None:
    await path.accept()
    assert answer == await path.store.ask(asked, 1, NOW)


async def test_verbs_too_find_nothing_beyond_64_bits(path: Path) -> None:
    await path.accept()
    assert [] == await path.store.messages([BEYOND])
    assert await path.store.originator_of(1, BEYOND) is None
    assert await path.store.resume_queue(queue_id=BEYOND) is None
    assert {} == await path.store.mms_contents([BEYOND])


async def test_all_is_before_what_is_beyond_64_bits(path: Path) -> None:
    draft = path.draft(path.store.reserve_ids(1))
    draft.messages[0].account_id = 1
    await path.store.accept([draft], NOW)
    page = await path.store.ask(RecordsQuery(limit=9, before=BEYOND), 1, NOW)
    assert isinstance(page, RecordsPage)
    assert 1 == len(page.records)

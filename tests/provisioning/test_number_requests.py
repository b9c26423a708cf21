"""What customers ask for, and unrouted messages, as administrators meet them."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from budstikke.provisioning import number_requests
from budstikke.provisioning.acts import AdminError
from budstikke.provisioning.number_requests import Request, waiting_requests
from budstikke.provisioning.unrouted import UnroutedMessage, assign, list_unrouted
from budstikke.store import schema
from budstikke.store.admin import open_engine, revision
from store.engines import make_template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_795_345_200.0
ACT: dict[str, Any] = {"actor": "tester", "now": NOW}


class Front(msgspec.Struct, frozen=True):
    two_way: bool = True


DIALECTS: dict[str, type[msgspec.Struct]] = {"front": Front}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> Iterator[Engine]:
    """Give a database with accesses front:1 and front:2 of two accounts."""
    engine = open_engine(f"sqlite:///{shutil.copy(template, tmp_path / 'b.sqlite')}")
    yield engine
    engine.dispose()


def add(engine: Engine, table: Any, *rows: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), list(rows))


def read(engine: Engine, table: Any, *names: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        columns = [table.c[name] for name in names]
        return [
            tuple(row)
            for row in connection.execute(select(*columns).order_by(table.c.id))
        ]


def asked(id_: int, kind: str, number: str = "", word: str = "") -> dict[str, Any]:
    row = {"id": id_, "account_id": 1, "access_id": 1, "kind": kind, "number": number}
    return {**row, "word": word, "note": "Please", "state": "waiting", "at": NOW - 9}


def approve(engine: Engine, request_id: int, number: str = "", answer: str = "") -> str:
    said: dict[str, Any] = {"number": number, "answer": answer}
    return number_requests.approve(engine, request_id, dialects=DIALECTS, **said, **ACT)


@contextmanager
def refused(engine: Engine, expected: str) -> Iterator[None]:
    """Expect a fault, and that nothing changed."""
    tables = (schema.number, schema.keyword, schema.number_request, schema.audit)
    before = [read(engine, table, *table.c.keys()) for table in tables]
    with pytest.raises(AdminError, match=expected):
        yield
    assert before == [read(engine, table, *table.c.keys()) for table in tables]


def test_a_keyword(engine: Engine) -> None:
    add(engine, schema.number, {"id": 7, "value": "2229", "kind": "shared"})
    add(engine, schema.number_request, asked(3, "keyword", "2229", "TIPS"))
    assert [
        Request(3, NOW - 9, "fails", "front:1", "keyword", "2229", "TIPS", "Please")
    ] == waiting_requests(engine)
    before = revision(engine)

    assert "keyword TIPS on 2229 for front:1" == approve(engine, 3)

    assert before + 1 == revision(engine)
    keyword = read(engine, schema.keyword, "number_id", "word", "aliases", "access_id")
    assert [(7, "TIPS", "[]", 1)] == keyword
    columns = ("state", "answer", "decided_at")
    decided = ("approved", "keyword TIPS on 2229", NOW)
    assert [decided] == read(engine, schema.number_request, *columns)
    act = "approved request 3: keyword TIPS on 2229 for front:1"
    assert [("tester", act)] == read(engine, schema.audit, "actor", "act")
    assert [] == waiting_requests(engine)
    with refused(engine, "no request 3 is waiting"):
        approve(engine, 3)


def test_any_shared_number_will_do(engine: Engine) -> None:
    add(engine, schema.number, {"id": 7, "value": "2229", "kind": "shared"})
    add(engine, schema.number_request, asked(3, "keyword", "", "TIPS"))
    with refused(engine, "the customer takes any number: name one"):
        approve(engine, 3)
    approve(engine, 3, "2229", answer="From Monday")
    answers = read(engine, schema.number_request, "answer")
    assert [("From Monday",)] == answers


@pytest.mark.parametrize("word", ["tips", "TIP", "  Tip "])
def test_a_keyword_that_is_taken(engine: Engine, word: str) -> None:
    add(engine, schema.number, {"id": 7, "value": "2229", "kind": "shared"})
    taken = {"number_id": 7, "word": "TIPS", "aliases": '["Tip"]', "access_id": 2}
    add(engine, schema.keyword, taken)
    add(engine, schema.number_request, asked(3, "keyword", "2229", word))
    with refused(engine, "on 2229 is taken: keyword TIPS"):
        approve(engine, 3)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("keyword", "2065", "there is no shared number 2065"),
        ("keyword", "4759440000", "there is no shared number 4759440000"),
        ("number", "4759440000", "number 4759440000 is taken"),
        ("number", "2229", "number 2229 is taken"),
        ("number", "26114123", "number 26114123 is taken"),
        ("number", "12", "12 is no number"),
        ("number", "475944000a", "475944000a is no number"),
        ("series", "26114123456789", "26114123456789 is no series"),
        ("series", "26114123", "number 26114123 is taken"),
        ("series", "261141", "series 261141 overlaps 26114123, which is taken"),
        ("series", "261141234", "series 261141234 overlaps 26114123"),
    ],
)
def test_what_cannot_be_given(
    engine: Engine, kind: str, value: str, expected: str
) -> None:
    add(
        engine,
        schema.number,
        {"value": "2229", "kind": "shared", "access_id": None},
        {"value": "4759440000", "kind": "owned", "access_id": 2},
        {"value": "26114123", "kind": "series", "access_id": 2},
    )
    word = "x" if kind == "keyword" else ""
    add(engine, schema.number_request, asked(1, kind, "", word))
    with refused(engine, expected):
        approve(engine, 1, value)


def test_a_new_number_one_in_stock_and_a_series(engine: Engine) -> None:
    stock = {"id": 9, "value": "4759440000", "kind": "owned", "access_id": None}
    add(engine, schema.number, stock)
    requests = [asked(1, "number"), asked(2, "number"), asked(3, "series", "26114123")]
    add(engine, schema.number_request, *requests)
    approve(engine, 1, "+4759440000")
    approve(engine, 2, "4759440001")
    approve(engine, 3)
    assert {
        ("4759440000", "owned", 1),
        ("4759440001", "owned", 1),
        ("26114123", "series", 1),
    } == set(read(engine, schema.number, "value", "kind", "access_id"))


def test_an_access_that_cannot_get_it(engine: Engine) -> None:
    settings = '{"two_way": false}'
    row = {"account_id": 1, "dialect": "front", "identifier": "9"}
    add(engine, schema.access, {**row, "id": 9, "settings": settings})
    requests = [{**asked(n, "number", "2229"), "access_id": n} for n in (9, 10)]
    add(engine, schema.number_request, *requests)
    with refused(engine, "access front:9 is not two_way"):
        approve(engine, 9)
    with refused(engine, "is gone"):
        approve(engine, 10)


def test_refusing(engine: Engine) -> None:
    add(engine, schema.number_request, asked(3, "keyword", "2229", "SEX"))
    number_requests.refuse(engine, 3, answer="Not on this number", **ACT)
    columns = ("state", "answer", "decided_at")
    assert [("refused", "Not on this number", NOW)] == read(
        engine, schema.number_request, *columns
    )
    assert [("refused request 3",)] == read(engine, schema.audit, "act")
    with refused(engine, "no request 3 is waiting"):
        number_requests.refuse(engine, 3, answer="x", **ACT)


# -- unrouted messages


def unrouted(id_: int, access_id: int | None = None, **columns: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "access_id": access_id,
        "carrier_id": 1,
        "originator": "+4799999999",
        "recipient": "2229",
        "kind": "sms",
        "text": f"Hei {id_}",
        "sent_at": NOW,
        "came_at": NOW + id_,
        "assign_id": None,
        **columns,
    }


def test_unrouted_messages_are_listed(engine: Engine) -> None:
    rows = [unrouted(1), unrouted(2, 1), unrouted(3), unrouted(4, assign_id=1)]
    add(engine, schema.inbound, *rows)
    shown = [
        UnroutedMessage(n, NOW + n, "2229", "+4799999999", "sms", f"Hei {n}", n == 4)
        for n in (4, 3, 1)
    ]
    assert shown == list_unrouted(engine, limit=10)
    assert shown[:2] == list_unrouted(engine, limit=2)
    assert shown[2:] == list_unrouted(engine, limit=2, before=3)


def test_giving_a_message_to_an_access(engine: Engine) -> None:
    add(engine, schema.inbound, unrouted(1), unrouted(2, 2), unrouted(3))

    def give(message_id: int, access: str) -> None:
        assign(engine, message_id, access, dialects=DIALECTS, **ACT)

    give(1, "front:2")
    assert [(None, 2), (2, None), (None, None)] == read(
        engine, schema.inbound, "access_id", "assign_id"
    )
    act = "assigned message 1 from a phone to access front:2"
    assert [("tester", act)] == read(engine, schema.audit, "actor", "act")
    for message_id in (1, 2, 9):
        with refused(engine, f"message {message_id} is not unrouted, or is assigned"):
            give(message_id, "front:2")
    for access in ("front:3", "sveve:1", "front"):
        with refused(engine, f"there is no access {access}"):
            give(3, access)

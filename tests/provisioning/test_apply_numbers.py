"""``apply`` for numbers, series, keywords, STOP, and prices of MMS."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from budstikke.domain.money import MICROS
from budstikke.provisioning import apply as apply_file
from budstikke.provisioning.apply import ApplyError, Plan, Secrets, apply
from budstikke.store import schema
from budstikke.store.admin import open_engine, revision
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARED = """
[[number]]
value = "2229"

[[number]]
value = "1963"
kind = "shared"
"""
ACME = """
[[account]]
name = "acme"
[[account.access]]
dialect = "front"
id = "1234"
allow_from = ["::1"]
settings = { two_way = true }
[[account.access]]
dialect = "sveve"
id = "acme"
allow_from = ["::1"]
"""
NUMBERS = """
[[account.number]]
value = "+4759440000"
access = "front"
url = "https://acme.example/virtual?a=1"
[[account.series]]
prefix = "26114123"
access = "front:1234"
[[account.keyword]]
number = "2229"
word = " Win  a car "
aliases = ["WAC", "win car"]
access = "sveve"
url = "http://acme.example/in"
receipt = "Thanks! %HTTP_PUSH_RESPONSE%"
[[account.keyword]]
number = "1963"
word = ""
access = "sveve"
"""
WHOLE = SHARED + ACME + NUMBERS
OTHER = """
[[account]]
name = "other"
[[account.access]]
dialect = "sveve"
id = "other"
allow_from = ["::1"]
"""


class Front(msgspec.Struct, frozen=True):
    two_way: bool = False


class Sveve(msgspec.Struct, frozen=True):
    """It is always two-way."""


DIALECTS: dict[str, type[msgspec.Struct]] = {"front": Front, "sveve": Sveve}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "b.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def engine(empty: Path, tmp_path: Path) -> Iterator[Engine]:
    file = shutil.copy(empty, tmp_path / "b.sqlite")
    engine = open_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


OTHER_TWO_WAY = """
[[account]]
name = "other"
[[account.access]]
dialect = "front"
id = "1299"
allow_from = ["::1"]
settings = { two_way = true }
"""


def put(engine: Engine, text: str, *, dry_run: bool = False) -> Plan:
    file = apply_file.read_file(text, DIALECTS, {}, {})
    secrets = Secrets(lambda plain: plain, lambda plain, stored: plain == stored)
    rest: dict[str, Any] = {"actor": "tester", "now": 5.0}
    return apply(engine, file, secrets, dry_run=dry_run, **rest)


def fault(engine: Engine, text: str) -> str:
    before = revision(engine)
    with pytest.raises(ApplyError) as error:
        put(engine, text)
    assert before == revision(engine)
    return re.sub(r"^line \d+: ", "", str(error.value), flags=re.MULTILINE)


def read(engine: Engine, table: Any, *names: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        columns = [table.c[name] for name in names]
        rows = connection.execute(select(*columns).order_by(table.c.id))
        return [tuple(row) for row in rows]


def numbers(engine: Engine) -> dict[str, tuple[Any, ...]]:
    found = read(engine, schema.number, "value", "kind", "access_id", "url")
    return {row[0]: row[1:] for row in found}


def words(engine: Engine) -> list[tuple[Any, ...]]:
    return read(engine, schema.keyword, "word", "access_id")


def access_ids(engine: Engine) -> dict[str, int]:
    return dict(read(engine, schema.access, "identifier", "id"))


def test_all_of_it(engine: Engine) -> None:
    put(engine, WHOLE)
    ids = access_ids(engine)
    assert {
        "2229": ("shared", None, ""),
        "1963": ("shared", None, ""),
        "4759440000": ("owned", ids["1234"], "https://acme.example/virtual?a=1"),
        "26114123": ("series", ids["1234"], ""),
    } == numbers(engine)
    columns = ("word", "aliases", "access_id", "url", "receipt")
    assert [
        (
            "Win a car",
            '["WAC","win car"]',
            ids["acme"],
            "http://acme.example/in",
            "Thanks! %HTTP_PUSH_RESPONSE%",
        ),
        ("", "[]", ids["acme"], "", ""),
    ] == read(engine, schema.keyword, *columns)
    assert {"2229", "1963"} == {
        value
        for value, id_ in read(engine, schema.number, "value", "id")
        if (id_,) in read(engine, schema.keyword, "number_id")
    }


def test_twice_changes_nothing(engine: Engine) -> None:
    put(engine, WHOLE)
    before = revision(engine)
    assert [] == put(engine, WHOLE).effective
    assert before == revision(engine)


def test_the_plan(engine: Engine) -> None:
    lines = put(engine, WHOLE, dry_run=True).lines()
    assert [
        "+ number 2229",
        "+ number 1963",
        "+ number 4759440000",
        "+ number 26114123",
        "+ keyword Win a car on 2229",
        "+ keyword (default) on 1963",
    ] == [line for line in lines if "number" in line or "keyword" in line]
    assert {} == numbers(engine)


def test_what_changes_is_named_and_not_shown(engine: Engine) -> None:
    put(engine, WHOLE)
    before = revision(engine)
    changed = WHOLE.replace("virtual?a=1", "virtual?password=hunter2")
    changed = changed.replace("Thanks!", "Many thanks!").replace('"WAC", ', "")
    lines = put(engine, changed).lines()
    assert [
        "~ number 4759440000: url",
        "~ keyword Win a car on 2229: aliases, receipt",
    ] == lines[:-1]
    assert before + 1 == revision(engine)


def test_removing_while_in_use(engine: Engine) -> None:
    put(engine, WHOLE)
    remove = '[[account.keyword]]\nnumber = "2229"\nword = "win a car"\nremove = true\n'
    named = remove.replace("win a car", "Win a car")
    gone = '[[account.number]]\nvalue = "4759440000"\nremove = true\n'
    assert [] == put(engine, ACME + remove).effective  # it is called otherwise
    plan = put(engine, ACME + named + gone)
    assert ["- number 4759440000", "- keyword Win a car on 2229"] == plan.lines()[:-1]
    assert [("", access_ids(engine)["acme"])] == words(engine)


def test_a_shared_number_goes_with_its_keywords(engine: Engine) -> None:
    put(engine, WHOLE)
    plan = put(engine, '[[number]]\nvalue = "1963"\nremove = true\n')
    assert ["- number 1963", "- keyword (default) on 1963"] == plan.lines()[:-1]


def test_an_account_goes_with_what_it_has(engine: Engine) -> None:
    put(engine, WHOLE)
    with engine.begin() as connection:
        asked = {"account_id": 1, "access_id": 1, "kind": "number"}
        row = {**asked, "state": "waiting", "at": 1.0}
        connection.execute(insert(schema.number_request), row)
    put(engine, '[[account]]\nname = "acme"\nremove = true\n')
    assert {"2229": ("shared", None, ""), "1963": ("shared", None, "")} == (
        numbers(engine)
    )
    assert [] == words(engine)


def test_what_is_in_stock_stays_an_accounts_once_it_has_it(engine: Engine) -> None:
    stock = '[[number]]\nvalue = "4759440001"\nkind = "owned"\n'
    put(engine, stock + ACME)
    assert ("owned", None, "") == numbers(engine)["4759440001"]
    own = '[[account.number]]\nvalue = "4759440001"\naccess = "sveve"\n'
    put(engine, ACME + own)
    given = numbers(engine)["4759440001"]
    assert ("owned", access_ids(engine)["acme"], "") == given
    assert [] == put(engine, stock).effective
    assert given == numbers(engine)["4759440001"]
    assert "an account owns it" in fault(engine, stock.replace("owned", "shared"))


def test_the_only_access_needs_no_name(engine: Engine) -> None:
    put(engine, OTHER + '[[account.number]]\nvalue = "4759440001"\n')
    assert access_ids(engine)["other"] == numbers(engine)["4759440001"][1]


KEYWORD = '[[account.keyword]]\nnumber = "2229"\naccess = "sveve"\nword = '


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OTHER + KEYWORD + '"win  A Car"', "win A Car leads to keyword Win a car"),
        (OTHER + KEYWORD + '"wac"', "wac leads to keyword Win a car"),
        (OTHER + KEYWORD + '"new"\naliases = ["WIN CAR"]', "WIN CAR leads to keyword"),
        (
            OTHER + KEYWORD.replace("2229", "1963") + '""\naliases = ["x"]',
            "keyword (default) on 1963: belongs to account acme, not other",
        ),
        (ACME + KEYWORD.replace("2229", "2065") + '"x"', "there is no number 2065"),
        (ACME + KEYWORD.replace("2229", "4759440000") + '"x"', "is not shared"),
        (
            ACME + KEYWORD.replace("sveve", "ip1") + '"x"',
            "account acme has no ip1",
        ),
        (
            OTHER + KEYWORD.replace("sveve", "front") + '"x"',
            "account other has no",
        ),
        (ACME + KEYWORD.replace('"sveve"', '""') + '"x"', "length >= 1"),
        (
            ACME + '[[account.number]]\nvalue = "4759440009"',
            "access: say which of account acme is meant: front:1234, sveve:acme",
        ),
        (
            OTHER + '[[account.number]]\nvalue = "4759440000"',
            "number 4759440000: belongs to account acme, not other",
        ),
        (ACME.replace("true", "false"), "access front:1234 is not two_way"),
        (
            ACME.replace("settings = { two_way = true }", 'settings = "default"'),
            "access front:1234 is not two_way",
        ),
        (
            (
                '[[account]]\nname = "acme"\n[[account.access]]\ndialect = "front"\n'
                'id = "1234"\nremove = true'
            ),
            "number 4759440000: there is no access front 1234",
        ),
        (
            '[[account]]\nname = "a"\nstop = ["nb", "xx"]',
            "stop: there is no 'xx', only",
        ),
        (
            '[[number]]\nvalue = "22290"\n[[number]]\nvalue = "+22290"',
            "number 22290 is there twice",
        ),
        ('[[number]]\nvalue = "2O65"', "number 2O65: value: expected 3 to 15 digits"),
        (
            '[[number]]\nvalue = "26114123456789"\nkind = "series"',
            "number 26114123456789: is too long for a series",
        ),
        (
            OTHER + KEYWORD + '"x"\nurl = "ftp://acme.example"',
            "url: expected an http or https URL",
        ),
        (
            (
                '[[account]]\nname = "acme"\nremove = true\n'
                '[[account.series]]\nprefix = "26114"'
            ),
            "is removed with all that it has",
        ),
    ],
)
def test_what_is_refused(engine: Engine, text: str, expected: str) -> None:
    put(engine, WHOLE)
    assert expected in fault(engine, text)


@pytest.mark.parametrize("prefix", ["26114", "261141234"])
def test_series_of_two_accounts_do_not_overlap(engine: Engine, prefix: str) -> None:
    put(engine, WHOLE)
    mine = f'[[account.series]]\nprefix = "{prefix}"\naccess = "front:1234"\n'
    inner, outer = sorted(["26114123", prefix], reverse=True)
    owner = "acme" if outer == "26114123" else "other"
    expected = f"series {inner} overlaps {outer} of account {owner}"
    assert expected in fault(
        engine, OTHER_TWO_WAY + mine.replace("front:1234", "front")
    )
    put(engine, ACME + mine)  # one account may divide a series among its accesses


def test_a_keyword_may_have_itself_as_an_alias(engine: Engine) -> None:
    put(engine, SHARED + ACME + KEYWORD + '"TIPS"\naliases = ["tips"]')
    assert [("TIPS", access_ids(engine)["acme"])] == words(engine)


def test_a_second_access_of_a_dialect_leaves_numbers_where_they_are(
    engine: Engine,
) -> None:
    second = """
    [[account.access]]
    dialect = "front"
    id = "1235"
    allow_from = ["::1"]
    settings = { two_way = true }
    """
    put(engine, WHOLE)
    both = SHARED + ACME + second + NUMBERS.replace("front:1234", "front")
    plan = put(engine, both)
    assert ["+ access front 1235"] == plan.lines()[:-1]
    new = both + '[[account.number]]\nvalue = "+4759440009"\naccess = "front"\n'
    assert (
        "number 4759440009: access: say which of account acme is meant: front:1234, "
        "front:1235" == fault(engine, new)
    )
    moved = both.replace('access = "front"\nurl', 'access = "front:1235"\nurl')
    assert ["~ number 4759440000: access"] == put(engine, moved).lines()[:-1]


def test_what_a_number_or_keyword_leaves_out_stays(engine: Engine) -> None:
    put(engine, WHOLE)
    left = """
    [[account]]
    name = "acme"
    [[account.number]]
    value = "+4759440000"
    [[account.series]]
    prefix = "26114123"
    [[account.keyword]]
    number = "2229"
    word = "Win a car"
    [[number]]
    value = "2229"
    """
    assert [] == put(engine, left).effective
    less = left.replace('car"\n', 'car"\nreceipt = "default"\naliases = []\n')
    assert ["~ keyword Win a car on 2229: aliases, receipt"] == put(
        engine, less
    ).lines()[:-1]


def test_stop_and_its_reply(engine: Engine) -> None:
    put(engine, '[[account]]\nname = "a"\nstop = ["nb", "en"]\nstop_reply = "Bye"\n')
    assert [('["nb","en"]', "Bye")] == read(
        engine, schema.account, "stop", "stop_reply"
    )
    plan = put(engine, '[[account]]\nname = "a"\nstop = ["nb"]\n')
    assert ["~ account a: stop"] == plan.lines()[:-1]
    plan = put(engine, '[[account]]\nname = "a"\nstop_reply = "default"\n')
    assert ["~ account a: stop_reply"] == plan.lines()[:-1]


def test_prices_of_mms(engine: Engine) -> None:
    prices = """
    [[price_list]]
    name = "retail"
    currency = "NOK"
    price = [
        { prefix = "+47", amount = "0.40", mms = "1.50" },
        { prefix = "+46", amount = "0.40" },
    ]
    """
    for _ in range(2):
        put(engine, prices)
    with engine.connect() as connection:
        price = schema.price.c
        found = connection.execute(select(price.prefix, price.mms)).all()
    assert {"+47": 1_500_000, "+46": None} == dict(tuple(row) for row in found)
    assert MICROS * 3 // 2 == dict(tuple(row) for row in found)["+47"]
    assert [] == put(engine, prices).effective
    assert ["~ price_list retail: price"] == put(
        engine, prices.replace("1.50", "1.60")
    ).lines()[:-1]

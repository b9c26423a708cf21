"""``apply`` for prices, money, fees, groups, opt-outs, and what routes require."""

from __future__ import annotations

import re
import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import Engine, func, insert, select, update

from budstikke.domain.fees import midnight
from budstikke.domain.money import MICROS, Refund
from budstikke.provisioning import apply as apply_file
from budstikke.provisioning.apply import ApplyError, Plan, Secrets, apply
from budstikke.store import schema
from budstikke.store.admin import open_engine, read_directory
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from budstikke.domain.directory import Account, Directory

NOON = 1_795_345_200.0
"""2026-11-22 12:00 in Oslo."""

PRICES = """
[[price_list]]
name = "retail"
currency = "NOK"
price = [
    { prefix = "+47", amount = "0.40" },
    { prefix = "+47", amount = "0.45", from = 2027-01-01 },
    { prefix = "+46", amount = 1, until = 2026-12-31 },
    { prefix = "+", amount = "1.234567" },
]
"""
ACCOUNT = """
[[account]]
name = "acme"
currency = "NOK"
price_list = "retail"
"""
ACME = PRICES + ACCOUNT
LOGIN = '[[account.access]]\ndialect = "d"\nid = "1"\nallow_from = ["::1"]\n'


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


class Nothing(msgspec.Struct, frozen=True):
    """A dialect without settings."""


def put(engine: Engine, text: str, now: float = NOON, *, dry_run: bool = False) -> Plan:
    file = apply_file.read_file(text, {"d": Nothing}, {"c": Nothing}, {})
    secrets = Secrets(lambda plain: plain, lambda plain, stored: plain == stored)
    return apply(engine, file, secrets, actor="tester", now=now, dry_run=dry_run)


def fault(text: str, engine: Engine | None = None) -> str:
    try:
        apply_file.read_file(text, {"d": Nothing}, {"c": Nothing}, {})
        if engine is not None:
            put(engine, text)
    except ApplyError as error:
        return re.sub(r"^line \d+: ", "", str(error), flags=re.MULTILINE)
    return ""


def directory(engine: Engine) -> Directory:
    return read_directory(engine, {"d": Nothing})


def account(engine: Engine) -> Account:
    access = directory(engine).login("d", "1")
    assert access is not None
    return access.account


def rows(engine: Engine, table: Any, *names: str) -> list[tuple[Any, ...]]:
    columns = [table.c[name] for name in names]
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def changed(plan: Plan) -> list[str]:
    return plan.lines()[:-1]


# Price lists


def test_prices_are_read_back(engine: Engine) -> None:
    assert ["+ price_list retail", "+ account acme", "+ access d 1"] == changed(
        put(engine, ACME + LOGIN)
    )
    prices = account(engine).prices
    assert prices is not None
    old, new = NOON, midnight(day("2027-01-01"))
    assert ("retail", "NOK") == (prices.name, prices.currency)
    assert 400_000 == prices.price("+4799999999", old)
    assert 400_000 == prices.price("+4799999999", new - 1)
    assert 450_000 == prices.price("+4799999999", new)
    assert MICROS == prices.price("+46705555555", new - 1)  # the last day counts
    assert 1_234_567 == prices.price("+46705555555", new)
    assert 1_234_567 == prices.price("+358401234567", old)


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_the_same_prices_again_change_nothing(engine: Engine) -> None:
    put(engine, ACME)
    assert [] == put(engine, ACME).effective
    turned = PRICES.replace('prefix = "+", ', 'prefix = "", ')
    assert [] == put(engine, turned).effective


def test_a_list_becomes_as_the_file_says(engine: Engine) -> None:
    put(engine, ACME)
    text = '[[price_list]]\nname = "retail"\ncurrency = "NOK"\n'
    text += '[[price_list.price]]\nprefix = "+47"\namount = "0.5"\n'
    assert ["~ price_list retail: price"] == changed(put(engine, text))
    assert [("+47", 500_000)] == rows(engine, schema.price, "prefix", "amount")


def test_a_list_in_use_stays(engine: Engine) -> None:
    put(engine, ACME)
    gone = '[[price_list]]\nname = "retail"\nremove = true\n'
    assert "account acme: there is no price_list retail" == fault(gone, engine)
    euro = '[[price_list]]\nname = "retail"\ncurrency = "EUR"\n'
    assert "account acme: price_list: retail is in another currency" == fault(
        euro, engine
    )
    free = 'currency = "default"\nprice_list = "default"\n'
    put(engine, f'[[account]]\nname = "acme"\n{free}{gone}')
    assert [] == rows(engine, schema.price, "prefix")
    assert [] == rows(engine, schema.price_list, "name")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('prefix = "+47", amount = 0.4', "price_list p: price +47: amount: expected "),
        ('prefix = "+47", amount = "0,4"', "price_list p: price +47: amount: not a de"),
        (
            'prefix = "+47", amount = "-1"',
            "price_list p: price +47: amount: is too sm",
        ),
        (
            'prefix = "+47", amount = "0.0000001"',
            "price_list p: price +47: amount: no",
        ),
        ('prefix = "47", amount = 1', "price_list p: price 47: prefix: expected `+` a"),
        (
            'prefix = "+47"',
            "price_list p: price +47: amount is mi",
        ),
        (
            'prefix = "+47", amount = 1, from = 2027-01-02, until = 2027-01-01',
            "price_list p: price +47: ends before it begins",
        ),
        (
            'prefix = "+", amount = 1 }, { prefix = "", amount = 2',
            "price_list p: price + is there twice",
        ),
        (
            'prefix = "+47", amount = 1, from = "soon"',
            "price_list p: price +47: from: ",
        ),
    ],
)
def test_faulty_prices_say_where(text: str, expected: str) -> None:
    whole = f'[[price_list]]\nname = "p"\ncurrency = "NOK"\nprice = [{{ {text} }}]\n'
    found = fault(whole)
    assert expected == found[: len(expected)]


def test_a_price_of_one_day(engine: Engine) -> None:
    put(
        engine,
        '[[price_list]]\nname = "p"\ncurrency = "NOK"\nprice = [{ prefix = "+47", '
        "amount = 1, from = 2027-01-01, until = 2027-01-01 }]\n",
    )
    ((begin, end),) = rows(engine, schema.price, "valid_from", "valid_until")
    assert 86400.0 == end - begin


# What an account pays


def test_an_account_that_pays(engine: Engine) -> None:
    text = """
prepaid = false
credit_limit = "1500.50"
pays_for = "delivered"
premium = true
home = "+46"
reply_number = "26114"
order_ceiling = 700
alert_below = "-1000"
alert_mail = ["a@acme.example", "b@acme.example"]
"""
    put(engine, ACME + text + LOGIN)
    found = account(engine)
    assert ("NOK", False, 1_500_500_000) == (
        found.currency,
        found.prepaid,
        found.credit_limit,
    )
    assert (Refund.UNDELIVERED, True) == (found.refund, found.premium)
    assert ("+46", "26114") == (found.home, found.reply_number)
    assert [(700, -1000 * MICROS, "a@acme.example, b@acme.example")] == rows(
        engine, schema.account, "order_ceiling", "alert_below", "alert_mail"
    )
    assert [] == put(engine, ACME + text + LOGIN).effective


def test_an_account_in_sms_needs_no_list(engine: Engine) -> None:
    put(engine, '[[account]]\nname = "a"\ncurrency = "SMS"\nhome = "+46"\n' + LOGIN)
    prices = account(engine).prices
    assert prices is not None
    assert MICROS == prices.price("+46705555555", NOON)
    assert prices.price("+4799999999", NOON) is None


def test_an_account_in_sms_may_have_a_list(engine: Engine) -> None:
    listed = PRICES.replace("NOK", "SMS") + ACCOUNT.replace("NOK", "SMS") + LOGIN
    put(engine, listed)
    prices = account(engine).prices
    assert prices is not None
    assert 400_000 == prices.price("+4799999999", NOON)


def test_an_account_without_currency_has_no_prices(engine: Engine) -> None:
    put(engine, '[[account]]\nname = "a"\n' + LOGIN)
    assert ("", None) == (account(engine).currency, account(engine).prices)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('currency = "nok"', "account a: currency: expected three capital letters"),
        (
            'currency = "NOK"',
            "account a: price_list is missing: without prices it cannot send",
        ),
        ('price_list = "p"', "account a: price_list: needs a currency"),
        (
            "prepaid = false",
            "account a: credit_limit is missing: an invoiced account needs it",
        ),
        (
            'currency = "SMS"\ncredit_limit = 5',
            "account a: credit_limit: only with prepaid = false",
        ),
        ("balance = 5", "account a: balance: needs a currency"),
        (
            'currency = "SMS"\nbalance = 5.5',
            "account a: balance: expected a whole",
        ),
        ('currency = "SMS"\nbalance = "-5"', "account a: balance: is too small: -5"),
        (
            'trial = true\ncurrency = "NOK"\nprice_list = "p"',
            "account a: trial: must be prepaid and in SMS, without a balance",
        ),
        ("trial = true\nbalance = 5", "account a: trial: must be prepaid and in SMS"),
        ('pays_for = "air"', "account a: pays_for: invalid enum value 'air'"),
        ('home = "47"', "account a: home: expected `+` and a country's calling code"),
        (
            'reply_number = "2229"',
            "account a: reply_number: expected five digits",
        ),
        (
            'currency = "SMS"\nalert_below = 5',
            "account a: alert_below and alert_mail need each other",
        ),
        (
            'currency = "SMS"\nalert_mail = ["a@b.example"]',
            "account a: alert_below and alert_mail need each other",
        ),
        (
            'alert_mail = ["a b"]',
            "account a: alert_mail no. 1: expected a mail",
        ),
        (
            "order_ceiling = -1",
            "account a: order_ceiling: expected a whole number >=",
        ),
    ],
)
def test_faulty_accounts_say_where(engine: Engine, text: str, expected: str) -> None:
    found = fault(f'[[account]]\nname = "a"\n{text}\n', engine)
    assert expected == found[: len(expected)]


def test_lists_are_there_and_in_the_currency(engine: Engine) -> None:
    assert "account acme: there is no price_list retail" == fault(ACCOUNT, engine)
    other = ACME.replace('currency = "NOK"\nprice_list', 'currency = "SEK"\nprice_list')
    assert "account acme: price_list: retail is in another currency" == fault(
        other, engine
    )


# Opening balances and trials


LEDGER = ("account_id", "at", "kind", "amount", "balance")


def test_an_opening_balance_is_a_payment_once(engine: Engine) -> None:
    plan = put(engine, ACME + 'balance = "100.50"\n')
    assert ["+ price_list retail", "+ account acme", "+ payment of acme"] == changed(
        plan
    )
    assert [(1, NOON, "payment", 100_500_000, 100_500_000)] == rows(
        engine, schema.ledger, *LEDGER
    )
    assert [(100_500_000,)] == rows(engine, schema.account, "balance")
    for balance in ('"100.50"', "7"):
        assert [] == put(engine, ACME + f"balance = {balance}\n").effective
    assert 1 == len(rows(engine, schema.ledger, "id"))


def test_nothing_to_begin_with_is_no_entry(engine: Engine) -> None:
    put(engine, ACME + "balance = 0\n")
    assert [] == rows(engine, schema.ledger, "id")


def test_a_balance_is_not_for_accounts_that_are_there(engine: Engine) -> None:
    put(engine, '[[account]]\nname = "acme"\n')
    put(engine, ACME + "balance = 5\n")
    assert [(0,)] == rows(engine, schema.account, "balance")


def test_a_trial_has_25_messages(engine: Engine) -> None:
    trial = '[[account]]\nname = "a"\ntrial = true\n' + LOGIN
    assert ["+ account a", "+ trial of a", "+ access d 1"] == changed(
        put(engine, trial)
    )
    assert [(1, NOON, "trial", 25 * MICROS, 25 * MICROS)] == rows(
        engine, schema.ledger, *LEDGER
    )
    assert "SMS" == account(engine).currency
    assert [] == put(engine, trial).effective


def test_a_trial_becomes_a_paying_one_and_keeps_what_it_has(engine: Engine) -> None:
    put(engine, '[[account]]\nname = "a"\ntrial = true\n')
    paying = '[[account]]\nname = "a"\ntrial = false\n'
    assert ["~ account a: trial"] == changed(put(engine, paying))
    assert [("a", False, 25 * MICROS)] == rows(
        engine, schema.account, "name", "trial", "balance"
    )
    assert 1 == len(rows(engine, schema.ledger, "id"))
    assert "account a: trial: only a new account can be one" == fault(
        '[[account]]\nname = "a"\ntrial = true\n', engine
    )


def test_a_ledger_keeps_its_currency_and_its_account(engine: Engine) -> None:
    put(engine, ACME + "balance = 5\n")
    assert "account acme: currency: its ledger is in NOK; make another" == fault(
        '[[account]]\nname = "acme"\ncurrency = "SMS"\n', engine
    )
    assert "account acme: has a ledger: set blocked = true" == fault(
        '[[account]]\nname = "acme"\nremove = true\n', engine
    )


def test_without_a_ledger_the_currency_may_change(engine: Engine) -> None:
    put(engine, ACME)
    sms = '[[account]]\nname = "acme"\ncurrency = "SMS"\n'
    assert "account acme: price_list: retail is in another currency" == fault(
        sms, engine
    )
    plan = put(engine, sms + 'price_list = "default"\n')
    assert ["~ account acme: currency, price_list"] == changed(plan)


def test_who_was_told_of_a_low_balance_is_told_of_another_limit(engine: Engine) -> None:
    alert = 'alert_mail = ["a@b.example"]\nalert_below = '
    put(engine, ACME + alert + "5")
    with engine.begin() as connection:
        connection.execute(update(schema.account).values(alerted=True))
    put(engine, ACME + alert + "5\npremium = true")
    assert [(True,)] == rows(engine, schema.account, "alerted")
    put(engine, ACME + alert + "6\npremium = true")
    assert [(False,)] == rows(engine, schema.account, "alerted")


# Fees


def fee(text: str) -> str:
    return f"{ACME}[[account.fee]]\nname = 'hosting'\n{text}\n"


FEE = ("name", "amount", "monthly", "next_at", "day")


def test_a_new_fee_is_due_on_its_first_day(engine: Engine) -> None:
    put(
        engine,
        fee('amount = "99.50"') + "[[account.fee]]\nname = 'setup'\namount = 5\n"
        "monthly = false\nfrom = 2027-01-31\n",
    )
    assert [
        ("hosting", 99_500_000, True, midnight(day("2026-11-22")), 22),
        ("setup", 5_000_000, False, midnight(day("2027-01-31")), 31),
    ] == rows(engine, schema.fee, *FEE)


def test_a_fee_that_is_there_keeps_its_day(engine: Engine) -> None:
    text = fee("amount = 5")
    assert "+ fee hosting of acme" in changed(put(engine, text))
    before = rows(engine, schema.fee, "next_at", "day")
    assert [] == put(engine, text, NOON + 9e6).effective
    assert [] == put(engine, fee("amount = 5\nfrom = 2029-01-01")).effective
    more = put(engine, fee("amount = 6"), NOON + 9e6)
    assert ["~ fee hosting of acme: amount"] == changed(more)
    assert before == rows(engine, schema.fee, "next_at", "day")
    assert [(6_000_000,)] == rows(engine, schema.fee, "amount")
    assert "fee hosting of acme: monthly: cannot change; remove it, make another" == (
        fault(fee("amount = 6\nmonthly = false"), engine)
    )


def test_a_fee_is_removed(engine: Engine) -> None:
    put(engine, fee("amount = 5"))
    assert ["- fee hosting of acme"] == changed(put(engine, fee("remove = true")))
    assert [] == put(engine, fee("remove = true")).effective
    assert [] == rows(engine, schema.fee, "name")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fee(""), "fee hosting of acme: amount is missing"),
        (fee("amount = 0"), "account acme: fee hosting: amount: is too small: 0"),
        (fee("amount = 1.5"), "account acme: fee hosting: amount: expected a whole"),
        (
            fee("amount = 1") + "[[account.fee]]\nname='hosting'\namount=1",
            "fee hosting of acme is there twice",
        ),
        (
            "[[account]]\nname='a'\n[[account.fee]]\nname='f'\namount=1",
            "account a: fee: needs a currency",
        ),
    ],
)
def test_faulty_fees_say_where(engine: Engine, text: str, expected: str) -> None:
    found = fault(text, engine)
    assert expected == found[: len(expected)]


# Groups

GROUPS = """
[[account]]
name = "acme"
[[account.group]]
name = "Kunder"
member = [
    { number = "+4799999991", name = "Kari" },
    { number = "+4799999992", active = false },
]
[[account.group]]
name = "Alle"
member = [{ number = "+4799999991", name = "Kari" }]
"""


def members(engine: Engine) -> dict[str, list[tuple[str, str, bool]]]:
    group, contact, member = schema.contact_group, schema.contact, schema.membership
    found: dict[str, list[tuple[str, str, bool]]] = {}
    with engine.connect() as connection:
        for name in connection.scalars(select(group.c.name)):
            found[name] = []
        joined = select(
            group.c.name, contact.c.number, contact.c.name, contact.c.active
        )
        joined = joined.join(member, member.c.group_id == group.c.id)
        joined = joined.join(contact, contact.c.id == member.c.contact_id)
        for row in connection.execute(joined.order_by(member.c.id)):
            found[row[0]].append(tuple(row[1:]))
    return found


KARI = ("+4799999991", "Kari", True)
NOBODY = ("+4799999992", "", False)


def test_groups_and_their_members(engine: Engine) -> None:
    assert [
        "+ account acme",
        "+ group Kunder of acme",
        "+ group Alle of acme",
    ] == changed(put(engine, GROUPS))
    assert {"Kunder": [KARI, NOBODY], "Alle": [KARI]} == members(engine)
    assert [] == put(engine, GROUPS).effective


def test_members_that_are_not_named_stay(engine: Engine) -> None:
    put(engine, GROUPS)
    more = '[[account]]\nname = "acme"\n[[account.group]]\nname = "Kunder"\n'
    more += 'member = [{ number = "+4799999993", name = "Ola" }]\n'
    assert ["~ group Kunder of acme: members"] == changed(put(engine, more))
    ola = ("+4799999993", "Ola", True)
    assert {"Kunder": [KARI, NOBODY, ola], "Alle": [KARI]} == members(engine)


def test_members_are_changed_and_taken_out(engine: Engine) -> None:
    put(engine, GROUPS)
    text = (
        '[[account]]\nname = "acme"\n[[account.group]]\nname = "Kunder"\nmember = [\n'
    )
    text += '{ number = "+4799999991", active = false },\n'
    text += '{ number = "+4799999992", remove = true },\n'
    text += '{ number = "+4799999999", remove = true },\n]\n'
    assert ["~ group Kunder of acme: members"] == changed(put(engine, text))
    gone = ("+4799999991", "Kari", False)  # the name that it has, in all its groups
    assert {"Kunder": [gone], "Alle": [gone]} == members(engine)
    assert 2 == len(rows(engine, schema.contact, "number"))
    assert [] == put(engine, text).effective


def test_a_group_is_removed_and_its_members_stay_contacts(engine: Engine) -> None:
    put(engine, GROUPS)
    gone = '[[account]]\nname = "acme"\n[[account.group]]\nname = "Kunder"\n'
    gone += "remove = true\n"
    assert ["- group Kunder of acme"] == changed(put(engine, gone))
    assert {"Alle": [KARI]} == members(engine)
    assert 2 == len(rows(engine, schema.contact, "number"))
    assert [] == put(engine, gone).effective


def test_accounts_have_groups_and_contacts_of_their_own(engine: Engine) -> None:
    put(engine, GROUPS)
    put(engine, GROUPS.replace("acme", "beta").replace("Kari", "Karianne"))
    assert 4 == len(rows(engine, schema.contact, "number"))
    put(engine, '[[account]]\nname = "beta"\nremove = true\n')
    assert {"Kunder": [KARI, NOBODY], "Alle": [KARI]} == members(engine)
    assert 2 == len(rows(engine, schema.contact, "number"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            GROUPS.replace('"Kari" }]', '"Berit" }]'),
            "account acme: group Alle: member +4799999991: differs elsewhere",
        ),
        (
            GROUPS.replace("99992", "99991"),
            (
                "account acme: group Kunder: member +4799999991: differs elsewhere\n"
                "group Kunder of acme: member +4799999991 is there twice"
            ),
        ),
        (
            GROUPS.replace('"Alle"', '"Kunder"'),
            "group Kunder of acme is there twice",
        ),
        (
            GROUPS.replace("+4799999992", "99999992"),
            "account acme: group Kunder: membe",
        ),
        (
            GROUPS.replace('"Alle"', '"Alle"\nremove = true'),
            "group Alle of acme: is removed with all that it has: list nothing",
        ),
    ],
)
def test_faulty_groups_say_where(engine: Engine, text: str, expected: str) -> None:
    found = fault(text, engine)
    assert expected == found[: len(expected)]


# Opt-outs

OPT_OUTS = """
[[account]]
name = "acme"
[[account.opt_out]]
number = "+4799999991"
[[account]]
name = "beta"
[[account.opt_out]]
number = "+4799999991"
reason = "asked by mail"
[[suppression]]
number = "+4799999991"
"""


def test_numbers_that_want_nothing_from_one_account(engine: Engine) -> None:
    put(engine, OPT_OUTS.replace('"acme"\n', f'"acme"\n{LOGIN}', 1))
    assert frozenset({"+4799999991"}) == account(engine).opted_out
    assert frozenset({"+4799999991"}) == directory(engine).blacklist
    gone = '[[account]]\nname = "acme"\n[[account.opt_out]]\nnumber = "+4799999991"\n'
    gone += "remove = true\n" + LOGIN
    assert ["- opt_out +4799999991 of acme"] == changed(put(engine, gone))
    assert frozenset() == account(engine).opted_out
    assert frozenset({"+4799999991"}) == directory(engine).blacklist
    assert [("asked by mail",), ("blacklist",)] == sorted(
        rows(engine, schema.suppression, "reason")
    )


def test_opt_outs_again_change_nothing(engine: Engine) -> None:
    plan = put(engine, OPT_OUTS)
    assert [
        "+ account acme",
        "+ account beta",
        "+ suppression +4799999991",
        "+ opt_out +4799999991 of acme",
        "+ opt_out +4799999991 of beta",
    ] == changed(plan)
    assert [] == put(engine, OPT_OUTS).effective


def test_an_opt_out_is_there_once(engine: Engine) -> None:
    twice = OPT_OUTS.replace(
        'name = "beta"\n',
        'name = "beta"\n' + '[[account.opt_out]]\nnumber = "+4799999991"\n',
    )
    assert "opt_out +4799999991 of beta is there twice" == fault(twice)


# Routes

ROUTE = """
[[carrier]]
name = "c"
kind = "c"
[[route]]
prefix = "+46"
carriers = ["c"]
requires = ["template", "sender"]
senders = { otp = "FrontOTP" }
"""


def test_routes_that_need_templates(engine: Engine) -> None:
    put(engine, ROUTE)
    (route,) = directory(engine).routes
    assert frozenset({"sender", "template"}) == route.requires
    assert {"otp": "FrontOTP"} == route.senders
    assert [] == put(engine, ROUTE).effective
    plain = ROUTE.replace('"template", "sender"', "").replace(' otp = "FrontOTP" ', "")
    assert ["~ route +46: requires, senders"] == changed(put(engine, plain))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ROUTE.replace('"template"', '"x"'),
            "route +46: requires no. 1: invalid enum v",
        ),
        (ROUTE.replace(', "sender"', ""), 'route +46: senders: needs requires = ["sen'),
        (
            ROUTE.replace("otp =", "otc ="),
            "route +46: senders: there is no 'otc', only",
        ),
        (
            ROUTE.replace("FrontOTP", "{}"),
            "route +46: senders: otp: is not a valid sender: ",
        ),
    ],
)
def test_faulty_routes_say_where(engine: Engine, text: str, expected: str) -> None:
    found = fault(text, engine)
    assert expected == found[: len(expected)]


# All of it


def test_a_dry_run_writes_nothing_of_it(engine: Engine) -> None:
    text = ACME + "balance = 5\n" + GROUPS.replace('name = "acme"', 'name = "beta"')
    plan = put(engine, text + ROUTE, dry_run=True)
    assert 8 == len(plan.effective)
    for table in schema.metadata.sorted_tables:
        if table.name not in {"meta", "alembic_version"}:
            with engine.connect() as connection:
                count = select(func.count()).select_from(table)
                assert 0 == connection.scalar(count), table.name


def test_an_account_goes_with_all_it_has(engine: Engine) -> None:
    own = "[[account.fee]]\nname = 'f'\namount = 1\n"
    own += "[[account.opt_out]]\nnumber = '+4799999991'\n"
    put(engine, ACME + own + "[[suppression]]\nnumber = '+4799999991'\n")
    with engine.begin() as connection:
        order = {"account_id": 1, "at": 1.0, "count": 500, "state": "refused"}
        connection.execute(insert(schema.credit_order), order)
    put(engine, '[[account]]\nname = "acme"\nremove = true\n')
    for table in (schema.account, schema.fee, schema.credit_order):
        assert [] == rows(engine, table, "id"), table.name
    assert [(0,)] == rows(engine, schema.suppression, "account_id")


def test_a_removed_account_lists_nothing() -> None:
    text = "[[account]]\nname = 'a'\nremove = true\n[[account.group]]\nname = 'g'\n"
    assert "account a: is removed with all that it has: list nothing" == fault(text)

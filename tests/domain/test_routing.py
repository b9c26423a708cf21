"""Routes: which rule applies, and in which order its carriers are tried."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.directory import Directory
from budstikke.domain.routing import (
    DAY,
    PLAIN,
    Route,
    RouteTable,
    Traits,
    described,
    in_order,
    kinds_of,
    minute_of,
    read_hours,
)

PHONE = "+4799999999"
NIGHT, NOON = 23 * 60, 12 * 60


def rule(**values: Any) -> Route:
    return Route(**{"prefix": "", "carriers": (1,), **values})


# From the most specific to the least; each pair differs in one rank.
RANKED = [
    rule(account_id=1, operator="t", prefix="+47"),
    rule(account_id=1, operator="t"),
    rule(account_id=1, prefix="+47", sender="2229"),
    rule(account_id=1, prefix="+47", sender="22*", kind="premium"),
    rule(account_id=1, prefix="+47", sender="22*", kind="flash"),
    rule(account_id=1, prefix="+47", sender="22*", kind="sms"),
    rule(account_id=1, prefix="+47", sender="2*"),
    rule(account_id=1, prefix="+47", kind="premium"),
    rule(account_id=1, prefix="+47", kind="flash"),
    rule(account_id=1, prefix="+47", kind="sms", hours="21:00-23:30"),
    rule(account_id=1, prefix="+47", kind="sms", hours="22:00-00:30"),
    rule(account_id=1, prefix="+47", kind="sms", hours="22:00-06:00"),
    rule(account_id=1, prefix="+47", kind="sms"),
    rule(account_id=1, prefix="+47", hours="22:00-06:00"),
    rule(account_id=1, prefix="+47"),
    rule(account_id=1, prefix="+4"),
    rule(account_id=1),
    rule(operator="t"),
    rule(prefix="+479", hours="22:00-06:00"),
    rule(prefix="+479"),
    rule(prefix="+47", sender="2229"),
    rule(),
]
TRAITS = Traits("2229", kinds_of(flash=True, premium=True), NIGHT)


@given(st.randoms(use_true_random=False), st.integers(0, len(RANKED) - 1))
def test_the_most_specific_rule_wins_whatever_their_order(
    random: Any, first: int
) -> None:
    rules = RANKED[first:]
    random.shuffle(rules)
    assert RANKED[first] is RouteTable(rules).find(1, PHONE, TRAITS, "t")


def test_a_rule_applies_only_if_all_is_so() -> None:
    others = [
        rule(account_id=2, prefix="+47"),
        rule(operator="n"),
        rule(prefix="+46"),
        rule(prefix="+47", sender="Firm"),
        rule(prefix="+47", sender="23*"),
        rule(prefix="+47", kind="mms"),
        rule(prefix="+47", hours="06:00-22:00"),
    ]
    traits = Traits("2229", kinds_of(flash=False, premium=False), NIGHT)
    assert RouteTable(others).find(1, PHONE, traits, "") is None
    assert RouteTable([rule(kind="flash")]).find(1, PHONE, traits, "") is None
    assert RouteTable([rule(operator="t")]).find(1, PHONE, traits, "") is None
    assert RouteTable([rule(kind="sms")]).find(1, PHONE, traits, "")
    mms = Traits("2229", kinds_of(mms=True, flash=False, premium=False), NOON)
    assert RouteTable([rule(kind="sms")]).find(1, PHONE, mms, "") is None
    assert RouteTable([rule(kind="mms")]).find(1, PHONE, mms, "")


def test_a_table_says_what_it_asks_for() -> None:
    plain = RouteTable([rule(prefix="+47"), rule(account_id=1)])
    assert (False, False) == (plain.asks, plain.asks_operator)
    for values in ({"sender": "x"}, {"kind": "sms"}, {"hours": "08:00-09:00"}):
        assert RouteTable([rule(**values)]).asks
    assert RouteTable([rule(operator="t")]).asks_operator


@given(st.integers(0, DAY - 1), st.integers(0, DAY - 1), st.integers(0, DAY - 1))
def test_hours(start: int, end: int, minute: int) -> None:
    hours = read_hours(f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    after = [start]
    while after[-1] != end or (len(after) == 1 and start == end):
        after.append((after[-1] + 1) % DAY)
        if after[-1] == end:
            break
    assert hours.has(minute) == (minute in after[:-1] or start == end)


def test_minutes_are_those_of_oslo() -> None:
    assert 13 * 60 + 30 == minute_of(1_767_270_600.0)  # 2026-01-01T12:30Z
    assert 14 * 60 + 30 == minute_of(1_782_909_000.0)  # 2026-07-01T12:30Z


WEIGHTS = {1: 70, 2: 30, 3: 0}


@pytest.mark.parametrize(
    ("number", "first"), [(0.0, 1), (0.699, 1), (0.701, 2), (0.999, 2)]
)
def test_weights_share_the_first_place(number: float, first: int) -> None:
    route = rule(carriers=(1, 2, 3), weights=WEIGHTS)
    ordered = in_order(route, route.carriers, PHONE, number)
    assert first == ordered[0]
    assert [each for each in (1, 2, 3) if each != first] == list(ordered[1:])


def test_carriers_without_a_share_keep_their_order() -> None:
    route = rule(carriers=(3,), weights=WEIGHTS)  # the others send MMS
    assert (3,) == in_order(route, (3,), PHONE, 0.5)
    assert (1, 2) == in_order(rule(carriers=(1, 2)), (1, 2), PHONE, 0.9)


def test_the_least_cost_by_the_longest_prefix_comes_first() -> None:
    costs = {1: {"+47": 30, "": 5}, 2: {"+4": 20, "+46": 90}, 3: {"+46": 40}}
    route = rule(carriers=(3, 1, 2), least_cost=True, costs=costs)
    assert (2, 1, 3) == in_order(route, route.carriers, PHONE, 0.9)
    assert (1, 3, 2) == in_order(route, route.carriers, "+46705555555", 0.9)
    assert (1, 3, 2) == in_order(route, route.carriers, "+1", 0.9)


def test_the_operator_of_the_longest_prefix() -> None:
    directory = Directory(
        revision=1,
        accesses={},
        carriers={},
        routes=(rule(operator="n"), rule(operator="t", carriers=(2,))),
        operators={"+4799": "t", "+4799999999": "n"},
    )
    found = [
        (directory.operator_of(phone), directory.route(1, phone, PLAIN))
        for phone in (PHONE, "+4799999998", "+46705555555")
    ]
    carriers = [(code, route and route.carriers) for code, route in found]
    assert [("n", (1,)), ("t", (2,)), ("", None)] == carriers


def test_a_rule_is_described_by_what_it_asks_for() -> None:
    values = {"prefix": "+47", "operator": "t", "sender": "2229", "kind": "flash"}
    whole = rule(account_id=1, hours="08:00-09:00", **values)
    words = "route +47, operator t, sender 2229, kind flash, hours 08:00-09:00 of acme"
    assert words == described(whole, "acme")
    assert "route +" == described(rule(), "")


def test_no_two_rules_of_different_keys_have_one_rank() -> None:
    for one, other in itertools.combinations(RANKED, 2):
        keys = [(r.account_id, r.operator, r.prefix, r.rank) for r in (one, other)]
        assert keys[0] != keys[1]

"""When a customer is told again: the table of the contracts."""

from __future__ import annotations

from itertools import accumulate

from budstikke.domain.callback import AGAIN, Policy

next_try = Policy().next_try

FRONT = (5, 15, 60, 120, 300, 1800, 3600, 7200, 14400)
"""5 s, 15 s, 1 min, 2 min, 5 min, 30 min, 1 h, 2 h, 4 h (Front v3.05 § 2.3)."""


def test_the_table() -> None:
    assert FRONT == AGAIN


def test_each_try_is_after_the_one_that_failed() -> None:
    now, times = 1000.0, []
    for tries in range(1, 20):
        due = next_try(tries, now)
        if due is None:
            break
        times.append(due - 1000.0)
        now = due
    assert list(accumulate(FRONT)) == times


def test_then_it_has_failed() -> None:
    assert 14400.0 == next_try(len(FRONT), 0.0)
    assert None is next_try(len(FRONT) + 1, 0.0)
    assert None is next_try(1000, 0.0)

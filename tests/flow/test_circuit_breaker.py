"""Circuits: when a customer's server is not asked."""

from __future__ import annotations

from budstikke.flow.circuit_breaker import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MOST_FAILURES,
    CircuitBreaker,
)


def opened(now: float = 0.0) -> CircuitBreaker:
    circuit = CircuitBreaker()
    said = [circuit.failed(now) for _ in range(MOST_FAILURES)]
    assert [False] * (MOST_FAILURES - 1) + [True] == said
    return circuit


def test_failures_in_a_row_open_it() -> None:
    circuit = opened(100.0)
    assert 100.0 == circuit.since
    assert not circuit.admits(100.0 + FIRST_PAUSE - 0.1)
    assert 100.0 + FIRST_PAUSE == circuit.until


def test_an_answer_between_them_does_not() -> None:
    circuit = CircuitBreaker()
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            assert not circuit.failed(0.0)
        assert not circuit.answered()
    assert circuit.admits(0.0)


def test_one_tries_at_a_time() -> None:
    circuit = opened()
    assert circuit.admits(FIRST_PAUSE)
    assert not circuit.admits(FIRST_PAUSE)
    assert not circuit.admits(FIRST_PAUSE + 1000)


def test_those_on_their_way_when_it_opened_do_not_count() -> None:
    circuit = opened()
    for now in (0.0, FIRST_PAUSE / 2, FIRST_PAUSE + 1):
        assert not circuit.failed(now)
    assert FIRST_PAUSE == circuit.until


def test_it_is_open_for_longer_each_time_but_not_for_ever() -> None:
    circuit = opened()
    pauses = []
    for _ in range(10):
        now = circuit.until
        assert circuit.admits(now)
        assert circuit.failed(now)
        pauses.append(circuit.until - now)
    assert [10.0, 20.0, 40.0, 80.0, 160.0] == pauses[:5]
    assert [LONGEST_PAUSE] * 5 == pauses[5:]
    assert 0.0 == circuit.since


def test_an_answer_closes_it() -> None:
    circuit = opened()
    assert circuit.admits(FIRST_PAUSE)
    assert circuit.answered()
    assert circuit.admits(FIRST_PAUSE)
    assert circuit.admits(FIRST_PAUSE)
    again = [circuit.failed(FIRST_PAUSE) for _ in range(MOST_FAILURES)]
    assert [False] * (MOST_FAILURES - 1) + [True] == again
    assert FIRST_PAUSE * 2 == circuit.until


def test_a_late_answer_closes_it_too() -> None:
    circuit = opened()
    assert circuit.answered()
    assert circuit.admits(0.1)

"""The guarded clock: a jump is not believed until something confirms it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke import metrics
from budstikke.flow.clock import AWAY, SETTLED, SMALL, STEP, STEPS_IN, GuardedClock
from budstikke.store.contract import Beat, Seen

NOW = 1_795_345_200.0
DAY = 86400.0


class Machine:
    """A machine whose wall clock can be set."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.set_by = 0.0
        self.clock = GuardedClock(self.wall, lambda: 1000.0 + self.passed)

    def wall(self) -> float:
        return NOW + self.passed + self.set_by

    def pass_(self, seconds: float, every: float = 1.0) -> None:
        """Let time pass, while somebody asks for it now and then."""
        end = self.passed + seconds
        while self.passed < end:
            self.passed = min(self.passed + every, end)
            self.clock()

    def jump(self, seconds: float) -> None:
        self.set_by += seconds


def test_a_clock_that_runs_is_the_wall_clock() -> None:
    machine = Machine()
    for _ in range(10):
        machine.pass_(DAY, every=3600.0)
        assert machine.wall() == machine.clock()
    assert "" == machine.clock.doubt


@pytest.mark.parametrize("step", [-STEP, -0.5, 0.5, STEP])
def test_a_small_correction_is_believed_at_once(step: float) -> None:
    machine = Machine()
    machine.jump(step)
    assert machine.wall() == machine.clock()
    assert "" == machine.clock.doubt


@pytest.mark.parametrize("jump", [-400 * DAY, -3600.0, -STEP - 1, STEP + 1, 400 * DAY])
def test_a_jump_is_not_believed_and_time_goes_on(
    jump: float, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine()
    machine.jump(jump)
    with caplog.at_level(logging.WARNING):
        assert machine.clock() == pytest.approx(NOW)
        machine.pass_(6.0)
        assert machine.clock() == pytest.approx(NOW + 6)
        assert machine.clock.doubt
        assert 0 == metrics.clock_confirmed._value.get()
        machine.jump(-jump)
        assert machine.wall() == machine.clock()
    assert "" == machine.clock.doubt
    assert 1 == metrics.clock_confirmed._value.get()
    assert ["clock not trusted", "clock trusted"] == caplog.messages


def test_many_small_corrections_are_one_large_one() -> None:
    machine = Machine()
    for _ in range(30):
        machine.jump(STEP / 2)
        machine.pass_(1.0)
    assert machine.clock() == pytest.approx(NOW + 30)
    assert machine.clock.doubt


def test_a_clock_that_drifts_is_followed() -> None:
    machine = Machine()
    for _ in range(50):
        machine.jump(STEP / 10)
        machine.pass_(STEPS_IN, every=10.0)
    assert machine.wall() == machine.clock()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_jump_of_hours_is_believed_when_the_clock_runs_evenly(sign: int) -> None:
    machine = Machine()
    machine.jump(sign * SMALL)
    machine.pass_(SETTLED - 1)
    assert machine.clock.doubt
    machine.pass_(2)
    assert machine.wall() == machine.clock()
    assert "" == machine.clock.doubt


def test_a_clock_that_does_not_run_evenly_is_not_believed() -> None:
    machine = Machine()
    machine.jump(7200.0)
    for _ in range(20):
        machine.jump(2.0)
        machine.pass_(SETTLED / 10)
    assert machine.clock.doubt


def test_a_jump_of_days_is_never_believed_by_itself() -> None:
    machine = Machine()
    machine.jump(SMALL + STEP)
    machine.pass_(30 * DAY, every=600.0)
    assert machine.clock() == pytest.approx(NOW + 30 * DAY)


def test_an_administrator_confirms_a_time_and_no_other() -> None:
    machine = Machine()
    machine.jump(400 * DAY)
    machine.pass_(10)
    for other in (0.0, NOW, machine.wall() - 3600, machine.wall() + 3600):
        machine.clock.hear(Beat(other))
        assert machine.clock.doubt
    machine.clock.hear(Beat(machine.wall() - 20))
    assert machine.wall() == machine.clock()
    machine.jump(-400 * DAY)  # and that it was right then says nothing of this
    machine.clock.hear(Beat(NOW + 400 * DAY))
    assert machine.clock() == pytest.approx(NOW + 400 * DAY + 10)


# The database server's clock


def test_a_server_whose_clock_ran_on_confirms_ours() -> None:
    machine = Machine()
    machine.jump(30 * DAY)
    machine.clock.start(Seen(NOW, 0.0, NOW))
    assert machine.clock() == pytest.approx(NOW)
    machine.clock.hear(Beat(database_time=NOW))
    machine.jump(-30 * DAY)
    machine.clock.hear(Beat(database_time=NOW))
    assert machine.wall() == machine.clock()


def test_a_server_that_jumped_with_us_proves_nothing() -> None:
    machine = Machine()
    machine.clock.hear(Beat(database_time=NOW))
    machine.jump(400 * DAY)
    machine.pass_(2)
    machine.clock.hear(Beat(database_time=machine.wall()))
    machine.clock.hear(Beat(database_time=machine.wall()))
    assert machine.clock() == pytest.approx(NOW + 2)
    assert machine.clock.doubt


def test_our_clock_was_wrong_from_the_start_and_is_set_right() -> None:
    machine = Machine()
    machine.clock.hear(Beat(database_time=NOW + 10 * DAY))
    machine.jump(10 * DAY)
    machine.pass_(1)
    assert machine.clock.doubt
    machine.clock.hear(Beat(database_time=NOW + 10 * DAY + 1))
    assert "" == machine.clock.doubt
    assert machine.wall() == machine.clock()


def test_what_the_server_contradicts_does_not_settle() -> None:
    machine = Machine()
    machine.clock.hear(Beat(database_time=NOW))
    machine.jump(7200.0)
    machine.pass_(1)
    machine.clock.hear(Beat(database_time=NOW + 1))
    machine.pass_(3 * SETTLED)
    assert machine.clock.doubt


# A start


@pytest.mark.parametrize(
    ("seen", "believed"),
    [
        (Seen(), NOW),
        (Seen(NOW - 5), NOW),
        (Seen(NOW - AWAY), NOW),
        (Seen(NOW + STEP), NOW),
        (Seen(NOW - 400 * DAY), NOW - 400 * DAY),
        (Seen(NOW + 400 * DAY), NOW + 400 * DAY),
        (Seen(NOW - 400 * DAY, confirmed=NOW - 30), NOW),
        (Seen(NOW - 400 * DAY, confirmed=NOW - 3600), NOW - 400 * DAY),
        (Seen(NOW - 400 * DAY, database_time=NOW), NOW - 400 * DAY),
        (Seen(NOW - 5, database_time=NOW + 400 * DAY), NOW),
        (Seen(NOW - 400 * DAY - 5, database_time=NOW - 400 * DAY), NOW - 400 * DAY),
        (Seen(database_time=NOW - 400 * DAY), NOW - 400 * DAY),
        (Seen(NOW - 10, database_time=NOW + 3600), NOW + 3600),
    ],
)
def test_what_is_believed_at_a_start(seen: Seen, believed: float) -> None:
    machine = Machine()
    machine.clock.start(seen)
    assert machine.clock() == pytest.approx(believed)
    assert bool(machine.clock.doubt) is (abs(believed - NOW) > STEP)


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 900.0, allow_subnormal=False),
            st.floats(-1e9, 1e9, allow_subnormal=False),
        ),
        max_size=20,
    )
)
def test_time_never_leaves_the_count_by_more_than_what_was_believed(
    moves: list[tuple[float, float]],
) -> None:
    """Whatever the wall clock does, it is not followed by more than it may be."""
    machine = Machine()
    for seconds, jump in moves:
        machine.jump(jump if abs(jump) > SMALL + STEP else 0.0)
        machine.pass_(seconds, every=60.0)
    assert abs(machine.clock() - (NOW + machine.passed)) <= SMALL + len(moves) * STEP

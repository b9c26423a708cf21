from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.carriers.simulator import message_centre as centre_module
from budstikke.carriers.simulator.agenda import GRAIN, Agenda
from budstikke.carriers.simulator.fates import (
    EARLY,
    FATES,
    ORDINARY,
    Fate,
    Step,
    fate,
    schedule,
)
from budstikke.carriers.simulator.message_centre import (
    Event,
    MessageCentre,
    Submission,
    Verdict,
)
from budstikke.carriers.simulator.phones import Phones
from budstikke.domain.message import Part

NOW = 1_800_000_000.0
WEEK = NOW + 7 * 86400
DELAY = 1.0

PART = Part(
    id=257,
    number=1,
    total=1,
    originator="2229",
    recipient="+4799999999",
    text="Hei",
    encoding="gsm",
    tables=(0, 0),
    flash=False,
    protocol_id=0,
    priority=1,
    expires_at=WEEK,
    report=True,
)


def to(digits: str, **changes: Any) -> Part:
    return msgspec.structs.replace(PART, recipient="+479999" + digits, **changes)


class World:
    """A centre with a clock that a test moves."""

    def __init__(self) -> None:
        self.phones = Phones()
        self.centre = MessageCentre(self.phones, delay=DELAY)
        self.ids = count(1)
        self.now = NOW
        self.log: list[tuple[float, int, Event]] = []

    def submit(self, part: Part) -> Verdict:
        return self.centre.submit(Submission(next(self.ids), part, part.id), self.now)

    def until(self, seconds: float) -> list[tuple[float, int, Event]]:
        """Tick whenever something is due; log how many seconds after the start."""
        end = NOW + seconds
        self.log = []
        while (due := self.centre.next()) is not None and due <= end:
            self.now = max(self.now, due)
            for submission, event in self.centre.tick(self.now):
                self.log.append((round(self.now - NOW, 1), submission.id, event))
        self.now = end
        return self.log

    def got(self, digits: str) -> list[str]:
        return [each.text for each in self.phones.messages("+479999" + digits)]


@pytest.mark.parametrize(
    ("digits", "verdict", "events", "arrives"),
    [
        ("9999", Verdict.TAKEN, [(1.0, 1, Event.DELIVERED)], 1),
        ("0001", Verdict.TAKEN, [(1.0, 1, Event.UNDELIVERED)], 0),
        ("0002", Verdict.REJECTED, [], 0),
        ("0003", Verdict.SILENT, [], 0),
        ("0004", Verdict.TAKEN, [(1.0, 1, Event.EXPIRED)], 0),
        (
            "0005",
            Verdict.LATER,
            [(0.0, 1, Event.DELIVERED), (0.1, 1, Event.ANSWER)],
            1,
        ),
        (
            "0006",
            Verdict.TAKEN,
            [(1.0, 1, Event.DELIVERED), (2.0, 1, Event.DELIVERED)],
            1,
        ),
        ("0007", Verdict.TAKEN, [], 1),
        ("0009", Verdict.TAKEN, [(30.0, 1, Event.DELIVERED)], 1),
    ],
)
def test_each_fate(
    digits: str,
    verdict: Verdict,
    events: list[tuple[float, int, Event]],
    arrives: int,
) -> None:
    world = World()

    assert verdict == world.submit(to(digits))
    assert events == world.until(60)
    assert ["Hei"] * arrives == world.got(digits)


def test_0008_is_throttled_three_times_then_taken_each_time_anew() -> None:
    world = World()

    verdicts = [world.submit(to("0008")) for _ in range(8)]

    throttled, taken = Verdict.THROTTLED, Verdict.TAKEN
    assert [throttled, throttled, throttled, taken] * 2 == verdicts
    assert 6 == world.centre.throttled
    assert [(1.0, 4, Event.DELIVERED), (1.0, 8, Event.DELIVERED)] == world.until(60)


def test_the_table_has_a_fate_for_0001_to_0009() -> None:
    assert [f"000{n}" for n in range(1, 10)] == sorted(FATES)
    assert ORDINARY is fate("+4799990010")
    assert FATES["0001"] is fate("+4699990001")


@given(
    st.sampled_from([*FATES.values(), ORDINARY]),
    st.floats(0, 1e4),
    st.floats(-1e4, 1e6),
)
def test_a_schedule_is_in_order_but_for_the_early_receipt(
    its: Fate, delay: float, validity: float
) -> None:
    steps = schedule(its, NOW, delay, NOW + validity)

    assert list(steps) == sorted(steps, key=lambda step: step[0])
    assert all(at >= NOW for at, _ in steps)
    ends = [step for _, step in steps if step in (Step.DELIVER, Step.FAIL, Step.EXPIRE)]
    answered = any(step is Step.ANSWER for _, step in steps)
    assert (1 if answered else 0) == len(ends)
    if its.receipt_first:
        assert ((NOW, Step.DELIVER), (NOW + EARLY, Step.ANSWER)) == steps


@pytest.mark.parametrize("digits", ["9999", "0001", "0004", "0006", "0009"])
def test_what_would_end_after_its_validity_expires_then(digits: str) -> None:
    world = World()

    world.submit(to(digits, expires_at=NOW + 0.5))

    assert [(0.5, 1, Event.EXPIRED)] == world.until(60)
    assert [] == world.got(digits)


def test_a_phone_that_is_off_gets_it_when_it_is_switched_on_in_order() -> None:
    world = World()
    number = PART.recipient
    world.phones.switch(number, on=False)
    world.submit(to("9999", text="a"))
    world.submit(to("9999", text="b"))

    assert [(1.0, 1, Event.INTERIM), (1.0, 2, Event.INTERIM)] == world.until(100)
    assert [] == world.got("9999")

    world.phones.switch(number, on=True)
    assert [(100.0, 1, Event.DELIVERED), (100.0, 2, Event.DELIVERED)] == (
        world.until(200)
    )
    assert ["a", "b"] == world.got("9999")
    assert [] == world.until(8 * 86400)


def test_a_phone_that_stays_off_lets_it_expire() -> None:
    world = World()
    world.phones.switch(PART.recipient, on=False)
    world.submit(to("9999", expires_at=NOW + 50))

    assert [(1.0, 1, Event.INTERIM), (50.0, 1, Event.EXPIRED)] == world.until(60)
    world.phones.switch(PART.recipient, on=True)
    assert [] == world.until(70)
    assert [] == world.got("9999")


def test_a_phone_switched_on_and_off_before_the_next_tick_goes_on_waiting() -> None:
    world = World()
    world.phones.switch(PART.recipient, on=False)
    world.submit(to("9999", expires_at=NOW + 50))
    world.until(10)

    world.phones.switch(PART.recipient, on=True)
    world.phones.switch(PART.recipient, on=False)

    assert [] == world.until(40)
    assert [(50.0, 1, Event.EXPIRED)] == world.until(60)
    assert 0 == world.centre._held_count


def test_a_phone_switched_on_too_late_does_not_get_it() -> None:
    world = World()
    world.phones.switch(PART.recipient, on=False)
    world.submit(to("9999", expires_at=NOW + 50))
    world.until(10)
    world.now = NOW + 51

    world.phones.switch(PART.recipient, on=True)

    assert [Event.EXPIRED] == [event for _, _, event in world.until(60)]
    assert [] == world.got("9999")


def test_the_second_receipt_of_0006_is_not_lost_while_its_phone_is_off() -> None:
    world = World()
    world.phones.switch("+4799990006", on=False)
    world.submit(to("0006"))
    world.until(10)

    world.phones.switch("+4799990006", on=True)

    assert [Event.DELIVERED] * 2 == [event for _, _, event in world.until(20)]


def test_0006_that_expired_has_no_second_receipt() -> None:
    world = World()
    world.phones.switch("+4799990006", on=False)
    world.submit(to("0006", expires_at=NOW + 1.5))

    assert [Event.INTERIM, Event.EXPIRED] == [e for _, _, e in world.until(60)]


def test_what_waits_for_phones_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centre_module, "MOST_HELD", 1)
    world = World()
    world.phones.switch(PART.recipient, on=False)
    world.submit(PART)
    world.submit(PART)

    assert [Event.INTERIM, Event.UNDELIVERED] == [e for _, _, e in world.until(5)]


def test_a_closed_centre_hears_of_the_phones_when_it_is_opened() -> None:
    world = World()
    world.phones.switch(PART.recipient, on=False)
    world.submit(PART)
    world.until(5)

    world.centre.close()
    world.phones.switch(PART.recipient, on=True)
    assert [] == world.until(10)

    world.centre.open()
    assert [(10.0, 1, Event.DELIVERED)] == world.until(20)


@given(st.lists(st.floats(0, 100), min_size=1))
def test_an_agenda_is_never_early_and_at_most_a_grain_late(times: list[float]) -> None:
    agenda: Agenda[float] = Agenda()
    for at in times:
        agenda.add(NOW + at, NOW + at)

    found: list[float] = []
    while (due := agenda.next()) is not None:
        assert [] == agenda.due(due - GRAIN / 2)
        for at in agenda.due(due):
            assert at <= due <= at + GRAIN + 1e-6
            found.append(at)

    assert sorted(NOW + at for at in times) == sorted(found)


def test_items_of_one_moment_keep_their_order() -> None:
    agenda: Agenda[str] = Agenda()
    for item in "abc":
        agenda.add(5.0, item)
    agenda.add(4.0, "first")

    assert ["first", "a", "b", "c"] == agenda.due(6.0)

"""What becomes of a part when its carrier has answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.message import Part
from budstikke.domain.outcome import LATER, SLOWER, after, concerned, expired
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Sent, Unsure
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PART_MOVES, MessageState, PartState

NOW = 1000.0
END = NOW + 7 * 86400


def part(tries: int = 0, expires_at: float = END) -> Part:
    return Part(
        (5 << 8) + 2,
        2,
        3,
        "B",
        "+4799999999",
        "text",
        "gsm",
        (0, 0),
        False,
        0,
        1,
        expires_at,
        True,
        7,
        "ref",
        1,
        tries,
    )


def answered(outcome: Outcome, offered: Part | None = None, **known: Any) -> PartUpdate:
    values: dict[str, Any] = {"carrier_id": 1, "carriers": (1, 2, 3)}
    values |= {"unsure_after": 3600.0, "now": NOW, **known}
    return after(offered or part(), outcome, **values)


def rejected(retry: Retry, reason: Reason = Reason.BARRED) -> Rejected:
    return Rejected(reason, "ESME_RX 0x0B", retry)


def test_sent() -> None:
    update = answered(Sent("0Ab", "ab"), part(tries=2))
    expected = PartUpdate((5 << 8) + 2, PartState.SENT, 1, "0Ab", "ab", at=NOW, tries=2)
    assert expected == update


def test_sent_without_an_id() -> None:
    update = answered(Sent(""))
    assert (PartState.SENT, None, None) == (
        update.state,
        update.smsc_id,
        update.smsc_key,
    )


def test_unsure_waits_as_long_as_its_account_says() -> None:
    update = answered(Unsure("no answer in 30 s"), part(tries=1), unsure_after=60.0)
    expected = PartUpdate(
        (5 << 8) + 2,
        PartState.UNSURE,
        1,
        reason=Reason.UNSURE,
        raw="no answer in 30 s",
        at=NOW,
        due_at=NOW + 60,
        tries=1,
    )
    assert expected == update


def test_never() -> None:
    update = answered(rejected(Retry.NEVER), part(tries=4))
    expected = PartUpdate(
        (5 << 8) + 2,
        PartState.REJECTED,
        1,
        reason=Reason.BARRED,
        raw="ESME_RX 0x0B",
        at=NOW,
        tries=4,
    )
    assert expected == update


@pytest.mark.parametrize(("tries", "wait"), [*enumerate(LATER), (8, 1800), (99, 1800)])
def test_later_waits_longer_each_time(tries: int, wait: float) -> None:
    update = answered(rejected(Retry.LATER), part(tries=tries))
    assert (PartState.QUEUED, 1, NOW + wait, tries + 1) == (
        update.state,
        update.carrier_id,
        update.due_at,
        update.tries,
    )


def test_the_waits_of_later() -> None:
    assert (1, 5, 15, 60, 120, 300, 600, 1800) == LATER


def test_slower_is_no_try() -> None:
    update = answered(rejected(Retry.SLOWER), part(tries=3))
    assert (PartState.QUEUED, 1, NOW + SLOWER, 3) == (
        update.state,
        update.carrier_id,
        update.due_at,
        update.tries,
    )


@pytest.mark.parametrize(
    ("first", "tried", "then"), [(1, "", 2), (2, "1", 3), (2, "", 1), (9, "", 1)]
)
def test_elsewhere_goes_to_the_next_carrier_at_once(
    first: int, tried: str, then: int
) -> None:
    offered = part(tries=1)
    offered.tried = tried
    update = answered(rejected(Retry.ELSEWHERE), offered, carrier_id=first)
    assert (PartState.QUEUED, then, None, 2) == (
        update.state,
        update.carrier_id,
        update.due_at,
        update.tries,
    )


@pytest.mark.parametrize(
    ("carrier", "carriers"), [(3, (1, 2, 3)), (9, (1, 2)), (1, ())]
)
def test_elsewhere_ends_with_the_route(carrier: int, carriers: tuple[int, ...]) -> None:
    offered = part()
    offered.tried = "1 2"
    update = answered(
        rejected(Retry.ELSEWHERE), offered, carrier_id=carrier, carriers=carriers
    )
    assert (PartState.REJECTED, carrier, 0) == (
        update.state,
        update.carrier_id,
        update.tries,
    )


@pytest.mark.parametrize("retry", [Retry.LATER, Retry.SLOWER, Retry.ELSEWHERE])
def test_what_would_be_tried_again_past_its_validity_expires(retry: Retry) -> None:
    update = answered(rejected(retry), part(expires_at=NOW, tries=2))
    assert (PartState.EXPIRED, Reason.EXPIRED, 1, None, 2) == (
        update.state,
        update.reason,
        update.carrier_id,
        update.due_at,
        update.tries,
    )


def test_refused_for_good_is_rejected_even_past_its_validity() -> None:
    update = answered(rejected(Retry.NEVER), part(expires_at=NOW))
    assert PartState.REJECTED is update.state


def test_expired() -> None:
    update = expired(part(tries=1), 4, NOW)
    assert ((5 << 8) + 2, PartState.EXPIRED, 4, Reason.EXPIRED, NOW, 1) == (
        update.id,
        update.state,
        update.carrier_id,
        update.reason,
        update.at,
        update.tries,
    )


def test_concerned() -> None:
    row = concerned(part(tries=2), 4, PartState.UNSURE)
    assert ((5 << 8) + 2, PartState.UNSURE, 4, 2, 5, 3) == (
        row.part_id,
        row.part_state,
        row.carrier_id,
        row.tries,
        row.message_id,
        row.parts,
    )
    assert (MessageState.ACCEPTED, 1, 7, "+4799999999", "ref") == (
        row.message_state,
        row.notify_on,
        row.access_id,
        row.recipient,
        row.ref,
    )


outcomes = st.one_of(
    st.builds(Sent, st.text(max_size=3)),
    st.builds(
        Rejected, st.sampled_from(Reason), st.text(max_size=3), st.sampled_from(Retry)
    ),
    st.builds(Unsure, st.text(max_size=3)),
)


@given(outcomes, st.integers(0, 50), st.floats(NOW - 9, NOW + 9))
def test_every_outcome_is_a_move_of_the_table(
    outcome: Outcome, tries: int, expires_at: float
) -> None:
    update = answered(outcome, part(tries, expires_at))
    assert update.state in PART_MOVES[PartState.SENDING]
    waits = update.state in (PartState.QUEUED, PartState.UNSURE)
    assert waits or update.due_at is None
    assert update.due_at is None or update.due_at > NOW


def test_a_part_that_is_throttled_for_long_takes_another_carrier_that_is_up() -> None:
    outcome = rejected(Retry.OVERFLOW, Reason.THROTTLED)
    moved = answered(outcome, up=lambda each: each == 3)
    assert (PartState.QUEUED, 3, None) == (moved.state, moved.carrier_id, moved.due_at)
    assert moved.tried is None  # the carrier may get it again: it has not refused it
    stays = answered(outcome, part(tries=2), up=lambda _: False)
    assert (PartState.QUEUED, 1, NOW + SLOWER, 2) == (
        *(stays.state, stays.carrier_id, stays.due_at),
        stays.tries,
    )


def test_a_carrier_that_refused_a_part_does_not_get_it_again() -> None:
    offered = part()
    offered.tried = "2"
    moved = answered(rejected(Retry.ELSEWHERE), offered)
    assert (3, "2 1") == (moved.carrier_id, moved.tried)
    offered.tried = "2 3"
    assert PartState.REJECTED is answered(rejected(Retry.ELSEWHERE), offered).state

"""What receipts and outcomes mean for parts and messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.history import HistoryKind, HistoryRow
from budstikke.domain.message import NotifyOn
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.settlement import (
    RECEIPT_TO_PART,
    Concerned,
    PartUpdate,
    Settlement,
    Siblings,
    conclude_outcomes,
    settle,
)
from budstikke.domain.states import FINAL_PART, PART_MOVES, MessageState, PartState

P, M, R = PartState, MessageState, ReceiptState
NOW = 1000.0
PHONE = "+4799999999"


def row(
    number: int = 1,
    state: PartState = P.SENT,
    *,
    parts: int = 1,
    message: MessageState = M.ACCEPTED,
    recipient: str = PHONE,
    notify_on: int = NotifyOn.FINAL | NotifyOn.SENT,
) -> Concerned:
    return Concerned(
        0,
        (5 << 8) + number,
        state,
        1,
        2,
        5,
        parts,
        message,
        notify_on,
        7,
        recipient,
        "ref",
    )


def said(state: ReceiptState = R.DELIVERED, recipient: str = PHONE) -> Receipt:
    return Receipt("x", "k", state, Reason.NONE, f"raw {state}", NOW, recipient)


def moved(result: Settlement) -> list[tuple[int, PartState]]:
    return [(update.id & 255, update.state) for update in result.parts]


def told(result: Settlement) -> list[str]:
    return [each.event.state for each in result.notifications]


def test_a_receipt_that_matches_nothing_is_an_orphan() -> None:
    receipts = [said(), said(R.EXPIRED)]
    result = settle(receipts, {1: [row()]}, {})
    assert [receipts[0]] == result.orphans
    assert [(1, P.EXPIRED)] == moved(result)


@pytest.mark.parametrize(("state", "part"), [*RECEIPT_TO_PART.items()])
def test_a_final_receipt_settles(state: ReceiptState, part: PartState) -> None:
    result = settle([said(state)], {0: [row()]}, {})
    (update,) = result.parts
    assert (part, 1, f"raw {state}", NOW, None, 2, True) == (
        update.state,
        update.carrier_id,
        update.raw,
        update.at,
        update.due_at,
        update.tries,
        update.keep_id,
    )
    (final,) = result.messages
    assert (5, part.value, f"raw {state}", NOW) == (
        final.id,
        final.state,
        final.raw,
        final.at,
    )
    (each,) = result.notifications
    assert (7, 5, PHONE, "ref", part.value) == (
        each.access_id,
        each.event.message_id,
        each.event.recipient,
        each.event.ref,
        each.event.state,
    )


def test_who_wants_to_hear_nothing_is_told_nothing() -> None:
    result = settle([said()], {0: [row(notify_on=NotifyOn.NOTHING)]}, {})
    assert [M.DELIVERED] == [final.state for final in result.messages]
    assert [] == result.notifications


@pytest.mark.parametrize("state", [R.INTERIM, R.UNKNOWN])
def test_one_that_settles_nothing_keeps_its_words(state: ReceiptState) -> None:
    result = settle([said(state)], {0: [row()]}, {})
    assert [(1, P.SENT)] == moved(result)
    assert f"raw {state}" == result.parts[0].raw
    assert ([], []) == (result.messages, result.notifications)


@pytest.mark.parametrize("state", [R.INTERIM, R.UNKNOWN])
def test_an_unsure_part_that_is_heard_of_is_sent(state: ReceiptState) -> None:
    receipts = [said(state)] * 3
    matches = {n: [row(state=P.UNSURE)] for n in range(3)}
    result = settle(receipts, matches, {})
    (update,) = result.parts
    assert (P.SENT, "x", "k", False) == (
        update.state,
        update.smsc_id,
        update.smsc_key,
        update.keep_id,
    )
    assert ["sent"] == told(result)


def test_one_update_a_part_and_it_keeps_the_id_that_the_first_gave() -> None:
    receipts = [said(R.INTERIM), said(R.DELIVERED)]
    matches = {n: [row(state=P.UNSURE)] for n in range(2)}
    (update,) = settle(receipts, matches, {}).parts
    assert (P.DELIVERED, "x", "k", False) == (
        update.state,
        update.smsc_id,
        update.smsc_key,
        update.keep_id,
    )


@pytest.mark.parametrize("part", sorted(FINAL_PART))
@pytest.mark.parametrize("state", ReceiptState)
def test_a_final_part_stays(part: PartState, state: ReceiptState) -> None:
    result = settle([said(state)], {0: [row(state=part)]}, {})
    late = HistoryRow(row().part_id, HistoryKind.LATE_REPORT, 0.0, 1, "x")
    late.reason, late.raw = said(state).reason, said(state).raw
    assert Settlement([], [], [], [], [late]) == result


def test_the_recipient_decides_then_the_open_then_the_newest() -> None:
    other = "+4798888888"
    candidates = [
        row(1, recipient=other),
        row(2, P.DELIVERED),
        row(3),
        row(4),
        row(5, P.DELIVERED),
        row(6, recipient=other),
    ]
    for recipient, expected in [
        (PHONE, 4),
        ("99999999", 4),
        (other, 6),
        ("", 6),
        ("+46701234567", 6),
    ]:
        result = settle([said(recipient=recipient)], {0: candidates}, {})
        assert [(expected, P.DELIVERED)] == moved(result)


def test_one_id_twice_settles_two_parts() -> None:
    candidates = [row(1, parts=2), row(2, parts=2)]
    siblings: Siblings = {5: {row(1).part_id: P.SENT, row(2).part_id: P.SENT}}
    result = settle([said(), said()], {0: candidates, 1: candidates}, siblings)
    assert [(1, P.DELIVERED), (2, P.DELIVERED)] == sorted(moved(result))
    assert ["delivered"] == told(result)


def test_a_final_message_is_told_of_once() -> None:
    siblings: Siblings = {5: {row(n).part_id: P.SENT for n in (1, 2, 3)}}
    receipts = [said(R.UNDELIVERED), said(R.EXPIRED), said()]
    matches = {n: [row(n + 1, parts=3)] for n in range(3)}
    result = settle(receipts, matches, siblings)
    assert 3 == len(result.parts)
    assert [M.UNDELIVERED] == [final.state for final in result.messages]
    assert ["undelivered"] == told(result)


def test_a_message_that_is_final_already_is_not_concluded_again() -> None:
    siblings: Siblings = {5: {row(1).part_id: P.REJECTED, row(2).part_id: P.SENT}}
    concerned = row(2, parts=2, message=M.REJECTED)
    result = settle([said()], {0: [concerned]}, siblings)
    assert [(2, P.DELIVERED)] == moved(result)
    assert ([], []) == (result.messages, result.notifications)


# Outcomes


def outcome(
    number: int, state: PartState, parts: int = 1
) -> tuple[Concerned, PartUpdate]:
    update = PartUpdate((5 << 8) + number, state, 1, raw=f"raw {number}", at=NOW)
    return row(number, P.SENDING, parts=parts), update


def test_sent_is_told_when_all_parts_are() -> None:
    siblings: Siblings = {5: {row(n).part_id: P.SENDING for n in (1, 2)}}
    one = conclude_outcomes([outcome(2, P.SENT, 2)], siblings)
    two = conclude_outcomes([outcome(1, P.SENT, 2)], siblings)
    assert ([], ["sent"]) == (told(one), told(two))


def test_the_first_part_that_fails_says_why() -> None:
    siblings: Siblings = {5: {row(n).part_id: P.SENDING for n in (1, 2, 3)}}
    outcomes = [
        outcome(1, P.SENT, 3),
        outcome(2, P.EXPIRED, 3),
        outcome(3, P.REJECTED, 3),
    ]
    result = conclude_outcomes(outcomes, siblings)
    assert [(M.EXPIRED, "raw 2")] == [(f.state, f.raw) for f in result.messages]
    assert ["expired"] == told(result)


@pytest.mark.parametrize("state", [P.QUEUED, P.UNSURE])
def test_what_is_not_yet_known_concludes_nothing(state: PartState) -> None:
    result = conclude_outcomes([outcome(1, state)], {})
    assert 1 == len(result.history)
    result.history.clear()
    assert Settlement([], [], [], [], []) == result


# Any receipts


@given(
    st.sampled_from(PartState),
    st.lists(st.sampled_from(ReceiptState), max_size=6),
)
def test_any_receipts_follow_the_table(
    start: PartState, states: list[ReceiptState]
) -> None:
    matches = {index: [row(state=start)] for index in range(len(states))}
    result = settle([said(state) for state in states], matches, {})
    assert len(result.parts) <= 1
    for update in result.parts:
        via = PART_MOVES[start] | {m for s in PART_MOVES[start] for m in PART_MOVES[s]}
        assert update.state in via | {start}
    final = [state for state in states if state in RECEIPT_TO_PART]
    if start in (P.SENT, P.UNSURE) and final:
        assert [(1, RECEIPT_TO_PART[final[0]])] == moved(result)
        assert [final[0].value] == [state for state in told(result) if state != "sent"]
    assert len([each for each in told(result) if each != "sent"]) <= 1

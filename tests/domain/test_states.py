"""The tables of states: what may follow what, and what a message's parts make it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.states import (
    FAILURE_RANK,
    FINAL_MESSAGE,
    FINAL_PART,
    PART_MOVES,
    MessageState,
    PartState,
    message_state,
    table,
)

P, M = PartState, MessageState
some_parts = st.lists(st.sampled_from(PartState), min_size=1, max_size=6)
OPEN = [state for state in PartState if state not in FINAL_PART]


def test_every_state_has_a_row_and_every_move_leads_to_one() -> None:
    assert set(PartState) == set(PART_MOVES)
    assert {move for moves in PART_MOVES.values() for move in moves} <= set(PartState)


def test_a_final_state_is_never_left() -> None:
    expected = {P.DELIVERED, P.UNDELIVERED, P.EXPIRED, P.REJECTED, P.CANCELLED}
    assert expected == FINAL_PART
    assert [] == [move for state in FINAL_PART for move in PART_MOVES[state]]


def test_every_state_is_reached_and_every_open_one_can_end() -> None:
    reached, new = {P.QUEUED}, {P.QUEUED}
    while new:
        new = {move for state in new for move in PART_MOVES[state]} - reached
        reached |= new
    assert set(PartState) == reached
    assert [] == [state for state in OPEN if not PART_MOVES[state] & FINAL_PART]


def test_what_an_operator_has_is_queued_again_only_by_a_rule() -> None:
    # Only by the account's rule: domain.fail_over, flow.second_copies.
    assert {P.QUEUED} == PART_MOVES[P.SENT] & {P.QUEUED, P.SENDING, P.UNSURE}


def test_failures_are_ranked_completely() -> None:
    failed = FINAL_PART - {P.DELIVERED}
    assert failed == {part for part, _ in FAILURE_RANK}
    assert FINAL_MESSAGE == {message for _, message in FAILURE_RANK} | {M.DELIVERED}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([P.QUEUED], M.ACCEPTED),
        ([P.SENDING], M.ACCEPTED),
        ([P.UNSURE], M.ACCEPTED),
        ([P.SENT], M.SENT),
        ([P.SENT, P.QUEUED], M.ACCEPTED),
        ([P.SENT, P.UNSURE], M.ACCEPTED),
        ([P.SENT, P.DELIVERED], M.SENT),
        ([P.DELIVERED, P.QUEUED], M.ACCEPTED),
        ([P.DELIVERED, P.DELIVERED], M.DELIVERED),
        ([P.DELIVERED, P.EXPIRED], M.EXPIRED),
        ([P.QUEUED, P.REJECTED], M.REJECTED),
        ([P.EXPIRED, P.REJECTED, P.UNDELIVERED], M.REJECTED),
        ([P.EXPIRED, P.UNDELIVERED], M.UNDELIVERED),
        ([P.CANCELLED, P.EXPIRED], M.EXPIRED),
        ([P.CANCELLED, P.SENT], M.CANCELLED),
    ],
)
def test_message_state(parts: list[PartState], message: MessageState) -> None:
    assert {message} == {message_state(p) for p in itertools.permutations(parts)}


@given(some_parts)
def test_a_failed_part_fails_the_message(parts: list[PartState]) -> None:
    failed = bool(set(parts) & (FINAL_PART - {P.DELIVERED}))
    state = message_state(parts)
    assert failed == (state in FINAL_MESSAGE - {M.DELIVERED})


@given(some_parts)
def test_delivered_means_all_of_it(parts: list[PartState]) -> None:
    assert ({P.DELIVERED} == set(parts)) == (message_state(parts) is M.DELIVERED)


@given(some_parts, st.data())
def test_a_final_message_stays_final(
    parts: list[PartState], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(parts) - 1))
    moves = sorted(PART_MOVES[parts[index]])
    if message_state(parts) in FINAL_MESSAGE and moves:
        parts[index] = data.draw(st.sampled_from(moves))
        assert message_state(parts) in FINAL_MESSAGE


def test_the_table_has_a_line_for_each_state() -> None:
    lines = table().splitlines()
    assert len(PartState) + 2 == len(lines)
    assert (
        "| delivered | the operator reports that the phone has it | (final) |" in lines
    )
    sent = "the operator has accepted it"
    assert (
        f"| sent | {sent} | queued, delivered, undelivered, expired, rejected |"
        in lines
    )

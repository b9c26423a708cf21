"""When partitions are made and how long they wait: pure rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budstikke.store.engines.postgres.layout import (
    GROWTH,
    MONTH,
    SETTLED,
    SMALLEST,
    Layout,
    Partition,
    cut_at,
    holding,
    is_left,
    spans,
    waits,
)
from budstikke.store.verbs.bounds import PartitionBounds

DAY = 86400.0
NEW: Layout = [
    Partition(0, 0, 1),
    Partition(1, 1, 1 + SMALLEST, 0.0),
    Partition(2, 1 + SMALLEST, None),
]


def divided(layout: Layout, at: int) -> Layout:
    last = layout[-1]
    return [
        *layout[:-1],
        Partition(last.number, last.low, at, last.began),
        Partition(last.number + 1, at, None),
    ]


def test_nothing_is_made_while_there_is_room() -> None:
    assert cut_at(NEW, 1 + SMALLEST // 2, MONTH) is None


def test_the_next_one_gets_the_ids_of_a_month() -> None:
    used = SMALLEST * 7 // 8
    assert 1 + SMALLEST + used * 2 == cut_at(NEW, 1 + used, MONTH / 2)


def test_one_that_lasts_for_years_is_followed_by_the_smallest() -> None:
    assert 1 + 2 * SMALLEST == cut_at(NEW, SMALLEST, 9 * MONTH)


def test_a_spike_makes_no_month() -> None:
    assert 1 + SMALLEST * (1 + GROWTH) == cut_at(NEW, SMALLEST, DAY / 2)


def test_the_last_one_is_divided_even_when_it_is_in_use() -> None:
    next_id = 5 * SMALLEST
    at = cut_at(NEW, next_id, MONTH)
    assert at is not None
    assert next_id + SMALLEST <= at


@given(
    st.lists(st.tuples(st.integers(0, 1 << 22), st.floats(1, 40 * DAY)), max_size=60)
)
def test_partitions_follow_one_another_without_a_gap(
    steps: list[tuple[int, float]],
) -> None:
    layout, next_id, now = list(NEW), 1001, 0.0
    for ids, seconds in steps:
        next_id, now = next_id + ids, now + seconds
        place = holding(layout, next_id)
        if layout[place].began is None:
            layout[place] = Partition(
                layout[place].number, layout[place].low, layout[place].high, now
            )
        at = cut_at(layout, next_id, now)
        if at is not None:
            layout = divided(layout, at)
            assert next_id < at
            assert at - layout[-2].low >= SMALLEST
        assert layout[holding(layout, next_id)].low <= next_id
        assert [p.high for p in layout[:-1]] == [p.low for p in layout[1:]]
        assert layout[-1].high is None
        assert cut_at(layout, next_id, now) is None


def test_nobody_gives_ids_of_a_partition_two_days_after_its_end() -> None:
    layout = divided(NEW, 3 * SMALLEST)
    assert not is_left(layout, 1, 99 * MONTH)
    layout[2] = Partition(2, layout[2].low, layout[2].high, began=MONTH)
    assert not is_left(layout, 1, MONTH + SETTLED)
    assert is_left(layout, 1, MONTH + SETTLED + 1)
    assert not is_left(layout, 2, 99 * MONTH)


@given(
    st.lists(st.floats(0, 10 * MONTH), min_size=1, max_size=6).map(sorted),
    st.floats(-MONTH, 11 * MONTH),
    st.integers(0, 3),
)
def test_each_id_is_in_a_span_or_waits(
    began: list[float], before: float, stuck: int
) -> None:
    lows = [1, *(1000 * n for n in range(1, len(began) + 1))]
    times = [*began, None]
    layout = [Partition(0, 0, 1)] + [
        Partition(n + 1, low, lows[n + 1] if n + 1 < len(lows) else None, times[n])
        for n, low in enumerate(lows)
    ]
    found = spans(layout, before, stuck)
    for place, partition in enumerate(layout):
        within = [
            (low, high)
            for low, high in found
            if low <= partition.low and (high is None or partition.low < high)
        ]
        waiting = waits(layout, place, before) and partition.number != stuck
        assert (0 if waiting or (partition.number == 0 == len(within)) else 1) == len(
            within
        )
    assert found[0][0] == 0
    assert found[-1][1] is None


def test_rows_wait_for_a_month_at_most() -> None:
    layout = divided(NEW, 3 * SMALLEST)
    layout[2] = Partition(2, layout[2].low, layout[2].high, began=5 * MONTH)
    assert [False, True, True, False] == [
        waits(layout, 1, months * MONTH) for months in (3.9, 4.1, 5.9, 6.1)
    ]
    assert not waits(layout, 2, 5 * MONTH)
    assert not waits(layout, 0, 5 * MONTH)


def test_bounds_are_never_above_what_is_asked_for() -> None:
    lows = PartitionBounds()
    assert (0, 0, 0) == (lows.message([7]), lows.part([7 << 8]), lows.callback([7]))
    lows.learn([p.low for p in divided(NEW, 3 * SMALLEST)], [p.low for p in NEW])
    late = SMALLEST + 1
    assert late == lows.message([9 * SMALLEST, late])
    assert 1 == lows.message([9 * SMALLEST, late - 1])
    assert late << 8 == lows.part([(late << 8) + 1])
    assert 1 << 8 == lows.part([(late << 8) - 1])
    assert 0 == lows.message([])
    assert 0 == lows.message([-5, late])
    assert late == lows.callback([9 * SMALLEST])

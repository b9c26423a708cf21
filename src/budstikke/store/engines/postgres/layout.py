"""
How the big tables are partitioned, and when that changes. Pure: time is an argument.

Each partition has a range of ids. One is in use; behind it waits the last one, empty
and without an upper bound. While it is empty it gets its bound, and another last one is
made, so that PostgreSQL need not check rows. Below all others is number 0, for rows
that are left of dropped partitions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import msgspec

MONTH = 30 * 86400.0
"""Seconds of messages that a partition should have."""

SETTLED = 4 * 86400.0
"""
Seconds from the reservation of a partition's last id until no node can use it.

Nodes use no block that is older (id_allocator.BLOCK_LIMIT is half of it).
"""

SMALLEST = 16 * 262_144
"""Ids of the smallest partition: 16 of a node's blocks."""

GROWTH = 8
"""How many times larger than the one before a partition may be, after a spike."""

RECENT = 3 * 86400.0
"""Seconds within which nearly every delivery report comes."""


class Series(msgspec.Struct, frozen=True):
    """
    Tables with the same partitions.

    Attributes:
        tables: By name, the factor of its ids; the first table has the bounds.
        next_id: Statement that returns the next id to be reserved.
        is_open: Statement that returns whether work is left in a partition, $1 up to
            $2.

    """

    tables: Mapping[str, int]
    next_id: str
    is_open: str

    @property
    def name(self) -> str:
        """The table with the bounds."""
        return next(iter(self.tables))


class Partition(msgspec.Struct, frozen=True):
    """
    Ids from ``low`` up to, not including, ``high``.

    Attributes:
        number: In its name, ``message_3``; 0 is below all others.
        high: ``None``: it is the last one, without an upper bound.
        began: When its first id was reserved, Unix seconds; ``None``: not yet, or this
            node has not seen it yet.

    """

    number: int
    low: int
    high: int | None
    began: float | None = None


Layout = list[Partition]
"""By ids: number 0, those in use, and the last one, which is empty."""


def holding(layout: Layout, id_: int) -> int:
    """Return the index of the partition of an id."""
    return bisect_right(layout, id_, lo=1, key=lambda p: p.low) - 1


def cut_at(layout: Layout, next_id: int, now: float) -> int | None:
    """
    Return the id that becomes the upper bound of the last partition; ``None``: not now.

    That happens while the last one is empty, so that PostgreSQL need not check rows:
    when three quarters of the one before are used. It gets as many ids as a month took
    lately.
    """
    place = holding(layout, next_id)
    used, last = layout[place], layout[-1]
    if used is not last:
        assert used.high is not None  # noqa: S101 - only the last has none
        size = used.high - used.low
        if used.high != last.low or used.high - next_id > size // 4:
            return None
        return last.low + _month(used, size, next_id, now)
    before = layout[-2]
    size = SMALLEST if before.high is None else before.high - before.low
    return next_id + _month(used, size, next_id, now)


def _month(used: Partition, size: int, next_id: int, now: float) -> int:
    """Estimate the ids of a month, by those of this partition."""
    lasted = max(now - (used.began if used.began is not None else now), 3600.0)
    month = int((next_id - used.low) / lasted * MONTH)
    return max(SMALLEST, min(month, GROWTH * size))


def closed_at(layout: Layout, place: int) -> float | None:
    """Return when a partition's last id was reserved; ``None``: not yet."""
    return layout[place + 1].began if place + 1 < len(layout) else None


def is_left(layout: Layout, place: int, now: float) -> bool:
    """Whether no node can use an id of a partition any more."""
    closed = closed_at(layout, place)
    return closed is not None and closed + SETTLED < now


def is_old(layout: Layout, place: int, before: float) -> bool:
    """Whether all messages of a partition were accepted before ``before``."""
    return place > 0 and is_left(layout, place, before)


def waits(layout: Layout, place: int, before: float) -> bool:
    """
    Whether the rows of a partition stay until it is dropped as a whole.

    Not if it is in use, nor if they would stay a month too long because it was in use
    for long, or waits for one that cannot be dropped.
    """
    closed = closed_at(layout, place)
    return place > 0 and closed is not None and abs(closed - before) <= MONTH


def spans(layout: Layout, before: float, stuck: int) -> list[tuple[int, int | None]]:
    """
    Return the ranges of ids whose old rows are deleted one by one.

    ``stuck``: the number of a partition that cannot be dropped; 0: none.
    """
    found: list[tuple[int, int | None]] = []
    for place, partition in enumerate(layout):
        if waits(layout, place, before) and partition.number != (stuck or None):
            continue
        if found and found[-1][1] == partition.low:
            found[-1] = (found[-1][0], partition.high)
        else:
            found.append((partition.low, partition.high))
    return found


def dividing(series: Series, last: Partition, at: int) -> list[str]:
    """
    Write the statements that give the last partition its upper bound, and make another.

    PostgreSQL reads the rows of the last one.
    """
    statements: list[str] = []
    for table, factor in series.tables.items():
        old, new = f"{table}_{last.number}", f"{table}_{last.number + 1}"
        low, high = last.low * factor, at * factor
        bounds = f"FOR VALUES FROM ({low}) TO ({high})"
        rest = f"FOR VALUES FROM ({high}) TO (MAXVALUE)"
        statements += [
            f"ALTER TABLE {table} DETACH PARTITION {old}",
            f"ALTER TABLE {table} ATTACH PARTITION {old} {bounds}",
            f"CREATE TABLE {new} PARTITION OF {table} {rest}",
        ]
    return statements


def dropping(series: Series, first: Partition, *, moved: bool) -> list[str]:
    """
    Write the statements that drop the first partition; number 0 takes over its ids.

    ``moved``: its rows move there, too.
    """
    assert first.high is not None  # noqa: S101 - it is not the last
    statements: list[str] = []
    for table, factor in series.tables.items():
        old, rest = f"{table}_{first.number}", f"{table}_0"
        bounds = f"FOR VALUES FROM (MINVALUE) TO ({first.high * factor})"
        statements += [
            f"ALTER TABLE {table} DETACH PARTITION {old}",
            f"ALTER TABLE {table} DETACH PARTITION {rest}",
            f"ALTER TABLE {table} ATTACH PARTITION {rest} {bounds}",
            *([f"INSERT INTO {table} SELECT * FROM {old}"] if moved else []),
            f"DROP TABLE {old}",
        ]
    return statements


def recent(layout: Layout, now: float) -> int:
    """Return the first id of the last days' messages."""
    lows = [p.low for p in layout if p.began is not None and p.began < now - RECENT]
    return max(lows, default=0)

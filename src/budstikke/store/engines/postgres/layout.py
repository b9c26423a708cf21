"""
How the big tables are partitioned, and when that changes. Pure: time is an argument.

Each partition holds a range of ids. One is in use; behind it waits the last one, empty
and without end. In good time the last one is given an end, and another is made: so
PostgreSQL never has to look at rows to know that they belong where they are. Below all
others is one, number 0, for what is left of those that were dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import msgspec

MONTH = 30 * 86400.0
"""Seconds that a partition is to last."""

SETTLED = 4 * 86400.0
"""
Seconds after a partition's last id was set aside in which it may still be given.

Nodes give no id of a block that is older (id_allocator.BLOCK_LIMIT is half of it).
"""

SMALLEST = 16 * 262_144
"""Ids of the smallest partition; 16 of the blocks that nodes take."""

GROWTH = 8
"""Times that a partition may be larger than the one before: a spike is no month."""

RECENT = 3 * 86400.0
"""Seconds in which nearly every receipt has come."""


class Series(msgspec.Struct, frozen=True):
    """
    Tables that are partitioned alike.

    Attributes:
        tables: By name, how much greater its ids are; the first one gives the bounds.
        next_id: Says which id is set aside next.
        is_open: Tells whether something in a partition, $1 up to $2, is still to be
            done.

    """

    tables: Mapping[str, int]
    next_id: str
    is_open: str

    @property
    def name(self) -> str:
        """The table that gives the bounds."""
        return next(iter(self.tables))


class Partition(msgspec.Struct, frozen=True):
    """
    Ids from ``low`` up to, not including, ``high``.

    Attributes:
        number: Of its name, ``message_3``; 0 takes what is below all others.
        high: ``None``: the last one, without end.
        began: When the first of its ids was set aside, Unix seconds; ``None``: not yet,
            or not yet seen.

    """

    number: int
    low: int
    high: int | None
    began: float | None = None


Layout = list[Partition]
"""By ids: the one below all others, those in use, and the last one, still empty."""


def holding(layout: Layout, id_: int) -> int:
    """Find the place of the partition that an id is in."""
    return bisect_right(layout, id_, lo=1, key=lambda p: p.low) - 1


def cut_at(layout: Layout, next_id: int, now: float) -> int | None:
    """
    Tell at which id the last partition is to end, and another to begin.

    That is decided while the last one is empty, so that PostgreSQL has no rows to
    look at: when three quarters of the one before it are used. It gets as many ids as
    have lately been used in a month. ``None``: not now.
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
    """Reckon how many ids a month takes, by those of this partition."""
    lasted = max(now - (used.began if used.began is not None else now), 3600.0)
    month = int((next_id - used.low) / lasted * MONTH)
    return max(SMALLEST, min(month, GROWTH * size))


def closed_at(layout: Layout, place: int) -> float | None:
    """Tell when the last id of a partition was set aside; ``None``: not yet."""
    return layout[place + 1].began if place + 1 < len(layout) else None


def is_left(layout: Layout, place: int, now: float) -> bool:
    """Tell whether nobody can give an id of a partition any more."""
    closed = closed_at(layout, place)
    return closed is not None and closed + SETTLED < now


def is_old(layout: Layout, place: int, before: float) -> bool:
    """Tell whether all that was accepted into a partition is from before then."""
    return place > 0 and is_left(layout, place, before)


def waits(layout: Layout, place: int, before: float) -> bool:
    """
    Tell whether the rows of a partition are left for the day on which it is dropped.

    Those of one that is in use are not, nor of one that would keep them for a month
    longer: because it was long in use, or because it waits for one that cannot go.
    """
    closed = closed_at(layout, place)
    return place > 0 and closed is not None and abs(closed - before) <= MONTH


def spans(layout: Layout, before: float, stuck: int) -> list[tuple[int, int | None]]:
    """
    Find the ranges of ids whose old rows are deleted one by one.

    ``stuck`` is the number of a partition that cannot be dropped; 0: none.
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
    Write how the last partition is to end at an id, and another to begin.

    PostgreSQL reads what rows the last one has.
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
    Write how the first partition is to go; number 0 takes its ids from then on.

    ``moved``: its rows go there, too.
    """
    assert first.high is not None  # noqa: S101 - it is not the last one
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
    """Find from which id on all messages of the last days are."""
    lows = [p.low for p in layout if p.began is not None and p.began < now - RECENT]
    return max(lows, default=0)

"""Which failures an answered request survives, and which commits always reach disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from budstikke.store.contract.outbound import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract.outbound import BulkRow

Durability = Literal["power", "process"]
"""
``power``: every commit waits for the disk, so that it survives a loss of power.

``process``: a commit is given to the operating system, or to the database server, and
survives the end of every process of the gateway. docs/configure.md has a table of what
may be lost. These commits wait for the disk all the same: blocks of ids, or two
messages would get the same id; claims, slices of bulk orders and occurrences of
repeating orders, or the gateway would send the same messages twice.
"""


def must_reach_disk(rows: Sequence[Draft | BulkRow]) -> bool:
    """
    Tell whether a row comes from a stored order, from which it could be made again.

    A request that a customer has just sent cannot: if its commit is lost, nothing is
    stored that would send the message a second time.
    """
    return any(
        row.occurrence is not None
        or (isinstance(row, Draft) and row.progress is not None)
        for row in rows
    )

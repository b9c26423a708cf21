"""What an answered request survives, and which commits wait for the disk regardless."""

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
may be lost. These wait for the disk all the same, because what they lead to cannot be
taken back: blocks of ids, or two messages would get one id; claims, slices of bulk
orders and occurrences of repeating orders, or what was sent would be sent again.
"""


def must_reach_disk(rows: Sequence[Draft | BulkRow]) -> bool:
    """
    Tell whether one of these comes from an order that is stored, and could come again.

    An order that a customer has just sent cannot: if its commit is lost, nothing of it
    is left from which it would be sent a second time.
    """
    return any(
        row.occurrence is not None
        or (isinstance(row, Draft) and row.progress is not None)
        for row in rows
    )

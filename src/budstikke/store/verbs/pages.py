"""Pages: how many rows one reads, and how a row becomes a struct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_AT = 10_000
"""Rows that a page reads at most to find those that match."""

LAST = 2**63 - 1
"""An id above all others."""

Kind = TypeVar("Kind", bound=msgspec.Struct)


def struct(kind: type[Kind], row: Sequence[Any]) -> Kind:
    """Make a struct of a row with the columns in the order of its fields."""
    values = dict(zip(kind.__struct_fields__, row, strict=True))
    return msgspec.convert(values, kind, strict=False)

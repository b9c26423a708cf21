"""MMS to and from an MMSC by MM7 (docs/carriers/mm7.md)."""

from __future__ import annotations

from budstikke.carriers.mm7.carrier import Mm7Carrier as carrier  # noqa: N813 - a maker
from budstikke.carriers.mm7.settings import Settings

__all__ = ["Settings", "carrier"]

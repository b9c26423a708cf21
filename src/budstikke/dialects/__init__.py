"""
The register of dialects: one line each.

A dialect is a module here, a folder of golden cases, a page in docs/dialects/ and a
column in docs/refusals.md; nothing else knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.front import Front

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "front": Front(),
}

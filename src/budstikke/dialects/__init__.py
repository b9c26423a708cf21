"""
The register of dialects: one line each.

A dialect is a package here, a folder of golden cases and a page in docs/dialects/;
nothing else in the program names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.contract import Identifying, Takes
from budstikke.dialects.elks import Elks
from budstikke.dialects.front import Front
from budstikke.dialects.ip1 import Ip1
from budstikke.dialects.native import Native
from budstikke.dialects.reseller import Reseller
from budstikke.dialects.smpp import Smpp
from budstikke.dialects.sveve import Sveve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.dialects.contract import Dialect, HttpDialect

DIALECTS: Mapping[str, Dialect] = {
    "front": Front(),
    "sveve": Sveve(),
    "reseller": Reseller(),
    "ip1": Ip1(),
    "native": Native(),
    "elks": Elks(),
    "smpp": Smpp(),
}

HTTP_DIALECTS: Mapping[str, HttpDialect] = {
    name: dialect for name, dialect in DIALECTS.items() if isinstance(dialect, Takes)
}
"""Those that speak HTTP."""

IDENTIFY: Mapping[str, Callable[[str], str]] = {
    name: dialect.identify
    for name, dialect in DIALECTS.items()
    if isinstance(dialect, Identifying)
}
"""Make an access's identifier from its key, in dialects with nothing but a key."""

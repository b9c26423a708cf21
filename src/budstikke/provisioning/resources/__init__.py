"""
The file of ``apply``, and its resources in the order in which they are written.

A resource refers only to those before it.
"""

from __future__ import annotations

from msgspec import Struct, field

from budstikke.provisioning.resource import GIVEN, Resource, Source
from budstikke.provisioning.resources.accesses import ACCESS
from budstikke.provisioning.resources.accounts import (
    ACCOUNT,
    FEE,
    LEDGER,
    AccountEntry,
)
from budstikke.provisioning.resources.carriers import (
    CARRIER,
    OPERATOR,
    ROUTE,
    CarrierEntry,
    OperatorEntry,
    RouteEntry,
)
from budstikke.provisioning.resources.contacts import (
    GROUP,
    SUPPRESSION,
    SuppressionEntry,
)
from budstikke.provisioning.resources.numbers import KEYWORD, NUMBER, StockEntry
from budstikke.provisioning.resources.prices import PRICE_LIST, PriceListEntry

RESOURCES: tuple[Resource, ...] = (
    *(CARRIER, OPERATOR, PRICE_LIST, ACCOUNT, LEDGER, ACCESS, ROUTE, NUMBER, KEYWORD),
    *(FEE, GROUP, SUPPRESSION),
)


class File(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file for ``budstikke apply``; ``source`` is what its reader had."""

    source: Source = field(default=Source(), name=GIVEN)

    carrier: list[CarrierEntry] = []
    operator: list[OperatorEntry] = []
    route: list[RouteEntry] = []
    price_list: list[PriceListEntry] = []
    account: list[AccountEntry] = []
    number: list[StockEntry] = []
    suppression: list[SuppressionEntry] = []

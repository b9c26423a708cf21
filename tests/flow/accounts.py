"""Accounts that pay, on the rig."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from budstikke.domain.money import Price, PriceList
from store.money import balance, pay_in

if TYPE_CHECKING:
    from budstikke.domain.directory import Account
    from flow.rig import Rig

NORWAY, SWEDEN = 40, 70
"""Micros of a segment."""

PRICES = PriceList(
    name="retail",
    currency="NOK",
    prices=(
        Price(prefix="+47", amount=NORWAY),
        Price(prefix="+46", amount=SWEDEN),
    ),
)


def change(rig: Rig, access_id: int = 1, **values: Any) -> Account:
    """Give the rig's directory an account that differs; returns it."""
    accesses = dict(rig.directory.accesses)
    access = accesses[access_id]
    account = replace(access.account, **values)
    accesses[access_id] = replace(access, account=account)
    rig.directory = replace(rig.directory, accesses=accesses)
    return account


async def paying(rig: Rig, amount: int, **values: Any) -> Account:
    """Let account 1 pay by ``PRICES``, and have it paid so many micros."""
    if amount:
        await pay_in(rig.path, amount)
    return change(rig, **{"currency": "NOK", "prices": PRICES, **values})


async def left(rig: Rig) -> int:
    """Read the balance of account 1, micros."""
    return await balance(rig.path)

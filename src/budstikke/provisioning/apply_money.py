"""Prices, fees and what accounts pay, from entries of ``apply``'s file to columns."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from budstikke.domain.fees import midnight
from budstikke.domain.money import MICROS, MOST, SMS, micros
from budstikke.provisioning.apply_state import kept
from budstikke.provisioning.apply_values import ApplyError

if TYPE_CHECKING:
    from budstikke.provisioning.apply_entries import (
        AccountEntry,
        FeeEntry,
        PriceEntry,
        PriceListEntry,
    )
    from budstikke.provisioning.apply_state import Row
    from budstikke.provisioning.apply_values import Amount

TRIAL = 25 * MICROS
"""What a trial account begins with: 25 SMS."""


def amount(label: str, given: Amount, *, least: int = 0) -> int:
    """Read an amount as micros; raises ApplyError."""
    try:
        found = micros(str(given))
    except ValueError as error:
        raise ApplyError(f"{label}: {error}") from error
    if found < least:
        raise ApplyError(f"{label}: is too little: {given}")
    return found


def price_list(entry: PriceListEntry, there: Row | None) -> dict[str, Any]:
    """
    Make the columns of a price list, its prices among them; raises ApplyError.

    What the entry leaves out stays as it is ``there``.
    """
    wanted = {"currency": entry.currency, "prices": price_rows(entry)}
    found = kept(wanted, there, entry.said)
    if found["currency"] is None:
        raise ApplyError(f"price_list {entry.name}: currency is missing")
    return found


def price_rows(entry: PriceListEntry) -> list[list[Any]]:
    """Make the prices of a list, in order; raises ApplyError."""
    label = f"price_list {entry.name}"
    rows = sorted(_price(label, price) for price in entry.price)
    for one, two in pairwise(rows):
        if one[:2] == two[:2]:
            raise ApplyError(f"{label}: price {one[0]} is there twice")
    return rows


def _price(label: str, entry: PriceEntry) -> list[Any]:
    """Make a row of ``price``: prefix, from, until (-1.0: none), micros, MMS or -1."""
    where = f"{label}: price {entry.prefix or '+'}"
    since = midnight(entry.since) if entry.since else 0.0
    until = midnight(entry.until + timedelta(days=1)) if entry.until else -1.0
    if 0.0 <= until <= since:
        raise ApplyError(f"{where}: ends before it begins")
    mms = -1 if entry.mms is None else amount(f"{where}: mms", entry.mms)
    return [entry.prefix or "+", since, until, amount(where, entry.amount), mms]


def account(entry: AccountEntry) -> dict[str, Any]:
    """Make the columns of an account that money needs; raises ApplyError."""
    label = f"account {entry.name}"
    currency = _currency(label, entry)
    below = entry.alert_below
    if (below is None) != (not entry.alert_mail):
        raise ApplyError(f"{label}: alert_below and alert_mail need each other")
    return {
        "currency": currency,
        "prepaid": entry.prepaid,
        "trial": entry.trial,
        "credit_limit": _credit_limit(label, entry),
        "price_list": entry.price_list,
        "pays_for": entry.pays_for,
        "premium": entry.premium,
        "home": entry.home,
        "reply_number": entry.reply_number,
        "order_ceiling": entry.order_ceiling,
        "alert_below": None
        if below is None
        else amount(f"{label}: alert_below", below, least=-MOST),
        "alert_mail": ", ".join(entry.alert_mail),
    }


def _currency(label: str, entry: AccountEntry) -> str:
    currency = entry.currency or (SMS if entry.trial else "")
    if entry.trial and (currency != SMS or not entry.prepaid or entry.balance):
        raise ApplyError(f"{label}: trial: is prepaid, in SMS, and begins with 25")
    if currency and currency != SMS and entry.price_list is None:
        raise ApplyError(f"{label}: price_list is missing: nothing would be sold")
    for key in ("price_list", "credit_limit", "balance", "alert_below", "fee"):
        if getattr(entry, key) and not currency:
            raise ApplyError(f"{label}: {key}: needs a currency")
    return currency


def _credit_limit(label: str, entry: AccountEntry) -> int:
    if entry.credit_limit is None:
        if not entry.prepaid:
            raise ApplyError(f"{label}: credit_limit is missing: it is invoiced")
        return 0
    if entry.prepaid:
        raise ApplyError(
            f"{label}: credit_limit: is for invoiced ones; prepaid = false"
        )
    return amount(f"{label}: credit_limit", entry.credit_limit)


def opening(entry: AccountEntry) -> tuple[str, int] | None:
    """Say what a new account begins with: (kind of entry, micros)."""
    if entry.trial:
        return "trial", TRIAL
    if entry.balance is None:
        return None
    begin = amount(f"account {entry.name}: balance", entry.balance)
    return ("payment", begin) if begin else None


def fee(owner: str, entry: FeeEntry, there: Row | None) -> dict[str, Any]:
    """Make the columns of a fee; raises ApplyError."""
    label = f"fee {entry.name} of {owner}"
    taken = None
    if entry.amount is not None:
        taken = amount(label, entry.amount, least=1)
    wanted = {"amount": taken, "monthly": entry.monthly}
    found = kept(wanted, there, entry.said)
    if found["amount"] is None:
        raise ApplyError(f"{label}: amount is missing")
    return found

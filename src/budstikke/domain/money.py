"""
Money as whole numbers: prices, price lists, refunds. Pure.

An amount is an integer of micros: millionths of the account's currency, which may be
``SMS``. Nothing here is a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

from budstikke.domain.mms import SMS_EACH

if TYPE_CHECKING:
    from collections.abc import Mapping

MICROS = 1_000_000
"""Micros in one unit of a currency."""

MOST = 10**9 * MICROS
"""The largest amount to read: a sum of very many fits in 64 bits."""

SMS = "SMS"
"""The currency of accounts that buy messages by number."""


class Refund(IntEnum):
    """When a charge is refunded; stored with each message."""

    NEVER = 0
    """Never, once the message is accepted."""
    UNSENT = 1
    """If no carrier accepted the message, or the outcome is unknown."""
    UNDELIVERED = 2
    """If the message was not delivered."""


REFUNDS: Mapping[str, Refund] = {
    "accepted": Refund.NEVER,
    "sent": Refund.UNSENT,
    "delivered": Refund.UNDELIVERED,
}
"""The refund rule by the account's setting ``pays_for``."""


_number = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?").fullmatch


def micros(text: str) -> int:
    """
    Read a decimal number (``12``, ``-0.05``) as micros.

    Raises ValueError for another text, a finer amount, or one beyond ``MOST``.
    """
    if not _number(text):
        raise ValueError(f"not a decimal number: {text!r}")
    amount = Decimal(text) * MICROS
    if amount != amount.to_integral_value() or abs(amount) > MOST:
        raise ValueError(f"not an amount: {text!r}")
    return int(amount)


def decimal(amount: int, places: int = 2) -> str:
    """Write micros as a decimal number with ``places`` places, or more if needed."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), MICROS)
    digits = f"{rest:06}".rstrip("0").ljust(places, "0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    The price of a segment to numbers that begin with ``prefix``.

    Attributes:
        prefix: E.164 with ``+``; ``+`` alone is everywhere.
        amount: Micros of the list's currency.
        valid_from: Unix seconds.
        valid_until: Unix seconds; ``None``: for ever.
        mms: Price of an MMS, micros; ``None``: MMS are not sold there.

    """

    prefix: str
    amount: int
    valid_from: float = 0.0
    valid_until: float | None = None
    mms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Prices by prefix; the one with the longest prefix that is valid counts."""

    name: str
    currency: str
    prices: tuple[Price, ...] = ()
    _lengths: tuple[int, ...] = field(init=False, repr=False)
    _by_prefix: Mapping[str, tuple[Price, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index by prefix."""
        by_prefix: dict[str, tuple[Price, ...]] = {}
        for price in self.prices:
            by_prefix[price.prefix] = (*by_prefix.get(price.prefix, ()), price)
        lengths = sorted({len(prefix) for prefix in by_prefix}, reverse=True)
        object.__setattr__(self, "_by_prefix", by_prefix)
        object.__setattr__(self, "_lengths", tuple(lengths))

    def price(self, recipient: str, at: float) -> int | None:
        """
        Return the price of a segment, micros; ``None``: not sold there.

        Of two valid prices for one prefix the later one counts.
        """
        price = self._find(recipient, at)
        return price.amount if price is not None else None

    def mms(self, recipient: str, at: float) -> int | None:
        """
        Return the price of an MMS, micros; ``None``: not sold there.

        In a list in SMS without a price for MMS it is ``domain.mms.SMS_EACH`` SMS.
        """
        price = self._find(recipient, at)
        if price is None or price.mms is not None or self.currency != SMS:
            return price.mms if price is not None else None
        return SMS_EACH * price.amount

    def _find(self, recipient: str, at: float) -> Price | None:
        for length in self._lengths:
            latest = None
            for price in self._by_prefix.get(recipient[:length], ()):
                if price.valid_from <= at and (
                    price.valid_until is None or at < price.valid_until
                ):
                    latest = price if latest is None else _later(latest, price)
            if latest is not None:
                return latest
        return None


def pieces(home: str) -> PriceList:
    """
    Make the list of an account that buys SMS: one SMS a segment, only at home.

    ``home`` is the prefix of the home country, E.164 with ``+``.
    """
    return PriceList(name="", currency=SMS, prices=(Price(prefix=home, amount=MICROS),))


def shown(amount: int, currency: str) -> str:
    """Write micros for people: ``12.50 NOK``, ``25 SMS``."""
    return f"{decimal(amount, 0 if currency == SMS else 2)} {currency}".rstrip()


def _later(one: Price, other: Price) -> Price:
    return other if other.valid_from >= one.valid_from else one

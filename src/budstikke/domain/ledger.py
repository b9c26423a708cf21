"""Why money moves: the kinds of ledger entries. A closed list."""

from __future__ import annotations

from enum import StrEnum


def ordered(count: int) -> str:
    """Note for SMS that were ordered."""
    return f"{count} SMS ordered"


class Kind(StrEnum):
    """What an entry is for; those that take have negative amounts."""

    CHARGE = "charge"
    """Messages that were accepted."""
    REFUND = "refund"
    """A message that the account does not pay for after all."""
    PAYMENT = "payment"
    """Money that came in."""
    ORDER = "order"
    """SMS that were ordered, credited before they are paid."""
    TRIAL = "trial"
    """What a trial account begins with."""
    FEE = "fee"
    """A set-up or recurring fee."""
    ADJUSTMENT = "adjustment"
    """Put right by an administrator."""

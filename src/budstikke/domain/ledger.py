"""The kinds of ledger entries. A closed list."""

from __future__ import annotations

from enum import StrEnum


def ordered(count: int) -> str:
    """Return the note of an order of SMS."""
    return f"{count} SMS ordered"


class Kind(StrEnum):
    """The kind of an entry; charges and fees have negative amounts."""

    CHARGE = "charge"
    """For accepted messages."""
    REFUND = "refund"
    """For a message that the account does not pay for after all."""
    PAYMENT = "payment"
    """Money from the customer."""
    ORDER = "order"
    """SMS that the customer ordered, credited before they are paid."""
    TRIAL = "trial"
    """The first balance of a trial account."""
    FEE = "fee"
    """A set-up or recurring fee."""
    ADJUSTMENT = "adjustment"
    """A correction by an administrator."""

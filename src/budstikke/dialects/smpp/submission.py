"""
What a delivery report needs of the request that it answers.

It is kept as the ``ref`` of the order's messages, so that it comes back in each event
of theirs: a report has the addresses of the submit_sm, exchanged, honours its
registered_delivery bit for bit, and repeats its user_message_reference.
"""

from __future__ import annotations

from typing import Final

import msgspec

RECEIPT: Final = 0x03
"""Bits of registered_delivery: which final states are reported (§ 5.2.17)."""

INTERIM: Final = 0x10
"""Bit of registered_delivery: intermediate notifications, too."""

NONE, ALWAYS, ON_FAILURE, ON_SUCCESS = 0, 1, 2, 3
"""Values of the bits ``RECEIPT``; the last is reserved in 3.4, and of 5.0 § 4.7.21."""


class Address(msgspec.Struct, array_like=True, frozen=True):
    """An address as the customer wrote it, with type of number and numbering plan."""

    ton: int
    npi: int
    value: str


class Submission(msgspec.Struct, array_like=True, frozen=True):
    """
    A submit_sm, as far as its reports need it.

    Attributes:
        registered_delivery: As the customer wrote it.
        source: The sender.
        destination: The recipient; of a submit_multi an empty one, since each message
            of it has its own: write the event's recipient with TON and NPI 1.
        submitted_at: When the gateway took it, Unix seconds.
        user_message_reference: The parameter's octets as hexadecimal digits; empty: the
            request had none.

    """

    registered_delivery: int
    source: Address
    destination: Address
    submitted_at: float
    user_message_reference: str = ""


def written(submission: Submission) -> str:
    """Write it as the ``ref`` of an order."""
    return msgspec.json.encode(submission).decode()


def read(ref: str | None) -> Submission | None:
    """Read a ``ref``; ``None``: ``written`` did not make it. Never raises."""
    try:
        return msgspec.json.decode(ref or "", type=Submission)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def wants(registered_delivery: int, *, final: bool, delivered: bool) -> bool:
    """
    Tell whether the customer asked for a report.

    Args:
        registered_delivery: As the customer wrote it (SMPP 3.4 § 5.2.17).
        final: The state is final; otherwise the report is an intermediate notification.
        delivered: The phone has the message.

    """
    if not final:
        return bool(registered_delivery & INTERIM)
    asked = registered_delivery & RECEIPT
    return asked in (ALWAYS, ON_SUCCESS if delivered else ON_FAILURE)

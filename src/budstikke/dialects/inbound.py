"""What the dialects' pushes of inbound messages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.inbound import Kind
from budstikke.domain.originator import Kind as NumberKind
from budstikke.domain.originator import classify

if TYPE_CHECKING:
    from budstikke.domain.inbound import InboundEvent

NORWAY = "47"
NATIONAL = 8
"""Digits of a Norwegian number without its country code."""


def called(recipient: str) -> str:
    """
    Write our number of a message: E.164 with ``+``, or digits alone.

    Numbers of fewer than 7 digits, and reply numbers, stay as they are. A Norwegian
    number without its country code gets it.
    """
    found = classify(recipient)
    if found is None or found.kind is not NumberKind.MSISDN:
        return recipient
    digits = found.value
    if len(digits) == NATIONAL and not digits.startswith(NORWAY):
        digits = NORWAY + digits
    return f"+{digits}"


def text_of(event: InboundEvent) -> str:
    """Return the text of a message; of a binary one its data in hexadecimal."""
    return event.data if event.kind is Kind.BINARY else event.text

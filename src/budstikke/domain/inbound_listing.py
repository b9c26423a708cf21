"""
What customers list and read of inbound messages and their numbers.

As in ``domain.listing``, each query is within one account, page by page.
"""

from __future__ import annotations

import msgspec

from budstikke.domain.inbound import Kind, MediaPart, MediaRef


class NumbersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's numbers, series and keywords; ``after``: those behind it."""

    limit: int
    after: tuple[str, str] = ("", "")


class OwnNumber(msgspec.Struct, frozen=True):
    """
    A number, a series, or a keyword.

    value: Digits; of a keyword, its shared number.
        value: Digits; of a keyword its shared number.
        kind: A ``domain.number_inventory.NumberKind``; of a keyword, ``shared``.
        word: Of a keyword; empty: the number's default, or no keyword.
        access: (dialect, identifier) of the access that gets the messages.

    """

    value: str
    kind: str
    word: str
    aliases: tuple[str, ...]
    access: tuple[str, str]
    url: str
    receipt: str


class NumbersPage(msgspec.Struct, frozen=True):
    """Numbers by value and word; ``next`` is an ``after``."""

    numbers: tuple[OwnNumber, ...]
    next: tuple[str, str] | None = None


class InboundsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """
    Inbound messages, newest first.

    Attributes:
        limit: How many at most.
        before: Only those with a lower id.
        since: Only those that came at this time or later, Unix seconds.
        until: Only those that came before this time.
        keyword: Only those that this keyword routed, as registered.

    """

    limit: int
    before: int | None = None
    since: float | None = None
    until: float | None = None
    keyword: str | None = None


class InboundMessageQuery(msgspec.Struct, frozen=True):
    """One inbound message; the answer is ``InboundPage`` with one or none."""

    message_id: int


class InboundRecord(msgspec.Struct, frozen=True):
    """An inbound message; as in ``InboundEvent``."""

    id: int
    kind: Kind
    originator: str
    recipient: str
    text: str
    data: str
    subject: str
    keyword: str
    reply_to: int | None
    missing: int
    opt_out: bool
    sent_at: float
    came_at: float
    access: tuple[str, str] | None
    """(dialect, identifier) of the access it went to; ``None``: the access is gone."""
    media: tuple[MediaRef, ...]


class InboundPage(msgspec.Struct, frozen=True):
    """Inbound messages; ``next`` is a ``before``."""

    records: tuple[InboundRecord, ...]
    next: int | None = None


class MediaQuery(msgspec.Struct, frozen=True):
    """A part of an MMS of the account, by its id."""

    media_id: str


class MediaAnswer(msgspec.Struct, frozen=True):
    """The part; ``None``: unknown, or another account's."""

    part: MediaPart | None


class RequestsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's requests to an administrator, newest first."""

    limit: int
    before: int | None = None


class RequestQuery(msgspec.Struct, frozen=True):
    """One request; the answer is ``RequestsPage`` with one or none."""

    request_id: int


class NumberRequest(msgspec.Struct, frozen=True):
    """
    An account's request for a keyword, a number or a series.

    Attributes:
        kind: ``keyword``, ``number`` or ``series``.
        number: The number; of a keyword, its shared number; empty: any.
        word: Of a keyword.
        access: (dialect, identifier) of the access for it; ``None``: it is gone.
        state: ``waiting``, ``approved``, ``refused`` or ``cancelled``.
        answer: The administrator's answer, for people.

    """

    id: int
    kind: str
    number: str
    word: str
    note: str
    access: tuple[str, str] | None
    state: str
    at: float
    decided_at: float | None
    answer: str


class RequestsPage(msgspec.Struct, frozen=True):
    """Requests; ``next`` is a ``before``."""

    requests: tuple[NumberRequest, ...]
    next: int | None = None


MOST_WAITING = 100
"""Requests of one account that may wait at a time."""


class AddRequestCommand(msgspec.Struct, frozen=True, kw_only=True):
    """
    Request a number; the answer is ``RequestsPage``: it, or none if too many wait.

    ``access`` is the dialect of the access for it, or ``dialect:identifier``; empty:
    ``access_id``. Refused with ``BAD_FIELD`` unless it names exactly one.
    """

    kind: str
    number: str = ""
    word: str = ""
    note: str = ""
    access: str = ""
    access_id: int


class CancelRequestCommand(msgspec.Struct, frozen=True):
    """Withdraw a request that waits; the answer is ``Changed``."""

    request_id: int


InboundQueries = (
    NumbersQuery
    | InboundsQuery
    | InboundMessageQuery
    | MediaQuery
    | RequestsQuery
    | RequestQuery
)
InboundCommands = AddRequestCommand | CancelRequestCommand
InboundAnswer = NumbersPage | InboundPage | MediaAnswer | RequestsPage

"""
What customers list and look at of messages from phones, and of their numbers.

As in ``domain.listing``: asked within one account, page by page.
"""

from __future__ import annotations

import msgspec

from budstikke.domain.inbound import Kind, MediaPart, MediaRef


class NumbersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The account's numbers, series and keywords; ``after``: those that follow it."""

    limit: int
    after: tuple[str, str] = ("", "")


class OwnNumber(msgspec.Struct, frozen=True):
    """
    A number, a series, or a keyword.

    Attributes:
        value: Digits; of a keyword its shared number.
        kind: A ``domain.number_inventory.NumberKind``; of a keyword ``shared``.
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
    Messages from phones, newest first.

    Attributes:
        limit: How many at most.
        before: Only those with a lower id.
        since: Only those that came then or later, Unix seconds.
        until: Only those that came before then.
        keyword: Only those that this keyword routed, as it is registered.

    """

    limit: int
    before: int | None = None
    since: float | None = None
    until: float | None = None
    keyword: str | None = None


class InboundMessageQuery(msgspec.Struct, frozen=True):
    """One message from a phone; answered by ``InboundPage`` with one or none."""

    message_id: int


class InboundRecord(msgspec.Struct, frozen=True):
    """All that is kept of a message from a phone; as in ``InboundEvent``."""

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
    """(dialect, identifier) of the access that was told; ``None``: it is gone."""
    media: tuple[MediaRef, ...]


class InboundPage(msgspec.Struct, frozen=True):
    """Messages from phones; ``next`` is a ``before``."""

    records: tuple[InboundRecord, ...]
    next: int | None = None


class MediaQuery(msgspec.Struct, frozen=True):
    """A part of an MMS of the account, by its id."""

    media_id: str


class MediaAnswer(msgspec.Struct, frozen=True):
    """The part; ``None``: unknown, or not this account's."""

    part: MediaPart | None


class RequestsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the account asked an administrator for, newest first."""

    limit: int
    before: int | None = None


class RequestQuery(msgspec.Struct, frozen=True):
    """One of them; answered by ``RequestsPage`` with one or none."""

    request_id: int


class NumberRequest(msgspec.Struct, frozen=True):
    """
    Something that an account asked for.

    Attributes:
        kind: ``keyword``, ``number`` or ``series``.
        number: The number it wants, or of a keyword the shared one; empty: any.
        word: Of a keyword.
        access: (dialect, identifier) of whom it is for; ``None``: it is gone.
        state: ``waiting``, ``approved``, ``refused`` or ``cancelled``.
        answer: The administrator's, for people.

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
    Ask for a number; answered by ``RequestsPage`` with it, or none: too many wait.

    ``access`` is the dialect of whom it is for, or ``dialect:identifier``; empty:
    ``access_id``. Refused with ``BAD_FIELD`` when it does not name just one.
    """

    kind: str
    number: str = ""
    word: str = ""
    note: str = ""
    access: str = ""
    access_id: int


class CancelRequestCommand(msgspec.Struct, frozen=True):
    """Take a request back while it waits; answered by ``Changed``."""

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

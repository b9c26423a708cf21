"""
What a session tells its owner, in the order it happened.

The four fates of a request of ours: ``Answered``, ``Expired`` (perhaps ``Late``
afterwards), or among the ``unanswered`` of ``Closed``; an answer to nothing is
``Unexpected``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.smpp.errors import PduError
    from budstikke.smpp.pdus import Pdu


@dataclass(slots=True)
class Received:
    """
    The peer asks something; answer with ``Session.respond`` (some have no answer).

    enquire_link and what is not allowed are answered by the session itself, unseen.
    """

    pdu: Pdu


@dataclass(slots=True)
class Answered:
    """Our request was answered; also with generic_nack. ``pdu.status`` says how."""

    token: Any
    pdu: Pdu


@dataclass(slots=True)
class Expired:
    """Our request was not answered in time."""

    token: Any
    sequence: int


@dataclass(slots=True)
class Late:
    """The answer to a request that had expired."""

    token: Any
    pdu: Pdu


@dataclass(slots=True)
class Unexpected:
    """An answer to nothing that we asked, or of another kind than the question."""

    pdu: Pdu


@dataclass(slots=True)
class Malformed:
    """
    The peer broke the rules; it was answered where the rules say so.

    After a fatal one (``error.fatal``) comes ``Closed``.
    """

    error: PduError
    command: int
    sequence: int


@dataclass(slots=True)
class Closed:
    """
    The session is over: write what is left of ``data_to_send``, close the transport.

    Comes once. ``unanswered`` are the tokens of our requests without an answer, in
    the order they were sent: nobody knows whether the peer has them.
    """

    reason: str
    unanswered: Sequence[Any]


Event: TypeAlias = (
    Received | Answered | Expired | Late | Unexpected | Malformed | Closed
)

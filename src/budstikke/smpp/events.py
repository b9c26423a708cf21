"""
The events of a session, which it gives its owner in order.

A request of ours ends as ``Answered``, as ``Expired`` (perhaps ``Late`` after that), or
among the ``unanswered`` of ``Closed``. A response to no request is ``Unexpected``.
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
    A request of the peer; respond by ``Session.respond`` (some have no response).

    The session itself responds to enquire_link and to requests that are not allowed.
    """

    pdu: Pdu


@dataclass(slots=True)
class Answered:
    """The response to our request, or a generic_nack."""

    token: Any
    pdu: Pdu


@dataclass(slots=True)
class Expired:
    """Our request got no response in time."""

    token: Any
    sequence: int


@dataclass(slots=True)
class Late:
    """The response to a request that had expired."""

    token: Any
    pdu: Pdu


@dataclass(slots=True)
class Unexpected:
    """A response to no request of ours, or of another command than the request."""

    pdu: Pdu


@dataclass(slots=True)
class Malformed:
    """
    A PDU that breaks the rules; the session has responded if the standard says so.

    After a fatal one (``error.fatal``) comes ``Closed``.
    """

    error: PduError
    command: int
    sequence: int


@dataclass(slots=True)
class Closed:
    """
    The session is over: write what ``data_to_send`` has, and close the connection.

    It comes once. ``unanswered`` are the tokens of our requests without a response, in
    the order they were sent: the peer may have them or not.
    """

    reason: str
    unanswered: Sequence[Any]


Event: TypeAlias = (
    Received | Answered | Expired | Late | Unexpected | Malformed | Closed
)

"""Inbound parts that we acknowledged: an equal part that follows is a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from budstikke.smpp import tags
from budstikke.smpp.states import State

if TYPE_CHECKING:
    from budstikke.domain.inbound import InboundPart
    from budstikke.smpp.session import Session

MOST: Final = 10_000
"""Parts to remember, the newest."""

LOST: Final = 60.0
"""Seconds: by then the operator has our response, though the bind broke, or never."""


class Acknowledged:
    """
    Distinguishes a part that the operator delivers again from a new, equal one.

    An operator delivers a part again only if our response did not reach it. So an equal
    part is a new one if the response went out before it came and the bind stayed up.
    """

    def __init__(self) -> None:
        self._answered: dict[int, tuple[Session, float]] = {}

    def mark_new(self, part: InboundPart, now: float) -> InboundPart:
        """Set ``new`` on a part of a long text that is no redelivery."""
        answered = self._answered.pop(_key(part), None) if _is_part(part) else None
        if answered is None:
            return part
        session, at = answered
        if session.state is State.CLOSED and now - at < LOST:
            return part
        return replace(part, new=True)

    def add(self, session: Session, part: InboundPart, now: float) -> None:
        """Remember a part that was acknowledged on this session."""
        if not _is_part(part) or session.state is State.CLOSED:
            return
        if len(self._answered) >= MOST:
            del self._answered[next(iter(self._answered))]
        self._answered[_key(part)] = session, now


def _is_part(part: InboundPart) -> bool:
    return part.udhi or tags.SAR_MSG_REF_NUM in part.tlvs


def _key(part: InboundPart) -> int:
    tlvs = tuple(sorted(part.tlvs.items()))
    return hash((part.originator, part.recipient, part.data_coding, part.payload, tlvs))

"""Parts of long texts that were acknowledged to the operator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from budstikke.smpp import tags
from budstikke.smpp.states import State

if TYPE_CHECKING:
    from budstikke.domain.inbound import InboundPart
    from budstikke.smpp.session import Session

MOST: Final = 10_000
"""Parts that are remembered, the newest."""

LOST: Final = 60.0
"""Seconds after which an answer on a link that broke has arrived or never will."""


class Acknowledged:
    """
    Tells parts that are given again from others that are equal.

    An operator gives again what it has no answer to. So a part is another one when the
    answer to an equal one went out before it came, and the link lived on.
    """

    def __init__(self) -> None:
        self._answered: dict[int, tuple[Session, float]] = {}

    def marked(self, part: InboundPart, now: float) -> InboundPart:
        """Mark a part of a text as ``new`` if it is not one that was given before."""
        answered = self._answered.pop(_key(part), None) if _is_part(part) else None
        if answered is None:
            return part
        session, at = answered
        if session.state is State.CLOSED and now - at < LOST:
            return part
        return replace(part, new=True)

    def answered(self, session: Session, part: InboundPart, now: float) -> None:
        """Note that a part was answered, if it was."""
        if not _is_part(part) or session.state is State.CLOSED:
            return
        if len(self._answered) >= MOST:
            del self._answered[next(iter(self._answered))]
        self._answered[_key(part)] = session, now


def _is_part(part: InboundPart) -> bool:
    return part.udhi or tags.SAR_MSG_REF_NUM in part.tlvs


def _key(part: InboundPart) -> int:
    tlvs = tuple(sorted(part.tlvs.items()))
    told = (part.originator, part.recipient, part.data_coding, part.payload, tlvs)
    return hash(told)

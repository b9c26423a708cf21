"""
When to send a delivery again that the client refused. Pure: time is an argument.

The pause of a delivery doubles with each refusal. A client that refuses gets a pause,
too, longer each time until it accepts something; refusals of deliveries in flight count
once, and after the pause a single delivery tests the client.
"""

from __future__ import annotations

from typing import Final

from budstikke.smpp import status as st

RETRY: Final = 1.0
"""Seconds of a first pause."""

LONGEST: Final = 300.0
"""Seconds of the longest pause."""

FINAL: Final = frozenset(
    {
        st.ESME_RINVMSGLEN,
        st.ESME_RINVCMDLEN,
        st.ESME_RINVCMDID,
        st.ESME_RINVPRTFLG,
        st.ESME_RINVREGDLVFLG,
        st.ESME_RINVSRCADR,
        st.ESME_RINVDSTADR,
        st.ESME_RINVSERTYP,
        st.ESME_RINVESMCLASS,
        st.ESME_RINVSRCTON,
        st.ESME_RINVSRCNPI,
        st.ESME_RINVDSTTON,
        st.ESME_RINVDSTNPI,
        st.ESME_RX_P_APPN,
        st.ESME_RX_R_APPN,
        st.ESME_RINVOPTPARSTREAM,
        st.ESME_ROPTPARNOTALLWD,
        st.ESME_RINVPARLEN,
        st.ESME_RMISSINGOPTPARAM,
        st.ESME_RINVOPTPARAMVAL,
        st.ESME_RINVDCS,
    }
)
"""
Command statuses after which a delivery is not sent again (SMPP 3.4 § 5.1.3).

They mean that this PDU is at fault; all others, that the client cannot take it now.
"""


def pause(times: int) -> float:
    """Return the seconds to wait after so many refusals (from 1) in a row."""
    return min(RETRY * 2.0 ** min(times - 1, 30), LONGEST)


class RedeliveryBackoff:
    """
    When a client may be sent deliveries.

    Attributes:
        refusals: Pauses since it last accepted a delivery.

    """

    __slots__ = ("_until", "refusals")

    def __init__(self) -> None:
        self.refusals = 0
        self._until = 0.0

    def accepted(self) -> None:
        """Note that it accepted a delivery: no pause any more."""
        self.refusals = 0
        self._until = 0.0

    def refused(self, now: float) -> float:
        """Note that it refused a delivery; return the seconds of its pause."""
        if now >= self._until:
            self.refusals += 1
            self._until = now + pause(self.refusals)
        return self._until - now

    def may_ask(self, now: float, outstanding: int) -> bool:
        """Whether to send a delivery now, with so many in flight."""
        return not self.refusals or (now >= self._until and not outstanding)

"""
When a client that did not take a delivery is asked again. Pure: time is an argument.

A delivery that is refused comes again after a pause that doubles with each refusal. A
client that refuses rests as well, longer each time until it takes something; what was
in flight counts once, and after a rest a single delivery tries it.
"""

from __future__ import annotations

from typing import Final

from budstikke.smpp import status as st

RETRY: Final = 1.0
"""Seconds of the first pause."""

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
Answers after which a delivery is not tried again (SMPP 3.4 § 5.1.3).

They say that this very PDU cannot be taken; all others, that it cannot be now.
"""


def pause(times: int) -> float:
    """Say how many seconds to wait after so many refusals, from 1, in a row."""
    return min(RETRY * 2.0 ** min(times - 1, 30), LONGEST)


class RedeliveryBackoff:
    """
    How a client is asked that may refuse.

    Attributes:
        refusals: Rests since it last took something.

    """

    __slots__ = ("_until", "refusals")

    def __init__(self) -> None:
        self.refusals = 0
        self._until = 0.0

    def accepted(self) -> None:
        """Hear that it took a delivery: it need not rest any more."""
        self.refusals = 0
        self._until = 0.0

    def refused(self, now: float) -> float:
        """Hear that it refused one; say how many seconds it rests from now on."""
        if now >= self._until:
            self.refusals += 1
            self._until = now + pause(self.refusals)
        return self._until - now

    def may_ask(self, now: float, outstanding: int) -> bool:
        """Say whether to send it another while so many are unanswered."""
        return not self.refusals or (now >= self._until and not outstanding)

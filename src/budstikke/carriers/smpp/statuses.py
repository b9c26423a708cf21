"""
Tables: what command statuses, message states and network errors mean to us.

Every command status of SMPP 3.4 and 5.0 has a row. A part refused with another one,
such as an operator's own, is ``UNKNOWN`` and tried on another carrier. The carrier's
setting ``statuses`` may change what to do after a status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.domain.receipt import Reason, ReceiptState, Rejected, Retry
from budstikke.smpp import status as st
from budstikke.smpp.receipt import MessageState

if TYPE_CHECKING:
    from collections.abc import Mapping

Verdict = tuple[Reason, Retry]

_OURS: Final[Verdict] = (Reason.INTERNAL, Retry.ELSEWHERE)
"""The operator objects to how this carrier is configured: try another carrier."""
_SOON: Final[Verdict] = (Reason.INTERNAL, Retry.LATER)
_SLOWER: Final[Verdict] = (Reason.THROTTLED, Retry.SLOWER)
_ORIGINATOR: Final[Verdict] = (Reason.BAD_ORIGINATOR, Retry.ELSEWHERE)
_REFUSED: Final[Verdict] = (Reason.REJECTED, Retry.ELSEWHERE)
_BARRED: Final[Verdict] = (Reason.BARRED, Retry.ELSEWHERE)
UNKNOWN: Final[Verdict] = (Reason.UNKNOWN, Retry.ELSEWHERE)

STATUSES: Final[Mapping[int, Verdict]] = {
    st.ESME_RINVMSGLEN: (Reason.CONTENT, Retry.ELSEWHERE),
    st.ESME_RINVCMDLEN: _OURS,
    st.ESME_RINVCMDID: _OURS,
    st.ESME_RINVBNDSTS: _SOON,
    st.ESME_RALYBND: _SOON,
    st.ESME_RINVPRTFLG: _OURS,
    st.ESME_RINVREGDLVFLG: _OURS,
    st.ESME_RSYSERR: _SOON,
    st.ESME_RINVSRCADR: _ORIGINATOR,
    st.ESME_RINVDSTADR: (Reason.UNKNOWN_SUBSCRIBER, Retry.NEVER),
    st.ESME_RINVMSGID: _OURS,
    st.ESME_RBINDFAIL: _SOON,
    st.ESME_RINVPASWD: _SOON,
    st.ESME_RINVSYSID: _SOON,
    st.ESME_RCANCELFAIL: _OURS,
    st.ESME_RREPLACEFAIL: _OURS,
    st.ESME_RMSGQFUL: _SLOWER,
    st.ESME_RINVSERTYP: _OURS,
    st.ESME_RINVNUMDESTS: _OURS,
    st.ESME_RINVDLNAME: _OURS,
    st.ESME_RINVDESTFLAG: _OURS,
    st.ESME_RINVSUBREP: _OURS,
    st.ESME_RINVESMCLASS: _OURS,
    st.ESME_RCNTSUBDL: _OURS,
    st.ESME_RSUBMITFAIL: _REFUSED,
    st.ESME_RINVSRCTON: _ORIGINATOR,
    st.ESME_RINVSRCNPI: _ORIGINATOR,
    st.ESME_RINVDSTTON: (Reason.NO_ROUTE, Retry.ELSEWHERE),
    st.ESME_RINVDSTNPI: (Reason.NO_ROUTE, Retry.ELSEWHERE),
    st.ESME_RINVSYSTYP: _OURS,
    st.ESME_RINVREPFLAG: _OURS,
    st.ESME_RINVNUMMSGS: _OURS,
    st.ESME_RTHROTTLED: _SLOWER,
    st.ESME_RINVSCHED: _OURS,
    st.ESME_RINVEXPIRY: _OURS,
    st.ESME_RINVDFTMSGID: _OURS,
    st.ESME_RX_T_APPN: _SOON,
    st.ESME_RX_P_APPN: _REFUSED,
    st.ESME_RX_R_APPN: _REFUSED,
    st.ESME_RQUERYFAIL: _OURS,
    st.ESME_RINVOPTPARSTREAM: _OURS,
    st.ESME_ROPTPARNOTALLWD: _OURS,
    st.ESME_RINVPARLEN: _OURS,
    st.ESME_RMISSINGOPTPARAM: _OURS,
    st.ESME_RINVOPTPARAMVAL: _OURS,
    st.ESME_RDELIVERYFAILURE: _REFUSED,
    st.ESME_RUNKNOWNERR: UNKNOWN,
    st.ESME_RSERTYPUNAUTH: _BARRED,
    st.ESME_RPROHIBITED: _BARRED,
    st.ESME_RSERTYPUNAVAIL: _SOON,
    st.ESME_RSERTYPDENIED: _BARRED,
    st.ESME_RINVDCS: (Reason.CONTENT, Retry.ELSEWHERE),
    st.ESME_RINVSRCADDRSUBUNIT: _OURS,
    st.ESME_RINVDSTADDRSUBUNIT: _OURS,
    st.ESME_RINVBCASTFREQINT: _OURS,
    st.ESME_RINVBCASTALIAS_NAME: _OURS,
    st.ESME_RINVBCASTAREAFMT: _OURS,
    st.ESME_RINVNUMBCAST_AREAS: _OURS,
    st.ESME_RINVBCASTCNTTYPE: _OURS,
    st.ESME_RINVBCASTMSGCLASS: _OURS,
    st.ESME_RBCASTFAIL: _OURS,
    st.ESME_RBCASTQUERYFAIL: _OURS,
    st.ESME_RBCASTCANCELFAIL: _OURS,
    st.ESME_RINVBCAST_REP: _OURS,
    st.ESME_RINVBCASTSRVGRP: _OURS,
    st.ESME_RINVBCASTCHANIND: _OURS,
}

STATES: Final[Mapping[MessageState, tuple[ReceiptState, Reason]]] = {
    MessageState.SCHEDULED: (ReceiptState.INTERIM, Reason.NONE),
    MessageState.ENROUTE: (ReceiptState.INTERIM, Reason.NONE),
    MessageState.DELIVERED: (ReceiptState.DELIVERED, Reason.NONE),
    MessageState.EXPIRED: (ReceiptState.EXPIRED, Reason.EXPIRED),
    MessageState.DELETED: (ReceiptState.REJECTED, Reason.REJECTED),
    MessageState.UNDELIVERABLE: (ReceiptState.UNDELIVERED, Reason.UNKNOWN),
    MessageState.ACCEPTED: (ReceiptState.INTERIM, Reason.NONE),
    MessageState.UNKNOWN: (ReceiptState.UNKNOWN, Reason.UNKNOWN),
    MessageState.REJECTED: (ReceiptState.REJECTED, Reason.REJECTED),
    MessageState.SKIPPED: (ReceiptState.UNDELIVERED, Reason.UNKNOWN),
}

GSM_NETWORK: Final = 3
"""Network type of network_error_code: a GSM MAP error (SMPP 3.4 § 5.3.2.31)."""

GSM_ERRORS: Final[Mapping[int, Reason]] = {
    1: Reason.UNKNOWN_SUBSCRIBER,
    5: Reason.UNKNOWN_SUBSCRIBER,
    6: Reason.ABSENT,
    9: Reason.BARRED,
    11: Reason.BARRED,
    13: Reason.BARRED,
    21: Reason.BARRED,
    27: Reason.ABSENT,
    31: Reason.ABSENT,
    32: Reason.ABSENT,
}
"""MAP user errors (3GPP TS 29.002 § 17.6.6)."""


class Verdicts:
    """
    Outcomes of refused parts by command status; each is made once.

    Args:
        changed: The setting ``statuses``: what to do, by command status.

    """

    def __init__(self, changed: Mapping[int, Retry]) -> None:
        self._changed = changed
        self._made: dict[int, Rejected] = {}

    def rejected(self, status: int) -> Rejected:
        """Return what a command status means; the bind itself handles ``SLOWER``."""
        made = self._made.get(status)
        if made is None:
            reason, retry = STATUSES.get(status, UNKNOWN)
            retry = self._changed.get(status, retry)
            made = Rejected(reason, st.name(status), retry)
            if len(self._made) < 1000:
                self._made[status] = made
        return made

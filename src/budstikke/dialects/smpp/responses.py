"""What a customer's response to a deliver_sm or data_sm means (SMPP 3.4 § 5.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.dialects.delivery_contract import Verdict
from budstikke.smpp import status as st

if TYPE_CHECKING:
    from collections.abc import Mapping

VERDICTS: Final[Mapping[int, Verdict]] = {
    st.ESME_ROK: Verdict.TAKEN,
    st.ESME_RX_T_APPN: Verdict.LATER,
    st.ESME_RMSGQFUL: Verdict.LATER,
    st.ESME_RTHROTTLED: Verdict.LATER,
    st.ESME_RSYSERR: Verdict.LATER,
    st.ESME_RX_P_APPN: Verdict.NEVER,
    st.ESME_RX_R_APPN: Verdict.AGAIN,
}
"""By command_status; any other is ``AGAIN``."""

_NAMES: Final = {
    value: name for name, value in vars(st).items() if name.startswith("ESME_")
}


def verdict(status: int) -> Verdict:
    """Return what to do with a callback after a response with this status."""
    return VERDICTS.get(status, Verdict.AGAIN)


def status_name(status: int) -> str:
    """Write a status for the delivery log."""
    return _NAMES.get(status, f"0x{status:08X}")

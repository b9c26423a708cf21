"""
The command_status of each refusal (SMPP 3.4 § 5.1.3, 5.0 § 4.7.6), as tables.

A status that a client's version does not have is replaced when the response is written
(``smpp.versions``). docs/dialects/smpp.md has the same table, and a test compares them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.domain.refusal import RefusalCode as Code
from budstikke.smpp import status as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.smpp.settings import ThrottleStatus
    from budstikke.domain.refusal import Refusal, RefusalCode

STATUSES: Final[Mapping[RefusalCode, int]] = {
    Code.MISSING_LOGIN: st.ESME_RINVSYSID,
    # The same as for a wrong password: nobody learns who is a customer.
    Code.UNKNOWN_LOGIN: st.ESME_RINVPASWD,
    Code.WRONG_PASSWORD: st.ESME_RINVPASWD,
    Code.ADDRESS_NOT_ALLOWED: st.ESME_RBINDFAIL,
    Code.HTTPS_REQUIRED: st.ESME_RBINDFAIL,
    Code.ACCOUNT_BLOCKED: st.ESME_RBINDFAIL,
    Code.TOO_MANY_REQUESTS: st.ESME_RTHROTTLED,
    Code.MALFORMED: st.ESME_RINVCMDLEN,
    Code.TOO_LARGE: st.ESME_RINVMSGLEN,
    Code.MISSING_FIELD: st.ESME_RINVMSGLEN,
    Code.BAD_FIELD: st.ESME_RSUBMITFAIL,
    Code.BAD_RECIPIENT: st.ESME_RINVDSTADR,
    Code.NOT_MOBILE: st.ESME_RINVDSTADR,
    Code.COUNTRY_NOT_ALLOWED: st.ESME_RINVDSTADR,
    Code.NO_ROUTE: st.ESME_RINVDSTADR,
    Code.BAD_ORIGINATOR: st.ESME_RINVSRCADR,
    Code.BAD_PRICE: st.ESME_RSUBMITFAIL,
    Code.PREMIUM_NOT_ALLOWED: st.ESME_RSUBMITFAIL,
    Code.PREMIUM_BAD_RECIPIENT: st.ESME_RINVDSTADR,
    Code.PREMIUM_TOO_LONG: st.ESME_RINVMSGLEN,
    Code.TEXT_TOO_LONG: st.ESME_RINVMSGLEN,
    Code.BAD_CHARACTERS: st.ESME_RINVDCS,
    Code.UNKNOWN_GROUP: st.ESME_RINVDLNAME,
    Code.BLACKLISTED: st.ESME_RPROHIBITED,
    Code.OPTED_OUT: st.ESME_RPROHIBITED,
    Code.DUPLICATE: st.ESME_RSUBMITFAIL,
    Code.NO_CREDIT: st.ESME_RSUBMITFAIL,
    Code.SPEND_CAP: st.ESME_RSUBMITFAIL,
    Code.HELD: st.ESME_RSUBMITFAIL,
    Code.STORAGE_DOWN: st.ESME_RSYSERR,
    Code.INTERNAL: st.ESME_RSYSERR,
}

BY_FIELD: Final[Mapping[str, int]] = {
    "data_coding": st.ESME_RINVDCS,
    "dest_flag": st.ESME_RINVDESTFLAG,
    "esm_class": st.ESME_RINVESMCLASS,
    "message_id": st.ESME_RINVMSGID,
    "number_of_dests": st.ESME_RINVNUMDESTS,
    "optional_parameter": st.ESME_ROPTPARNOTALLWD,
    "optional_value": st.ESME_RINVOPTPARAMVAL,
    "priority_flag": st.ESME_RINVPRTFLG,
    "replace_if_present_flag": st.ESME_RINVREPFLAG,
    "schedule_delivery_time": st.ESME_RINVSCHED,
    "sm_default_msg_id": st.ESME_RINVDFTMSGID,
    "validity_period": st.ESME_RINVEXPIRY,
}
"""The status of a ``BAD_FIELD`` whose ``field`` is this."""

AT_BIND: Final[Mapping[RefusalCode, int]] = {
    Code.TOO_MANY_REQUESTS: st.ESME_RBINDFAIL,
    Code.BAD_FIELD: st.ESME_RBINDFAIL,
}
"""Other statuses in a response to a bind."""

BOUND: Final[Mapping[RefusalCode, int]] = {
    Code.ACCOUNT_BLOCKED: st.ESME_RSUBMITFAIL,
    Code.UNKNOWN_LOGIN: st.ESME_RSUBMITFAIL,
}
"""Other statuses for a session whose access was blocked or removed after its bind."""

THROTTLED: Final[Mapping[ThrottleStatus, int]] = {
    "ESME_RTHROTTLED": st.ESME_RTHROTTLED,
    "ESME_RMSGQFUL": st.ESME_RMSGQFUL,
}
"""By the setting ``throttle_status``: the status of ``TOO_MANY_REQUESTS``."""


def status_of(refusal: Refusal, throttle: ThrottleStatus = "ESME_RTHROTTLED") -> int:
    """Return the command_status of a refused request of a bound session."""
    if refusal.code is Code.TOO_MANY_REQUESTS:
        return THROTTLED[throttle]
    if refusal.code is Code.BAD_FIELD:
        return BY_FIELD.get(refusal.field, STATUSES[refusal.code])
    return BOUND.get(refusal.code, STATUSES[refusal.code])


def bind_status_of(refusal: Refusal) -> int:
    """Return the command_status of a refused bind."""
    return AT_BIND.get(refusal.code, STATUSES[refusal.code])

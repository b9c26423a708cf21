"""
Status codes (the original's appendices A and B), and their meaning here.

``TEXTS`` has their words; ``CODES`` and ``CAUSES`` give the code of a refusal,
``STATES`` and ``REASONS`` that of a message's state.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from budstikke.dialects.ip1.operations import MMS, SMS, URL
from budstikke.domain.receipt import Reason
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.domain.queries import MessageAnswer

TEXTS: Mapping[int, str] = {
    0: "Delivered to gateway",
    1: "Gateway login failed",
    2: "Invalid message content",
    3: "Invalid phone number format",
    4: "Insufficient funds",
    10: "Received by the gateway",
    11: "Delayed delivery",
    12: "Delayed delivery cancelled",
    21: "Delivered to the GSM network",
    22: "Delivered to the phone",
    30: "Insufficient funds",
    41: "Invalid message content",
    42: "Internal error",
    43: "Delivery failed",
    50: "General delivery error",
    51: "Delivery to GSM network failed",
    52: "Delivery to phone failed",
    100: "Insufficient credits",
    101: "Wrong account credentials",
    110: "Parameter error",
}
"""Appendix A: SMS."""

MMS_TEXTS: Mapping[int, str] = {
    **{code: TEXTS[code] for code in (0, 1, 2, 3, 4, 11, 21, 22, 30, 41, 42)},
    44: "Delivery failed",
    45: "Invalid phone number",
    50: "General delivery error",
}
"""Appendix B: MMS."""


class Cause(Enum):
    """The cause of a refusal, as far as these codes distinguish it."""

    LOGIN = auto()
    CONTENT = auto()
    NUMBER = auto()
    FUNDS = auto()
    PARAMETER = auto()
    OURS = auto()


_C, _R = Cause, RefusalCode

CODES: Mapping[str, Mapping[Cause, int]] = {
    URL.name: {
        _C.LOGIN: 1,
        _C.CONTENT: 2,
        _C.NUMBER: 3,
        _C.FUNDS: 4,
        _C.PARAMETER: 110,
        _C.OURS: 42,
    },
    SMS.name: {
        _C.LOGIN: 101,
        _C.CONTENT: 2,
        _C.NUMBER: 3,
        _C.FUNDS: 100,
        _C.PARAMETER: 110,
        _C.OURS: 42,
    },
    MMS.name: {
        _C.LOGIN: 1,
        _C.CONTENT: 2,
        _C.NUMBER: 3,
        _C.FUNDS: 4,
        _C.PARAMETER: 2,
        _C.OURS: 42,
    },
}
"""By service: the codes of request errors."""

CAUSES: Mapping[RefusalCode, Cause] = {
    _R.MISSING_LOGIN: _C.LOGIN,
    _R.UNKNOWN_LOGIN: _C.LOGIN,
    _R.WRONG_PASSWORD: _C.LOGIN,
    _R.ADDRESS_NOT_ALLOWED: _C.LOGIN,
    _R.HTTPS_REQUIRED: _C.LOGIN,
    _R.ACCOUNT_BLOCKED: _C.LOGIN,
    _R.TOO_MANY_REQUESTS: _C.OURS,
    _R.MALFORMED: _C.PARAMETER,
    _R.TOO_LARGE: _C.CONTENT,
    _R.MISSING_FIELD: _C.PARAMETER,
    _R.BAD_FIELD: _C.PARAMETER,
    _R.BAD_RECIPIENT: _C.NUMBER,
    _R.NOT_MOBILE: _C.NUMBER,
    _R.COUNTRY_NOT_ALLOWED: _C.LOGIN,
    _R.NO_ROUTE: _C.NUMBER,
    _R.BAD_ORIGINATOR: _C.PARAMETER,
    _R.BAD_PRICE: _C.PARAMETER,
    _R.PREMIUM_NOT_ALLOWED: _C.LOGIN,
    _R.PREMIUM_BAD_RECIPIENT: _C.NUMBER,
    _R.PREMIUM_TOO_LONG: _C.CONTENT,
    _R.TEXT_TOO_LONG: _C.CONTENT,
    _R.BAD_CHARACTERS: _C.CONTENT,
    _R.UNKNOWN_GROUP: _C.NUMBER,
    _R.BLACKLISTED: _C.NUMBER,
    _R.OPTED_OUT: _C.NUMBER,
    _R.DUPLICATE: _C.CONTENT,
    _R.NO_CREDIT: _C.FUNDS,
    _R.SPEND_CAP: _C.LOGIN,
    _R.HELD: _C.LOGIN,
    _R.STORAGE_DOWN: _C.OURS,
    _R.INTERNAL: _C.OURS,
}

BY_FIELD: Mapping[str, Cause] = {
    "to": _C.NUMBER,
    "till": _C.NUMBER,
    "numbers": _C.NUMBER,
    "msg": _C.CONTENT,
    "meddelande": _C.CONTENT,
    "files": _C.CONTENT,
}
"""By parameter: the cause if it is missing or bad."""

_M = MessageState

STATES: Mapping[str, Mapping[MessageState, int]] = {
    SMS.name: {
        _M.ACCEPTED: 10,
        _M.SCHEDULED: 11,
        _M.CANCELLED: 12,
        _M.SENT: 21,
        _M.DELIVERED: 22,
        _M.UNDELIVERED: 43,
        _M.EXPIRED: 51,
        _M.REJECTED: 51,
    },
    MMS.name: {
        _M.ACCEPTED: 0,
        _M.SCHEDULED: 11,
        _M.CANCELLED: 44,
        _M.SENT: 21,
        _M.DELIVERED: 22,
        _M.UNDELIVERED: 44,
        _M.EXPIRED: 44,
        _M.REJECTED: 44,
    },
}
"""By service: the codes of states; the code of a reason is better."""

FAILED = frozenset({_M.UNDELIVERED, _M.EXPIRED, _M.REJECTED})

REASONS: Mapping[str, Mapping[str, int]] = {
    SMS.name: {
        RefusalCode.NO_CREDIT: 30,  # when the message was due
        Reason.CONTENT: 41,
        Reason.INTERNAL: 42,
        Reason.NO_ROUTE: 42,
        Reason.UNSURE: 43,
        Reason.UNKNOWN: 50,
        Reason.EXPIRED: 51,
        Reason.REJECTED: 51,
        Reason.PREMIUM: 51,
        Reason.BAD_ORIGINATOR: 51,
        Reason.THROTTLED: 51,
        Reason.UNKNOWN_SUBSCRIBER: 51,
        Reason.ABSENT: 52,
        Reason.BARRED: 52,
    },
    MMS.name: {
        RefusalCode.NO_CREDIT: 30,
        Reason.CONTENT: 41,
        Reason.INTERNAL: 42,
        Reason.NO_ROUTE: 42,
        Reason.UNKNOWN: 50,
        Reason.UNKNOWN_SUBSCRIBER: 45,
    },
}
"""By service: the codes of reasons; others have the code of their state."""


def refused(service: str, refusal: Refusal) -> int:
    """Return the code of a refusal, by the parameter at fault if there is one."""
    cause = CAUSES[refusal.code]
    if refusal.code in (RefusalCode.MISSING_FIELD, RefusalCode.BAD_FIELD):
        cause = BY_FIELD.get(refusal.field, cause)
    return CODES[service][cause]


def status(service: str, message: MessageAnswer) -> int:
    """Return the code of a message's state."""
    state = STATES[service][message.state]
    if message.state not in FAILED:
        return state
    if message.reason == Reason.UNKNOWN and not message.raw:
        return state
    return REASONS[service].get(message.reason, state)


def describe(code: str) -> str:
    """Return the words of a status code; of 110 for an unknown one."""
    digits = code.strip()
    known = digits.isascii() and digits.isdigit() and len(digits) < 4
    return TEXTS.get(int(digits) if known else 110, TEXTS[110])

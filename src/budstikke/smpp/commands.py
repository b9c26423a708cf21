"""
Command identifiers (SMPP 3.4 § 5.1.2.1; 5.0 adds broadcasting, not in use here).

Plain integers: they are compared for every PDU, and enum members cost more to reach.
"""

from __future__ import annotations

from typing import Final

RESPONSE: Final = 0x80000000
"""The bit that a response adds to its request's identifier."""

GENERIC_NACK: Final = 0x80000000
BIND_RECEIVER: Final = 0x00000001
BIND_RECEIVER_RESP: Final = 0x80000001
BIND_TRANSMITTER: Final = 0x00000002
BIND_TRANSMITTER_RESP: Final = 0x80000002
QUERY_SM: Final = 0x00000003
QUERY_SM_RESP: Final = 0x80000003
SUBMIT_SM: Final = 0x00000004
SUBMIT_SM_RESP: Final = 0x80000004
DELIVER_SM: Final = 0x00000005
DELIVER_SM_RESP: Final = 0x80000005
UNBIND: Final = 0x00000006
UNBIND_RESP: Final = 0x80000006
REPLACE_SM: Final = 0x00000007
REPLACE_SM_RESP: Final = 0x80000007
CANCEL_SM: Final = 0x00000008
CANCEL_SM_RESP: Final = 0x80000008
BIND_TRANSCEIVER: Final = 0x00000009
BIND_TRANSCEIVER_RESP: Final = 0x80000009
OUTBIND: Final = 0x0000000B
ENQUIRE_LINK: Final = 0x00000015
ENQUIRE_LINK_RESP: Final = 0x80000015
SUBMIT_MULTI: Final = 0x00000021
SUBMIT_MULTI_RESP: Final = 0x80000021
ALERT_NOTIFICATION: Final = 0x00000102
DATA_SM: Final = 0x00000103
DATA_SM_RESP: Final = 0x80000103

BINDS: Final[frozenset[int]] = frozenset(
    {BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER}
)
UNANSWERED: Final[frozenset[int]] = frozenset({OUTBIND, ALERT_NOTIFICATION})
"""Requests that have no response."""

NAMES: Final[dict[int, str]] = {
    value: name.lower()
    for name, value in list(globals().items())
    if isinstance(value, int) and name != "RESPONSE"
}


def name(command: int) -> str:
    """Name a command for logs; an unknown one by its hexadecimal identifier."""
    return NAMES.get(command) or f"0x{command:08x}"

"""
The fields of each PDU in the order of the wire: SMPP 3.4 chapter 4 as tables.

``codec`` builds and parses by them. To add a PDU: its class in ``pdus``, its identifier
in ``commands``, one row here. Sizes of strings count the closing NUL and limit what we
build; from peers we accept more (``codec.LONGEST_STRING``).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from budstikke.smpp import commands as cmd
from budstikke.smpp import pdus
from budstikke.smpp import status as st


class Kind(Enum):
    """How a field is written."""

    INTEGER = 1
    """One octet."""
    STRING = 2
    """C-octet string: closed by NUL."""
    MESSAGE = 3
    """One octet of length, then so many octets."""
    DESTINATIONS = 4
    """One octet of count, then SME addresses and distribution lists."""
    UNSUCCESSFUL = 5
    """One octet of count, then addresses with a status of four octets."""


class Field(NamedTuple):
    """One field; ``fault`` is the command status of the response to a bad one."""

    name: str
    kind: Kind
    size: int
    fault: int


class Layout(NamedTuple):
    """One PDU's body; optional parameters may follow any of them."""

    body: type[pdus.Body]
    fields: tuple[Field, ...]


def _integer(name: str, fault: int = st.ESME_RINVCMDLEN) -> Field:
    return Field(name, Kind.INTEGER, 1, fault)


def _string(name: str, size: int, fault: int = st.ESME_RINVPARLEN) -> Field:
    return Field(name, Kind.STRING, size, fault)


_SERVICE_TYPE = _string("service_type", 6, st.ESME_RINVSERTYP)
_MESSAGE_ID = _string("message_id", 65, st.ESME_RINVMSGID)
_SCHEDULE = _string("schedule_delivery_time", 17, st.ESME_RINVSCHED)
_VALIDITY = _string("validity_period", 17, st.ESME_RINVEXPIRY)
_REGISTERED = _integer("registered_delivery")
_DEFAULT_MESSAGE = _integer("sm_default_msg_id")
_TEXT = Field("short_message", Kind.MESSAGE, 254, st.ESME_RINVMSGLEN)


def _source(size: int) -> tuple[Field, ...]:
    return (
        _integer("source_addr_ton"),
        _integer("source_addr_npi"),
        _string("source_addr", size, st.ESME_RINVSRCADR),
    )


def _destination(size: int) -> tuple[Field, ...]:
    return (
        _integer("dest_addr_ton"),
        _integer("dest_addr_npi"),
        _string("destination_addr", size, st.ESME_RINVDSTADR),
    )


_LOGIN = (
    _string("system_id", 16, st.ESME_RINVSYSID),
    _string("password", 9, st.ESME_RINVPASWD),
)
_BIND = (
    *_LOGIN,
    _string("system_type", 13, st.ESME_RINVSYSTYP),
    _integer("interface_version"),
    _integer("addr_ton"),
    _integer("addr_npi"),
    _string("address_range", 41),
)
_HANDLING = (
    _integer("esm_class"),
    _integer("protocol_id"),
    _integer("priority_flag"),
    _SCHEDULE,
    _VALIDITY,
    _REGISTERED,
    _integer("replace_if_present_flag"),
    _integer("data_coding"),
    _DEFAULT_MESSAGE,
    _TEXT,
)
_SM = (_SERVICE_TYPE, *_source(21), *_destination(21), *_HANDLING)

_REQUESTS: Final[dict[int, tuple[type[pdus.Body], tuple[Field, ...]]]] = {
    cmd.BIND_RECEIVER: (pdus.Bind, _BIND),
    cmd.BIND_TRANSMITTER: (pdus.Bind, _BIND),
    cmd.BIND_TRANSCEIVER: (pdus.Bind, _BIND),
    cmd.OUTBIND: (pdus.Outbind, _LOGIN),
    cmd.UNBIND: (pdus.Empty, ()),
    cmd.ENQUIRE_LINK: (pdus.Empty, ()),
    cmd.SUBMIT_SM: (pdus.Sm, _SM),
    cmd.DELIVER_SM: (pdus.Sm, _SM),
    cmd.SUBMIT_MULTI: (
        pdus.SubmitMulti,
        (
            _SERVICE_TYPE,
            *_source(21),
            Field("destinations", Kind.DESTINATIONS, 254, st.ESME_RINVNUMDESTS),
            *_HANDLING,
        ),
    ),
    cmd.DATA_SM: (
        pdus.DataSm,
        (
            _SERVICE_TYPE,
            *_source(65),
            *_destination(65),
            _integer("esm_class"),
            _REGISTERED,
            _integer("data_coding"),
        ),
    ),
    cmd.QUERY_SM: (pdus.QuerySm, (_MESSAGE_ID, *_source(21))),
    cmd.CANCEL_SM: (
        pdus.CancelSm,
        (_SERVICE_TYPE, _MESSAGE_ID, *_source(21), *_destination(21)),
    ),
    cmd.REPLACE_SM: (
        pdus.ReplaceSm,
        (
            _MESSAGE_ID,
            *_source(21),
            _SCHEDULE,
            _VALIDITY,
            _REGISTERED,
            _DEFAULT_MESSAGE,
            _TEXT,
        ),
    ),
    cmd.ALERT_NOTIFICATION: (
        pdus.AlertNotification,
        (
            *_source(65),
            _integer("esme_addr_ton"),
            _integer("esme_addr_npi"),
            _string("esme_addr", 65),
        ),
    ),
}

_BIND_RESP = (_string("system_id", 16),)
_ID = (_MESSAGE_ID,)

_RESPONSES: Final[dict[int, tuple[type[pdus.Body], tuple[Field, ...]]]] = {
    cmd.GENERIC_NACK: (pdus.Empty, ()),
    cmd.BIND_RECEIVER_RESP: (pdus.BindResp, _BIND_RESP),
    cmd.BIND_TRANSMITTER_RESP: (pdus.BindResp, _BIND_RESP),
    cmd.BIND_TRANSCEIVER_RESP: (pdus.BindResp, _BIND_RESP),
    cmd.UNBIND_RESP: (pdus.Empty, ()),
    cmd.ENQUIRE_LINK_RESP: (pdus.Empty, ()),
    cmd.SUBMIT_SM_RESP: (pdus.MessageId, _ID),
    cmd.DELIVER_SM_RESP: (pdus.MessageId, _ID),
    cmd.DATA_SM_RESP: (pdus.MessageId, _ID),
    cmd.SUBMIT_MULTI_RESP: (
        pdus.SubmitMultiResp,
        (
            *_ID,
            Field("unsuccessful", Kind.UNSUCCESSFUL, 255, st.ESME_RINVNUMDESTS),
        ),
    ),
    cmd.QUERY_SM_RESP: (
        pdus.QuerySmResp,
        (
            *_ID,
            _string("final_date", 17),
            _integer("message_state"),
            _integer("error_code"),
        ),
    ),
    cmd.CANCEL_SM_RESP: (pdus.Empty, ()),
    cmd.REPLACE_SM_RESP: (pdus.Empty, ()),
}

LAYOUTS: Final[dict[int, Layout]] = {
    command: Layout(body, fields)
    for command, (body, fields) in (_REQUESTS | _RESPONSES).items()
}

BODILESS: Final = frozenset(
    {
        cmd.BIND_RECEIVER_RESP,
        cmd.BIND_TRANSMITTER_RESP,
        cmd.BIND_TRANSCEIVER_RESP,
        cmd.SUBMIT_SM_RESP,
    }
)
"""
Responses without a body when their status is an error (SMPP 3.4 § 4.1.2 to 6, § 4.4.2).

All others have their mandatory fields, too: § 4.5.2, § 4.6.2, § 4.7.2, § 4.8.2.
"""


def error_body(command: int, request: pdus.Body | None) -> pdus.Body | None:
    """
    Make the body of a response whose status is an error; ``None``: it has no body.

    Args:
        command: The response's.
        request: The request's body, if it could be read: query_sm_resp repeats its
            message id, with the state UNKNOWN.

    """
    if command in BODILESS:
        return None
    if command == cmd.QUERY_SM_RESP:
        queried = request.message_id if isinstance(request, pdus.QuerySm) else ""
        fits = len(queried) < _MESSAGE_ID.size
        return pdus.QuerySmResp(queried if fits else "", "", _STATE_UNKNOWN, 0)
    return LAYOUTS[command].body()


_STATE_UNKNOWN: Final = 7
"""message_state UNKNOWN; SMPP 3.4 § 5.2.28 has no 0."""

"""
Optional parameters (SMPP 3.4 § 5.3.2, 5.0 § 4.8.4): tags, names and forms.

The parser keeps every parameter as (tag, octets), known or not. ``VENDOR`` tags,
0x1400 to 0x3FFF, belong to operators (for instance India's DLT entity ids).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from budstikke.smpp.errors import PduError
from budstikke.smpp.status import ESME_RINVOPTPARAMVAL

VENDOR: Final = range(0x1400, 0x4000)

DEST_ADDR_SUBUNIT: Final = 0x0005
SOURCE_ADDR_SUBUNIT: Final = 0x000D
QOS_TIME_TO_LIVE: Final = 0x0017
PAYLOAD_TYPE: Final = 0x0019
ADDITIONAL_STATUS_INFO_TEXT: Final = 0x001D
RECEIPTED_MESSAGE_ID: Final = 0x001E
MS_MSG_WAIT_FACILITIES: Final = 0x0030
PRIVACY_INDICATOR: Final = 0x0201
SOURCE_SUBADDRESS: Final = 0x0202
DEST_SUBADDRESS: Final = 0x0203
USER_MESSAGE_REFERENCE: Final = 0x0204
USER_RESPONSE_CODE: Final = 0x0205
SOURCE_PORT: Final = 0x020A
DESTINATION_PORT: Final = 0x020B
SAR_MSG_REF_NUM: Final = 0x020C
LANGUAGE_INDICATOR: Final = 0x020D
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F
SC_INTERFACE_VERSION: Final = 0x0210
DISPLAY_TIME: Final = 0x1201
MESSAGE_STATE: Final = 0x0427
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
DELIVERY_FAILURE_REASON: Final = 0x0425
MORE_MESSAGES_TO_SEND: Final = 0x0426
CONGESTION_STATE: Final = 0x0428
USSD_SERVICE_OP: Final = 0x0501
ITS_SESSION_INFO: Final = 0x1383


class Form(Enum):
    """How the value of a parameter is written."""

    INTEGER = 1
    """Big-endian, as long as it is."""
    STRING = 2
    """C-octet string; peers often leave the NUL out."""
    OCTETS = 3


class Parameter(NamedTuple):
    """``size`` is the length of an integer, octets; 0: any length."""

    name: str
    form: Form
    size: int = 0


PARAMETERS: Final[dict[int, Parameter]] = {
    DEST_ADDR_SUBUNIT: Parameter("dest_addr_subunit", Form.INTEGER, 1),
    0x0006: Parameter("dest_network_type", Form.INTEGER, 1),
    0x0007: Parameter("dest_bearer_type", Form.INTEGER, 1),
    0x0008: Parameter("dest_telematics_id", Form.INTEGER, 2),
    SOURCE_ADDR_SUBUNIT: Parameter("source_addr_subunit", Form.INTEGER, 1),
    0x000E: Parameter("source_network_type", Form.INTEGER, 1),
    0x000F: Parameter("source_bearer_type", Form.INTEGER, 1),
    0x0010: Parameter("source_telematics_id", Form.INTEGER, 1),
    QOS_TIME_TO_LIVE: Parameter("qos_time_to_live", Form.INTEGER, 4),
    PAYLOAD_TYPE: Parameter("payload_type", Form.INTEGER, 1),
    ADDITIONAL_STATUS_INFO_TEXT: Parameter("additional_status_info_text", Form.STRING),
    RECEIPTED_MESSAGE_ID: Parameter("receipted_message_id", Form.STRING),
    MS_MSG_WAIT_FACILITIES: Parameter("ms_msg_wait_facilities", Form.INTEGER, 1),
    PRIVACY_INDICATOR: Parameter("privacy_indicator", Form.INTEGER, 1),
    SOURCE_SUBADDRESS: Parameter("source_subaddress", Form.OCTETS),
    DEST_SUBADDRESS: Parameter("dest_subaddress", Form.OCTETS),
    USER_MESSAGE_REFERENCE: Parameter("user_message_reference", Form.INTEGER, 2),
    USER_RESPONSE_CODE: Parameter("user_response_code", Form.INTEGER, 1),
    SOURCE_PORT: Parameter("source_port", Form.INTEGER, 2),
    DESTINATION_PORT: Parameter("destination_port", Form.INTEGER, 2),
    SAR_MSG_REF_NUM: Parameter("sar_msg_ref_num", Form.INTEGER, 2),
    LANGUAGE_INDICATOR: Parameter("language_indicator", Form.INTEGER, 1),
    SAR_TOTAL_SEGMENTS: Parameter("sar_total_segments", Form.INTEGER, 1),
    SAR_SEGMENT_SEQNUM: Parameter("sar_segment_seqnum", Form.INTEGER, 1),
    SC_INTERFACE_VERSION: Parameter("sc_interface_version", Form.INTEGER, 1),
    0x0302: Parameter("callback_num_pres_ind", Form.INTEGER, 1),
    0x0303: Parameter("callback_num_atag", Form.OCTETS),
    0x0304: Parameter("number_of_messages", Form.INTEGER, 1),
    0x0381: Parameter("callback_num", Form.OCTETS),
    0x0420: Parameter("dpf_result", Form.INTEGER, 1),
    0x0421: Parameter("set_dpf", Form.INTEGER, 1),
    0x0422: Parameter("ms_availability_status", Form.INTEGER, 1),
    NETWORK_ERROR_CODE: Parameter("network_error_code", Form.OCTETS),
    MESSAGE_PAYLOAD: Parameter("message_payload", Form.OCTETS),
    DELIVERY_FAILURE_REASON: Parameter("delivery_failure_reason", Form.INTEGER, 1),
    MORE_MESSAGES_TO_SEND: Parameter("more_messages_to_send", Form.INTEGER, 1),
    MESSAGE_STATE: Parameter("message_state", Form.INTEGER, 1),
    CONGESTION_STATE: Parameter("congestion_state", Form.INTEGER, 1),
    USSD_SERVICE_OP: Parameter("ussd_service_op", Form.OCTETS),
    0x0600: Parameter("broadcast_channel_indicator", Form.INTEGER, 1),
    0x060D: Parameter("source_network_id", Form.STRING),
    0x060E: Parameter("dest_network_id", Form.STRING),
    0x060F: Parameter("source_node_id", Form.OCTETS),
    0x0610: Parameter("dest_node_id", Form.OCTETS),
    0x0611: Parameter("dest_addr_np_resolution", Form.INTEGER, 1),
    0x0612: Parameter("dest_addr_np_information", Form.OCTETS),
    0x0613: Parameter("dest_addr_np_country", Form.OCTETS),
    DISPLAY_TIME: Parameter("display_time", Form.INTEGER, 1),
    0x1203: Parameter("sms_signal", Form.INTEGER, 2),
    0x1204: Parameter("ms_validity", Form.OCTETS),
    0x130C: Parameter("alert_on_message_delivery", Form.OCTETS),
    0x1380: Parameter("its_reply_type", Form.INTEGER, 1),
    ITS_SESSION_INFO: Parameter("its_session_info", Form.OCTETS),
}

TAGS: Final[dict[str, int]] = {each.name: tag for tag, each in PARAMETERS.items()}


def name(tag: int) -> str:
    """Name a parameter; an unknown one by its hexadecimal tag, ``0x1400``."""
    known = PARAMETERS.get(tag)
    return known.name if known else f"0x{tag:04x}"


def value(tag: int, octets: bytes) -> int | str | bytes:
    """Read a parameter by its form; never fails: an unknown one stays octets."""
    known = PARAMETERS.get(tag)
    if known is None or known.form is Form.OCTETS:
        return octets
    if known.form is Form.INTEGER:
        return int.from_bytes(octets[:8], "big")
    return string(octets)


def string(octets: bytes) -> str:
    """Read a C-octet string parameter, with its NUL or without, as Latin-1."""
    return octets.partition(b"\0")[0].decode("latin-1")


def parameter(tag: int, content: int | str | bytes) -> tuple[int, bytes]:
    """
    Build a parameter by its form.

    Raises:
        PduError: An integer of a tag without a known size, or one that does not fit,
            or a string outside Latin-1.

    """
    if isinstance(content, bytes):
        return tag, content
    try:
        if isinstance(content, str):
            return tag, content.encode("latin-1") + b"\0"
        return tag, content.to_bytes(PARAMETERS[tag].size or 1, "big")
    except (KeyError, OverflowError, UnicodeEncodeError) as error:
        fault = f"{name(tag)} cannot hold {content!r}"
        raise PduError(fault, ESME_RINVOPTPARAMVAL) from error

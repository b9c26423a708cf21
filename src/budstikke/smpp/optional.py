"""
Optional parameters on the wire: tag, length, value (SMPP 3.4 § 3.2.4.1).

Reading them never fails, because the mandatory part before them matters more: the
result has the parameters that are whole, and the fault of the rest.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.smpp import status as st
from budstikke.smpp.errors import PduError
from budstikke.smpp.tags import MESSAGE_PAYLOAD, name

if TYPE_CHECKING:
    from budstikke.smpp.pdus import Tlvs

_HEAD: Final = Struct(">HH")
_PADDING: Final = 3
"""NULs to skip."""


class Parameters(NamedTuple):
    """
    Optional parameters as they were read.

    Attributes:
        tlvs: Those that are whole, in order.
        fault: What is wrong with the octets after them; ``None``: nothing. Never fatal.

    """

    tlvs: list[tuple[int, bytes]]
    fault: PduError | None


def parse_tlvs(data: bytes, start: int, end: int) -> Parameters:
    """
    Parse the optional parameters in ``data[start:end]``; never fails.

    It skips up to three NULs after the last one, since some peers pad, and before the
    first one if it can read more then: some peers end a text by a NUL that sm_length
    does not count. It keeps the octets of a message_payload that is cut off, since they
    are a text.
    """
    best = _parse(data, start, end)
    if best.fault is None:
        return best
    for begin in range(start + 1, min(start + _PADDING, end) + 1):
        if data[begin - 1]:
            break
        parsed = _parse(data, begin, end)
        if parsed.fault is None:
            return parsed
        if len(parsed.tlvs) > len(best.tlvs):
            best = parsed
    return best


def _parse(data: bytes, start: int, end: int) -> Parameters:
    tlvs: list[tuple[int, bytes]] = []
    while end - start >= 4:
        tag, length = _HEAD.unpack_from(data, start)
        stop = start + 4 + length
        if stop > end:
            if tag == MESSAGE_PAYLOAD:
                tlvs.append((tag, data[start + 4 : end]))
            fault = PduError(f"parameter {name(tag)} is cut off", st.ESME_RINVPARLEN)
            return Parameters(tlvs, fault)
        tlvs.append((tag, data[start + 4 : stop]))
        start = stop
    if start < end and data[start:end].strip(b"\0"):
        text = "octets after the last parameter"
        return Parameters(tlvs, PduError(text, st.ESME_RINVOPTPARSTREAM))
    return Parameters(tlvs, None)


def build_tlvs(tlvs: Tlvs) -> bytes:
    """
    Build optional parameters in the order given.

    Raises:
        PduError: A tag or a length that does not fit in two octets.

    """
    pieces: list[bytes] = []
    for tag, value in tlvs:
        if not 0 <= tag <= 0xFFFF or len(value) > 0xFFFF:
            raise PduError(f"parameter 0x{tag:04x} does not fit", st.ESME_RINVPARLEN)
        pieces.append(_HEAD.pack(tag, len(value)))
        pieces.append(value)
    return b"".join(pieces)

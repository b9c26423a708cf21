"""Optional parameters on the wire: tag, length, value (SMPP 3.4 § 3.2.4.1)."""

from __future__ import annotations

from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Final

from budstikke.smpp import status as st
from budstikke.smpp.errors import PduError

if TYPE_CHECKING:
    from budstikke.smpp.pdus import Tlvs

_HEAD: Final = Struct(">HH")
_PADDING: Final = 3
"""NULs that are passed over."""


def parse_tlvs(data: bytes, start: int, end: int) -> list[tuple[int, bytes]]:
    """
    Parse the optional parameters in ``data[start:end]``, in order.

    Up to three NULs after the last one are passed over: some peers pad. So are those
    before the first one, where nothing else can be read: some peers close a text by a
    NUL that sm_length does not count.

    Raises:
        PduError: Recoverable: a head or a value is cut off.

    """
    try:
        return _parse(data, start, end)
    except PduError:
        for begin in range(start + 1, min(start + _PADDING, end) + 1):
            if data[begin - 1]:
                break
            with suppress(PduError):
                return _parse(data, begin, end)
        raise


def _parse(data: bytes, start: int, end: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while end - start >= 4:
        tag, length = _HEAD.unpack_from(data, start)
        stop = start + 4 + length
        if stop > end:
            raise PduError(f"parameter 0x{tag:04x} is cut off", st.ESME_RINVPARLEN)
        found.append((tag, data[start + 4 : stop]))
        start = stop
    if start < end and data[start:end].strip(b"\0"):
        raise PduError("octets after the last parameter", st.ESME_RINVOPTPARSTREAM)
    return found


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

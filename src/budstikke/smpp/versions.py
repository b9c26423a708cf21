"""
What may be said to a peer of an earlier version (SMPP 3.4 § 3.4.2, § 5.2.4).

A message centre learns the version by ``interface_version`` of the bind. To 3.3 it
writes no optional parameters and message ids of eight octets at most, and to nobody a
command status that the peer's version does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.smpp import status as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.smpp.pdus import Tlvs

V34: Final = 0x34
V50: Final = 0x50

LONGEST_OLD_ID: Final = 8
"""Octets of a message id for a peer before 3.4: so many hexadecimal digits."""

SINCE: Final = ((0x100, V50), (0xC0, V34))
"""First command status, and the version that brought it and those above."""

OLDER: Final[Mapping[int, int]] = {
    st.ESME_RSERTYPUNAUTH: st.ESME_RINVSERTYP,
    st.ESME_RSERTYPUNAVAIL: st.ESME_RSYSERR,
    st.ESME_RSERTYPDENIED: st.ESME_RINVSERTYP,
    st.ESME_RINVSRCADDRSUBUNIT: st.ESME_RINVOPTPARAMVAL,
    st.ESME_RINVDSTADDRSUBUNIT: st.ESME_RINVOPTPARAMVAL,
    st.ESME_RBCASTQUERYFAIL: st.ESME_RQUERYFAIL,
    st.ESME_RBCASTCANCELFAIL: st.ESME_RCANCELFAIL,
    st.ESME_RINVOPTPARSTREAM: st.ESME_RINVCMDLEN,
    st.ESME_RINVPARLEN: st.ESME_RINVCMDLEN,
    st.ESME_RUNKNOWNERR: st.ESME_RSYSERR,
}
"""What is said instead; for all others ``OTHERS``."""

OTHERS: Final = st.ESME_RSUBMITFAIL
"""It failed, and doing it again does not help."""

_VENDOR: Final = range(0x400, 0x500)
"""Statuses of message centres' own (SMPP 3.4 § 5.1.3): of no version."""


def speaks_parameters(version: int) -> bool:
    """Say whether a peer of this interface_version knows optional parameters."""
    return version >= V34


def status_for(version: int, status: int) -> int:
    """Bring a command status into the words of a peer of this interface_version."""
    for first, since in SINCE:
        if first <= status and version < since and status not in _VENDOR:
            status = OLDER.get(status, OTHERS)
    return status


def said_to(version: int, status: int, tlvs: Tlvs) -> tuple[int, Tlvs]:
    """Bring a PDU's status and parameters to what a peer of a version knows."""
    return status_for(version, status), tlvs if speaks_parameters(version) else ()

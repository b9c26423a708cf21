"""
What to write to a peer of an earlier version (SMPP 3.4 § 3.4.2, § 5.2.4).

A bind's ``interface_version`` gives a message centre the version. It writes to a client
of 3.3 no optional parameters and message ids of at most eight octets, and to every
client only command statuses of the client's version.
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
"""Octets of a message id for a peer before 3.4: hexadecimal digits."""

SINCE: Final = ((0x100, V50), (0xC0, V34))
"""(first command status, version): that version added this one and those above it."""

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
"""By command status: the one to write instead. All others become ``OTHERS``."""

OTHERS: Final = st.ESME_RSUBMITFAIL
"""It failed, and will fail again."""

_VENDOR: Final = range(0x400, 0x500)
"""Statuses that message centres define (SMPP 3.4 § 5.1.3), in any version."""


def speaks_parameters(version: int) -> bool:
    """Whether a peer of this interface_version knows optional parameters."""
    return version >= V34


def status_for(version: int, status: int) -> int:
    """Return a command status that a peer of this interface_version knows."""
    for first, since in SINCE:
        if first <= status and version < since and status not in _VENDOR:
            status = OLDER.get(status, OTHERS)
    return status


def for_version(version: int, status: int, tlvs: Tlvs) -> tuple[int, Tlvs]:
    """Return the status and the parameters to write to a peer of this version."""
    return status_for(version, status), tlvs if speaks_parameters(version) else ()

"""The one exception of this package."""

from __future__ import annotations

from budstikke.smpp import status as st


class PduError(Exception):
    """
    A PDU that breaks the rules: the peer's, or one that we were asked to build.

    Args:
        message: What is wrong, for logs; never holds a password.
        status: The command status that answers it (SMPP 3.4 § 5.1.3).
        fatal: The stream can no longer be followed: close. Otherwise the PDU is
            answered with ``status`` and the session goes on.

    """

    def __init__(
        self, message: str, status: int = st.ESME_RSYSERR, *, fatal: bool = False
    ) -> None:
        super().__init__(f"{message} ({st.name(status)})")
        self.status = status
        self.fatal = fatal

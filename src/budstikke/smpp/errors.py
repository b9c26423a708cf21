"""The one exception of this package."""

from __future__ import annotations

from budstikke.smpp import status as st


class PduError(Exception):
    """
    A PDU that breaks the rules: one from the peer, or one to build.

    Args:
        message: What is wrong, for logs; never holds a password.
        status: The command status of the response (SMPP 3.4 § 5.1.3).
        fatal: The next PDU cannot be found: close the connection. Otherwise respond
            with ``status`` and go on.

    """

    def __init__(
        self, message: str, status: int = st.ESME_RSYSERR, *, fatal: bool = False
    ) -> None:
        super().__init__(f"{message} ({st.name(status)})")
        self.status = status
        self.fatal = fatal

"""What flow needs of whoever carries callbacks and mails to customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from budstikke.wire import WireRequest, WireResponse


class NotReached(Exception):  # noqa: N818 - a customer's server being away is normal
    """The customer's server could not be asked; the message says why."""


class CallbackTransport(Protocol):
    """Carries one callback and brings the answer."""

    async def deliver(
        self, request: WireRequest, seconds: float | None = None
    ) -> WireResponse:
        """
        Make the request; raises NotReached.

        ``seconds``: the longest wait for the answer, if not the usual one.
        """


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of plain text; ``to`` are addresses of one customer's people."""

    to: tuple[str, ...]
    subject: str
    text: str


class NotSent(Exception):  # noqa: N818 - a mail server being away is normal
    """The mail server did not take a mail; later it may. The message says why."""


class Undeliverable(Exception):  # noqa: N818 - addresses that are gone are normal
    """The mail server will never take this mail. The message says why."""


class MailTransport(Protocol):
    """Gives one mail to a mail server."""

    async def send(self, mail: Mail) -> None:
        """Send it; raises NotSent or Undeliverable."""

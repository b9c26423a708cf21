"""What flow needs of the clients that carry callbacks and mails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.smpp import Body, Tlvs
    from budstikke.wire import WireRequest, WireResponse


class NotReached(Exception):  # noqa: N818 - a customer's server being away is normal
    """The customer's server could not be reached; the message says why."""


class NoSessionFor(NotReached):
    """Sessions of the customer are bound, but none that may receive this."""


class CallbackTransport(Protocol):
    """Makes a callback's request, and returns the answer."""

    async def deliver(
        self, request: WireRequest, seconds: float | None = None
    ) -> WireResponse:
        """
        Make the request; raises NotReached.

        ``seconds``: the longest wait for the answer, instead of the default.
        """


class BoundSessions(Protocol):
    """
    The sessions that customers have bound on this node, and that may receive.

    Attributes:
        on_change: Is called with an access's id when its first session binds.

    """

    on_change: Callable[[int], None]

    def bound(self, access_id: int) -> bool:
        """Tell whether any session of this access is bound."""

    async def deliver(
        self, access_id: int, command: int, body: Body, tlvs: Tlvs = ()
    ) -> int:
        """
        Make a request, in the order of the calls; return the response's status.

        Raises NotReached: no session is bound, or there was no response; NoSessionFor.
        """


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A plain text mail; ``to`` are one customer's addresses."""

    to: tuple[str, ...]
    subject: str
    text: str


class NotSent(Exception):  # noqa: N818 - a mail server being away is normal
    """The mail server did not take the mail, but may later; the message says why."""


class Undeliverable(Exception):  # noqa: N818 - addresses that are gone are normal
    """The mail server will never take this mail. The message says why."""


class MailTransport(Protocol):
    """Gives mails to a mail server."""

    async def send(self, mail: Mail) -> None:
        """Send it; raises NotSent or Undeliverable."""

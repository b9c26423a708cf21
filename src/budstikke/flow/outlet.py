"""What flow needs of whoever carries callbacks to customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budstikke.wire import WireRequest, WireResponse


class NotReached(Exception):  # noqa: N818 - a customer's server being away is normal
    """The customer's server could not be asked; the message says why."""


class Outlet(Protocol):
    """Carries one callback and brings the answer."""

    async def deliver(self, request: WireRequest) -> WireResponse:
        """Make the request; raises NotReached."""

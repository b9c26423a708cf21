"""
What ``HttpServer`` asks of the rest of the gateway.

It may run in the gateway's own process, where these are the steps themselves, or in a
worker (``workers``), where they ask the gateway. ``HttpServer`` does not know which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budstikke.dialects.contract import Login
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order
    from budstikke.domain.queries import Answer, QueryOrCommand
    from budstikke.servers.auth import Caller


class TakesOrders(Protocol):
    """Accepts orders: ``flow.accept.Acceptor``."""

    async def accept(self, order: Order, access: Access) -> Accepted:
        """Make an order durable; raises Refusal and StoreUnavailable."""


class HandlesQueries(Protocol):
    """Answers queries and commands: ``flow.queries.QueryHandler``."""

    async def handle(self, asked: QueryOrCommand, access: Access | None) -> Answer:
        """Answer; raises Refusal and StoreUnavailable."""


class GivesLookups(Protocol):
    """Answers those who do not log in: ``servers.public_lookups.PublicLookups``."""

    def logged_in(self, dialect: str, client: str) -> None:
        """Remember an address that has logged in."""

    async def look_up(self, asked: QueryOrCommand, dialect: str, client: str) -> Answer:
        """Answer a look-up; raises Refusal and StoreUnavailable."""


class Authenticates(Protocol):
    """Decides who may: ``servers.auth.Authenticator``."""

    async def find(
        self, directory: Directory, login: Login, caller: Caller
    ) -> Access | None:
        """Find an access by a key alone; raises Refusal."""

    def check_now(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> bool:
        """Check without waiting; ``False``: only ``check`` can tell."""

    async def check(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> None:
        """Let a call pass, or raise Refusal."""

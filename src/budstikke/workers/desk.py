"""The gateway's side of what workers ask: each function is called over a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.stage import renumber
from budstikke.store.contract import StoreUnavailable
from budstikke.workers.messages import Committed, decode_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.dialects.contract import Login
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order
    from budstikke.domain.queries import Answer, QueryOrCommand
    from budstikke.flow.commit import Committer
    from budstikke.flow.refusal_alerts import RefusalAlerts
    from budstikke.servers.asgi import App
    from budstikke.servers.auth import Caller
    from budstikke.servers.contract import (
        Authenticates,
        GivesLookups,
        HandlesQueries,
        TakesOrders,
    )
    from budstikke.workers.messages import CrossingOrder


class Desk:
    """
    Does what workers cannot do themselves.

    Args:
        directory: Gives the directory as it is now.
        committer: Commits the drafts that they have staged.
        acceptor: Accepts all other orders.
        queries: Answers queries and commands.
        lookups: Answers those who do not log in.
        authenticator: Decides about those whom a worker does not know.
        alerts: Hears of refusals.
        app: Answers all requests that are no dialect's.

    """

    def __init__(
        self,
        *,
        directory: Callable[[], Directory],
        committer: Committer,
        acceptor: TakesOrders,
        queries: HandlesQueries,
        lookups: GivesLookups,
        authenticator: Authenticates,
        alerts: RefusalAlerts,
        app: App,
    ) -> None:
        self._directory = directory
        self._committer = committer
        self._acceptor = acceptor
        self._queries = queries
        self._lookups = lookups
        self._authenticator = authenticator
        self._alerts = alerts
        self.app = app

    def functions(self) -> dict[str, Callable[..., Any]]:
        """List what workers may call."""
        return {
            "accept": self.accept,
            "orders": self.commit,
            "handle": self.handle,
            "look_up": self._lookups.look_up,
            "find": self.find,
            "check": self.check,
        }

    def notes(self) -> Mapping[str, Callable[..., None]]:
        """List what workers may note."""
        return {"logged_in": self._lookups.logged_in, "refused": self.refused}

    async def commit(self, encoded: bytes) -> list[Committed | Exception | None]:
        """
        Commit orders that a worker has staged, which get their ids here.

        Answers for each; ``None``: its carriers have left the directory.
        """
        orders = decode_orders(encoded)
        ids = [self._number(order) for order in orders]
        verdicts = await self._committer.commit_all([each.staged for each in orders])
        answers: list[Committed | Exception | None] = []
        for (order_id, first_id), verdict in zip(ids, verdicts, strict=True):
            if verdict is None:
                answers.append(None)
            elif isinstance(verdict, StoreUnavailable):
                answers.append(StoreUnavailable(str(verdict)))
            elif isinstance(verdict, BaseException):
                answers.append(RuntimeError(type(verdict).__name__))
            else:
                said = (verdict.duplicates, verdict.no_credit, verdict.taken)
                answers.append(Committed(order_id, first_id, *said))
        return answers

    def _number(self, order: CrossingOrder) -> tuple[int, int]:
        """Give an order its ids."""
        messages = len(order.staged.messages)
        ids = self._committer.reserve_ids(messages, lone=order.lone)
        renumber(order.staged, *ids)
        return ids

    async def accept(self, order: Order, access_id: int) -> Accepted:
        """Accept an order from its beginning."""
        return await self._acceptor.accept(order, self._access(access_id))

    async def handle(self, asked: QueryOrCommand, access_id: int | None) -> Answer:
        """Answer a query or command."""
        access = None if access_id is None else self._access(access_id)
        return await self._queries.handle(asked, access)

    async def find(self, login: Login, caller: Caller) -> int | None:
        """Find the access of a key."""
        access = await self._authenticator.find(self._directory(), login, caller)
        return None if access is None else access.id

    async def check(
        self, access_id: int | None, secret: str | None, caller: Caller
    ) -> None:
        """Let a call pass, or raise Refusal."""
        accesses = self._directory().accesses
        access = None if access_id is None else accesses.get(access_id)
        await self._authenticator.check(access, secret, caller)

    def refused(self, access_id: int, code: str, cause: str) -> None:
        """Hear of a refusal."""
        access = self._directory().accesses.get(access_id)
        if access is not None:
            self._alerts.refused(access, code, cause)

    def _access(self, access_id: int) -> Access:
        """Find an access that a worker let pass; it may have been removed since."""
        access = self._directory().accesses.get(access_id)
        if access is None:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        return access

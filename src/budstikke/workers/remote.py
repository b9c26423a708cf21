"""
The worker's side of what ``HttpServer`` asks: its own work, and what it asks for.

A worker authenticates by secrets that it knows to be right, and stages and commits
orders that need no look-up. The gateway does everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.key_identifier import is_made_here
from budstikke.flow.accept import needs_no_lookup
from budstikke.flow.batching import Coalescer
from budstikke.flow.commit import charge, is_lone, result_of, whole_result
from budstikke.flow.prepare import prepare
from budstikke.flow.refusal_alerts import alert_of
from budstikke.flow.stage import Stager
from budstikke.servers.addresses import neighbourhood, within
from budstikke.servers.known_secrets import KnownSecrets
from budstikke.store.contract import StoreUnavailable, Verdict
from budstikke.workers.line import LineLostError
from budstikke.workers.messages import Committed, CrossingOrder, encode_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.dialects.contract import Call, HttpDialect, Login
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order
    from budstikke.domain.queries import Answer, QueryOrCommand
    from budstikke.domain.refusal import Refusal
    from budstikke.servers.auth import Caller
    from budstikke.workers.line import Line
    from budstikke.workers.messages import Known

LOGGED_IN_FOR = 3600.0
"""Seconds in which a worker reports the login of an address only once."""

MOST_REMEMBERED = 65_536
"""Addresses whose reported login a worker remembers."""


async def ask(line: Line, name: str, *arguments: object) -> Any:
    """Ask the gateway; raises its errors, and StoreUnavailable when it has ended."""
    try:
        return await line.ask(name, *arguments)
    except LineLostError:
        raise StoreUnavailable("the gateway's process has ended") from None


class RemoteAcceptor:
    """
    Accepts orders: stages what needs no look-up, and has the gateway commit it.

    Args:
        line: To the gateway.
        known: Returns what this process knows of the directory now.
        clock: Unix seconds.

    """

    def __init__(
        self, line: Line, known: Callable[[], Known], clock: Callable[[], float]
    ) -> None:
        self._line = line
        self._known = known
        self._clock = clock
        self._stager = Stager(lambda: known().profiles)
        self._crossing: Coalescer[CrossingOrder, Committed | Exception | None]
        self._crossing = Coalescer(self._cross, ahead=2)

    async def accept(self, order: Order, access: Access) -> Accepted:
        """Make an order durable; raises Refusal and StoreUnavailable."""
        if not needs_no_lookup(order):
            return await self._whole(order, access)
        prepared = await prepare(
            order,
            access,
            store=None,
            directory=self._known().directory,
            now=self._clock(),
        )
        if not prepared.recipients:
            return await self._whole(order, access)
        context, recipients = prepared.context, prepared.recipients
        staged = self._stager.stage(context, access, recipients, 0, 0)
        staged.draft.charge = charge(access, 0)
        committed = await self._crossing.put(CrossingOrder(is_lone(prepared), staged))
        if committed is None:  # the gateway's directory is newer, and has other routes
            return await self._whole(order, access)
        if isinstance(committed, Exception):
            raise committed
        order_id, first_id = committed.order_id, committed.first_id
        verdict = Verdict(committed.duplicates, committed.no_credit, committed.taken)
        result = await whole_result(prepared, staged, order_id, first_id)
        return await result_of(
            prepared, access, staged, verdict, result=result, first_id=first_id
        )

    async def _whole(self, order: Order, access: Access) -> Accepted:
        """Have the gateway accept an order from its beginning."""
        accepted: Accepted = await ask(self._line, "accept", order, access.id)
        return accepted

    async def _cross(
        self, orders: list[CrossingOrder]
    ) -> Sequence[Committed | Exception | None]:
        committed: list[Committed | Exception | None]
        committed = await ask(self._line, "orders", encode_orders(orders))
        return committed


class RemoteQueries:
    """Has the gateway answer queries and commands; ``line``: to it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def handle(self, asked: QueryOrCommand, access: Access | None) -> Answer:
        """Answer; raises Refusal and StoreUnavailable."""
        access_id = None if access is None else access.id
        answer: Answer = await ask(self._line, "handle", asked, access_id)
        return answer


class RemoteLookups:
    """
    Has the gateway answer those who do not log in.

    Args:
        line: To the gateway.
        known_only: Dialects whose look-ups are for known addresses.
        clock: Unix seconds.

    """

    def __init__(
        self, line: Line, known_only: frozenset[str], clock: Callable[[], float]
    ) -> None:
        self._line = line
        self._known_only = known_only
        self._clock = clock
        self._reported: dict[tuple[str, str], float] = {}

    def logged_in(self, dialect: str, client: str) -> None:
        """Report to the gateway that an address has logged in, once in a while."""
        if dialect not in self._known_only:
            return
        key, now = (dialect, neighbourhood(client)), self._clock()
        if self._reported.get(key, 0.0) > now:
            return
        if len(self._reported) >= MOST_REMEMBERED:
            self._reported.clear()
        self._reported[key] = now + LOGGED_IN_FOR
        self._line.note("logged_in", dialect, client)

    async def look_up(self, asked: QueryOrCommand, dialect: str, client: str) -> Answer:
        """Answer a look-up; raises Refusal and StoreUnavailable."""
        answer: Answer = await ask(self._line, "look_up", asked, dialect, client)
        return answer


class RemoteAuthenticator:
    """
    Lets pass whom it knows; the gateway decides about everybody else.

    So guesses count together whichever worker they come to, and only the gateway
    computes slow hashes, refuses, and logs failed logins. ``line``: to the gateway.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._secrets = KnownSecrets()

    async def find(
        self, directory: Directory, login: Login, caller: Caller
    ) -> Access | None:
        """Find an access by a key alone; raises Refusal."""
        dialect, salt, key = caller.dialect, directory.salt, login.identifier
        access = directory.login(dialect, key)
        if access is not None or not salt or is_made_here(login.secret or ""):
            return access
        identifier = self._secrets.identifier(salt, dialect, key)
        if identifier is not None and (access := directory.login(dialect, identifier)):
            return access
        access_id = await ask(self._line, "find", login, caller)
        access = None if access_id is None else directory.accesses.get(access_id)
        if access is not None:
            self._secrets.remember_identifier(salt, dialect, key, access.identifier)
        return access

    def check_now(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> bool:
        """Accept secrets known to be right; ``False``: only ``check`` can tell."""
        return (
            access is not None
            and not (access.blocked or access.account.blocked)
            and (not access.networks or within(caller.client, access.networks))
            and (caller.secure or not access.require_https)
            and self._secrets.opens(access, secret)
        )

    async def check(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> None:
        """Have the gateway let a call pass, or raise Refusal."""
        await ask(
            self._line, "check", None if access is None else access.id, secret, caller
        )
        if access is not None:
            self._secrets.remember(access, secret)


def refusal_notes(
    line: Line,
) -> Callable[[HttpDialect, Call, Access | None, Refusal], None]:
    """Make what tells the gateway of refusals that somebody is mailed about."""

    def note(
        dialect: HttpDialect, call: Call, access: Access | None, refusal: Refusal
    ) -> None:
        alert = alert_of(dialect, call, access, refusal)
        if access is not None and alert is not None:
            line.note("refused", access.id, *alert)

    return note

"""
Look-ups that some APIs give without a login: how a message stands, parts of an MMS.

Ids of messages are counted up, so that anybody could read off how much is sent, and to
what end. A caller learns of messages of the API it asks in alone, and an address may
ask for few that are not there; where ``known_only`` says so, those alone are answered
whose address has logged in to that API a short time ago, or may by an access's list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.contract import LooksUp
from budstikke.domain.queries import MessageQuery, MessagesAnswer, OrderQuery
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.addresses import neighbourhood, within
from budstikke.servers.limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.dialects.contract import HttpDialect
    from budstikke.domain.directory import Directory
    from budstikke.domain.queries import Answer, QueryOrCommand
    from budstikke.flow.queries import QueryHandler

MOST, MOST_MISSES, WITHIN = 600, 60, 60.0
"""Lookups of one address, those that find nothing, and the seconds they count."""

KNOWN_FOR = 86_400.0
"""Seconds that an address is exempt after it has logged in."""

MOST_KNOWN = 65_536
"""Addresses that are remembered; then the oldest are forgotten."""


class PublicLookups:
    """
    Answers those who do not log in; use from one event loop.

    Args:
        query_handler: Answers questions.
        directory: Gives the directory as it is now.
        clock: Unix seconds.
        known_only: Dialects whose look-ups are for known addresses.

    """

    def __init__(
        self,
        query_handler: QueryHandler,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        known_only: frozenset[str] = frozenset(),
    ) -> None:
        self._query_handler = query_handler
        self._directory = directory
        self._clock = clock
        self._known_only = known_only
        self._known: dict[tuple[str, str], float] = {}
        self._asked = RateLimit(clock, MOST, WITHIN)
        self._missed = RateLimit(clock, MOST_MISSES, WITHIN)

    def logged_in(self, dialect: str, client: str) -> None:
        """Remember an address that has logged in."""
        if dialect not in self._known_only:
            return
        key = (dialect, neighbourhood(client))
        self._known.pop(key, None)
        self._known[key] = self._clock() + KNOWN_FOR
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def look_up(self, asked: QueryOrCommand, dialect: str, client: str) -> Answer:
        """
        Answer a look-up.

        Raises Refusal: ``TOO_MANY_REQUESTS``, ``ADDRESS_NOT_ALLOWED`` for an address
        that is not known; and StoreUnavailable.
        """
        self._asked.count(client)
        if not isinstance(asked, MessageQuery | OrderQuery):
            return await self._query_handler.handle(asked, None, dialect)
        if dialect in self._known_only and not self._is_known(dialect, client):
            raise Refusal(RefusalCode.ADDRESS_NOT_ALLOWED)
        self._missed.look(client)
        answer = await self._query_handler.handle(asked, None, dialect)
        if isinstance(answer, MessagesAnswer) and not answer.messages:
            self._missed.count(client)
        return answer

    def _is_known(self, dialect: str, client: str) -> bool:
        until = self._known.get((dialect, neighbourhood(client)))
        if until is not None and until > self._clock():
            return True
        return any(
            access.dialect == dialect and within(client, access.networks)
            for access in self._directory().accesses.values()
            if access.networks
        )


def known_only(dialects: Mapping[str, HttpDialect], lookups: str) -> frozenset[str]:
    """Find the dialects whose look-ups ``http.lookups`` leaves to known addresses."""
    if lookups != "known":
        return frozenset()
    return frozenset(n for n, each in dialects.items() if isinstance(each, LooksUp))

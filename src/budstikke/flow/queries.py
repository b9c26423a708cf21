"""
Answers customers' queries, and carries out their commands.

Each is one verb of the store, within the caller's account. Look-ups without a login,
which some dialects have, only show the state of messages that came through the same
dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback_listing import ResumeCommand
from budstikke.domain.listing import Changed
from budstikke.domain.money import MICROS, SMS
from budstikke.domain.queries import (
    Answer,
    BalanceAnswer,
    BalanceQuery,
    CancelAnswer,
    CancelCommand,
    CreditAnswer,
    CreditCommand,
    GroupCommand,
    GroupVerb,
    MediaAnswer,
    MediaQuery,
    MessageQuery,
    MessagesAnswer,
    MmsOrder,
    OrderQuery,
    Page,
    QueryOrCommand,
    QuoteAsk,
    RouteTest,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.route_dry_run import dry_run
from budstikke.store.contract import CANCELLED_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access, Account, Directory
    from budstikke.flow.mms import MmsAcceptor
    from budstikke.flow.quote import Quoter
    from budstikke.store.contract import Store


class QueryHandler:
    """
    The step that answers queries and commands.

    Args:
        store: Has the data.
        directory: Returns the current directory.
        clock: Unix seconds.
        mms: Takes MMS; ``None``: MMS are not taken.
        quoter: Quotes orders; ``None``: no dialect asks for quotes.

    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        mms: MmsAcceptor | None = None,
        quoter: Quoter | None = None,
    ) -> None:
        self._store = store
        self._quoter = quoter
        self._mms = mms
        self._directory = directory
        self._clock = clock

    async def handle(
        self, query: QueryOrCommand, access: Access | None, dialect: str = ""
    ) -> Answer:
        """
        Answer; raises Refusal and StoreUnavailable.

        ``dialect``: the dialect of a caller without a login.
        """
        if isinstance(query, Page):
            return query
        if isinstance(query, MediaQuery):
            return MediaAnswer(
                (await self._store.media_parts([query.id])).get(query.id)
            )
        if access is None and not isinstance(query, MessageQuery | OrderQuery):
            raise Refusal(RefusalCode.MISSING_LOGIN)
        if access is None:
            return await self._look_up(query, dialect)
        if isinstance(query, BalanceQuery):
            return await self._balance(access.account)
        if isinstance(query, CreditCommand):
            return await self._credit(query, access.account)
        if isinstance(query, MmsOrder):
            if self._mms is None:
                raise Refusal(RefusalCode.NO_ROUTE, value=query.recipient)
            return await self._mms.accept(query, access)
        if isinstance(query, QuoteAsk):
            assert self._quoter is not None  # noqa: S101 - a dialect with quotes has one
            return await self._quoter.quote(query.order, access)
        if isinstance(query, RouteTest):
            return dry_run(query, access.account, self._directory(), self._clock())
        if isinstance(query, CancelCommand):
            return await self._cancel(query, access)
        if isinstance(query, ResumeCommand):
            return await self._resume(query, access.account.id)
        if isinstance(query, GroupCommand) and query.fault is not None:
            await self._look_at_groups(query, access.account.id)
            raise Refusal(query.fault, field="number", value=query.number)
        return await self._store.ask(query, access.account.id, self._clock())

    async def _cancel(self, command: CancelCommand, access: Access) -> CancelAnswer:
        """Cancel in slices, so that other transactions wait for at most one of them."""
        command = msgspec.structs.replace(command, access_id=access.id)
        cancelled, ended = 0, False
        while True:
            answer = await self._store.ask(command, access.account.id, self._clock())
            assert isinstance(answer, CancelAnswer)  # noqa: S101 - the contract says so
            cancelled += answer.cancelled
            ended = ended or answer.ended
            if answer.cancelled < CANCELLED_AT_ONCE:
                return CancelAnswer(answer.found, cancelled, ended)

    async def _look_at_groups(self, command: GroupCommand, account_id: int) -> None:
        """Raise Refusal for an unknown group, by a command that removes no one."""
        verb = GroupVerb.MOVE_MEMBER if command.new_group else GroupVerb.DELETE_MEMBER
        nobody = msgspec.structs.replace(command, verb=verb, number="", fault=None)
        await self._store.ask(nobody, account_id, self._clock())

    async def _resume(self, command: ResumeCommand, account_id: int) -> Changed:
        resumed = await self._store.resume_queue(
            queue_id=command.queue_id, account_id=account_id
        )
        return Changed(resumed is not None)

    async def _look_up(self, query: QueryOrCommand, dialect: str) -> Answer:
        """
        Answer a look-up without a login, about messages of that dialect.

        Some accesses require a login for theirs.
        """
        answer = await self._store.ask(query, None, self._clock())
        assert isinstance(answer, MessagesAnswer)  # noqa: S101 - the answer to look-ups
        accesses = self._directory().accesses
        shown = []
        for message in answer.messages:
            access = accesses.get(message.access_id)
            if access is None or access.dialect != dialect:
                continue
            if not getattr(access.settings, "lookup_login", False):
                shown.append(message)
        return MessagesAnswer(tuple(shown))

    async def _balance(self, account: Account) -> BalanceAnswer:
        balance = await self._store.post_entries(account.id, (), self._clock())
        price = self._home_price(account)
        return BalanceAnswer(account.currency, balance, account.prepaid, price)

    def _home_price(self, account: Account) -> int:
        if account.prices is None:
            return MICROS if account.currency == SMS else 0
        return account.prices.price(account.home, self._clock()) or 0

    async def _credit(self, command: CreditCommand, account: Account) -> CreditAnswer:
        if not account.prepaid or not account.currency:
            raise Refusal(RefusalCode.BAD_FIELD, field="prepaid")
        price = self._home_price(account)
        if not price:  # nobody has set a price
            raise Refusal(RefusalCode.BAD_FIELD, field="count")
        answer = await self._store.order_credit(
            account.id, command.count, command.count * price, self._clock()
        )
        return msgspec.structs.replace(answer, home_price=price)

"""
Ask: what customers want to know or change besides sending.

Each kind of question is one verb of the store, inside the account that asks. The
look-ups that some dialects give without a login tell how a message stands and nothing
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.ask import Answer, Ask, MessageAsk, OrderAsk, Page
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access
    from budstikke.store.contract import Store


class Asker:
    """
    The step that answers questions.

    Args:
        store: What it asks.
        clock: Unix seconds.

    """

    def __init__(self, *, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def answer(self, asked: Ask, access: Access | None) -> Answer:
        """Answer; raises Refusal, and StoreUnavailable when nothing can be read."""
        if isinstance(asked, Page):
            return asked
        if access is None and not isinstance(asked, MessageAsk | OrderAsk):
            raise Refusal(RefusalCode.MISSING_LOGIN)
        account_id = access.account.id if access else None
        return await self._store.ask(asked, account_id, self._clock())

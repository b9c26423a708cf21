"""
Fees: charge monthly fees that are due, and send mails about low balances.

A fee, and the note that a mail was sent, is written in one transaction with its reason,
so that neither a restart nor a second node does it twice. A mail that the mail server
has not taken when the gateway stops is lost: the next one is sent when the balance has
risen above the limit and falls again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from budstikke.domain.money import shown
from budstikke.flow.transports import Mail

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.store.contract import LowBalance, Store

log = logging.getLogger("budstikke.bookkeep")

MOST_FEES = 1000
"""Fees in one transaction."""


class FeeJob:
    """
    The job that charges fees and warns of low balances.

    Args:
        store: Has the accounts.
        post: Sends a mail in the background; ``None``: no mail is sent or noted.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        store: Store,
        post: Callable[[Mail], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._post = post
        self._clock = clock

    async def run_once(self) -> bool:
        """Charge due fees; ``True``: there may be more. Raises StoreUnavailable."""
        taken = await self._store.take_fees(self._clock(), MOST_FEES)
        if taken:
            log.info("charged fees", extra={"count": taken})
        if self._post is not None:
            for low in await self._store.low_balances():
                log.info("low balance", extra={"account": low.account})
                self._post(_mail(low))
        return taken >= MOST_FEES


def _mail(low: LowBalance) -> Mail:
    balance = shown(low.balance, low.currency)
    text = f"""\
The balance of account {low.account} is {balance}. That is below the limit of \
{shown(low.alert_below, low.currency)} that is set for this alert.

The gateway refuses messages that the balance does not cover.
You get the next alert when the balance has risen to the limit and fallen again.
"""
    to = tuple(address.strip() for address in low.mail.split(",") if address.strip())
    return Mail(to=to, subject=f"Low balance: {low.account}, {balance}", text=text)

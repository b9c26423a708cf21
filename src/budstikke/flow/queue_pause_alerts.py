"""
Alerts of paused queues: a mail with a link by which the customer resumes the queue.

A node stores the link's token (as its SHA-256) before it sends the mail; then other
nodes leave this pause to it. The alert counts as sent once the mail server has taken
it; until then it is retried, also after a restart or by another node, with a new link.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from budstikke import metrics
from budstikke.domain.message import Order
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.refusal_alerts import LONGEST_PAUSE, PAUSE, utc
from budstikke.flow.transports import Mail, NotSent, Undeliverable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.domain.directory import Access, Directory
    from budstikke.flow.recurring_orders import TakesOrders
    from budstikke.flow.transports import MailTransport
    from budstikke.store.contract import PausedQueue, Store

log = logging.getLogger("budstikke.pause")

MOST_PAUSED = 1000
"""Paused queues to read in one run."""

MOST_FAILURES = 3
"""Mails that fail in a run, after which it ends: the mail server is down."""

COUNT_EVERY = 30.0
"""Seconds between counts of paused queues for the metrics."""

PATH = "/resume/"
"""Path of the links, before their token."""


def digest(token: str) -> str:
    """Return the form in which a link's token is stored."""
    return sha256(token.encode()).hexdigest()


class _Alert(NamedTuple):
    """An alert that is not sent yet: its link's token, due time, and next pause."""

    paused_at: float
    token: str
    due_at: float = 0.0
    pause: float = PAUSE


class QueuePauseAlerts:
    """
    The periodic job that sends alerts of paused queues.

    Args:
        store: Has the queues.
        directory: Returns the current directory.
        transport: Takes mails; ``None``: mail is not configured.
        acceptor: Takes orders, for alerts by SMS.
        clock: Unix seconds.
        base_url: Beginning of links, without a slash at the end.
        originator: Sender of alerts by SMS.
        token: Makes a random token of a link.

    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Callable[[], Directory],
        transport: MailTransport | None,
        acceptor: TakesOrders,
        clock: Callable[[], float],
        base_url: str,
        originator: str,
        token: Callable[[], str],
    ) -> None:
        self._store = store
        self._directory = directory
        self._transport = transport
        self._acceptor = acceptor
        self._clock = clock
        self._base_url = base_url
        self._originator = originator
        self._token = token
        self._alerts: dict[int, _Alert] = {}
        self._counted_at = 0.0

    async def run_once(self) -> bool:
        """Send alerts that were not sent; raises StoreUnavailable."""
        await self._count()
        pauses = await self._store.unalerted_pauses(MOST_PAUSED, self._clock())
        wanted = {paused.queue_id for paused in pauses}
        self._alerts = {k: each for k, each in self._alerts.items() if k in wanted}
        failures = 0
        for paused in pauses:
            alert = self._alerts.get(paused.queue_id)
            if alert is None or alert.paused_at != paused.paused_at:
                alert = _Alert(paused.paused_at, self._token())
            self._alerts[paused.queue_id] = alert
            if alert.due_at > self._clock():
                continue
            try:
                await self._alert(paused, alert.token)
            except NotSent as error:
                self._later(paused, alert, str(error))
                failures += 1
                if failures >= MOST_FAILURES:
                    break
        return False

    async def _count(self) -> None:
        now = self._clock()
        if now - self._counted_at >= COUNT_EVERY:
            self._counted_at = now
            metrics.queues_paused.set(await self._store.count_paused_queues())

    def _later(self, paused: PausedQueue, alert: _Alert, why: str) -> None:
        again_at = self._clock() + alert.pause
        longer = min(alert.pause * 2, LONGEST_PAUSE)
        self._alerts[paused.queue_id] = alert._replace(due_at=again_at, pause=longer)
        log.warning(
            "mail server did not take a mail", extra={"why": why, "again_at": again_at}
        )

    async def _alert(self, paused: PausedQueue, token: str) -> None:
        """Send an alert unless another node does; raises NotSent, StoreUnavailable."""
        stored = digest(token)
        if not await self._store.claim_pause_alert(
            paused.queue_id, stored, self._clock()
        ):
            return
        link = f"{self._base_url}{PATH}{token}"
        access = self._directory().accesses.get(paused.access_id)
        addresses = _listed(access, "inbound_alerts")
        numbers = _listed(access, "inbound_alert_numbers")
        if access is not None and numbers:
            await self._text(access, numbers, paused, link)
        if access is not None and addresses and self._transport is not None:
            await self._mail(self._transport, _mail(access, addresses, paused, link))
        elif self._transport is None or not numbers:
            about = {"queue": paused.queue_id, "access": paused.access_id}
            why = "no mail server" if addresses else "no address"
            log.error(
                "queue paused, but no alert address is configured",
                extra={**about, "why": why},
            )
        await self._store.record_pause_alert(paused.queue_id, stored)
        self._alerts.pop(paused.queue_id, None)

    async def _mail(self, transport: MailTransport, mail: Mail) -> None:
        try:
            await transport.send(mail)
        except Undeliverable as error:
            log.error(  # noqa: TRY400 - the message says why
                "mail server refused a mail",
                extra={"subject": mail.subject, "why": str(error)},
            )

    async def _text(
        self, access: Access, numbers: Sequence[str], paused: PausedQueue, link: str
    ) -> None:
        """Send SMS; the idempotency key makes it one for each link."""
        order = Order(
            recipients=tuple(numbers),
            text=(
                f"Messages from phones to service {access.identifier} wait since "
                f"{utc(paused.paused_at)}. When your server works again, open {link}"
            ),
            originator=self._originator,
            report=False,
            key=f"pause-{paused.queue_id}-{digest(link)[:16]}",
            answering=True,
        )
        try:
            accepted = await self._acceptor.accept(order, access)
        except Refusal as refusal:
            refused = [refusal.code]
        else:
            refused = [code for code in accepted.ids if isinstance(code, RefusalCode)]
        if refused:
            about = {"queue": paused.queue_id, "refusal": refused[0].value}
            log.warning("alert to a phone refused", extra=about)


def _listed(access: Access | None, name: str) -> tuple[str, ...]:
    return tuple(getattr(access.settings, name, ())) if access is not None else ()


def _mail(
    access: Access, addresses: tuple[str, ...], paused: PausedQueue, link: str
) -> Mail:
    service = access.identifier
    text = f"""\
Your server does not accept the messages from phones to service {service}.
The gateway has paused their delivery. No message is lost: they wait in order, and new
messages wait behind them.

Since: {utc(paused.paused_at)}
Why: {" ".join(paused.why.split())}
Messages that wait: {paused.waiting}

When your server works again, open this page and press the button:
{link}

The link works once. If the gateway pauses again, you get a mail with a new link.

Your address is on the service's list for messages from phones.
"""
    subject = f"Messages from phones are paused on service {service}"
    return Mail(to=addresses, subject=subject, text=text)

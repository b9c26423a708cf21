"""
Alerts of refused messages, mailed to the customer.

Refusals are counted by access and error code; in each ``INTERVAL`` at most one mail
goes out for both, with the count. A request waits only for the counting. A mail that
the server does not take is retried; a restart forgets it, since alerts are a
convenience and every refusal had its answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from budstikke.dialects.contract import Alerting
from budstikke.flow.transports import Mail, NotSent, Undeliverable

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.dialects.contract import Alert, Call, HttpDialect
    from budstikke.domain.directory import Access
    from budstikke.domain.refusal import Refusal
    from budstikke.flow.transports import MailTransport

log = logging.getLogger("budstikke.alert")

INTERVAL = 900.0
"""Seconds between two mails for the same access and code."""

EVERY = 2.0
"""Seconds between two runs."""

PAUSE, LONGEST_PAUSE = 15.0, 900.0
"""Seconds until a mail server that failed is tried again; doubles each time."""

MOST_MAILS = 1000
"""Other mails that may wait; beyond it the oldest is dropped."""


@dataclass(slots=True)
class _Tally:
    """Refusals of one access with one code that were not mailed yet."""

    access: Access
    code: str
    cause: str
    since: float
    last: float
    count: int = 0
    told_at: float | None = None

    def due(self, now: float) -> bool:
        rested = self.told_at is None or now - self.told_at >= INTERVAL
        return rested and self.count > 0

    def over(self, now: float) -> bool:
        told_at = self.told_at
        return not self.count and told_at is not None and now - told_at >= INTERVAL


class RefusalAlerts:
    """
    Counts refusals and mails them; use it from one event loop.

    Args:
        transport: Takes mails; ``None``: mail is not configured, and nothing is
            counted.
        clock: Unix seconds.

    """

    def __init__(
        self, *, transport: MailTransport | None, clock: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._tallies: dict[tuple[int, str], _Tally] = {}
        self._mails: deque[Mail] = deque()
        self._rest_until = 0.0
        self._pause = PAUSE

    def wants(self, access: Access | None) -> bool:
        """Whether this access has addresses for alerts of refusals."""
        return self._transport is not None and bool(_addresses(access))

    def note(
        self, dialect: HttpDialect, call: Call, access: Access | None, refusal: Refusal
    ) -> None:
        """Count the refusal of a call, if its access wants alerts."""
        alert = alert_of(dialect, call, access, refusal)
        if access is not None and alert is not None:
            self.refused(access, *alert)

    def refused(self, access: Access, code: str, cause: str) -> None:
        """Count a refusal, in the words of ``dialects.contract.Alert``."""
        if not self.wants(access):
            return
        now = self._clock()
        tally = self._tallies.get((access.id, code))
        if tally is None:
            tally = _Tally(access, code, cause, now, now)
            self._tallies[access.id, code] = tally
        if not tally.count:
            tally.since = now
        tally.count += 1
        tally.access, tally.cause, tally.last = access, cause, now

    def post(self, mail: Mail) -> None:
        """Send another mail, as soon as the server takes it."""
        if self._transport is None or not mail.to:
            return
        if len(self._mails) >= MOST_MAILS:
            lost = self._mails.popleft()
            log.error(
                "mail dropped: too many are waiting", extra={"subject": lost.subject}
            )
        self._mails.append(mail)

    async def run(self) -> None:
        """Send the alerts that are due, until cancelled."""
        while True:
            try:
                await self.run_once()
            except Exception:
                log.exception("mail failed: internal error")
                self._rest()
            await asyncio.sleep(EVERY)

    async def run_once(self) -> None:
        """Send the mails that are due; stop if the server does not take one."""
        if self._transport is None or self._clock() < self._rest_until:
            return
        try:
            await self._send_mails(self._transport)
            await self._send_tallies(self._transport)
        except NotSent as error:
            self._rest()
            log.warning(
                "mail server did not take a mail",
                extra={"why": str(error), "again_at": self._rest_until},
            )

    async def _send_mails(self, transport: MailTransport) -> None:
        while self._mails:
            mail = self._mails[0]
            await self._send(transport, mail)
            if self._mails and self._mails[0] is mail:  # ``post`` has not dropped it
                self._mails.popleft()

    async def _send_tallies(self, transport: MailTransport) -> None:
        for key, tally in list(self._tallies.items()):
            now = self._clock()
            if tally.over(now):
                del self._tallies[key]
            elif tally.due(now):
                count = tally.count
                await self._send(transport, _mail_of(tally))
                tally.count -= count  # more may have come meanwhile
                tally.told_at = tally.since = now

    async def _send(self, transport: MailTransport, mail: Mail) -> None:
        """Send a mail; raises NotSent if it is to be retried."""
        try:
            await transport.send(mail)
        except Undeliverable as error:
            log.warning(
                "mail server refused a mail",
                extra={"subject": mail.subject, "why": str(error)},
            )
        self._pause = PAUSE

    def _rest(self) -> None:
        self._rest_until = self._clock() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def alert_of(
    dialect: HttpDialect, call: Call, access: Access | None, refusal: Refusal
) -> Alert | None:
    """Make the alert of a refusal; ``None``: nobody is to get one."""
    if _addresses(access) and isinstance(dialect, Alerting):
        return dialect.alert_of(call, refusal)
    return None


def _addresses(access: Access | None) -> tuple[str, ...]:
    if access is None:
        return ()
    addresses: tuple[str, ...] = getattr(access.settings, "error_alerts", ())
    return addresses


def _mail_of(tally: _Tally) -> Mail:
    service = tally.access.identifier
    times = "once" if tally.count == 1 else f"{tally.count} times"
    text = f"""\
The gateway refused messages of service {service}.

Error code: {tally.code}
Cause: {tally.cause}
How often: {times}
First: {utc(tally.since)}
Last: {utc(tally.last)}

Your address is on the service's list for refused messages.
For each error code you get at most one mail in {INTERVAL / 60:.0f} minutes.
"""
    subject = f"Error code {tally.code} on service {service}: {times}"
    return Mail(to=_addresses(tally.access), subject=subject, text=text)


def utc(at: float) -> str:
    """Write Unix seconds for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))

"""
A running gateway: all parts joined, started in order and stopped in order.

Only this module and ``app`` know everybody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from random import SystemRandom
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke import __version__, metrics
from budstikke.carriers import KINDS
from budstikke.carriers.mm7 import Mm7Carrier
from budstikke.dialects import DIALECTS
from budstikke.domain.directory import Directory, sorted_by_kind
from budstikke.flow.accept import Acceptor
from budstikke.flow.alert import Alerter
from budstikke.flow.answering import Answerer
from budstikke.flow.ask import Asker
from budstikke.flow.bookkeep import Bookkeeper
from budstikke.flow.bulk import BulkAcceptor
from budstikke.flow.fit import Fitter
from budstikke.flow.inbound import Receiver
from budstikke.flow.mms import MmsAcceptor
from budstikke.flow.mms_place import Placer
from budstikke.flow.notify import Notifier
from budstikke.flow.pause import PauseAlerter
from budstikke.flow.quote import Quoter
from budstikke.flow.recur import Recurrer
from budstikke.flow.schedule import Scheduler
from budstikke.flow.send import Sender
from budstikke.flow.subscribers import Subscribers, Table
from budstikke.outlets.http import HttpOutlet
from budstikke.outlets.mail import SmtpOutlet
from budstikke.outlets.subscribers import HttpDirectory
from budstikke.servers.auth import Authenticator
from budstikke.store.contract import StoreUnavailable
from budstikke.store.opening import make_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from budstikke.carriers.contract import Carrier
    from budstikke.carriers.simulator.phones import Phones
    from budstikke.config import Settings
    from budstikke.domain.acceptance import TextProfile
    from budstikke.domain.directory import CarrierEntry
    from budstikke.store.contract import CallbackRow, Received
    from budstikke.wire import WireRequest, WireResponse

log = logging.getLogger("budstikke")

RELOAD_EVERY = 1.0
"""Seconds between looks whether the directory has changed."""

RECUR_EVERY = 0.5
"""Seconds between looks for orders that repeat."""

RECEIVE_EVERY = 1.0
"""Seconds between looks for parts of long texts that have waited long enough."""

PAUSES_EVERY = 2.0
"""Seconds between looks for queues that are paused."""

PLACE_EVERY = 30.0
"""Seconds between looks for MMS that wait for a carrier."""

BOOKKEEP_EVERY = 30.0
"""Seconds between looks for fees that are due and balances that are low."""

DRAIN = 10.0
"""Seconds that a stop waits for operators' and customers' answers."""

SETTINGS = {name: dialect.settings for name, dialect in DIALECTS.items()}
CARRIES = {name: kind.carries for name, kind in KINDS.items()}


class Gateway:
    """
    Everything between the servers and the operators.

    Args:
        settings: As they were read.
        phones: The simulated phones that carriers of that kind share.
        clock: Unix seconds.

    """

    def __init__(
        self,
        settings: Settings,
        *,
        phones: Phones,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._phones = phones
        self._clock = clock
        self.store = make_store(
            settings.database_url, settings.database_file, node=settings.node_name
        )
        self.directory = Directory(revision=-1, accesses={}, carriers={})
        self.senders: dict[int, Sender] = {}
        self._profiles: dict[int, TextProfile] = {}
        self._links: dict[int, asyncio.Task[None]] = {}
        self._turning: list[asyncio.Task[None]] = []
        self.authenticator = Authenticator()
        self.outlet = self._outlet()
        now: dict[str, Any] = {
            "store": self.store,
            "directory": lambda: self.directory,
            "clock": clock,
        }
        self.subscribers = self._subscribers()
        self._accept = Acceptor(senders=self.senders, profiles=self._profiles, **now)
        self.acceptor = BulkAcceptor(self._accept, **now)
        self._answerer = self._answers()
        self.notifier = self._notifier()
        self._fitter = Fitter()
        self.asker = Asker(mms=self._mms(), **now)
        self.quoter = Quoter(self._accept, directory=lambda: self.directory)
        mail = settings.mail
        server = SmtpOutlet(**msgspec.structs.asdict(mail)) if mail.host else None
        self.alerter = Alerter(outlet=server, clock=clock)
        post = self.alerter.post if server else None
        books = Bookkeeper(store=self.store, post=post, clock=clock)
        recurrer = Recurrer(acceptor=self.acceptor, **now)
        self.receiver = self._receiver()
        self.scheduler = self._scheduler(recurrer, books, self._pauses(server))

    def _mms(self) -> MmsAcceptor:
        return MmsAcceptor(
            store=self.store,
            senders=self.senders,
            directory=lambda: self.directory,
            clock=self._clock,
            fitter=self._fitter,
            random=SystemRandom(),
            base_url=self.settings.http.base_url,
        )

    def _placer(self) -> Placer:
        return Placer(
            store=self.store,
            directory=lambda: self.directory,
            clock=self._clock,
            tell=self._tell,
            requeued=self._requeued,
        )

    def _outlet(self) -> HttpOutlet:
        callbacks = self.settings.callbacks
        return HttpOutlet(
            timeout=callbacks.timeout,
            allow_private=callbacks.allow_private,
            allow_http=callbacks.allow_http,
            version=__version__,
        )

    def _answers(self) -> Answerer:
        return Answerer(acceptor=self.acceptor, directory=lambda: self.directory)

    def _notifier(self) -> Notifier:
        callbacks = self.settings.callbacks
        return Notifier(
            store=self.store,
            directory=lambda: self.directory,
            outlet=self.outlet,
            dialects=DIALECTS,
            clock=self._clock,
            per_endpoint=callbacks.per_endpoint,
            rate=callbacks.rate,
            subscribers=self.subscribers,
            answer=self._answerer.answer,
        )

    def _pauses(self, server: SmtpOutlet | None) -> PauseAlerter:
        return PauseAlerter(
            store=self.store,
            directory=lambda: self.directory,
            outlet=server,
            acceptor=self.acceptor,
            clock=self._clock,
            base_url=self.settings.http.base_url,
            originator=self.settings.callbacks.alert_originator,
            token=lambda: token_urlsafe(24),
        )

    def _receiver(self) -> Receiver:
        return Receiver(
            store=self.store,
            directory=lambda: self.directory,
            dialects=DIALECTS,
            tell=self._received,
            clock=self._clock,
            random=SystemRandom(),
            **msgspec.structs.asdict(self.settings.inbound),
        )

    def _subscribers(self) -> Subscribers | None:
        """Make the number directory, if there is one; its URL is the operator's own."""
        settings = self.settings.directory
        if not settings.kind:
            return None
        source: Table | HttpDirectory = Table(self.store)
        if settings.kind == "http":
            source = HttpDirectory(
                HttpOutlet(
                    timeout=settings.timeout,
                    allow_private=True,
                    allow_http=True,
                    version=__version__,
                ),
                url=settings.url,
                headers=settings.headers,
                name=settings.name,
                address=settings.address,
            )
        return Subscribers(
            source,
            clock=self._clock,
            timeout=settings.timeout,
            keep=settings.keep_seconds,
            most=settings.keep_numbers,
        )

    def _scheduler(
        self, recurrer: Recurrer, books: Bookkeeper, pauses: PauseAlerter
    ) -> Scheduler:
        return Scheduler(
            store=self.store,
            senders=self.senders,
            notifier=self.notifier,
            clock=self._clock,
            retention=self.settings.retention_days * 86400.0,
            also=(
                (RECUR_EVERY, recurrer),
                (BOOKKEEP_EVERY, books),
                (RECEIVE_EVERY, self.receiver),
                (PAUSES_EVERY, pauses),
                (PLACE_EVERY, self._placer()),
            ),
        )

    async def start(self) -> None:
        """Open the store, bring the links up, and go on where a stop left off."""
        await self.store.open(self._clock())
        metrics.store_up.set(1)
        await self._reload()
        await self.acceptor.resume()
        self._turning = [
            asyncio.create_task(self.scheduler.run()),
            asyncio.create_task(self._watch()),
            asyncio.create_task(self.alerter.run()),
        ]

    async def _watch(self) -> None:
        """Follow changes of the directory, whoever makes them."""
        while True:
            await asyncio.sleep(RELOAD_EVERY)
            try:
                if await self.store.revision() != self.directory.revision:
                    await self._reload()
            except StoreUnavailable as error:
                log.warning("cannot look for changes: %s", error)
            except Exception:
                log.exception("the changed directory cannot be used; keeping the old")

    async def _reload(self) -> None:
        """Take a new directory; links whose settings changed are made anew."""
        found = await self.store.directory(SETTINGS)
        directory = sorted_by_kind(found, CARRIES)
        before = self.directory.carriers
        for entry in directory.carriers.values():
            if before.get(entry.id) != entry:
                self._start_link(entry)
        self.directory = directory
        for carrier_id in set(self.senders) - set(directory.carriers):
            await self._stop_link(carrier_id)
        log.info("directory loaded", extra={"revision": directory.revision})

    def _start_link(self, entry: CarrierEntry) -> None:
        """Make a link; one that it replaces is ended before it begins."""
        kind = KINDS[entry.kind]
        settings = msgspec.convert(entry.settings, kind.settings)
        extra: dict[str, Any] = {}
        if entry.kind == "simulator":
            extra["phones"] = self._phones
        if "mms" in kind.carries:
            extra["contents"] = self.store.mms
        carrier: Carrier = kind.make(
            entry.name, settings, random=SystemRandom(), clock=self._clock, **extra
        )
        sender = Sender(
            entry.id,
            carrier,
            store=self.store,
            directory=lambda: self.directory,
            tell=self._tell,
            requeued=self._requeued,
            receive=self.receiver.receive,
            clock=self._clock,
        )
        ended = self._end_link(self.senders.get(entry.id), self._links.get(entry.id))
        self.senders[entry.id] = sender
        self._profiles[entry.id] = kind.text(settings)
        self._links[entry.id] = asyncio.create_task(self._keep(sender, ended))

    async def _keep(self, sender: Sender, ended: Awaitable[None]) -> None:
        """Run a link; one that breaks by a bug of ours is started again."""
        await ended
        while True:
            try:
                await sender.run()
            except Exception:
                log.exception("carrier %s broke", sender.carrier.name)
                await asyncio.sleep(RELOAD_EVERY)
            else:
                return

    async def _end_link(
        self, sender: Sender | None, task: asyncio.Task[None] | None
    ) -> None:
        """End a link, if there is one."""
        if sender is None or task is None:
            return
        await sender.stop(DRAIN)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _stop_link(self, carrier_id: int) -> None:
        await self._end_link(self.senders[carrier_id], self._links[carrier_id])
        del self.senders[carrier_id], self._links[carrier_id]

    def _tell(self, rows: Sequence[CallbackRow]) -> None:
        self.notifier.tell(rows)

    def _received(self, received: Received) -> None:
        self.notifier.tell(received.callbacks)
        self.notifier.queues(received.queues)

    def _requeued(self, carrier_id: int) -> None:
        sender = self.senders.get(carrier_id)
        if sender is not None:
            sender.stored()

    def mmsc(
        self, name: str
    ) -> Callable[[WireRequest], Awaitable[WireResponse]] | None:
        """Find who answers what the MMSC of a carrier asks; ``None``: there is none."""
        for sender in self.senders.values():
            carrier = sender.carrier
            if carrier.name == name and isinstance(carrier, Mm7Carrier):
                return carrier.take
        return None

    def ready(self) -> dict[str, bool]:
        """Tell what works: the store, and each carrier."""
        return {
            "store": bool(metrics.store_up._value.get()),  # noqa: SLF001 - no other way
            **{s.carrier.name: s.carrier.healthy() for s in self.senders.values()},
        }

    async def stop(self) -> None:
        """
        Stop in the order of the path, so that nothing is begun that cannot end.

        The servers take no more requests by now.
        """
        for task in self._turning:
            task.cancel()
        await asyncio.gather(*self._turning, return_exceptions=True)
        self._answerer.stop()
        await self.acceptor.stop()
        await self._accept.drain()
        await asyncio.gather(*(self._stop_link(key) for key in list(self.senders)))
        await self.notifier.stop(DRAIN)
        if self.subscribers is not None:
            await self.subscribers.stop()
        await self.outlet.close()
        self.authenticator.close()
        self._fitter.close()
        await self.store.close()

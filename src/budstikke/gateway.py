"""
A running gateway: all parts joined, started in order and stopped in order.

Only this module and ``app`` know everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from random import SystemRandom
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke import outside
from budstikke.carrier_supervisor import EVERY as HOLD_EVERY
from budstikke.carrier_supervisor import CarrierSupervisor
from budstikke.carriers import KINDS
from budstikke.clients.http.process import HttpTransportProcess
from budstikke.dialects import DIALECTS, HTTP_DIALECTS
from budstikke.domain.directory import Directory, sorted_by_kind
from budstikke.domain.number import load_plans
from budstikke.flow.accept import Acceptor
from budstikke.flow.auto_reply import AutoReplier
from budstikke.flow.bulk import BulkOrders
from budstikke.flow.callback_deliveries import EVERY as DELIVER_EVERY
from budstikke.flow.callback_deliveries import CallbackDeliveries
from budstikke.flow.clock import GuardedClock, steady
from budstikke.flow.commit import Committer
from budstikke.flow.deferred_notifier import DeferredNotifier
from budstikke.flow.fees import FeeJob
from budstikke.flow.health import Health, Readiness, Watched
from budstikke.flow.inbound import InboundReceiver
from budstikke.flow.mms import MmsAcceptor
from budstikke.flow.mms_rerouting import MmsRerouter
from budstikke.flow.notify import Notifier
from budstikke.flow.queries import QueryHandler
from budstikke.flow.queue_pause_alerts import QueuePauseAlerts
from budstikke.flow.quote import Quoter
from budstikke.flow.recurring_orders import RecurringOrders
from budstikke.flow.refusal_alerts import RefusalAlerts
from budstikke.flow.resize_images import ImageResizer
from budstikke.flow.schedule import Scheduler
from budstikke.servers.auth import Authenticator
from budstikke.servers.public_lookups import PublicLookups, known_only
from budstikke.servers.smpp.receivers import Receivers
from budstikke.store.contract import StoreUnavailable
from budstikke.store.opening import make_store
from budstikke.store.time_seen import read_seen
from budstikke.workers.desk import Desk
from budstikke.workers.messages import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.carriers.simulator.phones import Phones
    from budstikke.clients.smtp import SmtpTransport
    from budstikke.config import Settings
    from budstikke.flow.deferred_notifier import CallbackSink
    from budstikke.servers.asgi import App
    from budstikke.store.contract import CallbackRow, Hint, Store, StoredInbound

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

RESUME_EVERY = 15.0
"""Seconds between looks for large orders whose node is gone."""

DRAIN = 10.0
"""Seconds that a stop waits for customers' answers."""

SETTINGS = {name: dialect.settings for name, dialect in DIALECTS.items()}
CARRIES = {name: kind.carries for name, kind in KINDS.items()}


class Gateway:
    """
    Everything between the servers and the operators.

    Args:
        settings: As they were read.
        phones: The simulated phones that carriers of that kind share.
        clock: Unix seconds, by the machine's clock, which may be wrong.
        count: Seconds by a clock that nobody sets.
        in_subprocess: Write to SQLite, and make callbacks, in child processes.

    Attributes:
        clock: Unix seconds, as they are believed here.
        followers: Are called when there is a new directory.
        receivers: Customers' bound SMPP sessions that may receive.

    """

    def __init__(
        self,
        settings: Settings,
        *,
        phones: Phones,
        clock: Callable[[], float] = time.time,
        count: Callable[[], float] = steady,
        in_subprocess: bool = False,
    ) -> None:
        self.settings = settings
        self.clock = self._clock = clock = GuardedClock(clock, count)
        self.store = self._make_store(in_subprocess=in_subprocess)
        self.directory = Directory(revision=-1, accesses={}, carriers={})
        self.followers: list[Callable[[], None]] = []
        self._changed = asyncio.Event()
        self._turning: list[asyncio.Task[None]] = []
        self.authenticator = Authenticator()
        self.receivers = Receivers()
        self.transport = outside.callback_transport(
            settings.callbacks, in_subprocess=in_subprocess
        )
        self.health = self._health()
        now: dict[str, Any] = {
            "store": self.store,
            "directory": lambda: self.directory,
            "clock": clock,
        }
        self.subscribers = outside.number_directory(
            settings.directory, self.store, clock
        )
        self.receiver = self._receiver()
        self.supervisor = self._make_supervisor(phones)
        self.senders = self.supervisor.senders
        profiles = self.supervisor.profiles
        committer = Committer(senders=self.senders, profiles=profiles, **now)
        self._committer, self._bulk = committer, BulkOrders(committer, **now)
        self.acceptor = Acceptor(committer, self._bulk, store=self.store, clock=clock)
        self._auto_replier = self._answers()
        self.deliveries = CallbackDeliveries(self.receivers, DIALECTS, **now)
        self.notifier: CallbackSink = self._notifier()
        self._resizer = ImageResizer()
        self.queries = QueryHandler(mms=self._mms(), quoter=Quoter(committer), **now)
        self.lookups = self._public_lookups()
        server = self.mail = outside.mail_server(settings.mail)
        self.alerter = RefusalAlerts(transport=server, clock=clock)
        post = self.alerter.post if server else None
        books = FeeJob(store=self.store, post=post, clock=clock)
        recurrer = RecurringOrders(acceptor=self.acceptor, **now)
        self.scheduler = self._scheduler(recurrer, books, self._pauses(server))

    def _answers(self) -> AutoReplier:
        return AutoReplier(acceptor=self.acceptor, directory=lambda: self.directory)

    def _health(self) -> Health:
        own: dict[str, Watched] = {}
        if isinstance(self.transport, HttpTransportProcess):
            own["callbacks"] = self.transport
        return Health(store=self.store, clock=self.clock, processes=own)

    def _public_lookups(self) -> PublicLookups:
        return PublicLookups(
            self.queries,
            directory=lambda: self.directory,
            clock=self._clock,
            known_only=known_only(HTTP_DIALECTS, self.settings.http.lookups),
        )

    def _make_store(self, *, in_subprocess: bool) -> Store:
        settings = self.settings
        return make_store(
            settings.database_url,
            settings.database_file,
            node=settings.node_name,
            durability=settings.durability,
            in_subprocess=in_subprocess,
        )

    def _mms(self) -> MmsAcceptor:
        return MmsAcceptor(
            store=self.store,
            senders=self.senders,
            directory=lambda: self.directory,
            clock=self._clock,
            resizer=self._resizer,
            random=SystemRandom(),
            base_url=self.settings.http.base_url,
        )

    def _placer(self) -> MmsRerouter:
        return MmsRerouter(
            store=self.store,
            directory=lambda: self.directory,
            clock=self._clock,
            notify=self._notify,
            requeued=self.supervisor.requeued,
        )

    def _make_supervisor(self, phones: Phones) -> CarrierSupervisor:
        return CarrierSupervisor(
            store=self.store,
            directory=lambda: self.directory,
            clock=self._clock,
            phones=phones,
            notify=self._notify,
            receive=self.receiver.receive,
            sends="send" in self.settings.roles,
        )

    def _notifier(self) -> CallbackSink:
        if "notify" not in self.settings.roles:
            return DeferredNotifier(store=self.store, clock=self._clock)
        callbacks = self.settings.callbacks
        return Notifier(
            store=self.store,
            directory=lambda: self.directory,
            transport=self.transport,
            dialects=DIALECTS,
            clock=self._clock,
            per_endpoint=callbacks.per_endpoint,
            rate=callbacks.rate,
            subscribers=self.subscribers,
            answer=self._auto_replier.reply,
            deliveries=self.deliveries,
        )

    def _pauses(self, server: SmtpTransport | None) -> QueuePauseAlerts:
        return QueuePauseAlerts(
            store=self.store,
            directory=lambda: self.directory,
            transport=server,
            acceptor=self.acceptor,
            clock=self._clock,
            base_url=self.settings.http.base_url,
            originator=self.settings.callbacks.alert_originator,
            token=lambda: token_urlsafe(24),
        )

    def _receiver(self) -> InboundReceiver:
        return InboundReceiver(
            store=self.store,
            directory=lambda: self.directory,
            dialects=DIALECTS,
            notify=self._received,
            clock=self._clock,
            random=SystemRandom(),
            **msgspec.structs.asdict(self.settings.inbound),
        )

    def _scheduler(
        self, recurrer: RecurringOrders, books: FeeJob, pauses: QueuePauseAlerts
    ) -> Scheduler:
        schedules = "schedule" in self.settings.roles
        always = (
            *((HOLD_EVERY, job) for job in self.supervisor.jobs),
            (DELIVER_EVERY, self.deliveries),
        )
        scheduled = (
            (RECUR_EVERY, recurrer),
            (BOOKKEEP_EVERY, books),
            (RECEIVE_EVERY, self.receiver),
            (PAUSES_EVERY, pauses),
            (PLACE_EVERY, self._placer()),
            (RESUME_EVERY, self._bulk),
        )
        return Scheduler(
            store=self.store,
            senders=self.senders,
            notifier=self.notifier,
            clock=self._clock,
            retention=self.settings.retention_days * 86400.0,
            also=(*always, *(scheduled if schedules else ())),
            sweeps=schedules,
        )

    async def start(self) -> None:
        """Open the store, bring the links up, and go on where a stop left off."""
        url = self.settings.database_url
        self.clock.start(await asyncio.to_thread(read_seen, url))
        await asyncio.to_thread(load_plans)
        await self.store.open(self._clock())
        await self.health.beat()
        self.store.listen(self._heard)
        await self._reload()
        await self._bulk.resume()
        self._turning = [
            asyncio.create_task(self.scheduler.run()),
            asyncio.create_task(self._watch()),
            asyncio.create_task(self.alerter.run()),
            asyncio.create_task(self.health.run()),
        ]

    async def _watch(self) -> None:
        """Follow changes of the directory, whoever makes them."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), RELOAD_EVERY)
            self._changed.clear()
            try:
                if await self.store.revision() != self.directory.revision:
                    await self._reload()
            except StoreUnavailable as error:
                log.warning("cannot check for configuration changes: %s", error)
            except Exception:
                log.exception(
                    "cannot use the changed configuration; keeping the previous one"
                )

    async def _reload(self) -> None:
        """Take a new directory; links whose settings changed are made anew."""
        stored = await self.store.directory(SETTINGS)
        directory = sorted_by_kind(stored, CARRIES)
        self.supervisor.follow(directory.carriers)
        self.directory = directory
        for changed in self.followers:
            changed()
        await self.supervisor.forget(directory.carriers)
        log.info("configuration loaded", extra={"revision": directory.revision})

    def _notify(self, rows: Sequence[CallbackRow]) -> None:
        self.notifier.notify(rows)

    def _received(self, received: StoredInbound) -> None:
        self.notifier.notify(received.callbacks)
        self.notifier.queues(received.queues)

    def _heard(self, hint: Hint) -> None:
        """Look at once at what another node leaves to be done."""
        for carrier_id in hint.carriers:
            self.supervisor.requeued(carrier_id)
        self.notifier.queues(hint.queues)
        if hint.directory:
            self._changed.set()

    def desk(self, app: App) -> Desk:
        """Make what workers ask; ``app`` answers requests that are no dialect's."""
        return Desk(
            directory=lambda: self.directory,
            committer=self._committer,
            acceptor=self.acceptor,
            queries=self.queries,
            lookups=self.lookups,
            authenticator=self.authenticator,
            alerts=self.alerter,
            app=app,
        )

    def known(self) -> Known:
        """Give what workers know of the directory."""
        return Known(self.directory, dict(self.supervisor.profiles))

    def ready(self) -> Readiness:
        """Tell whether messages can be accepted, what works, and what is wrong."""
        self.health.look()
        faults = self.health.faults
        return Readiness(
            not faults,
            {
                **{s.carrier.name: s.carrier.healthy() for s in self.senders.values()},
                **{name: name not in faults for name in self.health.looked_at},
            },
            faults,
            self.supervisor.watch.alarms,
        )

    async def stop(self) -> None:
        """
        Stop in the order of the path, so that nothing is begun that cannot end.

        The servers take no more requests by now.
        """
        for task in self._turning:
            task.cancel()
        await asyncio.gather(*self._turning, return_exceptions=True)
        self._auto_replier.stop()
        await self._bulk.stop()
        await self._committer.drain()
        await self.supervisor.stop()
        await self.notifier.stop(DRAIN)
        await self.deliveries.stop(DRAIN)
        if self.subscribers is not None:
            await self.subscribers.stop()
        await self.transport.close()
        self.authenticator.close()
        self._resizer.close()
        await self.store.close()

"""The path with a real store, a carrier of forty lines and customers in memory."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from budstikke.dialects import DIALECTS
from budstikke.dialects.front.settings import Settings
from budstikke.domain.directory import Access, Account, CarrierEntry, Directory
from budstikke.domain.message import Order
from budstikke.domain.receipt import Sent
from budstikke.domain.routing import Route
from budstikke.domain.staging import TextProfile
from budstikke.flow.accept import Acceptor
from budstikke.flow.auto_reply import AutoReplier
from budstikke.flow.bulk import BulkOrders
from budstikke.flow.commit import Committer
from budstikke.flow.fail_over import FailOver
from budstikke.flow.inbound import InboundReceiver
from budstikke.flow.notify import Notifier
from budstikke.flow.schedule import Scheduler
from budstikke.flow.second_copies import SecondCopies
from budstikke.flow.send import Sender
from budstikke.flow.transports import NotReached
from budstikke.store.contract import Store, StoreUnavailable
from budstikke.wire import WireRequest, WireResponse
from store.path import NOW, RECIPIENT, Path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from budstikke.carriers.contract import Sink
    from budstikke.domain.message import Accepted, Part
    from budstikke.domain.receipt import Outcome
    from budstikke.store.contract import CallbackRow, StoredInbound
    from store.engines import Engine


class FakeCarrier:
    """A link that answers when the test says so."""

    def __init__(self, name: str, window: int = 100) -> None:
        self.name = name
        self.window = window
        self.up = True
        self.offered: list[Part] = []
        self.waiting: list[Part] = []
        self.at_drain: Outcome | None = None
        self._sink: Sink | None = None

    @property
    def sink(self) -> Sink:
        assert self._sink is not None
        return self._sink

    def room(self) -> int:
        return self.window - len(self.waiting) if self.up else 0

    def offer(self, parts: Sequence[Part]) -> None:
        assert 0 < len(parts) <= self.room()
        self.offered += parts
        self.waiting += parts

    async def run(self, sink: Sink) -> None:
        self._sink = sink
        sink.room()
        await asyncio.Event().wait()

    async def drain(self, seconds: float) -> None:
        self.up = False
        if self.at_drain is not None and self.waiting:
            self.answer(self.at_drain)

    def healthy(self) -> bool:
        return self.up

    def answer(self, outcome: Outcome | None = None, count: int | None = None) -> None:
        """Answer for the oldest parts; ``None``: sent, with an id of their own."""
        count = len(self.waiting) if count is None else count
        done, self.waiting = self.waiting[:count], self.waiting[count:]
        self.sink.answered([(part, outcome or Sent(f"id{part.id}")) for part in done])


class FakeOutlet:
    """Customers' servers; what a URL answers is a status, or silence until released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.requests: list[WireRequest] = []
        self.status: dict[str, int] = {}
        self.hanging: dict[str, asyncio.Event] = {}
        self.under_way = 0
        self.most_under_way = 0

    async def deliver(
        self, request: WireRequest, seconds: float | None = None
    ) -> WireResponse:
        self.asked.append(request.target)
        self.requests.append(request)
        host = request.target.split("/")[2]
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            if host in self.hanging:
                await self.hanging[host].wait()
        finally:
            self.under_way -= 1
        status = self.status.get(host, 200)
        if not status:
            raise NotReached("no answer in time")
        return WireResponse(status, b"thanks" if status < 300 else b"not now")


class Flaky:
    """
    A store that can be away: its verbs raise StoreUnavailable while ``down``.

    While ``unheard`` they do their work, and raise it then.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.down = False
        self.unheard = False
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(getattr(Store, name, None)):
            return found

        async def verb(*args: Any, **options: Any) -> Any:
            if self.down:
                self.refused += 1
                await asyncio.sleep(0)
                raise StoreUnavailable("down for a test")
            answer = await found(*args, **options)
            if self.unheard:
                raise StoreUnavailable("its answer got lost for a test")
            return answer

        return verb


class Rig:
    """All of the path between servers and operators, with two carriers."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.path = path
        self.store: Any = Flaky(path.store)
        self.directory = directory()
        self.transport = FakeOutlet()
        self.carriers = {n: FakeCarrier(f"c{n}") for n in (1, 2)}
        now: dict[str, Any] = {"store": self.store, "clock": lambda: self.now}
        known: dict[str, Any] = {"directory": lambda: self.directory}
        self.notifier = Notifier(
            transport=self.transport,
            dialects=DIALECTS,
            per_endpoint=4,
            answer=self._answer,
            **now,
            **known,
        )
        self.receiver = InboundReceiver(
            dialects=DIALECTS,
            notify=self._received,
            random=Random(1),  # noqa: S311 - dice
            join_timeout=600.0,
            receipt_wait=1800.0,
            **now,
            **known,
        )
        self.senders = {
            number: Sender(
                number,
                carrier,
                notify=self.notifier.notify,
                requeued=lambda which: self.senders[which].stored(),
                receive=self.receiver.receive,
                up=self.up,
                **now,
                **known,
            )
            for number, carrier in self.carriers.items()
        }
        self.fail_over = FailOver(senders=self.senders, up=self.up, **now, **known)
        self.second_copies = SecondCopies(
            up=self.up,
            notify=self.notifier.notify,
            requeued=lambda which: self.senders[which].stored(),
            **now,
            **known,
        )
        self.scheduler = Scheduler(
            senders=self.senders, notifier=self.notifier, retention=90 * 86400.0, **now
        )
        self.committer = Committer(
            senders=self.senders,
            profiles={n: TextProfile() for n in self.carriers},
            **now,
            **known,
        )
        self.bulk = BulkOrders(self.committer, **now, **known)
        self.acceptor = Acceptor(self.committer, self.bulk, **now)
        self.auto_replier = AutoReplier(acceptor=self.acceptor, **known)

    def up(self, carrier_id: int) -> bool:
        return self.senders[carrier_id].takes()

    async def _answer(self, row: CallbackRow) -> None:
        await self.auto_replier.reply(row)

    def _received(self, received: StoredInbound) -> None:
        self.notifier.notify(received.callbacks)
        self.notifier.queues(received.queues)

    async def accept(
        self, *recipients: str, access_id: int = 1, **values: Any
    ) -> Accepted:
        """Have an order accepted."""
        wanted = {"recipients": recipients or (RECIPIENT,), "text": "Hei"}
        order = Order(**wanted | {"originator": "Budstikke"} | values)
        return await self.acceptor.accept(order, self.directory.accesses[access_id])

    async def send(self, *recipients: str, **values: Any) -> list[int]:
        """Have an order accepted, whole; returns the ids of its messages."""
        accepted = await self.accept(*recipients, **values)
        return [message for message in accepted.ids if isinstance(message, int)]

    @asynccontextmanager
    async def running(self, *numbers: int) -> AsyncIterator[None]:
        """Have links run for the block; all, if none is named."""
        wanted = numbers or tuple(self.senders)
        tasks = [asyncio.create_task(self.senders[n].run()) for n in wanted]
        try:
            await until(lambda: all(self.carriers[n]._sink for n in wanted))
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def reserved(self) -> list[int]:
        """Tell how many parts each sender has promised room."""
        return [sender._reserved for sender in self.senders.values()]

    async def settled_down(self) -> None:
        """Have the senders of links that run see that there is no backlog."""
        for number, its in self.senders.items():
            if self.carriers[number]._sink is not None:
                its.stored()
                await until(partial(settled_down, its))

    async def written(self) -> None:
        """Wait until all answers and results are in the store."""
        for sender in self.senders.values():
            await sender._settler._outcomes.drain()
        await self.notifier.drain()

    async def told(self, count: int) -> None:
        """Wait until so many requests have been made and answered, and written."""
        await until(lambda: count == len(self.transport.asked))
        await until(lambda: not self.notifier.busy())
        await self.written()


def directory(
    *routes: Route, blacklist: frozenset[str] = frozenset(), **settings: Any
) -> Directory:
    """Make a directory like that of the store's tests; every number goes to both."""
    accesses = {
        number: Access(
            id=number,
            account=Account(id=number, name=f"a{number}", grants=("*",)),
            dialect="front",
            identifier=f"{number}",
            settings=Settings(status_url=f"https://c{number}.example/s", **settings),
        )
        for number in (1, 2)
    }
    carriers = {
        n: CarrierEntry(id=n, name=f"c{n}", kind="fake", settings={}) for n in (1, 2)
    }
    common = Route(prefix="", carriers=(1, 2))
    return Directory(
        revision=1,
        accesses=accesses,
        carriers=carriers,
        routes=routes or (common,),
        blacklist=blacklist,
    )


def settled_down(sender: Sender) -> bool:
    """Tell whether a sender knows that the store has nothing for it."""
    return not (sender._behind or sender._claimable or sender._reserved)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the loop turn until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        await asyncio.sleep(0)


@asynccontextmanager
async def rig_on(engine: Engine) -> AsyncIterator[Rig]:
    """Make a rig with a store that is open for the block."""
    store = engine.store()
    await store.open(NOW)
    rig = Rig(Path(engine, store))
    try:
        yield rig
    finally:
        rig.store.down = False
        await rig.written()
        await store.close()


def play(engine: Engine, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    """Play a scenario on a rig, in a loop of its own."""

    async def whole() -> None:
        async with rig_on(engine) as rig:
            await scenario(rig)

    asyncio.run(whole())

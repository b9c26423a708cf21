"""A carrier running against its other side, and a sink that writes down everything."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from budstikke.carriers import http, mm7, smpp
from budstikke.carriers.contract import InboundMms, InboundPart
from budstikke.carriers.simulator import carrier as simulator
from budstikke.carriers.simulator.settings import Settings as SimulatorSettings
from budstikke.domain.message import MmsContent, Part
from budstikke.wire import WireRequest
from carriers.http.operator import DESCRIPTION, HttpOperator
from carriers.mm7.mmsc import Mmsc
from carriers.smpp.smsc import Smsc
from carriers.waiting import LONG, Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from budstikke.carriers.contract import (
        Carrier,
        Contents,
        ReadReport,
    )
    from budstikke.domain.receipt import Outcome, Receipt
    from budstikke.wire import WireResponse


class Recorder(Waiting):
    """A sink; ``keep`` says whether what comes is stored at once, or never is."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[tuple[Part, Outcome]] = []
        self.batches: list[int] = []
        self.lates: list[tuple[Part, Outcome]] = []
        self.got: list[Receipt] = []
        self.messages: list[InboundPart] = []
        self.mms: list[InboundMms] = []
        self.reads: list[ReadReport] = []
        self.rooms = 0
        self.keep = True
        self.fail = False
        self.pending: list[asyncio.Future[None]] = []

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        self.outcomes.extend(answers)
        self.batches.append(len(answers))
        self.notify()

    def late(self, part: Part, outcome: Outcome) -> None:
        self.lates.append((part, outcome))
        self.notify()

    def room(self) -> None:
        self.rooms += 1
        self.notify()

    def receipts(self, receipts: Sequence[Receipt]) -> asyncio.Future[None]:
        self.got.extend(receipts)
        return self._kept()

    def inbound(
        self, parts: Sequence[InboundPart | InboundMms]
    ) -> asyncio.Future[None]:
        self.messages += [part for part in parts if isinstance(part, InboundPart)]
        self.mms += [part for part in parts if isinstance(part, InboundMms)]
        return self._kept()

    def read(self, reads: Sequence[ReadReport]) -> asyncio.Future[None]:
        self.reads.extend(reads)
        return self._kept()

    def _kept(self) -> asyncio.Future[None]:
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fail:
            kept.set_exception(OSError("the store is down"))
        elif self.keep:
            kept.set_result(None)
        else:
            self.pending.append(kept)
        self.notify()
        return kept

    def outcome(self, part: Part) -> Outcome:
        (found,) = [outcome for each, outcome in self.outcomes if each is part]
        return found

    def times(self) -> Counter[int]:
        return Counter(part.id for part, _ in self.outcomes)


class Rig:
    """A carrier, its sink, and for SMPP the message centre."""

    def __init__(self, carrier: Carrier, sink: Recorder, smsc: Smsc | None) -> None:
        self.carrier = carrier
        self.sink = sink
        self.smsc = smsc
        self.encoding = "gsm"
        self.whole = False  # it takes whole messages, no segments
        self.refusal = "ESME_RINVDSTADR"
        self.task: asyncio.Task[None] | None = None
        self.next_message = 1

    async def start(self) -> None:
        self.task = asyncio.create_task(self.carrier.run(self.sink))
        await self.sink.until(lambda: self.sink.rooms > 0)

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task

    def part(self, ending: str = "9999", **fields: Any) -> Part:
        number = fields.pop("number", 1)
        message = fields.pop("message", None)
        if message is None:
            message = self.next_message
            self.next_message += 1
        values: dict[str, Any] = {
            "total": 1,
            "originator": "Bud",
            "recipient": f"+4790{message % 100:02}{ending}",
            "text": f"{message}/{number}",
            "encoding": self.encoding,
            "tables": (0, 0),
            "flash": False,
            "protocol_id": 0,
            "priority": 1,
            "expires_at": time.time() + 3600,
            "report": True,
        }
        if self.whole:
            fields |= {"total": 1}
        return Part(id=message * 256 + number, number=number, **(values | fields))

    async def send(self, parts: Sequence[Part]) -> list[Outcome]:
        """Offer parts, all at once, and wait until all are answered."""
        before = len(self.sink.outcomes)
        self.carrier.offer(parts)
        await self.sink.until(lambda: len(self.sink.outcomes) == before + len(parts))
        return [self.sink.outcome(part) for part in parts]


def settings(port: int, **changes: Any) -> smpp.Settings:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "system_id": "bud",
        "password": "secret",
        "window": 10,
        "response_timeout": 0.2,
        "reconnect_min": 0.01,
        "reconnect_max": 0.05,
        "throttle_min": 0.01,
        "throttle_max": 1.0,
    }
    return smpp.Settings(**(values | changes))


@asynccontextmanager
async def simulator_rig(encoding: str = "gsm") -> AsyncIterator[Rig]:
    """A simulated link, which needs no other side."""
    carrier = simulator.carrier(
        "sim",
        SimulatorSettings(
            delivery_delay=0.0, response_timeout=0.2, throttle_pause=0.01, window=20
        ),
        random=random.Random(1),  # noqa: S311 - ids
        clock=time.time,
        contents=contents,
    )
    rig = Rig(carrier, Recorder(), None)
    rig.encoding = encoding
    try:
        yield rig
    finally:
        await rig.stop()


@asynccontextmanager
async def smpp_rig(smsc: Smsc | None = None, **changes: Any) -> AsyncIterator[Rig]:
    """An SMPP carrier bound to a scripted message centre."""
    async with smsc or Smsc() as centre:
        carrier = smpp.carrier(
            "op",
            settings(centre.port, **changes),
            random=random.Random(1),  # noqa: S311 - jitter
            clock=time.time,
        )
        rig = Rig(carrier, Recorder(), centre)
        try:
            yield rig
        finally:
            await rig.stop()


PICTURE = b"\xff\xd8\xff picture"


async def contents(message_ids: Sequence[int]) -> Mapping[int, MmsContent]:
    """Give an MMS to each, as a store would."""
    files = (("b.jpg", "image/jpeg", PICTURE),)
    return {key: MmsContent("Sol", f"{key}", files) for key in message_ids}


@asynccontextmanager
async def mm7_rig(
    mmsc: Mmsc | None = None, content: Contents = contents, **changes: Any
) -> AsyncIterator[Rig]:
    """An MM7 carrier, and an MMSC that calls it back."""
    loop = asyncio.get_running_loop()
    values: dict[str, Any] = {
        "allow_http": True,
        "window": 1,
        "response_timeout": 0.3,
        "pause_min": 0.01,
        "pause_max": 1.0,
        "deliver_token": "secret",
    }

    listening, is_over = threading.Lock(), threading.Event()

    def deliver(content_type: str, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": content_type}
        request = WireRequest("POST", "/mm7/op", b"token=secret", headers, body)
        with listening:  # the MMSC's threads may tell something after the loop's end
            if is_over.is_set():
                return 503, b""
            answer = asyncio.run_coroutine_threadsafe(rig.carrier.take(request), loop)  # type: ignore[attr-defined] # it is of MM7
        response: WireResponse = answer.result(LONG)
        return response.status, response.body

    with mmsc or Mmsc() as centre:
        centre.deliver = deliver
        carrier = mm7.carrier(
            "op",
            mm7.Settings(url=centre.url, **(values | changes)),
            random=random.Random(1),  # noqa: S311 - boundaries
            clock=time.time,
            contents=content,
        )
        rig = Rig(carrier, Recorder(), None)
        rig.encoding, rig.refusal = "mms", "2003 Address not found"
        try:
            yield rig
        finally:
            await rig.stop()
            with listening:
                is_over.set()
            await asyncio.sleep(0)  # what was handed to the loop before is begun


@asynccontextmanager
async def http_rig(
    operator: HttpOperator | None = None, **changes: Any
) -> AsyncIterator[Rig]:
    """An HTTP carrier, and an operator that calls it back."""
    values: dict[str, Any] = {
        "allow_http": True,
        "allow_private": True,
        "username": "bud",
        "password": "secret",
        "window": 1,
        "response_timeout": 0.3,
        "pause_min": 0.01,
        "pause_max": 1.0,
        "deliver_token": "secret",
        **DESCRIPTION,
    }

    async def deliver(query: bytes) -> int:
        request = WireRequest("GET", "/carriers/op/receipts", b"token=secret&" + query)
        response = await rig.carrier.take(request)  # type: ignore[attr-defined] # it is of HTTP
        return int(response.status)

    async with operator or HttpOperator() as other:
        other.deliver = deliver
        carrier = http.carrier(
            "op",
            http.Settings(url=other.url, **(values | changes)),
            random=random.Random(1),  # noqa: S311 - not used
            clock=time.time,
        )
        rig = Rig(carrier, Recorder(), None)
        rig.whole, rig.refusal = True, "HTTP 400 21211 no such number"
        try:
            yield rig
        finally:
            await rig.stop()


@asynccontextmanager
async def smpp_link(
    *,
    script: Callable[[Smsc], None] = lambda _: None,
    started: bool = True,
    **changes: Any,
) -> AsyncIterator[tuple[Rig, Smsc]]:
    """Run an SMPP carrier that is bound to a message centre, for the block."""
    smsc = Smsc()
    script(smsc)
    async with asyncio.timeout(LONG), smpp_rig(smsc, **changes) as rig:
        if started:
            await rig.start()
        else:
            rig.task = asyncio.create_task(rig.carrier.run(rig.sink))
        yield rig, smsc


class Flag(logging.Handler):
    """Sets an event when a line with a text is logged."""

    def __init__(self, event: asyncio.Event, text: str) -> None:
        super().__init__()
        self.event = event
        self.text = text

    def emit(self, record: logging.LogRecord) -> None:
        if self.text in record.getMessage():
            self.event.set()


async def logged(text: str) -> None:
    """Wait until a carrier logs a line with this text."""
    event = asyncio.Event()
    handler = Flag(event, text)
    logger = logging.getLogger("budstikke.carrier")
    logger.addHandler(handler)
    try:
        await event.wait()
    finally:
        logger.removeHandler(handler)

"""
What the SMPP carrier costs for each part: CPU, against a bare message centre.

Both ends are in this process, over loopback; the message centre's own CPU time is
taken off. Prints one line for each window, without receipts and with.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, cast

import uvloop

from budstikke.carriers import smpp
from budstikke.domain.message import Part
from budstikke.smpp import Limits, Received, Role, Session
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import MessageId, Sm
from budstikke.smpp.receipt import MessageState, receipt_text, receipt_tlvs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.carriers.contract import InboundPart, ReadReport
    from budstikke.domain.inbound import InboundMms
    from budstikke.domain.receipt import Outcome, Receipt

PARTS = 30_000
TEXT = "Hei, dette er melding {} med så mye tekst at den er som folk flest."


class Centre(asyncio.Protocol):
    """Answers everything at once, with a receipt where one is asked for."""

    cpu = 0.0
    given = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a session."""
        self.transport = cast("asyncio.Transport", transport)
        self.session = Session(Role.MC, Limits(window=10**9), 0.0)

    def data_received(self, data: bytes) -> None:
        """Answer what came."""
        begun = time.thread_time()
        for event in self.session.receive(data, 0.0):
            if isinstance(event, Received):
                pdu = event.pdu
                if isinstance(pdu.body, Sm):
                    Centre.given += 1
                    message_id = str(Centre.given)
                    self.session.respond(pdu, 0, MessageId(message_id))
                    if pdu.body.registered_delivery:
                        self.report(message_id, pdu.body)
                else:
                    self.session.respond(pdu)
        self.transport.write(self.session.data_to_send())
        Centre.cpu += time.thread_time() - begun

    def report(self, message_id: str, sent: Sm) -> None:
        """Deliver a receipt."""
        text = receipt_text(message_id, MessageState.DELIVERED, submitted=0, done=0)
        body = Sm(
            source_addr_ton=1,
            source_addr=sent.destination_addr,
            destination_addr=sent.source_addr,
            esm_class=4,
            short_message=text.encode(),
        )
        tlvs = receipt_tlvs(message_id, MessageState.DELIVERED)
        self.session.send_request(cmd.DELIVER_SM, body, None, 0.0, tlvs)


class Sink:
    """Offers parts as there is room, and counts what comes back."""

    def __init__(self, carrier: smpp.SmppCarrier, parts: list[Part]) -> None:
        self.carrier = carrier
        self.parts = parts
        self.offered = self.outcomes = self.reports = 0
        self.wanted = sum(part.report for part in parts)
        self.done = asyncio.Event()

    def room(self) -> None:
        """Offer what fits."""
        room = self.carrier.room()
        if room > 0 and self.offered < len(self.parts):
            batch = self.parts[self.offered : self.offered + room]
            self.offered += len(batch)
            self.carrier.offer(batch)

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        """Count, and offer more."""
        self.outcomes += len(answers)
        self.room()
        self.check()

    def late(self, part: Part, outcome: Outcome) -> None:
        """Fail: nothing is late here."""
        raise AssertionError(part, outcome)

    def receipts(self, receipts: Sequence[Receipt]) -> asyncio.Future[None]:
        """Count."""
        self.reports += len(receipts)
        self.check()
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kept.set_result(None)
        return kept

    def inbound(
        self, parts: Sequence[InboundPart | InboundMms]
    ) -> asyncio.Future[None]:
        """Fail: nobody writes."""
        raise AssertionError(parts)

    def read(self, reads: Sequence[ReadReport]) -> asyncio.Future[None]:
        """Fail: nothing is read."""
        raise AssertionError(reads)

    def check(self) -> None:
        """End when all has come."""
        if self.outcomes == len(self.parts) and self.reports == self.wanted:
            self.done.set()


def part(number: int, *, report: bool) -> Part:
    return Part(
        id=number * 256 + 1,
        number=1,
        total=1,
        originator="Budstikke",
        recipient=f"+47{40_000_000 + number}",
        text=TEXT.format(number),
        encoding="gsm",
        tables=(0, 0),
        flash=False,
        protocol_id=0,
        priority=1,
        expires_at=time.time() + 7 * 86_400 + number / 1000,
        report=report,
    )


async def measure(window: int, *, report: bool) -> None:
    server = await asyncio.get_running_loop().create_server(Centre, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    carrier = smpp.carrier(
        "bench",
        smpp.Settings(host="127.0.0.1", port=port, system_id="bench", window=window),
        random=random.Random(1),  # noqa: S311 - jitter
        clock=time.time,
    )
    sink = Sink(carrier, [part(number, report=report) for number in range(PARTS)])
    Centre.cpu = 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    task = asyncio.create_task(carrier.run(sink))
    await sink.done.wait()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    task.cancel()
    await asyncio.wait([task])
    server.close()
    print(
        f"window {window:4} receipts {'yes' if report else 'no ':3} "
        f"{PARTS / wall:8.0f} parts/s, carrier {(cpu - Centre.cpu) / PARTS * 1e6:5.1f} "
        f"us CPU a part, centre {Centre.cpu / PARTS * 1e6:5.1f}"
    )


def main() -> None:
    for window in (10, 100):
        for report in (False, True):
            uvloop.run(measure(window, report=report))


if __name__ == "__main__":
    main()

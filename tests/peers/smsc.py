"""
A fast message centre on our own session, for tests; also one that misbehaves.

usage: python smsc.py OPTIONS.json, with the options of ``Options``.

Every line on standard input is a JSON object that changes options while it runs
(``{"manner": "deaf"}``); it prints ``ready`` when it listens. The journal is that of
smsc.js: a line for each bind, each submit (before it is answered) and each receipt that
was acknowledged; the next process goes on from it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import uvloop

from budstikke.smpp import (
    BOUND,
    Answered,
    Closed,
    Event,
    Limits,
    Pdu,
    Received,
    Role,
    Session,
    State,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, BindResp, MessageId, Sm
from budstikke.smpp.receipt import MessageState, receipt_text, receipt_tlvs

FIRST_ID = 1_000_000_000
RECEIPT_CLASS = 0x04
TICK = 0.02
AGAIN = 0.5
GARBAGE = bytes(reversed(range(256))) * 40


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """
    What it does.

    Attributes:
        port: On loopback.
        journal: A file of JSON lines.
        system_id: Whom it takes binds from, with ``password``.
        delay: Seconds from a submit to its receipt.
        pause: Seconds from a submit to its response.
        window: deliver_sm without an answer, a session.
        manner: How it behaves: ``well``; ``refusing`` every bind; ``silent``: it takes
            connections and answers nothing; ``deaf``: it binds and answers no submit;
            ``doubling``: it answers each submit twice; ``cutting``: it hangs up in the
            middle of its first answer; ``babbling``: garbage follows the bind.

    """

    port: int
    journal: str
    system_id: str = "test"
    password: str = "test"
    delay: float = 0.2
    pause: float = 0.0
    window: int = 500
    manner: Literal[
        "well", "refusing", "silent", "deaf", "doubling", "cutting", "babbling"
    ] = "well"


class Row(msgspec.Struct):
    """A receipt that is not acknowledged yet; ``at`` is when it is due."""

    id: int
    source: str
    recipient: str
    submitted: float
    at: float


class Centre:
    """What all connections share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.links: set[Link] = set()
        self.due: deque[Row] = deque()
        self.last_id = FIRST_ID
        self._journal = os.open(options.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode
        self._recover()

    def _recover(self) -> None:
        """Take up what an earlier process left."""
        left: dict[int, Row] = {}
        for line in Path(self.options.journal).read_bytes().splitlines():
            note = msgspec.json.decode(line)
            if note["event"] == "submit":
                self.last_id = max(self.last_id, note["id"])
                if note["wants_receipt"]:
                    left[note["id"]] = Row(
                        note["id"], note["source"], note["recipient"], 0.0, 0.0
                    )
            elif note["event"] == "receipted":
                left.pop(note["id"], None)
        self.due.extend(left.values())

    def note(self, line: dict[str, Any]) -> None:
        self._lines.append(self._encode(line) + b"\n")

    def write(self) -> None:
        """Write the journal: before anything that it tells of is answered."""
        if self._lines:
            os.write(self._journal, b"".join(self._lines))
            self._lines.clear()

    def submitted(self, sm: Sm, now: float) -> int:
        self.last_id += 1
        wanted = sm.registered_delivery & 3 == 1
        self.note(
            {
                "event": "submit",
                "id": self.last_id,
                "source": sm.source_addr,
                "recipient": sm.destination_addr,
                "esm_class": sm.esm_class,
                "data_coding": sm.data_coding,
                "wants_receipt": wanted,
                "short_message": sm.short_message.hex(),
            }
        )
        if wanted:
            at = now + self.options.delay
            row = Row(self.last_id, sm.source_addr, sm.destination_addr, now, at)
            self.due.append(row)
        return self.last_id

    def tick(self) -> None:
        now = time.time()
        for link in list(self.links):
            link.tick(now)
            while self.due and self.due[0].at <= now and link.takes_receipts():
                link.deliver(self.due.popleft(), now)
            link.flush()

    def change(self, line: bytes) -> None:
        for name, value in msgspec.json.decode(line).items():
            setattr(self.options, name, value)
        for link in list(self.links):
            link.close()  # so that the new manner begins with a new connection


class Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.session = Session(
            Role.MC, Limits(window=centre.options.window), time.time()
        )
        self.transport: asyncio.Transport | None = None

    @property
    def manner(self) -> str:
        return self.centre.options.manner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none
        self.centre.links.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self.centre.links.discard(self)
        self._handle(self.session.lost("gone"))
        self.transport = None

    def data_received(self, data: bytes) -> None:
        if self.manner == "silent":
            return
        self._handle(self.session.receive(data, time.time()))
        self.flush()

    def tick(self, now: float) -> None:
        self._handle(self.session.tick(now))

    def flush(self) -> None:
        self.centre.write()
        data = self.session.data_to_send()
        if self.transport is None:
            return
        if data:
            self.transport.write(data)
        if self.session.state is State.CLOSED:
            self.transport.close()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Received):
                self._asked(event.pdu)
            elif isinstance(event, Answered):
                self._acknowledged(event.token, event.pdu.status)
            elif isinstance(event, Closed):
                rows = [row for row in event.unanswered if isinstance(row, Row)]
                self.centre.due.extendleft(reversed(rows))

    def _asked(self, pdu: Pdu) -> None:
        if isinstance(pdu.body, Bind):
            self._bind(pdu, pdu.body)
        elif pdu.command == cmd.SUBMIT_SM and isinstance(pdu.body, Sm):
            self._submit(pdu, pdu.body)
        else:
            self.session.respond(pdu)

    def _bind(self, pdu: Pdu, body: Bind) -> None:
        options = self.centre.options
        known = (body.system_id, body.password) == (options.system_id, options.password)
        self.centre.note({"event": "bind", "known": known, "manner": self.manner})
        if self.manner == "refusing" or not known:
            self.session.respond(pdu, st.ESME_RBINDFAIL)
            self.flush()
            self.close_soon()
            return
        self.session.respond(pdu, st.ESME_ROK, BindResp("smsc.py"))
        if self.manner == "babbling":
            self.flush()
            assert self.transport is not None
            self.transport.write(GARBAGE)

    def close_soon(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _submit(self, pdu: Pdu, sm: Sm) -> None:
        if self.manner == "deaf":
            return
        now = time.time()
        body = MessageId(str(self.centre.submitted(sm, now)))
        if self.manner == "cutting":
            self._cut(pdu, body)
        elif self.centre.options.pause:
            later = asyncio.get_running_loop().call_later
            later(self.centre.options.pause, self._answer, pdu, body)
        else:
            self.session.respond(pdu, st.ESME_ROK, body)
            if self.manner == "doubling":
                self.session.respond(pdu, st.ESME_ROK, body)

    def _answer(self, pdu: Pdu, body: MessageId) -> None:
        self.session.respond(pdu, st.ESME_ROK, body)
        self.flush()

    def _cut(self, pdu: Pdu, body: MessageId) -> None:
        """Send half of an answer and hang up."""
        self.flush()
        self.session.respond(pdu, st.ESME_ROK, body)
        data = self.session.data_to_send()
        self.centre.write()
        if self.transport is not None:
            self.transport.write(data[:11])
            self.transport.close()
            self.transport = None

    # Receipts

    def takes_receipts(self) -> bool:
        session = self.session
        can = session.state in BOUND and session.state is not State.BOUND_TX
        return can and session.room() > 0 and self.manner == "well"

    def deliver(self, row: Row, now: float) -> None:
        text = receipt_text(
            str(row.id), MessageState.DELIVERED, submitted=row.submitted, done=now
        )
        sm = Sm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=row.recipient,
            destination_addr=row.source,
            esm_class=RECEIPT_CLASS,
            short_message=text.encode(),
        )
        tlvs = receipt_tlvs(str(row.id), MessageState.DELIVERED)
        self.session.send_request(cmd.DELIVER_SM, sm, row, now, tlvs)

    def _acknowledged(self, row: Row, status: int) -> None:
        if status == st.ESME_ROK:
            self.centre.note({"event": "receipted", "id": row.id})
        else:
            row.at = time.time() + AGAIN
            self.centre.due.append(row)


async def main(options: Options) -> None:
    loop = asyncio.get_running_loop()
    centre = Centre(options)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    server = await loop.create_server(
        lambda: Link(centre), "127.0.0.1", options.port, reuse_address=True
    )
    async with server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        ticking = loop.create_task(_tick(centre))
        while line := await reader.readline():
            centre.change(line)
        ticking.cancel()


async def _tick(centre: Centre) -> None:
    while True:
        centre.tick()
        await asyncio.sleep(TICK)


if __name__ == "__main__":
    read = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Options)
    uvloop.run(main(read))

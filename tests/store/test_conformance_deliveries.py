"""
Store conformance: whatever an operator delivers and we acknowledge is in the store.

Octets go over a socket to a real link, through the sender and the receiver, into the
engine; what was answered with status 0 is then looked for.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.carriers.smpp import SmppCarrier
from budstikke.dialects import DIALECTS
from budstikke.domain.states import PartState
from budstikke.domain.text import gsm_encode, udh_concat8
from budstikke.flow.inbound import InboundReceiver
from budstikke.flow.send import Sender
from budstikke.smpp import commands as cmd
from budstikke.smpp import tags
from budstikke.smpp.optional import build_tlvs
from budstikke.smpp.pdus import DataSm, Sm
from budstikke.store import schema
from carriers.rig import settings as link
from carriers.smpp.smsc import Smsc
from flow.phones import directory
from store.engines import rows
from store.path import NOW, Path

if TYPE_CHECKING:
    from collections.abc import Callable

    from carriers.smpp.smsc import Peer
    from store.engines import Engine

SMALL = settings(max_examples=60, deadline=None)
PORTS = bytes.fromhex("06050423f40000")
VENDOR = bytes.fromhex("1400 0002 3132")


class Delivery(NamedTuple):
    """What is delivered, and how: ``by`` a deliver_sm, its payload or a data_sm."""

    octets: bytes
    esm_class: int
    data_coding: int
    by: str
    tlvs: tuple[tuple[int, bytes], ...] = ()
    tail: bytes = b""
    cut: int = 0
    wanted: str = ""
    """Text, user data in hexadecimal, or the id of a receipt; empty: anything."""
    kind: str = ""


class Found(NamedTuple):
    """All that the store has, by phone: texts, user data, ids of receipts."""

    texts: dict[str, str]
    held: dict[str, str]
    orphans: list[tuple[str, str]]
    parts: dict[str, str]


TYPES = st.sampled_from(range(0, 0x40, 4))
BY = st.sampled_from(["deliver_sm", "payload", "data_sm"])
TAILS = st.sampled_from(
    [
        *(b"", b"\1", b"\1\2", b"\1\2\3", VENDOR, b"\0" + VENDOR, VENDOR + b"\0\0\0"),
        bytes.fromhex("0204 0004 01"),
        VENDOR + bytes.fromhex("0427 0004 01"),
        bytes.fromhex("ffff ffff ff"),
    ]
)
ENCODINGS: dict[int, Callable[[str], bytes]] = {
    0x00: gsm_encode,
    0x10: gsm_encode,
    0x80: gsm_encode,
    0xF1: gsm_encode,
    0x03: lambda text: text.encode("cp1252"),
    0x08: lambda text: text.encode("utf-16-be"),
    0x48: lambda text: text.encode("utf-16"),  # with a mark
    0xE8: lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
}


@st.composite
def written(draw: st.DrawFn) -> Delivery:
    """Draw a person's text, with a true header, a false one or none."""
    text = "Hei " + draw(st.text("abcdeg æøåÆØÅ€.,!?1", max_size=20))
    data_coding = draw(st.sampled_from(sorted(ENCODINGS)))
    octets = ENCODINGS[data_coding](text)
    header = draw(st.sampled_from(["none", "false", "alone", "first", "ports"]))
    kind, wanted = "text", text
    if header == "first":
        kind, wanted = "held", octets.hex()
    elif header == "ports":
        kind, wanted = "binary", octets.hex()
    headers = {
        "alone": udh_concat8(7, 1, 1),
        "first": udh_concat8(7, 2, 1),
        "ports": PORTS,
    }
    return Delivery(
        headers.get(header, b"") + octets,
        draw(TYPES) | (0 if header == "none" else 0x40),
        data_coding,
        draw(BY),
        tail=draw(TAILS),
        wanted=wanted,
        kind=kind,
    )


@st.composite
def cut_short(draw: st.DrawFn) -> Delivery:
    """Draw a text that ends before its length says."""
    text = "Hei du som leser dette"
    cut = draw(st.integers(1, len(text) - 1))
    by = draw(st.sampled_from(["deliver_sm", "payload", "data_sm"]))
    return Delivery(
        text.encode(), 0, 3, by, cut=cut, wanted=text[: len(text) - cut], kind="text"
    )


@st.composite
def reported(draw: st.DrawFn) -> Delivery:
    """Draw a receipt: of a part of ours, of none that is known, of nothing."""
    named = draw(st.sampled_from(["ours", "unknown", ""]))
    text = f"id:{named} stat:DELIVRD err:000" if named else "stat:DELIVRD err:000"
    form = draw(st.sampled_from(["latin-1", "utf-16", "utf-16-be", "nul", "tlv"]))
    tlvs: tuple[tuple[int, bytes], ...] = ()
    octets = text.encode("latin-1" if form in ("nul", "tlv") else form)
    if form == "nul":
        octets += b"\0\0"
    elif form == "tlv":
        tlvs = ((tags.MESSAGE_STATE, b"\0\2"),)
        if named:
            tlvs += ((tags.RECEIPTED_MESSAGE_ID, named.encode() + b"\0"),)
        octets = draw(st.sampled_from([b"", b"Delivered"]))
        if named:
            octets = draw(st.sampled_from([octets, b"id:other stat:DELIVRD"]))
    header = draw(st.sampled_from([b"", udh_concat8(7, 1, 1)]))
    flag = 0x40 if header else draw(st.sampled_from([0, 0x40]))
    return Delivery(
        header + octets,
        draw(st.sampled_from([0x04, 0x08, 0x20])) | flag,
        draw(st.sampled_from([0, 3, 8])),
        draw(BY),
        tlvs,
        draw(TAILS),
        wanted=named,
        kind="receipt",
    )


ANYTHING = st.builds(
    Delivery,
    st.binary(max_size=60),
    st.integers(0, 255),
    st.integers(0, 255),
    BY,
    st.lists(
        st.tuples(
            st.sampled_from([0x1E, 0x427, 0x423, 0x20A, 0x20C, 0x20E, 0x20F, 0x1400]),
            st.binary(max_size=5),
        ),
        max_size=4,
    ).map(tuple),
    TAILS | st.binary(max_size=9),
    cut=st.just(0),
    wanted=st.just(""),
    kind=st.just(""),
)
DELIVERIES = st.lists(
    written() | cut_short() | reported() | ANYTHING, min_size=1, max_size=12
)


class World:
    """A link to a message centre, and the store behind it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.phones = itertools.count(4_791_000_000)
        self.smsc = Smsc()

    async def start(self) -> None:
        """Open the store and bind."""
        self.store = self.engine.store()
        await self.store.open(NOW)
        path = Path(self.engine, self.store)
        self.path = path
        await self.smsc.__aenter__()
        carrier = SmppCarrier(
            "c1",
            link(self.smsc.port, response_timeout=30.0),
            random=Random(1),  # noqa: S311 - dice
            clock=lambda: NOW,
        )
        everything = directory()
        receiver = InboundReceiver(
            store=self.store,
            directory=lambda: everything,
            dialects=DIALECTS,
            notify=lambda _received: None,
            clock=lambda: NOW,
            random=Random(1),  # noqa: S311 - dice
            join_timeout=600.0,
            receipt_wait=1800.0,
        )
        self.sender = Sender(
            1,
            carrier,
            store=self.store,
            directory=lambda: everything,
            notify=lambda _rows: None,
            requeued=lambda _carrier: None,
            receive=receiver.receive,
            clock=lambda: NOW,
        )
        self.task = asyncio.create_task(self.sender.run())
        await self.smsc.until(lambda: bool(self.smsc.bound))

    async def stop(self) -> None:
        """Take it all down."""
        await self.sender.stop(1.0)
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.smsc.__aexit__()
        await self.store.close()

    async def deliver(self, deliveries: list[Delivery]) -> None:
        """Deliver all in one go, and look for those that were acknowledged."""
        (part,) = await self.path.sending()
        mine = f"ours{part}"
        await self.path.answer(part, PartState.SENT, mine)
        peer = self.smsc.bound[0]
        before = len(self.smsc.answers)
        sent: dict[int, tuple[str, Delivery]] = {}
        for each in deliveries:
            phone = f"{next(self.phones)}"
            sent[put(peer, phone, mine, each)] = f"+{phone}", each
        await self.smsc.until(lambda: len(self.smsc.answers) >= before + len(sent))
        found = look(self.engine)
        for answer in self.smsc.answers[before:]:
            phone, delivery = sent[answer.sequence]
            if answer.status == 0:
                assert is_there(found, phone, mine, delivery), (phone, delivery, found)
            else:
                assert not delivery.kind, (answer, delivery)


def put(peer: Peer, phone: str, mine: str, delivery: Delivery) -> int:
    """Write one, its tail within the length that its header says."""
    fields: dict[str, Any] = {
        "source_addr_ton": 1,
        "source_addr": phone,
        "destination_addr": "4759000009",
        "esm_class": delivery.esm_class,
        "data_coding": delivery.data_coding,
    }
    octets = named(delivery.octets, mine)
    tlvs = [(tag, named(value, mine)) for tag, value in delivery.tlvs]
    command, body = cmd.DELIVER_SM, Sm(**fields)
    if delivery.by == "deliver_sm":
        body.short_message = octets
    else:
        tlvs.insert(0, (tags.MESSAGE_PAYLOAD, octets))
    request: Any = body
    if delivery.by == "data_sm":
        command, request = cmd.DATA_SM, DataSm(**fields)
    sequence = peer.session.send_request(command, request, None, 0.0)
    assert sequence is not None
    data = peer.session.data_to_send() + build_tlvs(tlvs) + delivery.tail
    data = data[: len(data) - delivery.cut]
    peer.raw(len(data).to_bytes(4, "big") + data[4:])
    return sequence


def named(octets: bytes, mine: str) -> bytes:
    """Put in the id of our part, in whatever it is written."""
    for codec in ("latin-1", "utf-16-le", "utf-16-be"):
        written = octets.replace("ours".encode(codec), mine.encode(codec))
        if written != octets:
            return written
    return octets


def look(engine: Engine) -> Found:
    inbound = rows(engine, schema.inbound, "originator", "text", "data")
    held = rows(engine, schema.inbound_part, "originator", "payload")
    orphans = rows(engine, schema.orphan, "recipient", "smsc_id")
    parts = rows(engine, schema.part, "smsc_id", "state")
    return Found(
        {phone: text or data for phone, text, data in inbound},
        dict(held),
        [(phone, smsc_id) for phone, smsc_id in orphans],
        dict(parts),
    )


def is_there(found: Found, phone: str, mine: str, delivery: Delivery) -> bool:
    wanted = delivery.wanted
    match delivery.kind:
        case "text":
            return found.texts.get(phone) == wanted
        case "binary":
            return found.texts.get(phone, "").endswith(wanted)
        case "held":
            return found.held.get(phone, "").endswith(wanted)
        case "receipt" if wanted == "ours":
            return found.parts.get(mine) == "delivered"
        case "receipt":
            return any(it == phone and id_ == wanted for it, id_ in found.orphans)
    orphans = {recipient for recipient, _ in found.orphans}
    return phone in found.texts or phone in found.held or phone in orphans


def test_what_is_acknowledged_is_in_the_store(engine: Engine) -> None:
    with asyncio.Runner() as runner:
        world = World(engine)
        runner.run(world.start())

        @SMALL
        @given(DELIVERIES)
        def every(deliveries: list[Delivery]) -> None:
            runner.run(asyncio.wait_for(world.deliver(deliveries), 20.0))

        try:
            every()
        finally:
            runner.run(world.stop())

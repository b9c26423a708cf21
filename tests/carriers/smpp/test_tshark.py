"""
Wireshark's dissector reads what our carrier and our simulator write, in every form.

Each scene is played through a relay; a capture is made of what passed
(``peers.tshark``).
"""

from __future__ import annotations

import asyncio
import random
import re
import struct
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from budstikke.carriers import smpp
from budstikke.carriers.simulator.listener import Listener
from budstikke.carriers.simulator.phones import Phones
from budstikke.carriers.simulator.settings import ListenerSettings
from budstikke.domain.message import TextMode
from budstikke.domain.text import DEFAULT, Concat, LinkAlphabet, Segmentation, segment
from budstikke.smpp import Pdu, build
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import HEADER
from budstikke.smpp.pdus import (
    Bind,
    CancelSm,
    DataSm,
    Destination,
    Empty,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
)
from carriers.rig import Recorder, Rig
from carriers.simulator.operator_bind import Esme, sm
from carriers.waiting import LONG
from peers.tshark import Conversation, Read, Relay, dissect, write_capture
from smpp.test_codec import PAIRS

if TYPE_CHECKING:
    from pathlib import Path

    from budstikke.smpp import Body

pytestmark = pytest.mark.peer

GSM = ("smpp.decode_sms_over_smpp:GSM 7-bit",)
LATIN1 = ("smpp.decode_sms_over_smpp:ISO-8859-1",)
PACKED = (
    "smpp.decode_sms_over_smpp:GSM 7-bit (packed)",
    "smpp.gsm7_unpacked:FALSE",
)

CHARACTERS = "@£$¥èéùìòÇ Øø Åå Δ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ ¤ ¡ ÄÖÑÜ§ ¿ äöñüà ^{}\\[~]| €"
WIDE = "Привет, мир 😀"
LONG_GSM = "Hei på deg! [€] " * 25
LONG_WIDE = "Blåbær 😀 og ђ " * 12

WRITTEN_BY_PHONES = ("JA", CHARACTERS, WIDE, LONG_GSM, LONG_WIDE)
"""In ten parts."""

UNKNOWN_TO_TSHARK = {*range(0x10, 0x14), *range(0x18, 0x1C)}
"""data_codings that SMPP reserves and TS 23.038 has: no text is shown."""


SINGLE_SHIFT = "Bugun hava cok guzel, yarin icin soz yok ama ş olabilir. "

LEAST = {
    "host": "127.0.0.1",
    "system_id": "bud",
    "throttle_min": 0.01,
    "throttle_max": 0.05,
}


class Link(NamedTuple):
    """A carrier's settings, and the texts that it sends."""

    changes: dict[str, Any]
    texts: tuple[str, ...]
    fields: dict[str, Any] = {}  # noqa: RUF012 - never changed


LINKS: dict[str, Link] = {
    "plain": Link({}, ("Hei", CHARACTERS, WIDE)),
    "udh8": Link({"concat": "udh8"}, (LONG_GSM, LONG_WIDE)),
    "udh16": Link({"concat": "udh16"}, (LONG_GSM, LONG_WIDE)),
    "sar": Link({"concat": "sar"}, (LONG_GSM, LONG_WIDE)),
    "payload": Link({"concat": "payload"}, ("Hei", LONG_GSM, LONG_WIDE)),
    "flash": Link({}, ("Hei", WIDE, LONG_GSM), {"flash": True}),
    "flash by 23.038": Link(
        {"data_coding_flash_gsm": 0x10, "data_coding_flash_ucs2": 0x18},
        ("Hei", WIDE),
        {"flash": True},
    ),
    "flash by subunit": Link({"data_coding_flash_gsm": 0}, ("Hei",), {"flash": True}),
    "replace": Link({}, ("Hei", WIDE), {"protocol_id": 0x41}),
    "national": Link({"national": [1, 2, 3]}, ("ığşİĞŞ" * 15, "ığş İĞŞç " * 30)),
    "national, single shift": Link(
        {"national": [1]},
        (SINGLE_SHIFT * 2, SINGLE_SHIFT * 4),
    ),
    "national by 16 bits": Link(
        {"national": [1, 2, 3], "concat": "udh16"}, ("ığş İĞŞç " * 30,)
    ),
    "fields": Link(
        {
            "validity": "absolute",
            "priority": True,
            "plus": True,
            "service_type": "VMA",
            "tlvs": {"1400": "31303031"},
            "premium_tlv": 0x1401,
            "interface_version": 0x50,
            "system_type": "VMS",
            "address_range": "47",
        },
        ("Hei",),
        {"premium": 500, "originator": "2229", "priority": 3},
    ),
    "no fields": Link(
        {"validity": "none"}, ("Hei",), {"report": False, "originator": "4790000000"}
    ),
    "pair": Link({"bind_type": "tx+rx"}, ("Hei", WIDE)),
    "refused, throttled, without receipt": Link(
        {}, ("0002", "0008", "0001", "0004", "0006")
    ),
}


class Scene(NamedTuple):
    """Links to one simulator, what data_coding 0 is to both, and to tshark."""

    alphabet: str
    options: tuple[str, ...]
    links: dict[str, Link]


def packed(**changes: str) -> dict[str, Any]:
    return {"alphabet": "gsm-packed"} | changes


SCENES: dict[str, Scene] = {
    "gsm": Scene("gsm", GSM, LINKS),
    "3.3": Scene(
        "gsm", GSM, {"3.3": Link({"interface_version": 0x33}, ("Hei", LONG_WIDE))}
    ),
    "latin1": Scene(
        "latin1",
        LATIN1,
        {
            "latin1": Link({"alphabet": "latin1"}, ("Blåbær £", WIDE)),
            "long": Link({"alphabet": "latin1"}, ("Blåbær £ og så " * 20,)),
        },
    ),
    "gsm-packed": Scene(
        "gsm-packed",
        PACKED,
        {
            "packed": Link(packed(), ("Hei", CHARACTERS, WIDE)),
            "udh8": Link(packed(), (LONG_GSM, LONG_WIDE)),
            "udh16": Link(packed(concat="udh16"), (LONG_GSM,)),
            "sar": Link(packed(concat="sar"), (LONG_GSM,)),
            "payload": Link(packed(concat="payload"), (LONG_GSM,)),
            "flash": Link(packed(), ("Hei",), {"flash": True}),
        },
    ),
}


class Said(NamedTuple):
    """One scene as it passed, and what each submit_sm says."""

    conversations: list[Conversation]
    texts: list[str | None]


def shown(text: str, planned: Segmentation, coding: int) -> str | None:
    """
    Say what tshark shows of a part; ``None``: it cannot decode such a one.

    It knows no national tables, and no class of 3GPP TS 23.038 in SMPP.
    """
    known = planned.tables == DEFAULT and coding not in UNKNOWN_TO_TSHARK
    return text if known else None


async def sent(rig: Rig, link: Link) -> list[str | None]:
    """Send a link's texts; what tshark shows of their parts."""
    concat = Concat(link.changes.get("concat", "udh8"))
    national = frozenset(link.changes.get("national", ()))
    written: list[str | None] = []
    for text in link.texts:
        planned = segment(text, mode=TextMode.AUTO, concat=concat, national=national)
        ending = text if text.isdigit() else "9999"
        fields = {
            "total": len(planned.parts),
            "encoding": planned.encoding,
            "tables": planned.tables,
            "message": rig.next_message,
        } | link.fields
        rig.next_message += 1
        parts = [
            rig.part(ending, number=number, text=piece, **fields)
            for number, piece in enumerate(planned.parts, start=1)
        ]
        await rig.send(parts)
        coding = 0
        if link.fields.get("flash"):
            coding = link.changes.get(f"data_coding_flash_{planned.encoding}", 0)
        seen = [shown(piece, planned, coding) for piece in planned.parts]
        written += seen * (4 if ending == "0008" else 1)
    return written


async def carriers(alphabet: str, links: dict[str, Link]) -> Said:
    phones = Phones()
    numbers = random.Random(1)  # noqa: S311 - where ids begin
    operator = ListenerSettings(
        port=0, delivery_delay=0.01, alphabet=LinkAlphabet(alphabet)
    )
    listener = Listener(phones, operator, random=numbers)
    await listener.start()
    texts: list[str | None] = []
    async with Relay(listener.port) as relay:
        for link in links.values():
            given = LEAST | {"port": relay.port} | link.changes
            made = msgspec.convert(given, smpp.Settings)
            carrier = smpp.carrier("op", made, random=numbers, clock=time.time)
            rig = Rig(carrier, Recorder(), None)
            await rig.start()
            texts += await sent(rig, link)
            for text in WRITTEN_BY_PHONES:
                phones.compose("+4799999999", "2229", text, time.time())
            await rig.sink.until(lambda rig=rig: len(rig.sink.messages) == 10)  # type: ignore[misc] # its default
            if link.fields.get("report", True):
                await rig.sink.until(lambda rig=rig: bool(rig.sink.got))  # type: ignore[misc] # its default
            await carrier.drain(5.0)
            await rig.stop()
        await listener.stop()
    return Said(relay.conversations, texts)


ASKED: dict[int, Body] = {
    cmd.QUERY_SM: QuerySm("17", 5, 0, "Bud"),
    cmd.CANCEL_SM: CancelSm("", "17", 5, 0, "Bud", 1, 1, "4799999999"),
    cmd.REPLACE_SM: ReplaceSm("17", 5, 0, "Bud", short_message=b"Hei"),
    cmd.DATA_SM: DataSm("", 5, 0, "Bud", 1, 1, "4799999999"),
    cmd.SUBMIT_MULTI: SubmitMulti(
        destinations=[Destination(1, 1, "4799999999")], short_message=b"Hei"
    ),
    cmd.ENQUIRE_LINK: Empty(),
}


async def errors(style: str, version: int) -> Said:
    """All that a client may do wrong, and the receipts of each style."""
    phones = Phones()
    operator = ListenerSettings(
        port=0,
        delivery_delay=0.01,
        receipts=style,  # type: ignore[arg-type] # a name of them
        accounts={"acme": "secret"},
        enquire_link=0.05,
    )
    listener = Listener(phones, operator, random=random.Random(1))  # noqa: S311 - ids
    await listener.start()
    async with Relay(listener.port) as relay:
        _, esme = await asyncio.get_running_loop().create_connection(
            Esme, "127.0.0.1", relay.port
        )
        before = build(Pdu(cmd.SUBMIT_SM, 0, 900, sm()))
        esme.transport.write(before)
        await esme.bind(password="wrong", version=version)
        del esme.answers["bind"]
        assert st.ESME_ROK == await esme.bind(version=version)
        for command, body in ASKED.items():
            esme.ask(command, body, command)
            await esme.answer(command)
        esme.transport.write(build(Pdu(cmd.BIND_RECEIVER, 0, 901, Bind("acme"))))
        esme.transport.write(HEADER.pack(16, 0x0000_0122, 0, 902))
        others: tuple[dict[str, Any], ...] = (
            {"data_coding": 4},
            {"schedule_delivery_time": "300101000000000+"},
            {"digits": "0002"},
            {"digits": "0001"},
            {"tlvs": ((0x0204, b"\0\7"), (0x0202, b"\xa0\1"), (0x020A, b"\1\2"))},
            {"registered_delivery": 0x11},
        )
        for fields in others:
            await esme.submit(**fields)
        phones.switch("+4799999998", on=False)
        await esme.submit("9998", registered_delivery=0x10)
        await esme.receipts(4)
        esme.ask(cmd.UNBIND, Empty(), "bye")
        await esme.answer("bye")
        esme.transport.close()
        await listener.stop()
    return Said(relay.conversations, [])


def codec() -> Said:
    """Every PDU that the codec is tested with, also those nobody sends yet."""
    conversation = Conversation()
    for pair in PAIRS:
        pdu = pair.values[1]
        assert isinstance(pdu, Pdu)
        of_centre = pdu.command in {
            *(cmd.DELIVER_SM, cmd.OUTBIND, cmd.ALERT_NOTIFICATION),
            *(cmd.DATA_SM_RESP, cmd.GENERIC_NACK),
        }
        answers = bool(pdu.command & cmd.RESPONSE)
        client = not of_centre and not (answers and pdu.command != cmd.DELIVER_SM_RESP)
        conversation.said.append((client, build(pdu)))
    return Said([conversation], [])


# What is read


def told(conversations: list[Conversation], *, of_client: bool) -> list[Pdu]:
    """Cut one side of all conversations in PDUs; their bodies are tshark's matter."""
    found = []
    for conversation in conversations:
        octets, at = conversation.octets(of_client=of_client), 0
        while at < len(octets):
            length, command, status, sequence = HEADER.unpack_from(octets, at)
            found.append(Pdu(command, status, sequence, None))
            at += length
        assert at == len(octets)
    return found


def read_whole(said: Said, path: Path, options: tuple[str, ...]) -> list[Read]:
    """Have tshark read a scene: each PDU is one, and nothing is wrong with any."""
    write_capture(path, said.conversations)
    reads, outside = dissect(path, *options)
    assert [] == outside
    for read in reads:
        what = read.shown("smpp.command_id"), read.shown("smpp.sequence_number")
        assert [] == read.complaints, what
    for client in (True, False):
        found = [
            Pdu(
                int(read.shown("smpp.command_id"), 16),
                int(read.shown("smpp.command_status") or "0", 16),
                int(read.shown("smpp.sequence_number")),
                None,
            )
            for read in reads
            if read.client is client
        ]
        assert told(said.conversations, of_client=client) == found
    return reads


def commands(reads: list[Read]) -> set[str]:
    return {cmd.name(int(read.shown("smpp.command_id"), 16)) for read in reads}


def messages(reads: list[Read], command: int) -> list[Read]:
    return [r for r in reads if int(r.shown("smpp.command_id"), 16) == command]


def same(expected: list[str | None], reads: list[Read]) -> None:
    """Compare texts with what tshark shows, where it can show them."""
    assert len(expected) == len(reads)
    for text, read in zip(expected, reads, strict=True):
        if text is not None:
            # What fills packed octets is shown as a blank.
            assert text.rstrip() == read.shown("smpp.message_text").rstrip()


def is_receipt(read: Read) -> bool:
    """Whether esm_class says so, receipt or intermediate notification."""
    return int(read.shown("smpp.esm.submit.msg_type"), 0) != 0


def receipts(reads: list[Read], says: str) -> int:
    """Check that receipts say one id, by text, by parameter or both; count them."""
    found = [read for read in messages(reads, cmd.DELIVER_SM) if is_receipt(read)]
    for read in found:
        written = re.match(r"id:(\w+) sub:", read.shown("smpp.message_text"))
        named = read.shown("smpp.receipted_message_id")
        assert (says != "tlv", says != "text") == (written is not None, bool(named))
        if written is not None and named:
            assert written[1] == named
    return len(found)


def play(scene: Any) -> Said:
    async def played() -> Said:
        async with asyncio.timeout(LONG):
            said: Said = await scene
            return said

    return asyncio.run(played())


@pytest.mark.parametrize("name", SCENES)
def test_what_the_carrier_and_the_simulator_write(name: str, tmp_path: Path) -> None:
    scene = SCENES[name]
    said = play(carriers(scene.alphabet, scene.links))
    reads = read_whole(said, tmp_path / "scene.pcap", scene.options)
    same(said.texts, messages(reads, cmd.SUBMIT_SM))
    pieces: list[str | None] = []
    for text in WRITTEN_BY_PHONES:
        planned = segment(text, mode=TextMode.AUTO)
        pieces += [shown(each, planned, 0) for each in planned.parts]
    delivered = messages(reads, cmd.DELIVER_SM)
    of_phones = [read for read in delivered if not is_receipt(read)]
    if scene.alphabet != "latin1":  # phones write what it does not have
        same(pieces * len(scene.links), of_phones)
    assert receipts(reads, "text" if name == "3.3" else "both") > 0
    if name == "gsm":
        assert set(FORMS) == written(reads)


def written(reads: list[Read]) -> set[str]:
    """List which forms there are among submit_sm, by their names in ``FORMS``."""
    submits = messages(reads, cmd.SUBMIT_SM)
    return {
        name
        for name, (field, pattern) in FORMS.items()
        if any(
            re.match(pattern, read.fields[field][0])
            for read in submits
            if field in read.fields
        )
    }


FORMS: dict[str, tuple[str, str]] = {
    "udh8": ("smpp.message", "05:00:03"),
    "udh16": ("smpp.message", "06:08:04"),
    "single shift": ("smpp.message", "03:24:01:01"),
    "locking shift": ("smpp.message", "03:25:01:01|06:25:01:01:24|06:24:01:01:25"),
    "tables and 8 bits": ("smpp.message", "0[8b]:.*25:01:01.*00:03|0[8b]:00:03"),
    "tables and 16 bits": ("smpp.message", "(09|0c):08:04"),
    "sar": ("smpp.sar_segment_seqnum", "4"),
    "payload": ("smpp.message_payload", "48:65:69"),
    "payload, no short_message": ("smpp.sm_length", "0"),
    "flash": ("smpp.data_coding", "0xf0"),
    "flash by 23.038": ("smpp.data_coding", "0x10"),
    "flash by 23.038, UCS-2": ("smpp.data_coding", "0x18"),
    "flash by subunit": ("smpp.dest_addr_subunit", "0x01"),
    "replace": ("smpp.protocol_id", "0x41"),
    "relative": ("smpp.validity_period_r", "3599"),
    "absolute": ("smpp.validity_period", "...? ?"),
    "service": ("smpp.service_type", "VMA"),
    "priority": ("smpp.priority_flag", "0x02"),
    "no receipt": ("smpp.regdel.receipt", "0x00"),
    "vendor's": ("smpp.vendor_op", "31:30:30:31"),
}
"""What the scene must have had, lest it show nothing: a field, and how it begins."""


@pytest.mark.parametrize(
    ("style", "version", "says"),
    [
        ("both", 0x34, "both"),
        ("text", 0x34, "text"),
        ("tlv", 0x50, "tlv"),
        ("both", 0x33, "text"),
        ("tlv", 0x33, "text"),
    ],
)
def test_errors_and_receipts(
    style: str, version: int, says: str, tmp_path: Path
) -> None:
    reads = read_whole(play(errors(style, version)), tmp_path / "scene.pcap", GSM)
    assert 4 == receipts(reads, says)
    answered = {cmd.name(command | cmd.RESPONSE) for command in ASKED}
    assert commands(reads) >= {*answered, "generic_nack", "unbind_resp"}


def test_every_pdu_of_the_codec(tmp_path: Path) -> None:
    reads = read_whole(codec(), tmp_path / "scene.pcap", GSM)
    assert set(cmd.NAMES.values()) == commands(reads)


GOOD = build(Pdu(cmd.SUBMIT_SM, 0, 7, sm(), ((0x0204, b"\0\7"),)))


@pytest.mark.parametrize(
    ("at", "octet"),
    [
        (-10, 4),  # sm_length
        (-10, 0xFF),
        (-3, 0xFF),  # the length of a parameter
        (3, len(GOOD) - 1),  # command_length
        (3, len(GOOD) + 1),
        (7, 0x33),  # command_id
    ],
)
def test_a_fault_is_seen(at: int, octet: int, tmp_path: Path) -> None:
    conversation = Conversation()
    conversation.said.append((True, GOOD))
    read_whole(Said([conversation], []), tmp_path / "good.pcap", GSM)
    bad = bytearray(GOOD)
    bad[at] = octet
    conversation.said = [(True, bytes(bad))]
    with pytest.raises((AssertionError, struct.error)):
        read_whole(Said([conversation], []), tmp_path / "bad.pcap", GSM)

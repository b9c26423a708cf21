"""Messages from phones: read, joined, routed, stored and told, on a real store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.domain.callback import SendEvent
from budstikke.domain.inbound import InboundEvent, InboundMms, Kind, MediaPart
from budstikke.domain.reassembly import GAP
from budstikke.domain.text import gsm_encode, udh_concat8, udh_concat16, udh_national
from budstikke.flow.inbound_draft import REPLY_WAIT
from budstikke.smpp import tags
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.phones import (
    FRONT,
    NATIVE,
    PHONE,
    SILENT,
    SVEVE,
    Phones,
    delivered,
    directory,
    phones_on,
)
from store.path import NOW, Path

if TYPE_CHECKING:
    from budstikke.domain.inbound import InboundPart
    from store.engines import SqliteEngine

OWNED, BARE, REPLY = "4759000000", "4759000002", "26114123456789"


read_event = msgspec.json.Decoder(InboundEvent).decode


def sends(phones: Phones) -> list[SendEvent]:
    return [row.event for row in phones.callbacks() if isinstance(row.event, SendEvent)]


# What an operator may deliver


def sar(number: int, octets: bytes) -> InboundPart:
    return delivered(
        octets,
        (
            (tags.SAR_MSG_REF_NUM, b"\x01\x02"),
            (tags.SAR_TOTAL_SEGMENTS, b"\x02"),
            (tags.SAR_SEGMENT_SEQNUM, bytes((number,))),
        ),
    )


def headed(header: bytes, octets: bytes, data_coding: int = 0) -> InboundPart:
    return delivered(header + octets, esm_class=0x40, data_coding=data_coding)


EMOJI = "Hei 🎉".encode("utf-16-be")

KINDS: list[tuple[str, list[InboundPart]]] = [
    ("Hei på deg", [delivered(gsm_encode("Hei på deg"))]),
    ("€ {[]}", [delivered(gsm_encode("€ {[]}"))]),
    ("ğşı", [headed(udh_national((1, 1)), gsm_encode("ğşı", (1, 1)))]),
    ("Hei 🎉", [delivered(EMOJI, data_coding=8)]),
    (
        "ett to tre",
        [
            headed(udh_concat8(5, 3, 2), b" to "),
            headed(udh_concat8(5, 3, 3), b"tre"),
            headed(udh_concat8(5, 3, 1), b"ett"),
        ],
    ),
    (
        "Hei 🎉",
        [
            headed(udh_concat16(777, 2, 2), EMOJI[10:], 8),
            headed(udh_concat16(777, 2, 1), EMOJI[:10], 8),
        ],
    ),
    ("en to", [sar(1, b"en "), sar(2, b"to")]),
    ("x" * 1000, [delivered(b"", ((tags.MESSAGE_PAYLOAD, b"x" * 1000),))]),
    ("på", [delivered(b"p\xe5", data_coding=3)]),
]


@pytest.mark.parametrize(("text", "parts"), KINDS)
@pytest.mark.parametrize("batch", [1, 100])
async def test_every_kind(
    phones: Phones, text: str, parts: list[InboundPart], batch: int
) -> None:
    twice = [*parts[:1], *parts] if len(parts) > 1 else parts
    for at in range(0, len(twice), batch):
        await phones.receiver.receive(7, twice[at : at + batch])
    await phones.receiver.receive(7, parts if len(parts) > 1 else [])
    assert [text] == phones.rows(schema.inbound, "text")
    assert ["queued"] == phones.rows(schema.callback, "state")
    assert ["done"] * (len(parts) if len(parts) > 1 else 0) == parts_of(phones)
    assert [PHONE] == phones.rows(schema.inbound, "originator")
    assert [NOW] == phones.rows(schema.inbound, "sent_at")


def parts_of(phones: Phones) -> list[Any]:
    return phones.rows(schema.inbound_part, "state")


async def test_binary_is_kept(phones: Phones) -> None:
    part = headed(bytes.fromhex("06050423f40000"), b"BEGIN", 4)
    await phones.receiver.receive(7, [part])
    assert [("binary", "", "06050423f40000424547494e")] == phones.rows(
        schema.inbound, "kind", "text", "data"
    )


# Long texts


def part(number: int, text: bytes = b"abc", total: int = 2) -> InboundPart:
    return headed(udh_concat8(9, total, number), text)


async def test_what_came_is_told_when_the_time_is_over(phones: Phones) -> None:
    await phones.receiver.receive(7, [part(1, b"one ", 3), part(3, b" three", 3)])
    phones.now = NOW + 599
    assert not await phones.receiver.run_once()
    assert [] == phones.rows(schema.inbound, "id")
    phones.now = NOW + 600
    assert not await phones.receiver.run_once()
    await phones.receiver.run_once()
    assert [(f"one {GAP} three", 1)] == phones.rows(schema.inbound, "text", "missing")
    assert ["done", "done"] == parts_of(phones)


async def test_a_crash_after_the_parts_were_kept(phones: Phones) -> None:
    phones.broken = "receive"
    with pytest.raises(StoreUnavailable):
        await phones.receiver.receive(7, [part(1), part(2, b"def")])
    assert [] == phones.rows(schema.inbound, "id")
    phones.broken = None
    await phones.receiver.run_once()
    assert ["abcdef"] == phones.rows(schema.inbound, "text")
    # The operator was not answered and gives them again.
    await phones.receiver.receive(7, [part(1), part(2, b"def")])
    assert ["abcdef"] == phones.rows(schema.inbound, "text")


async def test_parts_given_again_when_the_store_is_back(phones: Phones) -> None:
    for broken in ("hold_parts", "receive", "conversations"):
        phones.broken = broken
        with pytest.raises(StoreUnavailable):
            await phones.receiver.receive(
                7, [part(1), part(2), delivered(b"x", destination_addr=REPLY)]
            )
    assert [] == phones.received
    phones.broken = None
    await phones.receiver.receive(7, [part(1), part(2)])
    assert ["abcabc"] == phones.rows(schema.inbound, "text")


async def test_two_texts_with_one_reference(phones: Phones) -> None:
    texts = [part(1, b"a"), part(1, b"c"), part(2, b"d"), part(2, b"b")]
    await phones.receiver.receive(7, texts[:3])
    await phones.receiver.receive(7, texts[3:])
    assert ["ad", "cb"] == phones.rows(schema.inbound, "text")


def again(each: InboundPart) -> InboundPart:
    """Make a part that is equal to one of which the operator has the answer."""
    return replace(each, new=True)


A1, A2, B2 = part(1, b"same "), part(2, b"first"), part(2, b"second")
BOTH = ["same first", "same second"]


@pytest.mark.parametrize(
    "batches",
    [
        [[A1], [A2], [again(A1)], [B2]],
        [[A1], [A2], [B2], [again(A1)]],
        [[A2], [A1], [B2], [again(A1)]],
        [[A1], [again(A1)], [A2], [B2]],
        [[A1, A2], [A1], [B2]],  # nobody knows of an answer
        [[A1, A2], [B2], [A1]],
        [[A1], [A2, A1, B2]],
        [[A1], [A2, A1], [B2]],
        [[A1, A2, A1, B2]],  # a window full, of which nothing is answered yet
        [[A1, A1, A2, B2]],
        [[A1, A2, A1], [B2]],
        [[A1, A2, B2, A1]],
        [[B2, A2, A1, A1]],
    ],
)
async def test_two_texts_with_one_reference_and_equal_beginnings(
    phones: Phones, batches: list[list[InboundPart]]
) -> None:
    for batch in batches:
        await phones.receiver.receive(7, batch)
    phones.now = NOW + 600
    while await phones.receiver.run_once():
        pass
    assert sorted(BOTH) == sorted(phones.rows(schema.inbound, "text"))
    assert {"done"} == set(parts_of(phones))


async def test_three_parts_of_which_two_are_equal(engine: SqliteEngine) -> None:
    first = [part(1, b"a", 3), part(2, b"b", 3), part(3, b"c", 3)]
    second = [part(3, b"x", 3), again(first[0]), again(first[1])]

    async with phones_on(engine) as phones:
        for each in (*first, *second):
            await phones.receiver.receive(7, [each])
        assert ["abc", "abx"] == phones.rows(schema.inbound, "text")


async def test_a_text_that_is_sent_twice(phones: Phones) -> None:
    await phones.receiver.receive(7, [A1, A2])
    await phones.receiver.receive(7, [again(A2)])
    await phones.receiver.receive(7, [again(A1)])
    assert [BOTH[0]] * 2 == phones.rows(schema.inbound, "text")


@pytest.mark.parametrize(
    "batches",
    [
        [[A1], [A1], [A2], [A2]],
        [[A1, A1, A2, A2]],
        [[A1, A2], [A2, A1]],
        [[A1, A2], [A2], [A1]],
        [[A1, A2], [A2]],
    ],
)
async def test_what_the_operator_gives_again_is_told_once(
    phones: Phones, batches: list[list[InboundPart]]
) -> None:
    for batch in batches:
        await phones.receiver.receive(7, batch)
    phones.now = NOW + 600
    while await phones.receiver.run_once():
        pass
    assert [BOTH[0]] == phones.rows(schema.inbound, "text")
    assert "held" not in parts_of(phones)


async def test_a_part_that_was_given_anew_is_told_although_nothing_follows(
    phones: Phones,
) -> None:
    await phones.receiver.receive(7, [A1, A2])
    await phones.receiver.receive(7, [again(A1)])
    phones.now = NOW + 600
    await phones.receiver.run_once()
    assert [BOTH[0], f"same {GAP}"] == phones.rows(schema.inbound, "text")


B1 = part(1, b"other ")


@pytest.mark.parametrize(
    "batches",
    [
        [[A1, A2], [A2], [B1], [B2]],  # the link broke before A2 was answered
        [[A1, A2], [A1, A2], [B1], [B2]],
        [[A1, A2], [A2, B1], [B2]],
    ],
)
async def test_a_part_given_again_is_none_of_the_next_text(
    phones: Phones, batches: list[list[InboundPart]]
) -> None:
    for batch in batches:
        await phones.receiver.receive(7, batch)
    assert [BOTH[0], "other second"] == phones.rows(schema.inbound, "text")
    phones.now = NOW + 600
    while await phones.receiver.run_once():
        pass
    assert [BOTH[0], "other second"] == phones.rows(schema.inbound, "text")


async def test_a_copy_that_is_over_mends_no_text(phones: Phones) -> None:
    await phones.receiver.receive(7, [A1, A2])
    await phones.receiver.receive(7, [A1])
    phones.now = NOW + 601
    await phones.receiver.run_once()
    await phones.receiver.receive(7, [B2])
    phones.now = NOW + 1201
    await phones.receiver.run_once()
    assert [BOTH[0], f"{GAP}second"] == phones.rows(schema.inbound, "text")


# Whose it is


@pytest.mark.parametrize(
    ("text", "to", "access", "keyword", "state"),
    [
        ("news today", "2229", SVEVE, "NEWS", "due"),
        ("Nytt!", "2229", SVEVE, "NEWS", "due"),
        ("else", "2229", None, "", None),
        ("hei", OWNED, FRONT, "", "queued"),
        ("hei", REPLY, NATIVE, "", "due"),
        ("hei", "4759000001", SILENT, "", "due"),
        ("hei", BARE, SILENT, "", None),
        ("hei", "1234", None, "", None),
    ],
)
async def test_routing(
    *,
    phones: Phones,
    text: str,
    to: str,
    access: int | None,
    keyword: str,
    state: str | None,
) -> None:
    await phones.write(text, to=to)
    columns = ("access_id", "account_id", "keyword", "text", "recipient")
    assert [(access, access, keyword, text, to)] == phones.rows(
        schema.inbound, *columns
    )
    assert [state] * (state is not None) == phones.rows(schema.callback, "state")
    assert (state == "due") == bool(phones.events())
    for event in phones.events():
        assert (to == REPLY) == event.reply
        assert (text, keyword, 0) == (event.text, event.keyword, event.reply_to)


async def test_a_reply_leads_to_the_message_it_answers(
    engine: SqliteEngine, phones: Phones
) -> None:
    path = Path(engine, phones.store)
    (mine,) = await path.accept(PHONE, originator=REPLY, access_id=SVEVE)
    (other,) = await path.accept("+4790000002", originator=REPLY, access_id=SVEVE)
    await phones.write("answer", to=REPLY)
    await phones.write("stranger", to=REPLY, phone="+4790000003")
    await phones.write("no thread", to="26114000000000")
    found = [
        (row.access_id, event.reply_to, event.reply, event.number_id)
        for row in phones.callbacks()
        if isinstance(event := row.event, InboundEvent)
    ]
    assert [
        (SVEVE, mine, True, 0),
        (SVEVE, other, True, 0),
        (NATIVE, 0, True, 3),
    ] == found


async def test_a_reply_to_an_access_that_is_no_more(
    engine: SqliteEngine, phones: Phones
) -> None:
    path = Path(engine, phones.store)
    await path.accept(PHONE, originator=REPLY, access_id=99)
    await phones.write("answer", to=REPLY)
    assert [NATIVE] == phones.rows(schema.inbound, "access_id")


async def test_fronts_counter_has_no_gaps(phones: Phones) -> None:
    await phones.write("a", "b", to=OWNED)
    await phones.write("c", to=OWNED)
    assert [] == phones.callbacks()
    queues = [each.queues for each in phones.received]
    assert 1 == len({*queues[0], *queues[1]})
    events = [read_event(row) for row in phones.rows(schema.callback, "event")]
    assert [("a", 1), ("b", 2), ("c", 3)] == [(e.text, e.counter) for e in events]


async def test_what_was_nobodys_is_given_to_an_access(phones: Phones) -> None:
    await phones.write("ASK me", "else")
    await phones.write("hei", to="1234")
    assert [SVEVE, None, None] == phones.rows(schema.inbound, "access_id")
    _, two, three = phones.rows(schema.inbound, "id")
    phones.received.clear()
    phones.now = NOW + 50
    phones.assign(two, NATIVE)
    phones.assign(three, 77)  # not in the directory yet
    assert not await phones.receiver.run_once()
    assert [SVEVE, NATIVE, None] == phones.rows(schema.inbound, "access_id")
    (event,) = phones.events()
    assert (two, "else", NOW, 1) == (
        event.message_id,
        event.text,
        event.came_at,
        event.number_id,
    )
    await phones.receiver.run_once()
    assert [event] == phones.events()


# STOP


@pytest.mark.parametrize(
    ("text", "to", "out"),
    [
        ("Stopp.", OWNED, FRONT),
        ("STOP news", "2229", SVEVE),
        ("stopp: Nytt!", "2229", SVEVE),
        ("stop", REPLY, NATIVE),
        ("stop it", OWNED, None),
        ("end", OWNED, None),
        ("STOP", "2229", None),
    ],
)
async def test_stop(phones: Phones, text: str, to: str, out: int | None) -> None:
    phones.directory = directory(stop=("nb",), stop_reply="No more.")
    await phones.write(text, to=to)
    assert [out is not None] == phones.rows(schema.inbound, "opt_out")
    found = [(e.recipient, e.originator, e.text, e.why) for e in sends(phones)]
    if out is None:
        assert [] == found
        return
    assert [(PHONE, to, "No more.", "stop")] == found
    assert [out] == phones.rows(schema.inbound, "access_id")
    assert all(event.opt_out for event in phones.events())
    assert [(PHONE, out)] == phones.rows(schema.suppression, "number", "account_id")


@pytest.mark.parametrize(
    ("subject", "text", "to", "out"),
    [
        ("", "STOPP\u200d", OWNED, FRONT),
        ("Re: tilbud", "«Stopp»", OWNED, FRONT),
        ("STOPP", "", OWNED, FRONT),
        ("Hei", "stopp news", "2229", SVEVE),
        ("STOPP", "den bussen", OWNED, None),
    ],
)
async def test_stop_in_an_mms(
    phones: Phones, subject: str, text: str, to: str, out: int | None
) -> None:
    phones.directory = directory(stop=("nb",))
    part = MediaPart("", "text/plain; charset=utf-8", text.encode())
    message = replace(mms(part, to=to), subject=subject)
    await phones.receiver.receive(7, [message])
    wanted = [(PHONE, out)] if out is not None else []
    assert wanted == phones.rows(schema.suppression, "number", "account_id")


async def test_stop_is_off_unless_the_account_turned_it_on(phones: Phones) -> None:
    await phones.write("STOP NEWS")
    assert [(False, "NEWS", SVEVE)] == phones.rows(
        schema.inbound, "opt_out", "keyword", "access_id"
    )
    assert [] == sends(phones)
    phones.directory = directory(stop=("en",))
    await phones.write("STOP", to=OWNED)
    await phones.write("STOP", to=OWNED, phone="Somebody")
    outs = phones.rows(schema.inbound, "opt_out")
    assert [False, True, False] == outs
    assert [] == sends(phones)


# Receipts of keywords


async def test_receipts(phones: Phones) -> None:
    await phones.write("PLAIN x", "ASK x", "MUTE x", "BARE x")
    (plain, mute) = sends(phones)
    assert ("Thanks", "receipt", "2229", PHONE) == (
        plain.text,
        plain.why,
        plain.originator,
        plain.recipient,
    )
    assert "Got it" == mute.text
    told = {event.keyword: event for event in phones.events()}
    assert 0 == told["PLAIN"].receipt_id
    waiting = told["ASK"].receipt_id
    due = dict(phones.rows(schema.callback, "id", "due_at"))
    assert NOW + 1800 == due[waiting]
    assert 5 == len(due)
    assert "MUTE" not in told
    await phones.write("PLAIN x", phone="Somebody")
    assert 2 == len(sends(phones))


async def test_a_servers_answer_is_waited_for_where_it_is_the_reply(
    phones: Phones,
) -> None:
    phones.directory = directory(stop=("en",), stop_reply="Bye")
    await phones.write("ELK x", "NEWS x", "MOOSE x", "CALF x", "stop elk")
    await phones.write("ELK x", phone="Somebody")
    waiting = [event.receipt_id for event in phones.events() if event.receipt_id]
    assert 1 == len(waiting)
    due = dict(phones.rows(schema.callback, "id", "due_at"))
    assert NOW + REPLY_WAIT == due[waiting[0]]
    assert 8 == len(due), "nothing waits where nobody is asked"
    assert ["Thanks", "Bye"] == [event.text for event in sends(phones)]


async def test_no_receipt_for_who_opts_out(phones: Phones) -> None:
    phones.directory = directory(stop=("en",), stop_reply="Bye")
    await phones.write("stop plain")
    assert ["Bye"] == [event.text for event in sends(phones)]


# MMS


def mms(*parts: MediaPart, subject: str = "", to: str = "2229") -> InboundMms:
    return InboundMms(PHONE, to, subject, parts, NOW - 9)


async def test_an_mms(phones: Phones) -> None:
    smil = MediaPart("smil.xml", "application/smil", b"<smil/>")
    picture = MediaPart("a.jpg", "image/jpeg", b"\xff\xd8\x00")
    latin = MediaPart("", "text/plain; charset=ISO-8859-1", b"NEWS p\xe5")
    text = MediaPart("t.txt", "Text/Plain", "bilde 🎉".encode())
    await phones.receiver.receive(
        7, [mms(smil, latin, picture, text, subject="Fra ferien")]
    )
    (event,) = phones.events()
    assert Kind.MMS is event.kind
    assert "Fra ferien\nNEWS på\nbilde 🎉" == event.text
    assert ("NEWS", "Fra ferien", NOW - 9) == (
        event.keyword,
        event.subject,
        event.sent_at,
    )
    wanted = [smil, latin, picture, text]
    assert [(p.name, p.type, len(p.data)) for p in wanted] == [
        (ref.name, ref.type, ref.size) for ref in event.media
    ]
    ids = [ref.id for ref in event.media]
    assert 4 == len(set(ids))
    assert all(len(each) == 20 and each.isdigit() for each in ids)
    found = await phones.store.media_parts(ids)
    assert wanted == [found[each] for each in ids]


async def test_an_mms_to_several_numbers_of_ours(engine: SqliteEngine) -> None:
    """Each that is ours has it, in one transaction; a number of others' is nobody's."""

    async with phones_on(engine) as phones:
        part = MediaPart("", "text/plain", b"NEWS hei")
        others = ("2229", "472229", OWNED, OWNED[2:])  # two numbers, as they come
        everybody = replace(mms(part, to="4790000009"), others=others)
        await phones.receiver.receive(7, [everybody])
        rows = phones.rows(schema.inbound, "recipient", "access_id")
        assert [("2229", SVEVE), (OWNED, FRONT)] == rows
        strangers = replace(everybody, others=("4790000008",))
        await phones.receiver.receive(7, [strangers])
        rows = phones.rows(schema.inbound, "recipient", "access_id")
        assert [("4790000009", None)] == rows[2:]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (MediaPart("", "text/plain;charset=nonsense", "på".encode()), "på"),
        (MediaPart("", "text/plain", b"p\xe5"), "på"),
        (MediaPart("", 'text/plain; charset="utf-16"', "på".encode("utf-16")), "på"),
        (MediaPart("", "text/plain; charset=a\0b", b"a\0b"), "ab"),
        (MediaPart("", "text/html", b"<p>"), ""),
        (MediaPart("", "text/plain; charset=us-ascii", b"5 \x80"), "5 €"),
        (MediaPart("", "text/plain", b"\xef\xbb\xbfHei"), "Hei"),
    ],
)
async def test_texts_of_mms(phones: Phones, part: MediaPart, text: str) -> None:
    await phones.receiver.receive(7, [mms(part, to=OWNED)])
    assert [text] == phones.rows(schema.inbound, "text")


# Bugs


async def test_a_bug_in_one_spares_the_others(
    phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    found = phones.directory
    broken = replace(found.accesses[FRONT], dialect="no such dialect")
    phones.directory = replace(found, accesses={**found.accesses, FRONT: broken})
    await phones.write("lost?", to=OWNED)
    await phones.write("news")
    assert [("lost?", None), ("news", SVEVE)] == phones.rows(
        schema.inbound, "text", "access_id"
    )
    assert ["inbound message not routed: internal error"] == [
        record.message for record in caplog.records
    ]


async def test_nothing_at_all(phones: Phones) -> None:
    await phones.receiver.receive(7, [])
    assert not await phones.receiver.run_once()
    assert [] == phones.received

"""Store conformance: what is in MMS, that they were read, and SMS in their stead."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.domain.callback import SendEvent
from budstikke.domain.inbound import Kind, MediaPart, MediaRef
from budstikke.domain.message import MmsContent, NotifyOn, StatusEvent
from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import MediaRow, MmsRow, StoreUnavailable
from store.path import BOTH, NOW, RECIPIENT, Path, opened, receipt, status
from store.phones import heard, phone

if TYPE_CHECKING:
    from budstikke.store.contract import CallbackRow
    from store.engines import Engine

OCTETS = bytes(range(256)) * 40
FALLBACK = 'Se "bildet":\nhttps://example.no/m/1 é'


async def mms(path: Path, **columns: Any) -> int:
    """Have carrier 1 take an MMS; returns the id of its part."""
    row = columns.pop("row", None) or MmsRow("Hei", b"[]", "", FALLBACK)
    smsc_id = columns.pop("smsc_id", "x")
    first = path.store.reserve_ids(1)
    draft = path.draft(first, state=PartState.SENDING, encoding="mms", **columns)
    draft.mms = row
    await path.store.accept([draft], NOW)
    part_id = (first << 8) + 1
    if smsc_id:
        await path.answer(part_id, PartState.SENT, smsc_id, **columns)
    return part_id


# From phones


def picture(id_: str, place: int, data: bytes = OCTETS) -> MediaRow:
    return MediaRow(id_, place, f"{place}.png", "image/png", data)


def two_pictures() -> tuple[list[MediaRow], tuple[MediaRef, ...]]:
    media = [picture("b", 1), picture("a", 2, b"-")]
    return media, tuple(MediaRef(m.id, m.name, m.type, len(m.data)) for m in media)


async def test_octets_come_back_as_they_were(path: Path) -> None:
    empty = MediaRow("empty", 2, "", "text/plain; charset=utf-8", b"")
    draft = phone(path, media=[picture("1", 1), empty])
    await path.store.receive([draft], NOW)
    assert {
        "1": MediaPart("1.png", "image/png", OCTETS),
        "empty": MediaPart("", "text/plain; charset=utf-8", b""),
    } == await path.store.media_parts(["empty", "1", "unknown"])
    assert [256 * 40, 0] == path.column("size", schema.media)
    assert [draft.event.message_id] * 2 == path.column("message_id", schema.media)
    assert {} == await path.store.media_parts([])


async def test_an_event_names_the_parts_in_order(path: Path) -> None:
    media, refs = two_pictures()
    event = {"kind": Kind.MMS, "subject": "Emne", "media": refs}
    draft = phone(path, event=event, media=media, notify=True)
    (row,) = (await path.store.receive([draft], NOW)).callbacks
    assert refs == heard(row).media
    (again,) = (await path.store.wake(NOW + 3600, 10, 10)).callbacks
    assert (refs, Kind.MMS) == (heard(again).media, heard(again).kind)


async def test_parts_that_cannot_be_stored_are_not(engine: Engine, path: Path) -> None:
    draft = phone(path, media=[picture("1", 1)])
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.receive([draft], NOW)
    assert {} == await path.store.media_parts(["1"])
    await path.store.receive([draft], NOW)
    assert 1 == len(await path.store.media_parts(["1"]))


# To phones


async def test_what_is_in_an_mms_comes_back_as_it_was(path: Path) -> None:
    files = [["a.png", "image/png", base64.b64encode(OCTETS).decode()]]
    files.append(["", "text/plain", ""])
    row = MmsRow('Hei "du"\né', msgspec.json.encode(files), "Emne", FALLBACK)
    row.media = [picture("link", 1)]
    part_id = await mms(path, row=row)
    await path.accept()
    assert {
        part_id >> 8: MmsContent(
            "Emne",
            'Hei "du"\né',
            (("a.png", "image/png", OCTETS), ("", "text/plain", b"")),
        )
    } == await path.store.mms_contents([part_id >> 8, (part_id >> 8) + 1, 99])
    assert {"link"} == set(await path.store.media_parts(["link"]))


# Read


async def read(path: Path, *replies: tuple[str, str, float]) -> list[CallbackRow]:
    return await path.store.record_read_reports(1, replies, NOW + 9)


async def test_that_an_mms_was_read_is_told_once(engine: Engine, path: Path) -> None:
    part_id = await mms(path, ref="r")
    reply = ("x", "read", NOW + 7)
    (row,) = await read(path, reply, ("x", "deleted", NOW + 8))
    expected = StatusEvent(part_id >> 8, RECIPIENT, "r", "read", "", "", NOW + 7)
    assert (1, expected) == (row.access_id, row.event)
    assert [] == await read(path, reply)
    async with opened(engine.after_power_loss(), NOW + 9) as again:
        assert [] == await read(again, reply)
        assert [row] == (await again.store.wake(NOW + 9, 10, 10)).callbacks


async def test_it_is_leased_and_says_what_was_done(path: Path) -> None:
    await mms(path)
    (row,) = await read(path, ("x", "deleted", NOW))
    assert "deleted" == status(row).state
    assert [] == (await path.store.wake(NOW + 60, 10, 10)).callbacks


@pytest.mark.parametrize(
    ("notify_on", "rows"),
    [(NotifyOn.NOTHING, 0), (NotifyOn.SENT, 0), (NotifyOn.FINAL, 1), (BOTH, 1)],
)
async def test_it_is_told_to_who_asked(path: Path, notify_on: int, rows: int) -> None:
    await mms(path, notify_on=int(notify_on))
    assert rows == len(await read(path, ("x", "read", NOW)))


async def test_other_messages_are_not_read(path: Path) -> None:
    await path.sent(smsc_ids=["sms"])
    await mms(path)
    assert [] == await read(path, ("sms", "read", NOW), ("unknown", "read", NOW))
    assert [] == await path.store.record_read_reports(2, [("x", "read", NOW)], NOW)
    assert [] == await read(path)
    assert 1 == len(await read(path, ("x", "read", NOW)))


async def test_of_two_with_one_id_the_newest_was_read(path: Path) -> None:
    await mms(path)
    newest = await mms(path)
    (row,) = await read(path, ("x", "read", NOW))
    assert newest >> 8 == row.event.message_id


# An SMS in its stead


def instead(part_id: int, at: float) -> SendEvent:
    originator = "Budstikke"
    message_id = part_id >> 8
    return SendEvent(message_id, RECIPIENT, originator, FALLBACK, "fallback", at)


@pytest.mark.parametrize(
    "state",
    [ReceiptState.UNDELIVERED, ReceiptState.EXPIRED, ReceiptState.REJECTED],
)
async def test_an_mms_that_fails_is_followed_by_an_sms(
    path: Path, state: ReceiptState
) -> None:
    part_id = await mms(path)
    rows = await path.settle(receipt("x", state), receipt("x", state))
    told, sent = rows
    assert state.value == status(told).state
    assert (1, instead(part_id, NOW + 1)) == (sent.access_id, sent.event)
    assert told.id != sent.id
    assert [sent.id] == path.column("fallback_id", schema.mms)
    assert [] == await path.settle(receipt("x", state))
    assert [] == (await path.store.wake(NOW + 60, 10, 10)).callbacks
    assert 2 == len((await path.store.wake(NOW + 3600, 10, 10)).callbacks)


async def test_so_is_one_that_the_carrier_refuses(path: Path) -> None:
    part_id = await mms(path, smsc_id="", notify_on=int(NotifyOn.NOTHING))
    (row,) = await path.answer(part_id, PartState.REJECTED, notify_on=0, at=NOW + 2)
    assert instead(part_id, NOW + 2) == row.event


async def test_so_is_one_that_expires_before_it_is_sent(path: Path) -> None:
    draft = path.draft(path.store.reserve_ids(1), encoding="mms", expires_at=NOW)
    draft.mms = MmsRow("", b"[]", "", FALLBACK)
    await path.store.accept([draft], NOW)
    told, sent = await path.store.sweep(NOW + 1, 10)
    assert "expired" == status(told).state
    assert instead(draft.parts[0].id, NOW + 1) == sent.event


async def test_nothing_follows_one_that_arrived_or_needs_nothing(path: Path) -> None:
    await mms(path, smsc_id="arrived")
    await mms(path, smsc_id="without", row=MmsRow("", b"[]"))
    await path.sent(smsc_ids=["sms"])
    failed = ReceiptState.UNDELIVERED
    rows = await path.settle(
        receipt("arrived"), receipt("without", failed), receipt("sms", failed)
    )
    states = [status(row).state for row in rows]
    assert ["delivered", "undelivered", "undelivered"] == states

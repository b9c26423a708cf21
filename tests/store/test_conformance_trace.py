"""Store conformance: the rows of a message's timeline, and what is kept of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.domain.callback import CallbackState
from budstikke.domain.history import FIRST, LAST, HistoryKind, HistoryRow
from budstikke.domain.listing import EraseCommand
from budstikke.domain.orphan import likeliest
from budstikke.domain.queries import CancelCommand
from budstikke.domain.receipt import Reason, ReceiptState
from budstikke.domain.states import PartState
from budstikke.domain.timeline import EntryKind, timeline
from budstikke.domain.trace import Trace, TraceAnswer, TraceQuery
from budstikke.store import one_read, schema
from budstikke.store.contract import BulkRow, CallbackResult, StoreUnavailable
from budstikke.store.verbs import trace_search
from budstikke.store.verbs.trace import read_trace
from budstikke.store.verbs.trace_search import find_by_recipient, find_by_ref
from store.engines import Engine, rows
from store.path import NOW, RECIPIENT, Path, opened, receipt, run
from store.test_conformance_listing import accept, ask, own

if TYPE_CHECKING:
    import pathlib

K = EntryKind
S = PartState


async def trace_of(path: Path, message_id: int, account: int = 1) -> Trace | None:
    answer = await path.store.ask(TraceQuery(message_id), account, NOW)
    assert isinstance(answer, TraceAnswer)
    return answer.trace


async def line(path: Path, message_id: int) -> list[tuple[float, K]]:
    trace = await trace_of(path, message_id)
    assert trace is not None
    return [(e.at - NOW, e.kind) for e in timeline(trace).entries]


async def test_the_usual_message_needs_no_history(path: Path) -> None:
    (part,) = await path.sending()
    own(path.engine, [part >> 8])
    await path.answer(part, S.SENT, "s1", at=NOW + 1)
    callbacks = await path.store.settle(
        1, [msgspec.structs.replace(receipt("s1"), at=NOW + 5)], NOW + 6, 60.0
    )
    failed = CallbackResult(
        callbacks[0].id, CallbackState.DUE, NOW + 40, 1, "no", NOW + 7, 500, 0.5, "POST"
    )
    done = CallbackResult(
        callbacks[0].id, CallbackState.DONE, None, 2, "ok", NOW + 41, 200, 0.1
    )
    await path.store.record_callbacks([failed])
    await path.store.record_callbacks([done])
    expected = [
        *((0, K.ACCEPTED), (0, K.CLAIMED), (1, K.SENT), (5, K.REPORT), (5, K.FINAL)),
        *((7, K.CALLBACK_ATTEMPT), (41, K.CALLBACK_DONE)),
    ]
    assert expected == await line(path, part >> 8)
    assert [] == rows(path.engine, schema.part_history, "kind")
    assert await trace_of(path, part >> 8, 2) is None
    assert await trace_of(path, (part >> 8) + 1) is None
    assert await trace_of(path, 2**63 - 1) is None


async def test_what_the_next_step_overwrites_is_kept(path: Path) -> None:
    (part,) = await path.sending()
    own(path.engine, [part >> 8])
    queued = {"reason": Reason.THROTTLED, "raw": "ESME_RTHROTTLED"}
    for at in (1, 2, 3):
        await path.answer(part, S.QUEUED, at=NOW + at, due_at=NOW, **queued)
        await path.store.wake(NOW + at, 10, 10)
        await path.store.claim(1, 10, NOW + at)
    later: dict[str, Any] = {
        "reason": Reason.INTERNAL,
        "raw": "ESME_RSYSERR",
        "tries": 1,
    }
    update = path.update(part, S.QUEUED, at=NOW + 4, due_at=NOW + 5, **later)
    update[0].tries = 0
    await path.store.record([update], NOW)
    await path.store.wake(NOW + 5, 10, 10)
    await path.store.claim(1, 10, NOW + 5)
    await path.answer(part, S.QUEUED, at=NOW + 6, carrier_id=2, raw="go away")
    await path.store.claim(2, 10, NOW + 7)
    update = path.update(part, S.UNSURE, at=NOW + 8, carrier_id=2, raw="no response")
    update[0].carrier_id = 2
    await path.store.record([update], NOW)
    interim = receipt("s9", ReceiptState.INTERIM)
    late = path.update(part, S.SENT, "s9", at=NOW + 9, carrier_id=2, was=S.UNSURE)
    late[0].carrier_id = 2
    await path.store.record([late], NOW)
    await path.store.settle(2, [interim], NOW + 10, 60.0)
    final = msgspec.structs.replace(receipt("s9"), at=NOW + 11)
    await path.store.settle(2, [final], NOW + 11, 60.0)
    await path.store.settle(2, [receipt("s9", ReceiptState.EXPIRED)], NOW + 12, 60.0)
    trace = await trace_of(path, part >> 8)
    assert trace is not None
    found = timeline(trace).entries
    expected = [
        *((0, K.ACCEPTED), (1, K.THROTTLED), (4, K.RETRY), (6, K.MOVED)),
        *((7, K.CLAIMED), (8, K.UNSURE), (9, K.SENT), (10, K.INTERIM_REPORT)),
        *((11, K.REPORT), (11, K.FINAL), (12, K.LATE_REPORT)),
    ]
    seen = [(e.at - NOW, e.kind) for e in found if e.kind is not K.CALLBACK_DUE]
    assert expected == seen
    details = {entry.kind: entry.details for entry in found}
    assert (3, NOW + 3) == (
        details[K.THROTTLED]["times"],
        details[K.THROTTLED]["until"],
    )
    assert ("c1", "c2") == (
        details[K.MOVED]["carrier"],
        details[K.MOVED]["next_carrier"],
    )
    assert NOW + 5 == details[K.RETRY]["again_at"]
    assert ("c2", "s9") == (details[K.SENT]["carrier"], details[K.SENT]["operator_id"])
    assert "EXPIRED 000" == details[K.LATE_REPORT]["raw"]


async def test_a_part_keeps_its_first_and_last_rows(path: Path) -> None:
    (part,) = await path.sent(smsc_ids=["s1"])
    own(path.engine, [part >> 8])
    for n in range(1, 31):
        report = msgspec.structs.replace(
            receipt("s1", ReceiptState.INTERIM), raw=f"{n}"
        )
        again = [report, report] if n == 30 else [report]
        await path.store.settle(1, again, NOW + n, 60.0)
    kept = [row[0] for row in rows(path.engine, schema.part_history, "raw")]
    assert [*range(1, FIRST + 1), *range(32 - LAST, 31), 30] == list(map(int, kept))


async def test_who_cancelled_and_who_deleted(engine: Engine, path: Path) -> None:
    (first, second) = await accept(path, RECIPIENT, RECIPIENT)
    await path.store.ask(CancelCommand(message_id=first, access_id=1), 1, NOW + 2)
    await path.store.ask(CancelCommand(message_id=first, access_id=1), 1, NOW + 3)
    await path.store.ask(CancelCommand(message_id=second), 1, NOW + 2)
    trace = await trace_of(path, first)
    assert trace is not None
    entries = timeline(trace).entries
    cancelled = [e for e in entries if e.kind is K.CANCELLED]
    assert [(NOW + 2, "front:1")] == [(e.at, e.details["access"]) for e in cancelled]
    assert K.WITHDRAWN in [kind for _, kind in await line(path, second)]
    await path.store.ask(EraseCommand(first), 1, NOW + 4)
    assert (4, K.DELETED) == (await line(path, first))[-1]
    trace = await trace_of(path, first)
    assert trace is not None
    assert ("", None) == (trace.message.recipient, trace.message.text)


async def test_an_id_whose_parts_need_64_bits(path: Path) -> None:
    large = 2**31 + 7
    await path.store.accept([path.draft(large, state=S.SENDING)], NOW)
    own(path.engine, [large])
    await path.answer((large << 8) + 1, S.REJECTED, at=NOW + 1)
    kinds = [kind for _, kind in await line(path, large)]
    assert [K.ACCEPTED, K.CLAIMED, K.REFUSED, K.FINAL] == kinds[:4]
    assert (await ask(path, EraseCommand(large))).erased
    assert [""] == path.column("text")


async def test_who_cancelled_the_rest_of_a_bulk_order(path: Path) -> None:
    order_id = path.store.reserve_ids(4)
    content = b'{"order": {"ref": "r"}, "prices": [5, 6, 7]}'
    numbers = b'["+4799999991", "+4799999992", "+4799999993"]'
    row = BulkRow(order_id, 1, NOW, order_id + 1, 3, 0, content, numbers)
    await path.store.accept_bulk(row, [], NOW)
    assert [(0, K.ACCEPTED), (0, K.CHARGED)] == await line(path, order_id + 2)
    await path.store.ask(CancelCommand(order_id=order_id, access_id=1), 1, NOW + 2)
    expected = [(0, K.ACCEPTED), (2, K.CANCELLED)]
    assert expected == await line(path, order_id + 2)
    assert await trace_of(path, order_id + 2, 2) is None
    while await path.store.purge(NOW + 90 * 86400, 10):
        pass
    assert [] == rows(path.engine, schema.part_history, "part_id")


def test_a_part_that_a_dead_process_was_sending(engine: Engine) -> None:
    async def dies(path: Path) -> None:
        await path.sending()

    async def looks(path: Path) -> None:
        (row,) = rows(engine, schema.part_history, "part_id", "kind", "raw")
        assert HistoryKind.UNSURE == row[1]
        own(engine, [row[0] >> 8])
        trace = await trace_of(path, row[0] >> 8)
        assert trace is not None
        kinds = [entry.kind for entry in timeline(trace).entries]
        assert [K.ACCEPTED, K.CLAIMED, K.UNSURE] == kinds

    async def later() -> None:
        async with opened(engine, NOW + 3600) as path:
            await path.store.wake(NOW + 3600, 10, 10)
            await looks(path)

    run(engine, dies)
    asyncio.run(later())


async def test_it_is_deleted_with_its_message(path: Path) -> None:
    await path.sent(smsc_ids=["s1"], expires_at=NOW + 1)
    await path.store.settle(1, [receipt("s1", ReceiptState.INTERIM)], NOW, 60.0)
    assert 1 == len(rows(path.engine, schema.part_history, "part_id"))
    while await path.store.purge(NOW + 90 * 86400, 10):
        pass
    assert [] == rows(path.engine, schema.part_history, "part_id")


def test_rows_are_written_as_they_are() -> None:
    """The verbs name the columns by their place."""
    fields = HistoryRow.__struct_fields__
    assert ("part_id", "kind", "at", "carrier_id", "smsc_id", "reason") == fields[:6]
    assert ("raw", "due_at", "other_id") == fields[6:]


async def search(path: Path, verb: Any, *args: Any) -> Any:
    """Run a verb as the command line does."""
    return await asyncio.to_thread(one_read.read_once, path.engine.url, verb, *args)


async def test_the_command_line_reads_the_same(engine: Engine, path: Path) -> None:
    (part,) = await path.sending(ref="r7")
    own(engine, [part >> 8])
    await path.answer(part, S.QUEUED, at=NOW + 1, carrier_id=2, raw="no")
    others = await accept(path, RECIPIENT, "+4799999998", ref="r7")
    message_id = part >> 8
    trace = await search(path, read_trace, message_id, None)
    assert trace == await trace_of(path, message_id)

    newest = (*others[::-1], message_id)
    assert newest == (await search(path, find_by_ref, "fails", "r7", 9)).ids
    assert newest[:1] == (await search(path, find_by_ref, "fails", "r7", 1)).ids
    assert () == (await search(path, find_by_ref, "resends", "r7", 9)).ids
    assert await search(path, find_by_ref, "nobody", "r7", 9) is None
    assert await search(path, find_by_recipient, "nobody", RECIPIENT, 9) is None
    for account in ("", "fails"):
        found = await search(path, find_by_recipient, account, RECIPIENT, 9)
        assert ((others[0], message_id), None) == (found.ids, found.before)
    assert () == (await search(path, find_by_recipient, "resends", RECIPIENT, 9)).ids
    assert await search(path, read_trace, 2**63 - 1, None) is None


async def test_a_search_says_where_it_stopped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await accept(path, *[RECIPIENT] * 3)
    monkeypatch.setattr(trace_search, "LOOKED_AT", 2)
    for account in ("", "fails"):
        found = await search(path, find_by_recipient, account, RECIPIENT, 9)
        assert ((ids[2], ids[1]), NOW) == (found.ids, found.before)


async def test_orphans_and_the_messages_they_may_be_about(path: Path) -> None:
    (part,) = await path.sent(smsc_ids=["known"])
    own(path.engine, [part >> 8])
    await path.settle(receipt("lost"), receipt("", recipient=""))
    await path.settle(receipt("elsewhere"), carrier_id=2)
    orphans, candidates = await search(path, trace_search.list_orphans, 10)
    assert ["elsewhere", "", "lost"] == [each.smsc_id for each in orphans]
    assert [None, None, part >> 8] == [
        found.message_id if found else None
        for found in (likeliest(each, candidates) for each in orphans)
    ]
    (candidate,) = candidates
    assert ("known", "fails", "masked") == (
        candidate.smsc_id,
        candidate.account,
        candidate.privacy,
    )


def test_a_database_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StoreUnavailable):
        one_read.read_once(f"sqlite:///{tmp_path}/none.sqlite", read_trace, 1, None)
    url = "postgresql://u:secret@127.0.0.1:1/none?connect_timeout=1"
    with pytest.raises(StoreUnavailable) as caught:
        one_read.read_once(url, read_trace, 1, None)
    assert "secret" not in str(caught.value)

"""What the history keeps, and the line of time that it and the rows make."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from budstikke.domain import timeline as lines
from budstikke.domain.history import HistoryKind, of_update
from budstikke.domain.receipt import Reason
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import MessageState, PartState
from budstikke.domain.timeline import EntryKind, timeline
from budstikke.domain.trace import (
    AttemptEntry,
    CallbackEntry,
    HistoryEntry,
    LedgerRow,
    MessageRow,
    PartRow,
    Trace,
    for_administrator,
    for_customer,
)
from domain.test_settlement import row

P, H, K = PartState, HistoryKind, EntryKind
MESSAGE = MessageRow(
    id=5,
    order_id=4,
    account_id=1,
    account="acme",
    access="native:k",
    privacy="masked",
    currency="NOK",
    recipient="+4799999123",
    originator="Acme",
    ref="r1",
    encoding="gsm",
    segments=1,
    parts=1,
    price=0,
    accepted_at=1.0,
    send_at=None,
    expires_at=900.0,
    state=MessageState.ACCEPTED,
    reason="",
    raw="",
    final_at=None,
    deleted=False,
    text="secret",
)


def part(state: PartState, at: float | None = 9.0, **columns: Any) -> PartRow:
    usual = {"claimed_at": 2.0, "sent_at": None, "smsc_id": None, "due_at": None}
    words = {"reason": "", "raw": "", "tries": 0, "carrier": "telco"}
    return PartRow(id=(5 << 8) + 1, state=state, at=at, **{**usual, **words, **columns})


def happened(kind: HistoryKind, at: float, **columns: Any) -> HistoryEntry:
    usual: dict[str, Any] = {
        "smsc_id": None,
        "reason": "",
        "raw": "",
        "due_at": None,
        "until": None,
    }
    usual |= {"carrier": "telco", "other": None, "times": 1, "part_id": (5 << 8) + 1}
    return HistoryEntry(kind=kind, at=at, **{**usual, **columns})


def kinds(trace: Trace) -> list[tuple[float, EntryKind]]:
    return [(entry.at, entry.kind) for entry in timeline(trace).entries]


@pytest.mark.parametrize(
    ("before", "update", "kind"),
    [
        (P.SENDING, {"state": P.SENT}, None),
        (P.SENDING, {"state": P.REJECTED, "reason": Reason.BARRED}, None),
        (P.SENDING, {"state": P.EXPIRED, "reason": Reason.EXPIRED}, None),
        (P.QUEUED, {"state": P.CANCELLED}, None),
        (P.SENDING, {"state": P.QUEUED, "due_at": 2.0, "tries": 2}, H.THROTTLED),
        (P.SENDING, {"state": P.QUEUED, "due_at": 2.0, "tries": 3}, H.RETRY),
        (P.SENDING, {"state": P.QUEUED, "carrier_id": 2, "tries": 3}, H.MOVED),
        (P.SENT, {"state": P.QUEUED, "carrier_id": 2, "tries": 3}, H.MOVED),
        (P.SENDING, {"state": P.UNSURE, "due_at": 2.0}, H.UNSURE),
        (P.UNSURE, {"state": P.QUEUED, "reason": Reason.UNSURE}, H.RESENT),
        (P.UNSURE, {"state": P.QUEUED, "carrier_id": 2}, H.MOVED),
        (P.UNSURE, {"state": P.UNDELIVERED, "reason": Reason.UNSURE}, None),
    ],
)
def test_only_what_the_next_step_overwrites_is_history(
    before: PartState, update: dict[str, Any], kind: HistoryKind | None
) -> None:
    changed = PartUpdate(
        **{"id": 1281, "carrier_id": 1, "tries": 2, "at": 7.0} | update
    )
    found = of_update(row(state=before), changed)
    assert kind == (found.kind if found else None)
    if found:
        assert (7.0, 1) == (found.at, found.carrier_id)
        assert (2 if kind is H.MOVED else None) == found.other_id
        assert (2.0 if kind is H.RETRY else None) == found.due_at


@pytest.mark.parametrize(
    ("row_of_part", "expected"),
    [
        (part(P.QUEUED, None, claimed_at=None), []),
        (part(P.SENDING, claimed_at=None), [(9, K.CLAIMED)]),
        (part(P.SENT, smsc_id="a"), [(2, K.CLAIMED), (9, K.SENT)]),
        (part(P.SENT, smsc_id="a", sent_at=3.0), [(2, K.CLAIMED), (3, K.SENT)]),
        (
            part(P.DELIVERED, smsc_id="a", sent_at=3.0),
            [(2, K.CLAIMED), (3, K.SENT), (9, K.REPORT)],
        ),
        # A report for an unsure part: no answer came.
        (part(P.DELIVERED, smsc_id="a"), [(2, K.CLAIMED), (9, K.REPORT)]),
        (
            part(P.REJECTED, smsc_id="a", sent_at=3.0),
            [(2, K.CLAIMED), (3, K.SENT), (9, K.REPORT)],
        ),
        (part(P.REJECTED), [(2, K.CLAIMED), (9, K.REFUSED)]),
        (part(P.EXPIRED, claimed_at=None), [(9, K.EXPIRED)]),
        (
            part(P.EXPIRED, sent_at=3.0),
            [(2, K.CLAIMED), (3, K.SENT), (9, K.REPORT)],
        ),
        (part(P.UNDELIVERED, reason="unsure"), [(2, K.CLAIMED), (9, K.GIVEN_UP)]),
        (part(P.UNSURE), [(2, K.CLAIMED), (9, K.UNSURE)]),
        (part(P.CANCELLED, claimed_at=None), []),
    ],
)
def test_what_the_row_of_a_part_tells(
    row_of_part: PartRow, expected: list[tuple[float, EntryKind]]
) -> None:
    assert [(1, K.ACCEPTED), *expected] == kinds(Trace(MESSAGE, (row_of_part,)))


def test_the_line_of_a_message_that_had_a_hard_time() -> None:
    message = msgspec.structs.replace(
        MESSAGE, state=MessageState.UNDELIVERED, final_at=9.0, send_at=1.5
    )
    trace = Trace(
        message,
        (part(P.UNDELIVERED, smsc_id="a", sent_at=3.0, raw="UNDELIV 001"),),
        (
            happened(H.THROTTLED, 1.6, times=3, until=1.9, raw="88"),
            happened(H.MOVED, 2.0, other="other"),
            happened(H.UNSURE, 2.5),
            happened(H.INTERIM_REPORT, 9.0),
            happened(H.LATE_REPORT, 12.0, smsc_id="a", raw="DELIVRD"),
        ),
        (
            CallbackEntry(7, "undelivered", "failed", 2, None, 500, 0.1, "no", 11.0),
            CallbackEntry(8, "send", "done", 1, None, None, None, "", 10.0),
            CallbackEntry(9, "sent", "due", 0, 99.0, None, None, "", 10.0),
            CallbackEntry(10, "sent", "queued", 0, None, None, None, "", 10.0),
        ),
        (AttemptEntry(7, 10.5, 0.2, None, "timeout"),),
        (LedgerRow(9.0, 500_000),),
    )
    expected = [
        *((1.0, K.ACCEPTED), (1.0, K.CHARGED), (1.5, K.SCHEDULED), (1.6, K.THROTTLED)),
        *((2.0, K.CLAIMED), (2.0, K.MOVED), (2.5, K.UNSURE), (3.0, K.SENT)),
        *((9.0, K.INTERIM_REPORT), (9.0, K.REPORT), (9.0, K.FINAL)),
        *((9.0, K.REFUNDED), (10.0, K.FALLBACK)),
        *((10.5, K.CALLBACK_ATTEMPT), (11.0, K.CALLBACK_FAILED)),
        *((12.0, K.LATE_REPORT), (99.0, K.CALLBACK_DUE)),
    ]
    entries = timeline(trace).entries
    assert expected == [(entry.at, entry.kind) for entry in entries]
    said = {entry.kind: entry for entry in entries}
    assert 500_000 == said[K.CHARGED].details["micros"]
    assert "part 1: telco throttled it, 3 times (88)" == said[K.THROTTLED].what
    assert "part 1: telco reports undelivered (UNDELIV 001)" == said[K.REPORT].what
    assert {"part", "carrier", "next_carrier"} == set(said[K.MOVED].details)
    customer = {entry.kind: entry for entry in timeline(for_customer(trace)).entries}
    assert "part 1: moved from carrier 1 to carrier 2" == customer[K.MOVED].what
    assert "telco" not in str(customer)
    assert "no" == customer[K.CALLBACK_FAILED].details["answer"]


def test_an_unsure_part_has_one_entry_for_it() -> None:
    trace = Trace(MESSAGE, (part(P.UNSURE),), (happened(H.UNSURE, 9.0),))
    assert [(1, K.ACCEPTED), (2, K.CLAIMED), (9, K.UNSURE)] == kinds(trace)


def test_what_administrators_see() -> None:
    trace = Trace(
        MESSAGE,
        callbacks=(CallbackEntry(7, "sent", "done", 1, None, 200, 0.1, "hei", 3.0),),
        attempts=(AttemptEntry(7, 2.0, 0.2, 500, "nei"),),
    )
    hidden = for_administrator(trace)
    shown = str(timeline(hidden))
    assert "…123" in shown
    for secret in ("99999", "r1", "hei", "nei", "secret"):
        assert secret not in shown + str(hidden)
    message = msgspec.structs.replace(MESSAGE, privacy="full")
    full = msgspec.structs.replace(trace, message=message)
    assert full == for_administrator(full)
    number = msgspec.structs.replace(MESSAGE, originator="4799999456")
    assert "…456" == for_administrator(Trace(number)).message.originator


def test_a_long_line_keeps_its_ends() -> None:
    rows = tuple(happened(H.INTERIM_REPORT, float(n)) for n in range(2, 1002))
    line = timeline(Trace(MESSAGE, (), rows))
    assert lines.SHOWN == len(line.entries)
    assert 1001 - lines.SHOWN == line.omitted
    assert (1.0, 1001.0) == (line.entries[0].at, line.entries[-1].at)

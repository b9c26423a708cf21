"""
Everything that happened to a message, on one line of time. Pure.

``store.verbs.trace`` reads the rows; ``timeline`` joins them to entries. The kinds of
entries are a closed list: docs/trace.md has their table, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.history import HistoryKind
from budstikke.domain.receipt import Reason
from budstikke.domain.states import FINAL_MESSAGE, PartState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from budstikke.domain.trace import (
        AttemptEntry,
        CallbackEntry,
        HistoryEntry,
        PartRow,
        Trace,
    )

SHOWN = 400
"""Entries of a timeline at most: the first half and the last half."""


class EntryKind(StrEnum):
    """What an entry is about."""

    ACCEPTED = "accepted"
    CHARGED = "charged"
    ROUTED = "routed"
    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    SENT = "sent"
    REFUSED = "refused"
    THROTTLED = "throttled"
    RETRY = "retry"
    MOVED = "moved"
    UNSURE = "unsure"
    RESENT = "resent"
    GIVEN_UP = "given_up"
    INTERIM_REPORT = "interim_report"
    REPORT = "report"
    LATE_REPORT = "late_report"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    FINAL = "final"
    REFUNDED = "refunded"
    FALLBACK = "fallback"
    CALLBACK_DUE = "callback_due"
    CALLBACK_ATTEMPT = "callback_attempt"
    CALLBACK_DONE = "callback_done"
    CALLBACK_FAILED = "callback_failed"
    READ = "read"
    DELETED = "deleted"


K = EntryKind

MEANINGS: Mapping[EntryKind, str] = {
    K.ACCEPTED: "the gateway stored the message, and answered the customer",
    K.CHARGED: "the account paid for it",
    K.ROUTED: "the rule that chooses the carriers of such a message, as the rules are "
    "now; only in `budstikke trace`",
    K.SCHEDULED: "the gateway begins to send it at this time",
    K.CLAIMED: "a node took the part to submit it to the carrier; the latest time, if "
    "it did so several times",
    K.SENT: "the operator took the part, and gave it an id",
    K.REFUSED: "the operator refused the part, and the gateway does not try again",
    K.THROTTLED: "the operator wanted the part later, because it got too many; one "
    "entry for all times",
    K.RETRY: "the operator refused the part for now; the gateway offers it again",
    K.MOVED: "the part goes to another carrier",
    K.UNSURE: "the gateway submitted the part and got no response",
    K.RESENT: "the unsure part went back to the queue, as the account's `unsure` says",
    K.GIVEN_UP: "no delivery report came for the unsure part in time",
    K.INTERIM_REPORT: "a delivery report that is not final, when it came",
    K.REPORT: "the final delivery report; the time is the operator's",
    K.LATE_REPORT: "a delivery report for a part that was final before: a repeat, or a "
    "contradiction. It changed nothing. The time is when it came",
    K.EXPIRED: "the validity ended before an operator took the part",
    K.CANCELLED: "the customer cancelled the message",
    K.WITHDRAWN: "the gateway cancelled the message, since it could not confirm the "
    "order to the customer",
    K.FINAL: "the message has its final state",
    K.REFUNDED: "the account got its money back",
    K.FALLBACK: "an SMS follows the failed MMS",
    K.CALLBACK_DUE: "a callback waits for its next attempt, which is at this time",
    K.CALLBACK_ATTEMPT: "an attempt of a callback that failed, or a repeat",
    K.CALLBACK_DONE: "the customer's server confirmed a callback",
    K.CALLBACK_FAILED: "the gateway gave a callback up",
    K.READ: "the recipient opened the MMS",
    K.DELETED: "the customer deleted the record of the message",
}
"""The meaning of each kind, for docs/trace.md."""


Details = Mapping[str, str | int | float]

MOMENTS = {"valid_until", "again_at", "until"}
"""Details that are times, Unix seconds; ``micros`` is an amount."""


class Entry(msgspec.Struct, frozen=True):
    """
    Something that happened.

    Attributes:
        at: Unix seconds.
        what: A sentence for people, in English.
        details: What it depends on; without empty values.

    """

    at: float
    kind: EntryKind
    what: str
    details: Details


class Timeline(msgspec.Struct, frozen=True):
    """Entries, oldest first; ``omitted``: how many were left out in the middle."""

    entries: tuple[Entry, ...]
    omitted: int = 0


def timeline(trace: Trace) -> Timeline:
    """Join the rows of a message to entries in the order of time."""
    entries = sorted(_entries(trace), key=_order)
    omitted = len(entries) - SHOWN
    if omitted <= 0:
        return Timeline(tuple(entries))
    half = SHOWN // 2
    return Timeline((*entries[:half], *entries[-half:]), omitted)


_RANK = {kind: rank for rank, kind in enumerate(EntryKind)}


def _order(entry: Entry) -> tuple[float, int]:
    """Sort key: what follows from something comes after it, also at the same time."""
    return entry.at, _RANK[entry.kind]


def _entry(at: float, kind: EntryKind, what: str, **details: object) -> Entry:
    shown = {
        name: value
        for name, value in details.items()
        if isinstance(value, str | int | float) and value not in ("", None)
    }
    return Entry(at, kind, what, shown)


def _entries(trace: Trace) -> Iterator[Entry]:
    yield from _of_acceptance(trace)
    known = {(row.part_id, row.kind) for row in trace.history}
    for part in trace.parts:
        unsure = (part.id, HistoryKind.UNSURE) in known
        yield from _of_part(part, unsure_known=unsure)
    for row in trace.history:
        yield _of_history(row)
    yield from _of_end(trace)
    yield from _of_callbacks(trace.callbacks, trace.attempts)


def _of_acceptance(trace: Trace) -> Iterator[Entry]:
    message = trace.message
    many = "" if message.segments == 1 else "s"
    yield _entry(
        message.accepted_at,
        K.ACCEPTED,
        f"accepted from {message.access}: {message.segments} segment{many}"
        f" ({message.encoding or 'not cut yet'})",
        order=message.order_id,
        access=message.access,
        recipient=message.recipient,
        sender=message.originator,
        reference=message.ref,
        encoding=message.encoding,
        segments=message.segments,
        parts=message.parts,
        valid_until=message.expires_at,
    )
    charge = message.price + sum(refund.amount for refund in trace.refunds)
    if charge > 0:
        what = f"charged to {message.account}"
        money = {"micros": charge, "currency": message.currency}
        yield _entry(message.accepted_at, K.CHARGED, what, **money)
    if trace.rule:
        names = ", ".join(trace.carriers)
        what = f"by the rules as they are now: {trace.rule}: {names}"
        yield _entry(
            message.accepted_at, K.ROUTED, what, rule=trace.rule, carriers=names
        )
    if message.send_at is not None:
        yield _entry(message.send_at, K.SCHEDULED, "due to be sent")


REPORTED = {
    PartState.DELIVERED,
    PartState.UNDELIVERED,
    PartState.EXPIRED,
    PartState.REJECTED,
}
"""States of parts that a delivery report can give."""


def _of_part(part: PartRow, *, unsure_known: bool) -> Iterator[Entry]:
    """Return what the row of a part tells; the history has the rest."""
    number, at = part.id & 255, part.at
    name = f"part {number}"
    common: Details = {"part": number, "carrier": part.carrier}
    claimed = at if part.state is PartState.SENDING else part.claimed_at
    if claimed is not None:
        what = f"{name}: claimed for {part.carrier}"
        yield _entry(claimed, K.CLAIMED, what, **common)
    sent = at if part.state is PartState.SENT else part.sent_at
    if part.state is PartState.SENT and part.sent_at is not None:
        sent = part.sent_at  # an interim report has come since
    words = {**common, "reason": part.reason, "raw": part.raw}
    if sent is not None:
        what = f"{name}: {part.carrier} took it as {part.smsc_id or 'nothing'}"
        yield _entry(sent, K.SENT, what, **common, operator_id=part.smsc_id)
    if at is None:
        return
    if part.state is PartState.UNSURE and not unsure_known:
        yield _entry(at, K.UNSURE, f"{name}: no response", **words)
    elif part.state in REPORTED:
        kind = _ending(part)
        what = f"{name}: {_ENDINGS[kind].format(part.carrier, part.state)}"
        if part.raw:
            what += f" ({part.raw})"
        details = {**words, "operator_id": part.smsc_id, "state": part.state.value}
        yield _entry(at, kind, what, **details)


_ENDINGS: Mapping[EntryKind, str] = {
    K.REPORT: "{0} reports {1}",
    K.REFUSED: "{0} refused it",
    K.EXPIRED: "its validity ended",
    K.GIVEN_UP: "no report came in time",
}


def _ending(part: PartRow) -> EntryKind:
    """Tell what gave a part its final state."""
    if part.reason == Reason.UNSURE:
        return K.GIVEN_UP
    if part.smsc_id is not None or part.sent_at is not None:
        return K.REPORT
    return K.EXPIRED if part.state is PartState.EXPIRED else K.REFUSED


_HAPPENED: Mapping[HistoryKind, str] = {
    HistoryKind.THROTTLED: "{part}: {carrier} throttled it, {times} times",
    HistoryKind.RETRY: "{part}: {carrier} refused it for now",
    HistoryKind.MOVED: "{part}: moved from {carrier} to {other}",
    HistoryKind.UNSURE: "{part}: no response from {carrier}",
    HistoryKind.RESENT: "{part}: no report in time, back in the queue of {carrier}",
    HistoryKind.INTERIM_REPORT: "{part}: {carrier} sent an interim report",
    HistoryKind.LATE_REPORT: "{part}: {carrier} sent a report after the final one",
    HistoryKind.CANCELLED: "cancelled by {other}",
    HistoryKind.WITHDRAWN: "withdrawn by the gateway",
    HistoryKind.DELETED: "its record was deleted",
}


def _of_history(row: HistoryEntry) -> Entry:
    number = row.part_id & 255
    values = {"part": f"part {number}", "carrier": row.carrier, "times": row.times}
    what = _HAPPENED[row.kind].format(**values, other=row.other)
    if row.raw:
        what += f" ({row.raw})"
    acts = row.kind in (HistoryKind.CANCELLED, HistoryKind.WITHDRAWN)
    return _entry(
        row.at,
        EntryKind(row.kind.value),
        what,
        part=number or None,
        carrier=row.carrier,
        operator_id=row.smsc_id,
        reason=row.reason,
        raw=row.raw,
        again_at=row.due_at,
        next_carrier=row.other if row.kind is HistoryKind.MOVED else None,
        access=row.other if acts else None,
        times=row.times if row.times > 1 else None,
        until=row.until,
    )


def _of_end(trace: Trace) -> Iterator[Entry]:
    message = trace.message
    if message.state in FINAL_MESSAGE and message.final_at is not None:
        what = f"the message is {message.state}"
        state = message.state.value
        yield _entry(
            message.final_at, K.FINAL, what, state=state, reason=message.reason
        )
    for refund in trace.refunds:
        money = {"micros": refund.amount, "currency": message.currency}
        what = f"refunded to {message.account}"
        yield _entry(refund.at, K.REFUNDED, what, **money)
    if message.read_at:
        yield _entry(message.read_at, K.READ, "the recipient opened it")


def _of_callbacks(
    callbacks: Iterable[CallbackEntry], attempts: Iterable[AttemptEntry]
) -> Iterator[Entry]:
    logged: dict[int, float] = {}
    for attempt in attempts:
        logged[attempt.callback_id] = attempt.at
        yield _entry(
            attempt.at,
            K.CALLBACK_ATTEMPT,
            f"callback {attempt.callback_id}: {_answered(attempt.status)}",
            callback=attempt.callback_id,
            status=attempt.status,
            seconds=attempt.took,
            answer=attempt.answer,
        )
    for callback in callbacks:
        last = _of_callback(callback)
        if last is not None:
            yield last


_CALLBACK_ENDS = {"done": K.CALLBACK_DONE, "failed": K.CALLBACK_FAILED}


def _of_callback(callback: CallbackEntry) -> Entry | None:
    kind = _CALLBACK_ENDS.get(callback.state)
    name, about = f"callback {callback.id}", callback.about
    common = {"callback": callback.id, "about": about, "tries": callback.tries}
    if about == "send":
        return _entry(callback.at, K.FALLBACK, "an SMS follows it", **common)
    if kind is None:
        if callback.due_at is None:
            return None  # its queue is waiting
        what = f"{name} ({about}): next attempt"
        return _entry(callback.due_at, K.CALLBACK_DUE, what, **common)
    word = "confirmed" if kind is K.CALLBACK_DONE else "given up"
    return _entry(
        callback.at,
        kind,
        f"{name} ({about}): {word}, {_answered(callback.status)}",
        **common,
        status=callback.status,
        seconds=callback.took,
        answer=callback.answer,
    )


def _answered(status: int | None) -> str:
    return "no answer" if status is None else f"HTTP {status}"


def table() -> str:
    """Write the kinds as a Markdown table, for docs/trace.md."""
    rows = ["| kind | what happened |", "|---|---|"]
    rows += [f"| `{kind}` | {MEANINGS[kind]} |" for kind in EntryKind]
    return "\n".join(rows)


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")

"""The timeline of a message: everything that happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.operation import Operation
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.webhook import Moment, moment
from budstikke.domain.money import decimal
from budstikke.domain.timeline import MOMENTS, EntryKind, timeline
from budstikke.domain.trace import TraceAnswer, TraceQuery, for_customer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.native.exchange import Exchange, Work

DETAIL = """\
The entries are in the order of time: the request, the times when a carrier got each
part and what its operator answered, delivery reports with the operator's own words,
refunds, callbacks and their attempts. `kind` is from a list that may grow; `what` is a
sentence for people and may change; `details` has what it depends on."""


class TimelineEntry(msgspec.Struct, kw_only=True):
    """Something that happened to a message."""

    at: Moment
    kind: Annotated[EntryKind, Meta(description="More kinds may come.")]
    what: Annotated[str, Meta(description="A sentence for people.")]
    details: Annotated[
        dict[str, str | int | float],
        Meta(
            description="Depends on the kind: `part`, `carrier`, `operator_id`, `raw` …"
        ),
    ]


class MessageTimeline(msgspec.Struct, kw_only=True):
    """Everything that happened to a message."""

    data: list[TimelineEntry]
    omitted: Annotated[
        int, Meta(description="How many entries in the middle were left out.")
    ]


def get_message_timeline(exchange: Exchange) -> Work[Reply]:
    """Show everything that happened to a message, oldest first."""
    answer = yield from ask(TraceQuery(exchange.path.id), TraceAnswer)
    if answer.trace is None:
        raise Problem(Fault.NOT_FOUND)
    if answer.trace.message.deleted:
        raise Problem(Fault.DELETED)
    line = timeline(for_customer(answer.trace))
    data = [
        TimelineEntry(
            at=moment(entry.at),
            kind=entry.kind,
            what=entry.what,
            details=_written(entry.details),
        )
        for entry in line.entries
    ]
    return Reply(MessageTimeline(data=data, omitted=line.omitted))


def _written(details: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    """Write times and amounts as the rest of the API does."""
    written: dict[str, str | int | float] = {}
    for name, value in details.items():
        if name == "micros":
            written["amount"] = decimal(int(value))
        elif name in MOMENTS:
            written[name] = moment(float(value))
        else:
            written[name] = value
    return written


TIMELINE_OPERATION = Operation(
    "GET /messages/{id}/timeline",
    get_message_timeline,
    MessageTimeline,
    detail=DETAIL,
    problems=(Fault.DELETED,),
)

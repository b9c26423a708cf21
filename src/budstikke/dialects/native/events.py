"""Handlers of events, the log of callbacks, and callback queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.native import cursors
from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.inbound import access_name
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.shapes_inbound import (
    Attempt,
    Callback,
    CallbackDetail,
    CallbackList,
    EventItem,
    EventList,
    Queue,
    QueueList,
    Replayed,
)
from budstikke.dialects.native.webhook import moment, notification_of
from budstikke.domain.callback import CallbackState, SendEvent
from budstikke.domain.callback_listing import (
    CallbackRecord,
    CallbackRecordQuery,
    CallbacksPage,
    CallbacksQuery,
    EventsPage,
    EventsQuery,
    QueueRecord,
    QueuesAnswer,
    QueuesQuery,
    ReplayAnswer,
    ReplayCommand,
    ResendAnswer,
    ResendCommand,
    ResumeCommand,
)
from budstikke.domain.listing import Changed
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from budstikke.dialects.native.exchange import Exchange, Work
    from budstikke.dialects.native.shapes_inbound import (
        CallbackQuery,
        EventQuery,
        ReplayBody,
    )
    from budstikke.domain.callback import Event

# Events


def list_events(exchange: Exchange) -> Work[Reply]:
    """List the events of this token, oldest first."""
    query: EventQuery = exchange.query
    wanted = frozenset(query.types.split(",")) if query.types else frozenset()
    asked = EventsQuery(
        access_id=exchange.access.id,
        limit=query.limit,
        after=cursors.read_id(query.cursor) or 0,
    )
    page = yield from ask(asked, EventsPage)
    shown = [_event(event) for event in page.events]
    data = [item for item in shown if item and (not wanted or item.type in wanted)]
    following = cursors.write(page.next) or ""
    return Reply(EventList(data=data, next_cursor=following, more=page.more))


def _event(event: Event) -> EventItem | None:
    notification = None if isinstance(event, SendEvent) else notification_of(event)
    if notification is None:
        return None
    body = notification.body
    return EventItem(
        id=notification.id, type=body.type, timestamp=body.timestamp, data=body.data
    )


def replay_events(exchange: Exchange) -> Work[Reply]:
    """Send the webhooks for this token's events of a time range again."""
    body: ReplayBody = exchange.body
    since, until = body.from_.timestamp(), body.to.timestamp()
    if until <= since:
        detail = "It is not after from"
        raise Problem(RefusalCode.BAD_FIELD, detail=detail, param="to")
    asked = ReplayCommand(access_id=exchange.access.id, since=since, until=until)
    count = 0
    while True:  # other requests run in between
        answer = yield from ask(asked, ReplayAnswer)
        count += answer.count
        if answer.next is None:
            return Reply(Replayed(events=count))
        asked = msgspec.structs.replace(asked, before=answer.next)


# The delivery log


def list_callbacks(exchange: Exchange) -> Work[Reply]:
    """List the callbacks to the account's accesses, newest first."""
    query: CallbackQuery = exchange.query
    asked = CallbacksQuery(
        limit=query.limit,
        before=cursors.read_id(query.cursor),
        state=query.state or None,
        message_id=query.message or None,
    )
    page = yield from ask(asked, CallbacksPage)
    data = [_callback(found) for found in page.callbacks]
    return Reply(CallbackList(data=data, next_cursor=cursors.write(page.next)))


def get_callback(exchange: Exchange) -> Work[Reply]:
    """Show a callback and its attempts."""
    return Reply((yield from _detail(exchange)))


def resend_callback(exchange: Exchange) -> Work[Reply]:
    """Send a callback again, now."""
    answer = yield from ask(ResendCommand(exchange.path.id), ResendAnswer)
    if answer.state is None:
        raise Problem(Fault.NOT_FOUND)
    if answer.state is CallbackState.QUEUED:
        raise Problem(Fault.QUEUED)
    return Reply((yield from _detail(exchange)))


def _detail(exchange: Exchange) -> Work[CallbackDetail]:
    page = yield from ask(CallbackRecordQuery(exchange.path.id), CallbacksPage)
    if not page.callbacks:
        raise Problem(Fault.NOT_FOUND)
    (found,) = page.callbacks
    attempts = [
        Attempt(
            at=moment(each.at),
            took=each.took,
            status=each.status,
            answer=each.answer,
            request=each.request or None,
        )
        for each in found.attempts
    ]
    shown = msgspec.structs.asdict(_callback(found))
    return CallbackDetail(**shown, attempts=attempts)


def _callback(found: CallbackRecord) -> Callback:
    return Callback(
        id=found.id,
        access=access_name(found.access),
        topic=found.topic,
        message_id=found.message_id,
        state=found.state,
        queue_id=found.queue_id,
        tries=found.tries,
        next_at=None if found.due_at is None else moment(found.due_at),
        at=moment(found.at),
        took=found.took,
        status=found.status,
        answer=found.answer,
    )


# Queues


def list_queues(_exchange: Exchange) -> Work[Reply]:
    """List the callback queues of the account's accesses."""
    answer = yield from ask(QueuesQuery(), QueuesAnswer)
    return Reply(QueueList(data=[_queue(found) for found in answer.queues]))


def resume_queue(exchange: Exchange) -> Work[Reply]:
    """Resume a paused queue; if it is not paused, nothing changes."""
    yield from ask(ResumeCommand(exchange.path.id), Changed)
    answer = yield from ask(QueuesQuery(), QueuesAnswer)
    for found in answer.queues:
        if found.id == exchange.path.id:
            return Reply(_queue(found))
    raise Problem(Fault.NOT_FOUND)


def _queue(found: QueueRecord) -> Queue:
    return Queue(
        id=found.id,
        access=access_name(found.access),
        state=found.state,
        waiting=found.waiting,
        tries=found.tries,
        paused_at=None if found.paused_at is None else moment(found.paused_at),
        why=found.why,
    )

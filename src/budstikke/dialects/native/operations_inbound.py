"""The operations of inbound messages and callbacks."""

from __future__ import annotations

from budstikke.dialects.native import events, inbound, shapes, shapes_inbound
from budstikke.dialects.native.operation import GONE, Operation
from budstikke.dialects.native.problems import Fault
from budstikke.domain.refusal import RefusalCode

_FIRST = "$response.body#/data/0/id"

EVENTS_DETAIL = """\
These are the events that this token's webhooks carry, also if it has no URL. Begin
without a cursor, process the events, keep `next_cursor`, and ask again with it: at once
if `more` is true, else later. Events stay as long as messages are kept."""

REPLAY_DETAIL = """\
The gateway sends again the webhooks that were done or had failed; those that wait for
their next attempt stay as they are. Each event keeps its `webhook-id`. The answer also
counts each `message.sent` whose message is final by now, but that is not sent."""

INBOUND_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET /numbers",
        inbound.list_numbers,
        shapes_inbound.OwnNumberList,
        query=shapes.PageQuery,
    ),
    Operation(
        "POST /number-requests",
        inbound.create_number_request,
        shapes_inbound.NumberRequest,
        body=shapes_inbound.NumberRequestBody,
        example={"kind": "keyword", "number": "2229", "word": "TIPS"},
        statuses=((201, "It waits"),),
        problems=(Fault.TOO_MANY_WAITING,),
        links=tuple(
            (name, "$response.body#/id")
            for name in ("getNumberRequest", "cancelNumberRequest")
        ),
    ),
    Operation(
        "GET /number-requests",
        inbound.list_number_requests,
        shapes_inbound.NumberRequestList,
        query=shapes.PageQuery,
        links=(("getNumberRequest", _FIRST),),
    ),
    Operation(
        "GET /number-requests/{id}",
        inbound.get_number_request,
        shapes_inbound.NumberRequest,
    ),
    Operation(
        "POST /number-requests/{id}/cancel",
        inbound.cancel_number_request,
        shapes_inbound.NumberRequest,
        problems=(Fault.DECIDED,),
    ),
    Operation(
        "GET /inbound",
        inbound.list_inbound,
        shapes_inbound.InboundList,
        query=shapes_inbound.InboundQuery,
        links=(("getInbound", _FIRST),),
    ),
    Operation("GET /inbound/{id}", inbound.get_inbound, shapes_inbound.Inbound),
    Operation(
        "DELETE /inbound/{id}",
        inbound.delete_inbound,
        detail="Its events and webhooks go, too, and the files of an MMS.",
        statuses=GONE,
        problems=(Fault.NOT_YET_TOLD,),
    ),
    Operation(
        "GET /media/{media}",
        inbound.get_media,
        octets="The octets, with the content type that the phone gave them",
    ),
    Operation(
        "GET /events",
        events.list_events,
        shapes_inbound.EventList,
        detail=EVENTS_DETAIL,
        query=shapes_inbound.EventQuery,
    ),
    Operation(
        "POST /events/replay",
        events.replay_events,
        shapes_inbound.Replayed,
        detail=REPLAY_DETAIL,
        body=shapes_inbound.ReplayBody,
        example={"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"},
        problems=(RefusalCode.BAD_FIELD,),
    ),
    Operation(
        "GET /callbacks",
        events.list_callbacks,
        shapes_inbound.CallbackList,
        query=shapes_inbound.CallbackQuery,
        links=(("getCallback", _FIRST), ("resendCallback", _FIRST)),
    ),
    Operation(
        "GET /callbacks/{id}", events.get_callback, shapes_inbound.CallbackDetail
    ),
    Operation(
        "POST /callbacks/{id}/resend",
        events.resend_callback,
        shapes_inbound.CallbackDetail,
        detail="A callback that was done or had failed starts again with its first "
        "attempt, outside of any queue; one that waits for its next gets it now.",
        problems=(Fault.QUEUED,),
    ),
    Operation(
        "GET /queues",
        events.list_queues,
        shapes_inbound.QueueList,
        detail="Only messages from phones to Front's services have queues. A message "
        "that the service does not accept pauses its queue, and those after it wait.",
        links=(("resumeQueue", _FIRST),),
    ),
    Operation("POST /queues/{id}/resume", events.resume_queue, shapes_inbound.Queue),
)

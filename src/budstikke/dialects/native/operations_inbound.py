"""The operations of inbound messages and callbacks."""

from __future__ import annotations

from budstikke.dialects.native import events, inbound, shapes, shapes_inbound
from budstikke.dialects.native.operation import GONE, Operation
from budstikke.dialects.native.problems import Fault
from budstikke.domain.refusal import RefusalCode

_NUMBERS = "Numbers"
_INBOUND = "Messages from phones"
_EVENTS = "Events"
_TOLD = "Delivery log"
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
        name="listNumbers",
        tag=_NUMBERS,
        method="GET",
        path="/numbers",
        handler=inbound.list_numbers,
        query=shapes.PageQuery,
        answer=shapes_inbound.OwnNumberList,
    ),
    Operation(
        name="createNumberRequest",
        tag=_NUMBERS,
        method="POST",
        path="/number-requests",
        handler=inbound.create_request,
        body=shapes_inbound.NumberRequestBody,
        example={"kind": "keyword", "number": "2229", "word": "TIPS"},
        answer=shapes_inbound.NumberRequest,
        statuses=((201, "It waits"),),
        problems=(Fault.TOO_MANY_WAITING,),
        links=tuple(
            (name, "$response.body#/id")
            for name in ("getNumberRequest", "cancelNumberRequest")
        ),
    ),
    Operation(
        name="listNumberRequests",
        tag=_NUMBERS,
        method="GET",
        path="/number-requests",
        handler=inbound.list_requests,
        query=shapes.PageQuery,
        answer=shapes_inbound.NumberRequestList,
        links=(("getNumberRequest", _FIRST),),
    ),
    Operation(
        name="getNumberRequest",
        tag=_NUMBERS,
        method="GET",
        path="/number-requests/{id}",
        handler=inbound.get_request,
        answer=shapes_inbound.NumberRequest,
    ),
    Operation(
        name="cancelNumberRequest",
        tag=_NUMBERS,
        method="POST",
        path="/number-requests/{id}/cancel",
        handler=inbound.cancel_request,
        answer=shapes_inbound.NumberRequest,
        problems=(Fault.DECIDED,),
    ),
    Operation(
        name="listInbound",
        tag=_INBOUND,
        method="GET",
        path="/inbound",
        handler=inbound.list_inbound,
        query=shapes_inbound.InboundQuery,
        answer=shapes_inbound.InboundList,
        links=(("getInbound", _FIRST),),
    ),
    Operation(
        name="getInbound",
        tag=_INBOUND,
        method="GET",
        path="/inbound/{id}",
        handler=inbound.get_inbound,
        answer=shapes_inbound.Inbound,
    ),
    Operation(
        name="deleteInbound",
        tag=_INBOUND,
        method="DELETE",
        path="/inbound/{id}",
        handler=inbound.delete_inbound,
        detail="Its events and webhooks go, too, and the files of an MMS.",
        statuses=GONE,
        problems=(Fault.NOT_YET_TOLD,),
    ),
    Operation(
        name="getMedia",
        tag=_INBOUND,
        method="GET",
        path="/media/{media}",
        handler=inbound.get_media,
        octets="The octets, with the content type that the phone gave them",
    ),
    Operation(
        name="listEvents",
        tag=_EVENTS,
        method="GET",
        path="/events",
        handler=events.list_events,
        detail=EVENTS_DETAIL,
        query=shapes_inbound.EventQuery,
        answer=shapes_inbound.EventList,
    ),
    Operation(
        name="replayEvents",
        tag=_EVENTS,
        method="POST",
        path="/events/replay",
        handler=events.replay_events,
        detail=REPLAY_DETAIL,
        body=shapes_inbound.ReplayBody,
        example={"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"},
        answer=shapes_inbound.Replayed,
        problems=(RefusalCode.BAD_FIELD,),
    ),
    Operation(
        name="listCallbacks",
        tag=_TOLD,
        method="GET",
        path="/callbacks",
        handler=events.list_callbacks,
        query=shapes_inbound.CallbackQuery,
        answer=shapes_inbound.CallbackList,
        links=(("getCallback", _FIRST), ("resendCallback", _FIRST)),
    ),
    Operation(
        name="getCallback",
        tag=_TOLD,
        method="GET",
        path="/callbacks/{id}",
        handler=events.get_callback,
        answer=shapes_inbound.CallbackDetail,
    ),
    Operation(
        name="resendCallback",
        tag=_TOLD,
        method="POST",
        path="/callbacks/{id}/resend",
        handler=events.resend_callback,
        detail="A callback that was done or had failed starts again with its first "
        "attempt, outside of any queue; one that waits for its next gets it now.",
        answer=shapes_inbound.CallbackDetail,
        problems=(Fault.QUEUED,),
    ),
    Operation(
        name="listQueues",
        tag=_TOLD,
        method="GET",
        path="/queues",
        handler=events.list_queues,
        detail="Only messages from phones to Front's services have queues. A message "
        "that the service does not accept pauses its queue, and those after it wait.",
        answer=shapes_inbound.QueueList,
        links=(("resumeQueue", _FIRST),),
    ),
    Operation(
        name="resumeQueue",
        tag=_TOLD,
        method="POST",
        path="/queues/{id}/resume",
        handler=events.resume_queue,
        answer=shapes_inbound.Queue,
    ),
)

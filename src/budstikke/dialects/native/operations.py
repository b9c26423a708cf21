"""
The operations of the REST API: one row each.

Routing, reading and documentation use this table; a new operation is a row here and a
handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.native import contacts, messages, money, routes, sending, shapes
from budstikke.dialects.native.mms_operations import MMS_OPERATIONS
from budstikke.dialects.native.operation import GONE, Operation
from budstikke.dialects.native.operations_inbound import INBOUND_OPERATIONS
from budstikke.dialects.native.order import SendBody
from budstikke.dialects.native.problems import Fault
from budstikke.dialects.native.timeline import TIMELINE_OPERATION
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping


_R = RefusalCode
_WRITTEN = ((200, "It was there"), (201, "It is new"))
_SENDING = (
    *(_R.BAD_RECIPIENT, _R.NOT_MOBILE, _R.COUNTRY_NOT_ALLOWED, _R.NO_ROUTE),
    *(_R.BAD_ORIGINATOR, _R.TEXT_TOO_LONG, _R.BAD_CHARACTERS, _R.UNKNOWN_GROUP),
    *(_R.BLACKLISTED, _R.OPTED_OUT, _R.MISSING_FIELD),
)
_ORDER_LINKS = ("getOrder", "cancelOrder")
_MESSAGE_LINKS = ("getMessage", "getMessageTimeline", "cancelMessage", "deleteMessage")

EXAMPLE: Mapping[str, object] = {
    "to": "+4799999999",
    "from": "Budstikke",
    "text": "Hei på deg 🤣",
}

SEND_DETAIL = """\
An order goes to one number, to many, to groups, or to recipients with fields of their
own. The answer has a row for each recipient: some may be refused while the others are
accepted. If all are refused, nothing is stored and the answer is a problem.

With an `Idempotency-Key` a client can safely repeat a request: for a day the gateway
gives the first answer again (200, `Idempotent-Replay: true`). Another request with the
same key is a conflict."""

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST /messages",
        sending.send_messages,
        shapes.Sent,
        detail=SEND_DETAIL,
        body=SendBody,
        large=True,
        example=EXAMPLE,
        statuses=((201, "Accepted"), (200, "Accepted before, with this key")),
        keyed=True,
        problems=(
            *_SENDING,
            _R.NO_CREDIT,
            _R.SPEND_CAP,
            Fault.NONE_ACCEPTED,
            Fault.IDEMPOTENCY_CONFLICT,
        ),
        links=(
            *((name, "$response.body#/order_id") for name in _ORDER_LINKS),
            *((name, "$response.body#/recipients/0/id") for name in _MESSAGE_LINKS),
        ),
    ),
    Operation(
        "POST /quote",
        sending.quote_messages,
        shapes.Quoted,
        detail="The body is that of an order. Nothing is stored, sent or charged.",
        body=SendBody,
        large=True,
        example=EXAMPLE,
        problems=_SENDING,
    ),
    Operation(
        "GET /messages",
        messages.list_messages,
        shapes.MessageList,
        query=shapes.MessageQuery,
        problems=(_R.BAD_RECIPIENT,),
    ),
    Operation(
        "GET /messages/{id}",
        messages.get_message,
        shapes.Message,
        problems=(Fault.DELETED,),
    ),
    TIMELINE_OPERATION,
    Operation(
        "POST /messages/{id}/cancel",
        messages.cancel_message,
        shapes.Message,
        problems=(Fault.TOO_LATE, Fault.DELETED),
    ),
    Operation(
        "DELETE /messages/{id}",
        messages.delete_message,
        detail="Cancel a message first if it is not sent yet.",
        statuses=GONE,
        problems=(Fault.NOT_YET_SENT,),
    ),
    Operation(
        "GET /orders/{id}",
        messages.get_order,
        shapes.Order,
        detail="`GET /v1/messages?order=…` lists its messages.",
    ),
    Operation(
        "POST /orders/{id}/cancel",
        messages.cancel_order,
        shapes.CancelledOrder,
        problems=(Fault.TOO_LATE,),
    ),
    Operation(
        "GET /templates",
        sending.list_templates,
        shapes.TemplateList,
        detail="They replace `text` if the operator takes approved texts only.",
    ),
    Operation(
        "GET /groups", contacts.list_groups, shapes.GroupList, query=shapes.PageQuery
    ),
    Operation("PUT /groups/{name}", contacts.put_group, shapes.Group),
    Operation(
        "PATCH /groups/{name}",
        contacts.rename_group,
        shapes.Group,
        body=shapes.GroupBody,
        problems=(Fault.NOT_FOUND, Fault.NAME_TAKEN),
    ),
    Operation("DELETE /groups/{name}", contacts.delete_group, statuses=GONE),
    Operation(
        "GET /groups/{name}/members",
        contacts.list_members,
        shapes.ContactList,
        query=shapes.PageQuery,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        "PUT /groups/{name}/members/{number}",
        contacts.put_member,
        shapes.Contact,
        detail="A number that is not a contact yet becomes one. Without `name` a "
        "contact keeps its name.",
        body=shapes.ContactBody,
        body_optional=True,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        "DELETE /groups/{name}/members/{number}",
        contacts.delete_member,
        statuses=GONE,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        "GET /contacts",
        contacts.list_contacts,
        shapes.ContactList,
        query=shapes.PageQuery,
    ),
    Operation(
        "GET /contacts/{number}",
        contacts.get_contact,
        shapes.Contact,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        "PUT /contacts/{number}",
        contacts.put_contact,
        shapes.Contact,
        body=shapes.ContactBody,
        body_optional=True,
        statuses=_WRITTEN,
    ),
    Operation("DELETE /contacts/{number}", contacts.delete_contact, statuses=GONE),
    Operation(
        "GET /opt-outs",
        contacts.list_opt_outs,
        shapes.OptOutList,
        query=shapes.PageQuery,
    ),
    Operation(
        "GET /opt-outs/{number}",
        contacts.get_opt_out,
        shapes.OptOut,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        "PUT /opt-outs/{number}",
        contacts.put_opt_out,
        shapes.OptOut,
        detail="It takes effect within about a second.",
        body=shapes.OptOutBody,
        body_optional=True,
        statuses=_WRITTEN,
    ),
    Operation("DELETE /opt-outs/{number}", contacts.delete_opt_out, statuses=GONE),
    Operation("GET /balance", money.get_balance, shapes.Balance),
    Operation("GET /ledger", money.list_ledger, shapes.Ledger, query=shapes.PageQuery),
    Operation(
        "POST /routes/test",
        routes.test_route,
        routes.RouteFound,
        detail="Nothing is stored, sent or charged. The token needs the setting "
        "`route_test`.",
        body=routes.RouteTestBody,
        example={"to": "+4799999999", "from": "Budstikke"},
        problems=(
            *(_R.BAD_RECIPIENT, _R.NOT_MOBILE, _R.COUNTRY_NOT_ALLOWED, _R.NO_ROUTE),
            *(_R.BAD_ORIGINATOR, Fault.NOT_FOUND),
        ),
    ),
    *MMS_OPERATIONS,
    *INBOUND_OPERATIONS,
)

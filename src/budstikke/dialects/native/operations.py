"""
The operations of the REST API: one row each.

Routing, reading and documentation use this table; a new operation is a row here and a
handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.native import contacts, messages, money, sending, shapes
from budstikke.dialects.native.mms_operations import MMS_OPERATIONS
from budstikke.dialects.native.operation import GONE, Operation
from budstikke.dialects.native.operations_inbound import INBOUND_OPERATIONS
from budstikke.dialects.native.order import SendBody
from budstikke.dialects.native.problems import Fault
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
_GROUPS = "Groups and contacts"
_ORDER_LINKS = ("getOrder", "cancelOrder")
_MESSAGE_LINKS = ("getMessage", "cancelMessage", "deleteMessage")

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
        name="sendMessages",
        tag="Messages",
        method="POST",
        path="/messages",
        handler=sending.send,
        detail=SEND_DETAIL,
        body=SendBody,
        large=True,
        example=EXAMPLE,
        answer=shapes.Sent,
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
        name="quoteMessages",
        tag="Messages",
        method="POST",
        path="/quote",
        handler=sending.quote,
        detail="The body is that of an order. Nothing is stored, sent or charged.",
        body=SendBody,
        large=True,
        example=EXAMPLE,
        answer=shapes.Quoted,
        problems=_SENDING,
    ),
    Operation(
        name="listMessages",
        tag="Messages",
        method="GET",
        path="/messages",
        handler=messages.list_messages,
        query=shapes.MessageQuery,
        answer=shapes.MessageList,
        problems=(_R.BAD_RECIPIENT,),
    ),
    Operation(
        name="getMessage",
        tag="Messages",
        method="GET",
        path="/messages/{id}",
        handler=messages.get_message,
        answer=shapes.Message,
        problems=(Fault.DELETED,),
    ),
    Operation(
        name="cancelMessage",
        tag="Messages",
        method="POST",
        path="/messages/{id}/cancel",
        handler=messages.cancel_message,
        answer=shapes.Message,
        problems=(Fault.TOO_LATE, Fault.DELETED),
    ),
    Operation(
        name="deleteMessage",
        tag="Messages",
        method="DELETE",
        path="/messages/{id}",
        handler=messages.delete_message,
        detail="Cancel a message first if it is not sent yet.",
        statuses=GONE,
        problems=(Fault.NOT_YET_SENT,),
    ),
    Operation(
        name="getOrder",
        tag="Orders",
        method="GET",
        path="/orders/{id}",
        handler=messages.get_order,
        detail="`GET /v1/messages?order=…` lists its messages.",
        answer=shapes.Order,
    ),
    Operation(
        name="cancelOrder",
        tag="Orders",
        method="POST",
        path="/orders/{id}/cancel",
        handler=messages.cancel_order,
        answer=shapes.CancelledOrder,
        problems=(Fault.TOO_LATE,),
    ),
    Operation(
        name="listTemplates",
        tag="Templates",
        method="GET",
        path="/templates",
        handler=sending.list_templates,
        detail="They replace `text` if the operator takes approved texts only.",
        answer=shapes.TemplateList,
    ),
    Operation(
        name="listGroups",
        tag=_GROUPS,
        method="GET",
        path="/groups",
        handler=contacts.list_groups,
        query=shapes.PageQuery,
        answer=shapes.GroupList,
    ),
    Operation(
        name="putGroup",
        tag=_GROUPS,
        method="PUT",
        path="/groups/{name}",
        handler=contacts.put_group,
        answer=shapes.Group,
    ),
    Operation(
        name="renameGroup",
        tag=_GROUPS,
        method="PATCH",
        path="/groups/{name}",
        handler=contacts.rename_group,
        body=shapes.GroupBody,
        answer=shapes.Group,
        problems=(Fault.NOT_FOUND, Fault.NAME_TAKEN),
    ),
    Operation(
        name="deleteGroup",
        tag=_GROUPS,
        method="DELETE",
        path="/groups/{name}",
        handler=contacts.delete_group,
        statuses=GONE,
    ),
    Operation(
        name="listMembers",
        tag=_GROUPS,
        method="GET",
        path="/groups/{name}/members",
        handler=contacts.list_members,
        query=shapes.PageQuery,
        answer=shapes.ContactList,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        name="putMember",
        tag=_GROUPS,
        method="PUT",
        path="/groups/{name}/members/{number}",
        handler=contacts.put_member,
        detail="A number that is not a contact yet becomes one. Without `name` a "
        "contact keeps its name.",
        body=shapes.ContactBody,
        body_optional=True,
        answer=shapes.Contact,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        name="deleteMember",
        tag=_GROUPS,
        method="DELETE",
        path="/groups/{name}/members/{number}",
        handler=contacts.delete_member,
        statuses=GONE,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        name="listContacts",
        tag=_GROUPS,
        method="GET",
        path="/contacts",
        handler=contacts.list_contacts,
        query=shapes.PageQuery,
        answer=shapes.ContactList,
    ),
    Operation(
        name="getContact",
        tag=_GROUPS,
        method="GET",
        path="/contacts/{number}",
        handler=contacts.get_contact,
        answer=shapes.Contact,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        name="putContact",
        tag=_GROUPS,
        method="PUT",
        path="/contacts/{number}",
        handler=contacts.put_contact,
        body=shapes.ContactBody,
        body_optional=True,
        answer=shapes.Contact,
        statuses=_WRITTEN,
    ),
    Operation(
        name="deleteContact",
        tag=_GROUPS,
        method="DELETE",
        path="/contacts/{number}",
        handler=contacts.delete_contact,
        statuses=GONE,
    ),
    Operation(
        name="listOptOuts",
        tag="Opt-outs",
        method="GET",
        path="/opt-outs",
        handler=contacts.list_opt_outs,
        query=shapes.PageQuery,
        answer=shapes.OptOutList,
    ),
    Operation(
        name="getOptOut",
        tag="Opt-outs",
        method="GET",
        path="/opt-outs/{number}",
        handler=contacts.get_opt_out,
        answer=shapes.OptOut,
        problems=(Fault.NOT_FOUND,),
    ),
    Operation(
        name="putOptOut",
        tag="Opt-outs",
        method="PUT",
        path="/opt-outs/{number}",
        handler=contacts.put_opt_out,
        detail="It takes effect within about a second.",
        body=shapes.OptOutBody,
        body_optional=True,
        answer=shapes.OptOut,
        statuses=_WRITTEN,
    ),
    Operation(
        name="deleteOptOut",
        tag="Opt-outs",
        method="DELETE",
        path="/opt-outs/{number}",
        handler=contacts.delete_opt_out,
        statuses=GONE,
    ),
    Operation(
        name="getBalance",
        tag="Money",
        method="GET",
        path="/balance",
        handler=money.get_balance,
        answer=shapes.Balance,
    ),
    Operation(
        name="listLedger",
        tag="Money",
        method="GET",
        path="/ledger",
        handler=money.list_ledger,
        query=shapes.PageQuery,
        answer=shapes.Ledger,
    ),
    *MMS_OPERATIONS,
    *INBOUND_OPERATIONS,
)

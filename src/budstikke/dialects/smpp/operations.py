"""Reads query_sm and cancel_sm, and writes the responses that are more than an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.dialects.smpp.ids import read_id
from budstikke.dialects.smpp.request import lists
from budstikke.dialects.smpp.statuses import status_of
from budstikke.domain.queries import CancelCommand, MessageQuery
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState as State
from budstikke.smpp.pdus import QuerySmResp, SubmitMultiResp, Unsuccessful
from budstikke.smpp.receipt import MessageState
from budstikke.smpp.times import absolute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.smpp.settings import Settings
    from budstikke.domain.message import Accepted
    from budstikke.domain.queries import MessagesAnswer
    from budstikke.smpp.pdus import CancelSm, QuerySm, SubmitMulti

STATES: Final[Mapping[State, MessageState]] = {
    # SCHEDULED is of 5.0; a 3.4 client reads 0 as no state at all.
    State.SCHEDULED: MessageState.ENROUTE,
    State.ACCEPTED: MessageState.ENROUTE,
    State.SENT: MessageState.ENROUTE,
    State.DELIVERED: MessageState.DELIVERED,
    State.UNDELIVERED: MessageState.UNDELIVERABLE,
    State.EXPIRED: MessageState.EXPIRED,
    State.REJECTED: MessageState.REJECTED,
    State.CANCELLED: MessageState.DELETED,
}
"""message_state in query_sm_resp (SMPP 3.4 § 5.2.28) by a message's state."""


def _message_id(text: str, settings: Settings) -> int:
    message_id = read_id(settings.message_ids, text)
    if message_id is None:
        raise Refusal(RefusalCode.BAD_FIELD, field="message_id", value=text)
    return message_id


def read_query(body: QuerySm, settings: Settings) -> MessageQuery:
    """Read a query_sm; raises Refusal for an id that is none."""
    return MessageQuery(_message_id(body.message_id, settings))


def read_cancel(body: CancelSm, settings: Settings) -> CancelCommand:
    """
    Read a cancel_sm; raises Refusal for an id that is none.

    Without an id it would cancel all messages between two addresses: refused.
    """
    return CancelCommand(message_id=_message_id(body.message_id, settings))


def query_response(
    answer: MessagesAnswer, access_id: int, body: QuerySm
) -> QuerySmResp:
    """Write a query_sm_resp; raises Refusal if this access has no such message."""
    for message in answer.messages:
        if message.access_id == access_id and not message.deleted:
            final = "" if message.final_at is None else absolute(message.final_at)
            state = STATES[message.state]
            return QuerySmResp(body.message_id, final, int(state), 0)
    raise Refusal(RefusalCode.BAD_FIELD, field="message_id", value=body.message_id)


def multi_response(
    body: SubmitMulti, accepted: Accepted, message_id: str
) -> tuple[int, SubmitMultiResp]:
    """
    Write a submit_multi_resp: its status, and the destinations that were refused.

    The status is an error only if every destination was refused: that of the first.
    """
    unsuccessful: list[Unsuccessful] = []
    plain = [each for each in body.destinations if not each.distribution_list]
    for each, result in zip(plain, accepted.ids, strict=False):
        if isinstance(result, RefusalCode):
            status = status_of(Refusal(result))
            row = Unsuccessful(each.ton, each.npi, each.address, status)
            unsuccessful.append(row)
    names = set(lists(body.destinations))
    for name, result in accepted.members:
        if isinstance(result, RefusalCode):
            ton = npi = 0 if name in names else 1
            status = status_of(Refusal(result))
            number = name.removeprefix("+")[:20]
            unsuccessful.append(Unsuccessful(ton, npi, number, status))
    results = [*accepted.ids, *(result for _, result in accepted.members)]
    if all(isinstance(result, RefusalCode) for result in results):
        status = unsuccessful[0].status if unsuccessful else status_of(_NOTHING)
        return status, SubmitMultiResp("", unsuccessful[:255])
    return 0, SubmitMultiResp(message_id, unsuccessful[:255])


_NOTHING: Final = Refusal(RefusalCode.BAD_RECIPIENT)

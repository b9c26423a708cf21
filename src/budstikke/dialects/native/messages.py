"""Handlers of messages and orders: their states, cancellation, deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import UNSET

from budstikke.dialects.native import cursors
from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.shapes import (
    CancelledOrder,
    Message,
    MessageList,
    Order,
    Repeats,
)
from budstikke.dialects.native.webhook import moment
from budstikke.domain.listing import (
    EraseAnswer,
    EraseCommand,
    OrderRecord,
    OrderRecordAnswer,
    OrderRecordQuery,
    Record,
    RecordQuery,
    RecordsPage,
    RecordsQuery,
)
from budstikke.domain.money import decimal
from budstikke.domain.number import international
from budstikke.domain.queries import CancelAnswer, CancelCommand
from budstikke.domain.refusal import RefusalCode
from budstikke.domain.states import MessageState

if TYPE_CHECKING:
    from typing import Literal

    from budstikke.dialects.native.exchange import Exchange, Work
    from budstikke.dialects.native.shapes import MessageQuery


def get_message(exchange: Exchange) -> Work[Reply]:
    """Show a message."""
    return Reply(_shown((yield from _record(exchange))))


def list_messages(exchange: Exchange) -> Work[Reply]:
    """List messages, newest first."""
    query: MessageQuery = exchange.query
    asked = RecordsQuery(
        limit=query.limit,
        before=cursors.read_id(query.cursor),
        state=query.state or None,
        ref=query.ref or None,
        recipient=None if query.to is UNSET else _number(query.to),
        order_id=query.order or None,
    )
    page = yield from ask(asked, RecordsPage)
    data = [_shown(record) for record in page.records]
    return Reply(MessageList(data=data, next_cursor=cursors.write(page.next)))


def cancel_message(exchange: Exchange) -> Work[Reply]:
    """Cancel a message that has not been sent yet; repeating this changes nothing."""
    asked = CancelCommand(message_id=exchange.path.id)
    answer = yield from ask(asked, CancelAnswer)
    record = yield from _record(exchange)
    if not answer.cancelled and record.state is not MessageState.CANCELLED:
        raise Problem(Fault.TOO_LATE, detail=f"It is {record.state.value}")
    return Reply(_shown(record))


def delete_message(exchange: Exchange) -> Work[Reply]:
    """Delete the record of a message: its text, number and content."""
    answer = yield from ask(EraseCommand(exchange.path.id), EraseAnswer)
    if not answer.found:
        raise Problem(Fault.NOT_FOUND)
    if not answer.erased:
        raise Problem(Fault.NOT_YET_SENT)
    return Reply(status=204)


def get_order(exchange: Exchange) -> Work[Reply]:
    """Show an order and how many of its messages are in each state."""
    record = yield from _order_record(exchange)
    repeats = None
    if record.times:
        repeats = Repeats(times=record.times, next_at=_moment(record.next_at))
    return Reply(
        Order(
            id=record.id,
            states={state.value: n for state, n in record.states.items() if n},
            pending=record.pending,
            segments=record.segments,
            price=decimal(record.price) if record.currency else None,
            currency=record.currency or None,
            created_at=moment(record.accepted_at),
            send_at=_moment(record.send_at),
            repeats=repeats,
        )
    )


def cancel_order(exchange: Exchange) -> Work[Reply]:
    """Cancel the unsent messages of an order, and its repetitions."""
    order_id = exchange.path.id
    yield from _order_record(exchange)
    asked = CancelCommand(order_id=order_id)
    answer = yield from ask(asked, CancelAnswer)
    if not answer.cancelled and not answer.ended:
        after = yield from _order_record(exchange)
        if set(after.states) - {MessageState.CANCELLED}:
            raise Problem(Fault.TOO_LATE)
    return Reply(
        CancelledOrder(
            order_id=order_id,
            messages=answer.found,
            cancelled=answer.cancelled,
            ended=answer.ended,
        )
    )


def _record(exchange: Exchange) -> Work[Record]:
    page = yield from ask(RecordQuery(exchange.path.id), RecordsPage)
    if not page.records:
        raise Problem(Fault.NOT_FOUND)
    if page.records[0].deleted:
        raise Problem(Fault.DELETED)
    return page.records[0]


def _order_record(exchange: Exchange) -> Work[OrderRecord]:
    asked = OrderRecordQuery(exchange.path.id)
    answer = yield from ask(asked, OrderRecordAnswer)
    if answer.order is None:
        raise Problem(Fault.NOT_FOUND)
    return answer.order


def _shown(record: Record) -> Message:
    return Message(
        id=record.id,
        order_id=record.order_id,
        to=record.recipient,
        from_=record.originator or None,
        text=record.text,
        encoding=cast("Literal['gsm', 'ucs2'] | None", record.encoding or None),
        segments=record.segments,
        state=record.state,
        reason=record.reason or None,
        raw=record.raw or None,
        price=decimal(record.price) if record.currency else None,
        currency=record.currency or None,
        ref=record.ref,
        flash=record.flash,
        priority=record.priority,
        created_at=moment(record.accepted_at),
        send_at=_moment(record.send_at),
        ended_at=_moment(record.final_at),
    )


def _moment(at: float | None) -> str | None:
    return None if at is None else moment(at)


def _number(written: str) -> str:
    number = international(written)
    if number is None:
        raise Problem(RefusalCode.BAD_RECIPIENT, param="to")
    return number

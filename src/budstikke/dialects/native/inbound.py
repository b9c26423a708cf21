"""Handlers of the account's numbers, number requests, and inbound messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from budstikke.dialects.inbound import called
from budstikke.dialects.native import cursors
from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.shapes_inbound import (
    Inbound,
    InboundList,
    NumberRequest,
    NumberRequestList,
    OwnNumber,
    OwnNumberList,
    Time,
)
from budstikke.dialects.native.webhook import MediaItem, moment
from budstikke.domain.inbound_listing import (
    AddRequestCommand,
    CancelRequestCommand,
    InboundMessageQuery,
    InboundPage,
    InboundRecord,
    InboundsQuery,
    MediaAnswer,
    MediaQuery,
    NumbersPage,
    NumbersQuery,
    RequestQuery,
    RequestsPage,
    RequestsQuery,
)
from budstikke.domain.listing import Changed, EraseAnswer, EraseInboundCommand
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from datetime import datetime

    from budstikke.dialects.native.exchange import Exchange, Work
    from budstikke.dialects.native.shapes import PageQuery
    from budstikke.dialects.native.shapes_inbound import InboundQuery, NumberRequestBody
    from budstikke.domain import inbound_listing

_is_type = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+").fullmatch

# Numbers


def list_numbers(exchange: Exchange) -> Work[Reply]:
    """List the account's numbers, series and keywords."""
    query: PageQuery = exchange.query
    value, _, word = cursors.read(query.cursor).partition(" ")
    asked = NumbersQuery(limit=query.limit, after=(value, word))
    page = yield from ask(asked, NumbersPage)
    following = None if page.next is None else " ".join(page.next)
    data = [_number(found) for found in page.numbers]
    return Reply(OwnNumberList(data=data, next_cursor=cursors.write(following)))


def _number(found: inbound_listing.OwnNumber) -> OwnNumber:
    shared = found.kind == "shared"
    return OwnNumber(
        number=found.value,
        kind="keyword" if shared else cast("Any", found.kind),
        word=found.word if shared else None,
        aliases=list(found.aliases),
        access=access_name(found.access),
        url=found.url,
        receipt=found.receipt,
    )


def access_name(access: tuple[str, str]) -> str:
    """Write an access in the API's form."""
    return ":".join(access)


# Requests for numbers


def create_number_request(exchange: Exchange) -> Work[Reply]:
    """Request a number, a series or a keyword; an administrator decides."""
    body: NumberRequestBody = exchange.body
    word = " ".join(body.word.split())
    if body.kind == "keyword" and not word:
        detail = "A keyword needs one"
        raise Problem(RefusalCode.MISSING_FIELD, detail=detail, param="word")
    if body.kind != "keyword" and word:
        detail = "Only a keyword has one"
        raise Problem(RefusalCode.BAD_FIELD, detail=detail, param="word")
    asked = AddRequestCommand(
        kind=body.kind,
        number=body.number.removeprefix("+"),
        word=word,
        note=body.note,
        access=body.access,
        access_id=exchange.access.id,
    )
    page = yield from ask(asked, RequestsPage)
    if not page.requests:
        raise Problem(Fault.TOO_MANY_WAITING)
    return Reply(_request(page.requests[0]), 201)


def list_number_requests(exchange: Exchange) -> Work[Reply]:
    """List the account's number requests, newest first."""
    query: PageQuery = exchange.query
    asked = RequestsQuery(limit=query.limit, before=cursors.read_id(query.cursor))
    page = yield from ask(asked, RequestsPage)
    data = [_request(found) for found in page.requests]
    return Reply(NumberRequestList(data=data, next_cursor=cursors.write(page.next)))


def get_number_request(exchange: Exchange) -> Work[Reply]:
    """Show a number request and its answer."""
    return Reply((yield from _found_request(exchange)))


def cancel_number_request(exchange: Exchange) -> Work[Reply]:
    """Withdraw a number request; repeating this changes nothing."""
    yield from _found_request(exchange)
    yield from ask(CancelRequestCommand(exchange.path.id), Changed)
    after = yield from _found_request(exchange)
    if after.state != "cancelled":
        raise Problem(Fault.DECIDED, detail=f"It is {after.state}")
    return Reply(after)


def _found_request(exchange: Exchange) -> Work[NumberRequest]:
    page = yield from ask(RequestQuery(exchange.path.id), RequestsPage)
    if not page.requests:
        raise Problem(Fault.NOT_FOUND)
    return _request(page.requests[0])


def _request(found: inbound_listing.NumberRequest) -> NumberRequest:
    return NumberRequest(
        id=found.id,
        kind=cast("Any", found.kind),
        number=found.number,
        word=found.word,
        note=found.note,
        access=None if found.access is None else access_name(found.access),
        state=cast("Any", found.state),
        created_at=moment(found.at),
        decided_at=None if found.decided_at is None else moment(found.decided_at),
        answer=found.answer,
    )


# Messages from phones


def list_inbound(exchange: Exchange) -> Work[Reply]:
    """List messages from phones, newest first."""
    query: InboundQuery = exchange.query
    asked = InboundsQuery(
        limit=query.limit,
        before=cursors.read_id(query.cursor),
        since=_seconds(query.from_, "from"),
        until=_seconds(query.to, "to"),
        keyword=query.keyword or None,
    )
    page = yield from ask(asked, InboundPage)
    data = [_inbound(record) for record in page.records]
    return Reply(InboundList(data=data, next_cursor=cursors.write(page.next)))


def _seconds(written: str | msgspec.UnsetType, param: str) -> float | None:
    if written is UNSET:
        return None
    try:
        at: datetime = msgspec.convert(written, Time)
    except msgspec.ValidationError as error:
        detail = "It is not RFC 3339 with an offset"
        raise Problem(RefusalCode.BAD_FIELD, detail=detail, param=param) from error
    return at.timestamp()


def get_inbound(exchange: Exchange) -> Work[Reply]:
    """Show a message from a phone."""
    page = yield from ask(InboundMessageQuery(exchange.path.id), InboundPage)
    if not page.records:
        raise Problem(Fault.NOT_FOUND)
    return Reply(_inbound(page.records[0]))


def delete_inbound(exchange: Exchange) -> Work[Reply]:
    """Delete a message from a phone, with its parts, webhooks and events."""
    answer = yield from ask(EraseInboundCommand(exchange.path.id), EraseAnswer)
    if not answer.found:
        raise Problem(Fault.NOT_FOUND)
    if not answer.erased:
        raise Problem(Fault.NOT_YET_TOLD)
    return Reply(status=204)


def _inbound(record: InboundRecord) -> Inbound:
    return Inbound(
        id=record.id,
        kind=record.kind,
        from_=record.originator,
        to=called(record.recipient),
        text=record.text,
        data=record.data or None,
        keyword=record.keyword or None,
        in_reply_to=record.reply_to or None,
        sent_at=moment(record.sent_at or record.came_at),
        received_at=moment(record.came_at),
        missing=record.missing,
        opt_out=record.opt_out,
        subject=record.subject or None,
        media=[
            MediaItem(id=part.id, name=part.name, type=part.type, size=part.size)
            for part in record.media
        ],
        access=None if record.access is None else access_name(record.access),
    )


def get_media(exchange: Exchange) -> Work[Reply]:
    """Download a part of an MMS."""
    answer = yield from ask(MediaQuery(exchange.path.media), MediaAnswer)
    if answer.part is None:
        raise Problem(Fault.NOT_FOUND)
    kind = answer.part.type if _is_type(answer.part.type) else UNKNOWN_TYPE
    name = quote(answer.part.name, safe="")
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "content-security-policy": "sandbox",  # the file comes from a phone
        "x-content-type-options": "nosniff",
    }
    return Reply(answer.part.data, headers=headers, media_type=kind)


UNKNOWN_TYPE = "application/octet-stream"

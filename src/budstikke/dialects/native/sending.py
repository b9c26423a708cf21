"""Send, quote, and what templates there are."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from budstikke.dialects.native.exchange import Reply
from budstikke.dialects.native.large import LargeOrder
from budstikke.dialects.native.order import Filler, has_fields, read_order
from budstikke.dialects.native.problems import PROBLEMS, Fault, Problem, Refused
from budstikke.dialects.native.shapes import (
    Quoted,
    QuotedRecipient,
    RecipientResult,
    Sent,
    TemplateList,
    TemplateShape,
)
from budstikke.dialects.native.templates import KINDS
from budstikke.domain.message import Template
from budstikke.domain.money import decimal
from budstikke.domain.refusal import RefusalCode
from budstikke.domain.template import text_of
from budstikke.flow.pace import aside, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.native.exchange import Exchange
    from budstikke.dialects.native.order import SendBody
    from budstikke.domain.message import Accepted, Order
    from budstikke.domain.quote import Line

KEY = "idempotency-key"
_is_key = re.compile(r"[!-~]{1,255}").fullmatch


async def send(exchange: Exchange) -> Reply:
    """Accept an order, or answer as the first time for its idempotency key."""
    order = await _order(exchange, idempotency_key(exchange))
    accepted = await exchange.parts.acceptor.accept(order, exchange.access)
    results = await _results(order, accepted)
    made = await aside(len(results), _count_made, results)
    if not made:
        refused = [each async for _, some in pieces(results) for each in _refused(some)]
        raise Problem(Fault.NONE_ACCEPTED, recipients=refused)
    price, currency = charged(exchange, accepted.price)
    body = Sent(
        order_id=accepted.order_id,
        accepted=made,
        refused=len(results) - made,
        segments=accepted.segments,
        price=price,
        currency=currency,
        test=order.test,
        recipients=results,
    )
    headers = {"location": f"/v1/orders/{accepted.order_id}"}
    if not accepted.replayed:
        return Reply(body, 201, headers)
    return Reply(body, 200, {**headers, "idempotent-replay": "true"})


async def quote(exchange: Exchange) -> Reply:
    """Say what an order would be."""
    order = await _order(exchange, "")
    quoted = await exchange.parts.quoter.quote(order, exchange.access)
    price, currency = charged(exchange, quoted.price)
    lines: list[QuotedRecipient] = []
    async for _, some in pieces(quoted.lines):
        lines += [_quoted(line, charge=currency is not None) for line in some]
    return Reply(
        Quoted(
            segments=quoted.segments, price=price, currency=currency, recipients=lines
        )
    )


async def list_templates(_exchange: Exchange) -> Reply:
    """List the kinds of pre-approved texts."""
    return Reply(
        TemplateList(
            data=[
                TemplateShape(
                    kind=kind,
                    required=list(names.required),
                    optional=list(names.optional),
                    example=dict(names.example),
                    text=text_of(Template(kind=kind.value, values=names.example)),
                )
                for kind, names in KINDS.items()
            ]
        )
    )


def charged(exchange: Exchange, amount: int) -> tuple[str | None, str | None]:
    """Write an amount of the account's and its currency; ``None``: it has none."""
    currency = exchange.access.account.currency
    return (decimal(amount), currency) if currency else (None, None)


def idempotency_key(exchange: Exchange) -> str:
    """Read the idempotency key; empty: none. Raises Problem."""
    key = exchange.headers.get(KEY)
    if key is None:
        return ""
    if not _is_key(key):
        detail = "1 to 255 printable ASCII characters without blanks"
        raise Problem(RefusalCode.BAD_FIELD, detail=detail, param="Idempotency-Key")
    return key


async def _order(exchange: Exchange, key: str) -> Order:
    """Read the order, and fill in its texts."""
    settings, now = exchange.access.settings, exchange.parts.clock()
    found, exchange.body = exchange.body, None
    if isinstance(found, LargeOrder):
        order = read_order(found.body, found.texts, settings, key, now)
        return msgspec.structs.replace(order, recipients=found.to)
    body: SendBody = found
    texts: list[str] = []
    if has_fields(body):
        for filled in Filler(body.text).batches(body.recipients or [], 0):
            texts += filled
            await asyncio.sleep(0)
    return read_order(body, texts, settings, key, now)


async def _results(order: Order, accepted: Accepted) -> list[RecipientResult]:
    """Say what became of each recipient."""
    results: list[RecipientResult] = []
    async for at, some in pieces(order.recipients):
        ids = accepted.ids[at : at + len(some)]
        results += map(_result, some, ids)
    async for _, members in pieces(accepted.members):
        results += [_result(to, what) for to, what in members]
    return results


def _count_made(results: Sequence[RecipientResult]) -> int:
    return sum(result.id is not UNSET for result in results)


def _result(to: str, what: int | RefusalCode) -> RecipientResult:
    if isinstance(what, RefusalCode):
        return RecipientResult(to=to, code=what.value, title=PROBLEMS[what].title)
    return RecipientResult(to=to, id=what)


def _refused(results: Sequence[RecipientResult]) -> list[Refused]:
    return [
        Refused(to=result.to, code=result.code or "", title=result.title or "")
        for result in results
    ]


def _quoted(line: Line, *, charge: bool) -> QuotedRecipient:
    if line.refused is not None:
        title = PROBLEMS[line.refused].title
        return QuotedRecipient(to=line.written, code=line.refused.value, title=title)
    return QuotedRecipient(
        to=line.written,
        number=line.number,
        encoding="gsm" if line.encoding == "gsm" else "ucs2",
        segments=line.segments,
        units=line.units,
        forced_by=line.forced_by or UNSET,
        price=decimal(line.price) if charge else UNSET,
    )

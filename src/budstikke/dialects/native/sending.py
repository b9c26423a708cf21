"""Send, quote, and what templates there are."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from budstikke.dialects.native.exchange import (
    Reply,
    array,
    ask,
    in_pieces,
    written_in_pieces,
)
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
from budstikke.domain.message import Accepted, Template
from budstikke.domain.money import decimal
from budstikke.domain.queries import QuoteAsk
from budstikke.domain.quote import Quote
from budstikke.domain.refusal import RefusalCode
from budstikke.domain.template import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.dialects.native.exchange import Exchange, Work
    from budstikke.dialects.native.order import SendBody
    from budstikke.domain.message import Order
    from budstikke.domain.quote import Line

KEY = "idempotency-key"
_is_key = re.compile(r"[!-~]{1,255}").fullmatch


def send_messages(exchange: Exchange) -> Work[Reply]:
    """Accept an order; a repeated idempotency key gets the first answer again."""
    order = yield from _order(exchange, idempotency_key(exchange))
    accepted = yield from ask(order, Accepted)
    fates = [*accepted.ids, *(fate for _, fate in accepted.members)]
    refusals = yield from in_pieces(
        len(fates), lambda some: map(_is_refusal, fates[some])
    )
    made = len(fates) - sum(refusals)
    if not made:
        refused = yield from _each(order, accepted, _refused)
        raise Problem(Fault.NONE_ACCEPTED, recipients=array(refused))
    results = yield from _each(order, accepted, _result)
    price, currency = charged(exchange, accepted.price)
    body = Sent(
        order_id=accepted.order_id,
        accepted=made,
        refused=len(fates) - made,
        segments=accepted.segments,
        price=price,
        currency=currency,
        test=order.test,
        recipients=array(results),
    )
    headers = {"location": f"/v1/orders/{accepted.order_id}"}
    if not accepted.replayed:
        return Reply(body, 201, headers)
    return Reply(body, 200, {**headers, "idempotent-replay": "true"})


def quote_messages(exchange: Exchange) -> Work[Reply]:
    """Count and price an order without storing or sending it."""
    order = yield from _order(exchange, "")
    quoted = yield from ask(QuoteAsk(order), Quote)
    price, currency = charged(exchange, quoted.price)
    charge = currency is not None
    lines = yield from written_in_pieces(
        len(quoted.lines),
        lambda some: [_quoted(line, charge=charge) for line in quoted.lines[some]],
    )
    return Reply(
        Quoted(
            segments=quoted.segments,
            price=price,
            currency=currency,
            recipients=array(lines),
        )
    )


def list_templates(_exchange: Exchange) -> Work[Reply]:
    """List the kinds of pre-approved texts."""
    yield from ()
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


def _order(exchange: Exchange, key: str) -> Work[Order]:
    """Read the order, and fill in its texts."""
    settings, now = exchange.access.settings, exchange.now
    found, exchange.body = exchange.body, None
    if isinstance(found, LargeOrder):
        order = read_order(found.body, found.texts, settings, key, now)
        return msgspec.structs.replace(order, recipients=found.to)
    body: SendBody = found
    texts: list[str] = []
    if has_fields(body):
        for filled in Filler(body.text).batches(body.recipients or [], 0):
            texts += filled
            yield None
    return read_order(body, texts, settings, key, now)


def _each(
    order: Order,
    accepted: Accepted,
    write: Callable[[str, int | RefusalCode], RecipientResult | Refused],
) -> Work[list[bytes]]:
    """Write what became of each recipient, then of each member of a group."""
    to, ids, members = order.recipients, accepted.ids, accepted.members
    written = yield from written_in_pieces(
        len(to), lambda some: map(write, to[some], ids[some])
    )
    written += yield from written_in_pieces(
        len(members), lambda some: itertools.starmap(write, members[some])
    )
    return written


def _is_refusal(fate: int | RefusalCode) -> bool:
    return isinstance(fate, RefusalCode)


def _result(to: str, fate: int | RefusalCode) -> RecipientResult:
    if isinstance(fate, RefusalCode):
        return RecipientResult(to=to, code=fate.value, title=PROBLEMS[fate].title)
    return RecipientResult(to=to, id=fate)


def _refused(to: str, fate: int | RefusalCode) -> Refused:
    assert isinstance(fate, RefusalCode)  # noqa: S101 - every one of them is
    return Refused(to=to, code=fate.value, title=PROBLEMS[fate].title)


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

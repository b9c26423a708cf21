"""Reads orders and queries from parsed requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from budstikke.dialects.bounds import (
    LONGEST_TEXT,
    MOST_MESSAGES,
    MOST_RECIPIENTS,
    cut,
    too_large,
)
from budstikke.dialects.ip1.mms import read_mms
from budstikke.dialects.ip1.operations import URL, Action
from budstikke.dialects.ip1.settings import Settings
from budstikke.dialects.ip1.values import breaks, dialled, digits_of, read_id
from budstikke.domain.cet import from_wall
from budstikke.domain.message import Order
from budstikke.domain.queries import (
    BalanceQuery,
    CancelCommand,
    MessageQuery,
    OrderQuery,
    Page,
    QueryOrCommand,
)
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.dialects.contract import Task
    from budstikke.dialects.ip1.request import ParsedRequest, Template

WSDL, OPERATIONS, DESCRIPTION = "wsdl", "operations", "description"
"""Names of pages."""

SHORTEST_SENDER, LONGEST_SENDER = 3, 11
"""Characters; the URL call accepts shorter ones, too."""

SENDER_DIGITS = range(3, 16)

MOST_FIELDS = 100
"""Fields of one ``Number``, and different sets of Keys in one request."""

MOST_CHARACTERS = 8 * 1024 * 1024
"""Characters of all texts of a template."""

MOST_LOOKS = 2_000_000
"""Characters of a template's text, times the Keys of each set to search for."""

LAST_TIME = 4_102_444_800.0
"""The year 2100, Unix seconds: a later time was not counted in seconds."""

_unix = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?").fullmatch


def read_asked(
    parsed: ParsedRequest, settings: Settings | None, now: float, query: bytes
) -> Task:
    """Read what the request wants; raises Refusal."""
    if parsed.operation is None:
        names = query.lower().partition(b"=")[0]
        return Page(WSDL if names == b"wsdl" else OPERATIONS)
    action = parsed.operation.action
    if action in QUESTIONS:
        return QUESTIONS[action](parsed)
    if action is Action.SEND_MMS:
        return read_mms(parsed)
    return _read_order(parsed, settings or Settings(), now)


QUESTIONS: Mapping[Action, Callable[[ParsedRequest], QueryOrCommand]] = {
    Action.BALANCE: lambda _: BalanceQuery(),
    Action.DESCRIBE: lambda _: Page(DESCRIPTION),
    Action.CANCEL: lambda parsed: CancelCommand(
        message_id=read_id(parsed.given("smsid"))
    ),
    Action.CANCEL_BUNDLE: lambda parsed: CancelCommand(
        order_id=read_id(parsed.given("bundleid"))
    ),
    Action.STATUS: lambda parsed: MessageQuery(read_id(parsed.given("id", "mmsid"))),
    Action.STATUS_BUNDLE: lambda parsed: OrderQuery(read_id(parsed.given("bundleid"))),
    Action.TIME: lambda parsed: MessageQuery(read_id(parsed.given("id"))),
}


def _read_order(parsed: ParsedRequest, settings: Settings, now: float) -> Order:
    operation = parsed.operation
    assert operation is not None  # noqa: S101 - read_asked checks it
    template = operation.action is Action.SEND_TEMPLATE
    recipients = _recipients(parsed, operation.action)
    text = cut(
        breaks(parsed.values.get("msg" if _by_url(parsed) else "meddelande", ""))
    )
    if not text.strip():
        raise Refusal(RefusalCode.MISSING_FIELD, field="meddelande")
    texts = _texts(text, parsed.numbers) if template else ()
    return Order(
        recipients=recipients,
        text=text,
        texts=texts,
        originator=_originator(parsed),
        priority=_priority(parsed),
        send_at=_send_at(parsed, settings, now),
        flash=operation.flash,
        report=False,
    )


def _by_url(parsed: ParsedRequest) -> bool:
    return parsed.service is URL


def _recipients(parsed: ParsedRequest, action: Action) -> Sequence[str]:
    """Read the numbers; raises Refusal for none, or too many."""
    if action is Action.SEND_TEMPLATE:
        if len(parsed.numbers) > MOST_MESSAGES:
            raise too_large("numbers")
        numbers = [one.number for one in parsed.numbers]
    else:
        written = parsed.given("to" if _by_url(parsed) else "till")
        if written.count(",") > MOST_RECIPIENTS:
            raise too_large("till")
        numbers = [written] if action is Action.SEND else written.split(",")
    if action is not Action.SEND_TEMPLATE:
        numbers = [number for number in numbers if number.strip()]
    if not numbers:
        raise Refusal(RefusalCode.MISSING_FIELD, field="till")
    return [dialled(number) for number in numbers]


def _texts(text: str, numbers: Sequence[Template]) -> list[str]:
    """
    Write each recipient's text, with its Values in the place of the Keys.

    Values are not searched for Keys; of Keys with the same beginning the longest
    counts. Raises Refusal for an empty text, and ``TOO_LARGE`` for too much work in one
    request.
    """
    cuts: dict[tuple[str, ...], Sequence[str]] = {}
    texts = []
    characters = looks = 0
    for one in numbers:
        if len(one.fields) > MOST_FIELDS:
            raise too_large("numbers")
        values = {key: breaks(value) for key, value in one.fields if key}
        keys = tuple(values)
        if keys not in cuts:
            looks += len(keys) * len(text)
            if looks > MOST_LOOKS or len(cuts) == MOST_FIELDS:
                raise too_large("numbers")
            cuts[keys] = _cut_at(keys, text)
        texts.append(_filled(cuts[keys], values))
        characters += len(texts[-1])
        if characters > MOST_CHARACTERS:
            raise too_large("numbers")
    if not all(map(str.strip, texts)):
        raise Refusal(RefusalCode.MISSING_FIELD, field="meddelande")
    return texts


def _cut_at(keys: Sequence[str], text: str) -> Sequence[str]:
    """
    Cut a text at its Keys: text, Key, text, Key ... text.

    Keys come from customers: a pattern of them could take the square of the text's
    length, while nothing else runs.
    """
    pieces: list[str] = []
    at = 0
    ahead = {key: text.find(key) for key in keys}
    while ahead := {key: place for key, place in ahead.items() if place >= 0}:
        start, _, key = min((place, -len(key), key) for key, place in ahead.items())
        pieces += (text[at:start], key)
        at = start + len(key)
        for each, place in ahead.items():
            if place < at:
                ahead[each] = text.find(each, at)
    return [*pieces, text[at:]]


def _filled(pieces: Sequence[str], values: Mapping[str, str]) -> str:
    """Put Values in the place of Keys; raises Refusal (``TEXT_TOO_LONG``)."""
    filled = list(pieces)
    filled[1::2] = [values[key] for key in pieces[1::2]]
    if sum(map(len, filled)) > LONGEST_TEXT:
        raise Refusal(RefusalCode.TEXT_TOO_LONG, field="meddelande")
    return "".join(filled)


def _originator(parsed: ParsedRequest) -> str:
    """Read the sender: a text or digits; raises Refusal for neither."""
    written = parsed.given("from")
    shortest = 1 if _by_url(parsed) else SHORTEST_SENDER
    digits = digits_of(written)
    good = (
        len(digits) in SENDER_DIGITS
        if digits
        else shortest <= len(written) <= LONGEST_SENDER
    )
    if not good:
        raise Refusal(RefusalCode.BAD_ORIGINATOR, field="from", value=written)
    return written


def _priority(parsed: ParsedRequest) -> int:
    written = parsed.given("prio")
    if not written:
        return 1
    if written not in ("1", "2", "3"):
        raise Refusal(RefusalCode.BAD_FIELD, field="prio", value=written)
    return int(written)


def _send_at(parsed: ParsedRequest, settings: Settings, now: float) -> float | None:
    """Read sendAt if the operation has it; a past time means now."""
    operation = parsed.operation
    assert operation is not None  # noqa: S101 - read_asked checks it
    if "sendAt" not in operation.parameters:
        return None
    written = parsed.given("sendat")
    if not written and operation.action is Action.SEND_TEMPLATE:
        return None
    when = float(written) if _unix(written) else None
    if when is None or when > LAST_TIME:
        raise Refusal(RefusalCode.BAD_FIELD, field="sendAt", value=written)
    if settings.sendat == "swedish":
        when = from_wall(datetime.fromtimestamp(when, UTC).replace(tzinfo=None))
    return when if when > now else None

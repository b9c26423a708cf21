"""From what a request says to an order or a question."""

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
from budstikke.dialects.ip1.operations import URL, Does
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

    from budstikke.dialects.contract import Asked
    from budstikke.dialects.ip1.request import Said, Template

WSDL, OPERATIONS, DESCRIPTION = "wsdl", "operations", "description"
"""Names of pages."""

SHORTEST_SENDER, LONGEST_SENDER = 3, 11
"""Characters; the URL call takes shorter ones, too."""

SENDER_DIGITS = range(3, 16)

MOST_FIELDS = 100
"""Fields of one ``Number``, and different sets of Keys in one request."""

MOST_CHARACTERS = 8 * 1024 * 1024
"""Of all texts that a template makes."""

MOST_LOOKS = 2_000_000
"""Characters of a template's text, times the Keys of each set that is looked for."""

LAST_TIME = 4_102_444_800.0
"""The year 2100, Unix seconds: what is later was not counted in seconds."""

_unix = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?").fullmatch


def read_asked(
    said: Said, settings: Settings | None, now: float, query: bytes
) -> Asked:
    """Read what is asked; raises Refusal."""
    if said.operation is None:
        names = query.lower().partition(b"=")[0]
        return Page(WSDL if names == b"wsdl" else OPERATIONS)
    does = said.operation.does
    if does in QUESTIONS:
        return QUESTIONS[does](said)
    if does is Does.SEND_MMS:
        return read_mms(said)
    return _read_order(said, settings or Settings(), now)


QUESTIONS: Mapping[Does, Callable[[Said], QueryOrCommand]] = {
    Does.BALANCE: lambda _: BalanceQuery(),
    Does.DESCRIBE: lambda _: Page(DESCRIPTION),
    Does.CANCEL: lambda said: CancelCommand(message_id=read_id(said.given("smsid"))),
    Does.CANCEL_BUNDLE: lambda said: CancelCommand(
        order_id=read_id(said.given("bundleid"))
    ),
    Does.STATUS: lambda said: MessageQuery(read_id(said.given("id", "mmsid"))),
    Does.STATUS_BUNDLE: lambda said: OrderQuery(read_id(said.given("bundleid"))),
    Does.TIME: lambda said: MessageQuery(read_id(said.given("id"))),
}


def _read_order(said: Said, settings: Settings, now: float) -> Order:
    operation = said.operation
    assert operation is not None  # noqa: S101 - read_asked looked
    template = operation.does is Does.SEND_TEMPLATE
    recipients = _recipients(said, operation.does)
    text = cut(breaks(said.values.get("msg" if _by_url(said) else "meddelande", "")))
    if not text.strip():
        raise Refusal(RefusalCode.MISSING_FIELD, field="meddelande")
    texts = _texts(text, said.numbers) if template else ()
    return Order(
        recipients=recipients,
        text=text,
        texts=texts,
        originator=_originator(said),
        priority=_priority(said),
        send_at=_send_at(said, settings, now),
        flash=operation.flash,
        report=False,
    )


def _by_url(said: Said) -> bool:
    return said.service is URL


def _recipients(said: Said, does: Does) -> Sequence[str]:
    """Read the numbers; raises Refusal when there is none, or too many."""
    if does is Does.SEND_TEMPLATE:
        if len(said.numbers) > MOST_MESSAGES:
            raise too_large("numbers")
        numbers = [one.number for one in said.numbers]
    else:
        written = said.given("to" if _by_url(said) else "till")
        if written.count(",") > MOST_RECIPIENTS:
            raise too_large("till")
        numbers = [written] if does is Does.SEND else written.split(",")
    if does is not Does.SEND_TEMPLATE:
        numbers = [number for number in numbers if number.strip()]
    if not numbers:
        raise Refusal(RefusalCode.MISSING_FIELD, field="till")
    return [dialled(number) for number in numbers]


def _texts(text: str, numbers: Sequence[Template]) -> list[str]:
    """
    Write each recipient's text: every Key found in it becomes that one's Value.

    Values are not searched for other Keys; of Keys that begin alike the longest is
    taken. Raises Refusal when nothing is left of a text, and ``TOO_LARGE`` for more
    than may be done for one request.
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
    Cut a text where Keys are in it: text, Key, text, Key ... text.

    Keys are foreign: a pattern of them may take the square of the text's length, and
    nothing else runs meanwhile.
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


def _originator(said: Said) -> str:
    """Read the sender: a text or digits; raises Refusal for neither."""
    written = said.given("from")
    shortest = 1 if _by_url(said) else SHORTEST_SENDER
    digits = digits_of(written)
    good = (
        len(digits) in SENDER_DIGITS
        if digits
        else shortest <= len(written) <= LONGEST_SENDER
    )
    if not good:
        raise Refusal(RefusalCode.BAD_ORIGINATOR, field="from", value=written)
    return written


def _priority(said: Said) -> int:
    written = said.given("prio")
    if not written:
        return 1
    if written not in ("1", "2", "3"):
        raise Refusal(RefusalCode.BAD_FIELD, field="prio", value=written)
    return int(written)


def _send_at(said: Said, settings: Settings, now: float) -> float | None:
    """Read sendAt where the operation has it; a time that is past is now."""
    operation = said.operation
    assert operation is not None  # noqa: S101 - read_asked looked
    if "sendAt" not in operation.parameters:
        return None
    written = said.given("sendat")
    if not written and operation.does is Does.SEND_TEMPLATE:
        return None
    when = float(written) if _unix(written) else None
    if when is None or when > LAST_TIME:
        raise Refusal(RefusalCode.BAD_FIELD, field="sendAt", value=written)
    if settings.sendat == "swedish":
        when = from_wall(datetime.fromtimestamp(when, UTC).replace(tzinfo=None))
    return when if when > now else None

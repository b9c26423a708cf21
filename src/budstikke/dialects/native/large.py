"""
Reads large orders in slices, so that other requests wait for at most one slice.

The array of recipients is cut out of the body and decoded slice by slice, and the rest
as any body. The end of a slice is guessed from the octets: a quotation mark is never
alone within a JSON string (RFC 8259 § 7), so that ``},{"`` nearly always comes between
two recipients. The guess was right if the slice decodes.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.dialects.native.faults import invalid
from budstikke.dialects.native.order import (
    MOST_RECIPIENTS,
    Filler,
    Number,
    Recipient,
    has_fields,
    too_many,
)
from budstikke.dialects.native.problems import Problem
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from budstikke.dialects.native.exchange import Work
    from budstikke.dialects.native.order import SendBody

LARGE = 64 * 1024
"""Octets of a slice; smaller bodies are read at once."""

REST = 2 * LARGE
"""Most octets of an order besides its recipients."""

GUESSES = 8
"""Ends of a slice to try: a recipient's field may look like an end."""

ENDS = 500
"""Ends of the array to try, the last first; a wrong one fails at its first octets."""

_begin = re.compile(rb'"(to|recipients)"\s*:\s*\[').search
_between = {
    "to": re.compile(rb'"\s*+(,)\s*+"').finditer,
    "recipients": re.compile(rb'\}\s*+(,)\s*+\{\s*+"').finditer,
}
_end = {
    "to": re.compile(rb'"\s*+(\])\s*+(?:,\s*+"|\}\s*+\Z)').finditer,
    "recipients": re.compile(rb'\}\s*+(\])\s*+(?:,\s*+"|\}\s*+\Z)').finditer,
}


class LargeOrder(NamedTuple):
    """An order: its body with one recipient, all recipients, and their texts."""

    body: SendBody
    to: list[str]
    texts: list[str]


class _Span(NamedTuple):
    """Where the elements of an array are in a body."""

    name: str
    start: int
    end: int


def read_large(
    body: bytes, decode: Callable[[bytes], SendBody]
) -> Work[LargeOrder | None]:
    """
    Read a large order; ``decode`` reads a body that is not large.

    Returns ``None`` if most of it is no list of recipients, and it can be read at once.
    Raises Problem, and the exceptions of ``decode``.
    """
    opening = _begin(body, 0, REST)
    if opening is None or len(body) < LARGE:
        _check_rest(len(body))
        return None
    name, start = opening[1].decode(), opening.end()
    order, span = _read_rest(body, _Span(name, start, start), decode)
    to: list[str] = []
    texts: list[str] = []
    filler = Filler(order.text) if has_fields(order) else None
    for recipients in _slices(body, span):
        if filler:
            for filled in filler.batches(recipients, len(to)):
                texts += filled
                yield None
        to += [each.to for each in recipients]
        if len(to) > MOST_RECIPIENTS:
            raise too_many(name)
        yield None
    return LargeOrder(order, to, texts)


def _check_rest(size: int) -> None:
    if size > REST:
        detail = f"More than {REST // 1024} kB besides its recipients"
        raise Problem(RefusalCode.TOO_LARGE, detail=detail)


def _read_rest(
    body: bytes, span: _Span, decode: Callable[[bytes], SendBody]
) -> tuple[SendBody, _Span]:
    """Find the end of the array, by reading the rest with one recipient."""
    one = _ONE[span.name]
    fault, largest = f"{span.name} does not end", 0
    begin = max(span.start, len(body) - REST)
    ends = deque(_end[span.name](body, begin), ENDS)
    for end in reversed(ends):
        found = span._replace(end=end.start(1))
        size = len(body) - found.end + found.start
        if size > REST:
            largest = size
            continue
        try:
            with contextlib.suppress(RecursionError):  # ``decode`` refuses it by name
                _any(b'{"":[' + body[found.end :])
            return decode(
                b"".join((body[: found.start], one, body[found.end :]))
            ), found
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            fault = str(error).partition(" (byte")[0]
    _check_rest(largest)
    raise Problem(RefusalCode.MALFORMED, detail=f"Not JSON: {fault}")


def _slices(body: bytes, span: _Span) -> Iterator[list[Recipient]]:
    """Decode an array slice by slice."""
    start, number = span.start, 0
    while start < span.end:
        found, start = _slice(body, span._replace(start=start), number)
        number += len(found)
        yield found


def _slice(body: bytes, span: _Span, number: int) -> tuple[list[Recipient], int]:
    """Decode from element ``number`` on; return where the next slice starts."""
    decode = _DECODE[span.name]
    latest = span.start + 2 * LARGE
    guesses = [
        between.start(1)
        for between in islice(
            _between[span.name](body, span.start + LARGE, min(latest, span.end)),
            GUESSES,
        )
    ]
    if span.end <= latest:
        guesses.append(span.end)
    fault = f"an element of more than {LARGE // 1024} kB"
    for end in guesses:
        try:
            found = decode(b"[%b]" % body[span.start : end])
        except msgspec.ValidationError as error:
            raise invalid(str(error), span.name, number) from error
        except msgspec.DecodeError as error:
            fault = str(error).partition(" (byte")[0]
        else:
            return found, end + 1
    detail = f"Not JSON: {fault}, after {span.name}[{number}] (byte {span.start})"
    raise Problem(RefusalCode.MALFORMED, detail=detail)


def _decode_numbers(octets: bytes) -> list[Recipient]:
    return [Recipient(to=number) for number in _numbers(octets)]


_any = msgspec.json.Decoder(msgspec.Raw).decode
_numbers = msgspec.json.Decoder(list[Number]).decode
_DECODE: Mapping[str, Callable[[bytes], list[Recipient]]] = {
    "to": _decode_numbers,
    "recipients": msgspec.json.Decoder(list[Recipient]).decode,
}
_ONE = {"to": b'"+"', "recipients": b'{"to":"+"}'}

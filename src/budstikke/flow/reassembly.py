"""
Reassembly of inbound texts: which held parts make a text, which are repeats. Pure.

An operator delivers a part again if our acknowledgement did not reach it, and a phone
may give two long texts one reference. So a part that equals a held one is a repeat of
it while their text is incomplete. Later it begins another text if the operator had our
acknowledgement of the first; otherwise it is a copy: it can complete another text that
lacks it, but makes no text of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from budstikke.domain.inbound import InboundPart
from budstikke.domain.reassembly import generations, join, read
from budstikke.flow.inbound_draft import JoinedMessage
from budstikke.store.contract import Copy, Equals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from budstikke.store.contract import HeldPart


class _Text(NamedTuple):
    """What the parts of a text have in common."""

    originator: str
    recipient: str
    reference: str
    total: int


def joined(
    parts: Iterable[HeldPart], now: float, *, due: bool
) -> tuple[list[JoinedMessage], list[int]]:
    """
    Join the parts of complete texts; return these, and ids of useless copies.

    With ``due``, a text whose time has ended at ``now`` (Unix seconds) is complete,
    too.
    """
    messages: list[JoinedMessage] = []
    useless: list[int] = []
    for text, came in _by_text(parts).items():
        late = {p.id for p in came if _is_copy(p) and p.due_at < now}
        useless += late
        whole, left = 0, []
        its = [part for part in came if part.id not in late]
        for found in generations(its, _number, _is_copy):
            own = [part for part in found.values() if not _is_copy(part)]
            there = len(found) >= text.total
            if not own:
                left += [(part, there) for part in found.values()]
            elif (there and _in_order(found)) or (
                due and min(part.due_at for part in own) <= now
            ):
                messages.append(_message(text, found))
                whole = max(whole, *(part.id for part in own))
        useless += [p.id for p, there in left if there or _is_repeat(p, whole)]
    return messages, useless


def _in_order(found: Mapping[int, HeldPart]) -> bool:
    """
    Whether copies may complete a text before its time ends.

    A copy that may be a repeat belongs to the text if its parts came in order. If not,
    the text waits for a part that is no copy: part 2 again, and then part 1, may be a
    repeat and the beginning of the next text.
    """
    if not any(p.copy is Copy.PERHAPS for p in found.values()):
        return True
    ids = [found[number].id for number in sorted(found)]
    return ids == sorted(ids)


def _is_repeat(part: HeldPart, whole: int) -> bool:
    """Whether a copy came before part ``whole`` completed its text."""
    return part.id < whole and part.copy is Copy.PERHAPS


def once(parts: Iterable[HeldPart]) -> list[HeldPart]:
    """Remove parts of a batch that equal an earlier one of it."""
    return list({_key(part): part for part in reversed(list(parts))}.values())[::-1]


def others(parts: Sequence[HeldPart], held: Sequence[HeldPart]) -> list[HeldPart]:
    """
    Find parts of a batch to hold although they equal an earlier one.

    That is a part that came when its text was complete, or that another text lacks.
    ``held``: all parts of the batch's texts that the store holds now.
    """
    came = {_key(part) for part in parts}
    found: list[HeldPart] = []
    by_text = _by_text(parts)
    for text, its in _by_text(held).items():
        there = {part.number for part in its if _key(part) not in came}
        texts = generations(its, _number, _is_copy)
        seen: set[_Key] = set()
        for part in by_text.get(text, ()):
            # The texts before the last one have every number that the last one has.
            wanted = len(texts) > 1 and part.number not in texts[-1]
            if _key(part) in seen and (wanted or len(there) >= text.total):
                part.equals = Equals.ANOTHER
                found.append(part)
            seen.add(_key(part))
            there.add(part.number)
    return found


_Key = tuple[_Text, int, str]


def _key(part: HeldPart) -> _Key:
    return _text(part), part.number, part.digest


def _by_text(parts: Iterable[HeldPart]) -> dict[_Text, list[HeldPart]]:
    texts: dict[_Text, list[HeldPart]] = {}
    for part in parts:
        texts.setdefault(_text(part), []).append(part)
    return texts


def _text(part: HeldPart) -> _Text:
    return _Text(part.originator, part.recipient, part.reference, part.total)


def _is_copy(part: HeldPart) -> bool:
    return part.copy is not Copy.NONE


def _number(part: HeldPart) -> int:
    return part.number


def _message(text: _Text, found: Mapping[int, HeldPart]) -> JoinedMessage:
    pieces = [
        read(_as_it_came(found[number])) if number in found else None
        for number in range(1, text.total + 1)
    ]
    first = min(found.values(), key=lambda part: part.id)
    return JoinedMessage(
        first.carrier_id,
        text.originator,
        text.recipient,
        first.at,
        join(pieces),
        held=tuple(part.id for part in found.values()),
    )


def _as_it_came(part: HeldPart) -> InboundPart:
    return InboundPart(
        part.originator,
        part.recipient,
        part.data_coding,
        bool(part.udhi),
        bytes.fromhex(part.payload),
        {int(tag): bytes.fromhex(value) for tag, value in part.tlvs.items()},
        part.at,
    )

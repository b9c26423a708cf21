"""
Whether an order can be accepted, and what it becomes. Pure.

The checks run in the order of Front's contract ("Order of checks"): recipient,
originator, price, text, suppression, route; the duplicate lock and the balance are
the store's, inside its transaction. Of one recipient the first failure is raised; of
many, each is answered for.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import Order, Part, Tell
from budstikke.domain.number import international_many, why_not
from budstikke.domain.originator import allowed, classify, read_grants
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text import Concat, Plan, plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.domain.directory import Access, Directory


FINAL, SENT = Tell.FINAL.value, Tell.SENT.value


class TextProfile(msgspec.Struct, frozen=True):
    """How a carrier, or all carriers of a route, can be sent long texts."""

    concat: Concat = Concat.UDH8
    national: frozenset[int] = frozenset()


SMALLEST = (Concat.UDH16, Concat.UDH8, Concat.SAR, Concat.PAYLOAD)
"""By room in a segment: a text is split so that any carrier of its route takes it."""


def common(profiles: Iterable[TextProfile]) -> TextProfile:
    """Combine the profiles of a route's carriers."""
    found = list(profiles)
    if not found:
        return TextProfile()
    concat = min((profile.concat for profile in found), key=SMALLEST.index)
    return TextProfile(concat, frozenset.intersection(*(p.national for p in found)))


class Content(msgspec.Struct):
    """What all messages of an order share."""

    originator: str
    order: Order
    tell: int
    accepted_at: float
    expires_at: float


def content(order: Order, access: Access, now: float) -> Content:
    """
    Check what concerns the whole order but its text.

    Raises Refusal with ``BAD_ORIGINATOR``, ``BAD_PRICE`` or ``PREMIUM_NOT_ALLOWED``.
    """
    if order.price < 0:
        raise Refusal(RefusalCode.BAD_PRICE)
    if order.price > 0:
        raise Refusal(RefusalCode.PREMIUM_NOT_ALLOWED)
    originator = classify(order.originator)
    if originator is None or not allowed(
        originator, read_grants(access.account.grants)
    ):
        raise Refusal(RefusalCode.BAD_ORIGINATOR, value=order.originator)
    tell = (FINAL if order.report else 0) | (SENT if order.interim else 0)
    due = order.send_at if order.send_at is not None else now
    return Content(originator.value, order, tell, now, due + order.validity)


def planned(order: Order, profile: TextProfile) -> Plan:
    """
    Split the order's text for carriers of this profile.

    NUL is left out: no phone shows it, and databases end a text there.
    Raises Refusal with ``TEXT_TOO_LONG`` or ``BAD_CHARACTERS``.
    """
    text = order.text if "\0" not in order.text else order.text.replace("\0", "")
    result = plan(
        text, mode=order.mode, concat=profile.concat, national=profile.national
    )
    limit = order.max_septets if result.encoding == "gsm" else order.max_utf16
    if limit is not None and result.units > limit:
        raise Refusal(RefusalCode.TEXT_TOO_LONG)
    return result


class Numbers(msgspec.Struct):
    """An order's recipients, sorted out; indexes are into what was written."""

    good: list[tuple[int, str]]
    refused: dict[int, RefusalCode]
    repeated: list[int]


def sort_out(
    recipients: Sequence[str],
    directory: Directory,
    *,
    seen: set[str] | None = None,
    start: int = 0,
) -> Numbers:
    """
    Find the numbers that can be sent to.

    Args:
        recipients: As the customer wrote them.
        directory: For the blacklist.
        seen: Numbers that were already taken; ``None``: repetition does not matter.
        start: Index of the first of these, when an order is worked in slices.

    """
    result = Numbers([], {}, [])
    blacklist = directory.blacklist
    for index, number in enumerate(international_many(recipients), start):
        if number is None:
            raw = recipients[index - start]
            result.refused[index] = why_not(raw) or RefusalCode.BAD_RECIPIENT
        elif number in blacklist:
            result.refused[index] = RefusalCode.BLACKLISTED
        elif seen is not None and number in seen:
            result.repeated.append(index)
        else:
            result.good.append((index, number))
            if seen is not None:
                seen.add(number)
    return result


def duplicate_key(access_id: int, originator: str, recipient: str, text: str) -> int:
    """Name what the duplicate lock compares, as a signed 64-bit integer."""
    told = f"{access_id}\0{originator}\0{recipient}\0{text}".encode(
        "utf-8", "surrogatepass"
    )
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big", signed=True)


def parts(
    message_id: int, recipient: str, shared: Content, split: Plan, access_id: int
) -> list[Part]:
    """Make the parts of one message."""
    order = shared.order
    total = len(split.parts)
    return [
        Part(
            (message_id << 8) + number,
            number,
            total,
            shared.originator,
            recipient,
            text,
            split.encoding,
            split.tables,
            order.flash,
            order.protocol_id,
            order.priority,
            shared.expires_at,
            True,
            access_id,
            order.ref,
            shared.tell,
            0,
        )
        for number, text in enumerate(split.parts, 1)
    ]

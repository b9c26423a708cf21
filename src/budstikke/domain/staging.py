"""
Whether an order can be accepted, and what it becomes. Pure.

The checks run in the order of Front's contract ("Order of checks"): recipient,
originator, price, text, suppression; the duplicate lock and the balance are the
store's, inside its transaction. Of one recipient the first failure is raised; of
many, each is answered for.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import NotifyOn, Order, Part
from budstikke.domain.number import international_many, why_not
from budstikke.domain.originator import Kind, allowed, classify, read_grants
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.template import text_of
from budstikke.domain.text import GSM, Concat, Segmentation, segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.domain.directory import Access, Directory, Route

FINAL, SENT = NotifyOn.FINAL.value, NotifyOn.SENT.value

PREMIUM_ORIGINATOR = "2401"
"""What premium messages are sent from, whatever was asked (Front v3.05 § 2.1)."""

PREMIUM_LONGEST = 160
"""Septets of a premium message."""

NORWAY = "+47"
"""Premium messages go to Norwegian numbers only."""


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


class OrderContext(msgspec.Struct):
    """
    What all messages of an order share; ``originator`` may be found out later.

    ``prices``: micros of each message, where they were taken before there were any.
    """

    originator: str
    order: Order
    tell: int
    accepted_at: float
    expires_at: float
    prices: Sequence[int] = ()


def order_context(order: Order, access: Access, now: float) -> OrderContext:
    """
    Check what concerns the whole order but its text.

    Raises Refusal with ``BAD_PRICE``, ``BAD_ORIGINATOR`` or ``PREMIUM_NOT_ALLOWED``. A
    price, even one that is none, replaces the sender, which is then not looked at.
    """
    if order.price < 0:
        raise Refusal(RefusalCode.BAD_PRICE)
    originator = _originator(order, access)
    if order.price > 0 and not access.account.premium:
        raise Refusal(RefusalCode.PREMIUM_NOT_ALLOWED)
    tell = (FINAL if order.report else 0) | (SENT if order.interim else 0)
    due = order.send_at if order.send_at is not None else now
    return OrderContext(originator, order, tell, now, due + order.validity)


def _originator(order: Order, access: Access) -> str:
    if order.price > 0:
        return PREMIUM_ORIGINATOR
    if order.reply_to is not None:
        return ""  # that message's
    if order.reply:
        if not access.account.reply_number:
            raise Refusal(RefusalCode.BAD_ORIGINATOR)
        return ""  # made from the order's id
    found = classify(order.originator)
    # An answer is from the number that the phone wrote to, whosever it is, or from us.
    if found is None or not (
        order.answering or allowed(found, read_grants(access.account.grants))
    ):
        raise Refusal(RefusalCode.BAD_ORIGINATOR, value=order.originator)
    return found.value


def reply_originator(access: Access, order_id: int) -> str:
    """Make a reply number: the account's short number and nine digits of its own."""
    return f"{access.account.reply_number}{order_id % 10**9:09}"


def is_reply_number(originator: str) -> bool:
    """Tell whether replies to an originator lead back to a message."""
    found = classify(originator)
    return found is not None and found.kind is Kind.REPLY


class Rendered(msgspec.Struct):
    """How one message goes out: from whom, how its text is split, what it costs."""

    originator: str
    split: Segmentation
    price: int


def segment_order_text(text: str, order: Order, profile: TextProfile) -> Segmentation:
    """
    Split a text for carriers of this profile.

    NUL is left out: no phone shows it, and databases end a text there or refuse it.
    Raises Refusal with ``PREMIUM_TOO_LONG``, ``TEXT_TOO_LONG`` or ``BAD_CHARACTERS``.
    """
    if "\0" in text:
        text = text.replace("\0", "")
    result = segment(
        text, mode=order.mode, concat=profile.concat, national=profile.national
    )
    if order.price > 0 and (result.encoding != GSM or result.units > PREMIUM_LONGEST):
        raise Refusal(RefusalCode.PREMIUM_TOO_LONG)
    limit = order.max_septets if result.encoding == GSM else order.max_utf16
    if limit is not None and result.units > limit:
        raise Refusal(RefusalCode.TEXT_TOO_LONG)
    return result


def render_text(
    shared: OrderContext, text: str, route: Route, profile: TextProfile, unit: int
) -> Rendered:
    """
    Say how a message goes out on a route; ``unit`` is micros a segment.

    Raises Refusal as ``segment_order_text`` and ``domain.template.text_of`` do.
    """
    order, originator = shared.order, shared.originator
    if order.template is not None:
        if "template" in route.requires:
            text = text_of(order.template)
        if "sender" in route.requires:
            originator = route.senders.get(order.template.kind, originator)
    split = segment_order_text(text, order, profile)
    return Rendered(originator, split, unit * split.segments)


class Numbers(msgspec.Struct):
    """An order's recipients, sorted out; indexes are into what was written."""

    good: list[tuple[int, str]]
    refused: dict[int, RefusalCode]
    repeated: list[int]


def sort_out(
    recipients: Sequence[str],
    directory: Directory,
    *,
    opted_out: frozenset[str] = frozenset(),
    country: str = "",
    seen: set[str] | None = None,
    start: int = 0,
) -> Numbers:
    """
    Find the numbers that can be sent to.

    Args:
        recipients: As the customer wrote them.
        directory: For the blacklist.
        opted_out: Numbers that want nothing from the account.
        country: Whose national numbers they may be; empty: none's.
        seen: Numbers that were already taken; ``None``: repetition does not matter.
        start: Index of the first of these, when an order is worked in slices.

    """
    result = Numbers([], {}, [])
    blacklist = directory.blacklist
    default = country or None
    for index, number in enumerate(international_many(recipients, default), start):
        if number is None:
            why = why_not(recipients[index - start], default)
            result.refused[index] = why or RefusalCode.BAD_RECIPIENT
        elif number in blacklist:
            result.refused[index] = RefusalCode.BLACKLISTED
        elif number in opted_out:
            result.refused[index] = RefusalCode.OPTED_OUT
        elif seen is not None and number in seen:
            result.repeated.append(index)
        else:
            result.good.append((index, number))
            if seen is not None:
                seen.add(number)
    return result


def screen(
    good: Sequence[tuple[int, str]],
    refused: dict[int, RefusalCode],
    *,
    order: Order,
    access: Access,
    directory: Directory,
    now: float,
) -> list[tuple[int, str]]:
    """
    Keep the numbers that can be sent to; the others go to ``refused``.

    Premium messages go to Norwegian numbers; a number needs a route and a price.
    """
    account = access.account
    kept: list[tuple[int, str]] = []
    for index, number in good:
        if order.price > 0 and not number.startswith(NORWAY):
            refused[index] = RefusalCode.PREMIUM_BAD_RECIPIENT
        elif directory.route(account.id, number) is None:
            refused[index] = RefusalCode.NO_ROUTE
        elif account.currency and unit_price(access, number, now) is None:
            refused[index] = RefusalCode.COUNTRY_NOT_ALLOWED
        else:
            kept.append((index, number))
    return kept


def unit_price(access: Access, number: str, now: float) -> int | None:
    """Tell what a segment costs, micros; ``None``: nothing is sold there."""
    account = access.account
    if not account.currency:
        return 0
    return account.prices.price(number, now) if account.prices else None


def duplicate_key(access_id: int, originator: str, recipient: str, text: str) -> int:
    """Name what the duplicate lock compares, as a signed 64-bit integer."""
    told = f"{access_id}\0{originator}\0{recipient}\0{text}".encode(
        "utf-8", "surrogatepass"
    )
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big", signed=True)


def parts(
    message_id: int,
    recipient: str,
    shared: OrderContext,
    drawn: Rendered,
    access_id: int,
) -> list[Part]:
    """Make the parts of one message."""
    order, split = shared.order, drawn.split
    total = len(split.parts)
    return [
        Part(
            (message_id << 8) + number,
            number,
            total,
            drawn.originator,
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
            max(order.price, 0),
            order.callback_url or None,
        )
        for number, text in enumerate(split.parts, 1)
    ]

"""
Staging of an order: cut and price its texts, and make messages and parts. Pure.

The checks are in the order of Front's contract ("Order of checks"): recipient
(``domain.recipients``), originator, price, text, suppression. The store checks
duplicate lock and balance in its transaction. With one recipient the first failure
refuses the order; with several, the answer has a result for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.domain.message import NotifyOn, Order, Part
from budstikke.domain.mms import ENCODING
from budstikke.domain.originator import Kind, allowed, classify, read_grants
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import PLAIN, Traits, kinds_of, minute_of
from budstikke.domain.template import text_of
from budstikke.domain.text import GSM, Concat, Segmentation, segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.recipients import Recipient
    from budstikke.domain.routing import Route

FINAL, SENT = NotifyOn.FINAL.value, NotifyOn.SENT.value

PREMIUM_ORIGINATOR = "2401"
"""The sender of premium messages, whatever the order says (Front v3.05 § 2.1)."""

PREMIUM_LONGEST = 160
"""Septets of the longest premium message."""

MOST_REMEMBERED = 1000
"""Texts of one order for ``TextRenderer`` to remember."""


class TextProfile(msgspec.Struct, frozen=True):
    """How to cut long texts for a carrier, or for all carriers of a route."""

    concat: Concat = Concat.UDH8
    national: frozenset[int] = frozenset()


SMALLEST = (Concat.UDH16, Concat.UDH8, Concat.SAR, Concat.PAYLOAD)
"""By room in a segment, least first: a text must suit every carrier of its route."""


def common(profiles: Iterable[TextProfile]) -> TextProfile:
    """Combine the profiles of a route's carriers."""
    each = list(profiles)
    if not each:
        return TextProfile()
    concat = min((profile.concat for profile in each), key=SMALLEST.index)
    return TextProfile(concat, frozenset.intersection(*(p.national for p in each)))


def profile_of(route: Route, profiles: Mapping[int, TextProfile]) -> TextProfile:
    """Tell how long texts are split on a route; ``profiles``: by carrier id."""
    if len(route.carriers) == 1:
        return profiles.get(route.carriers[0]) or TextProfile()
    return common(profiles[key] for key in route.carriers if key in profiles)


class OrderContext(msgspec.Struct):
    """
    What all messages of an order have in common; ``originator`` may be set later.

    ``prices``: micros of each message of a bulk order, charged at acceptance, while its
    messages are staged later in slices.
    """

    originator: str
    order: Order
    notify_on: int
    accepted_at: float
    expires_at: float
    prices: Sequence[int] = ()


def order_context(order: Order, access: Access, now: float) -> OrderContext:
    """
    Check what concerns the whole order, except its text.

    Raises Refusal with ``BAD_PRICE``, ``BAD_ORIGINATOR`` or ``PREMIUM_NOT_ALLOWED``. An
    order with a price is premium: it has ``PREMIUM_ORIGINATOR``, which needs no check.
    """
    if order.price < 0:
        raise Refusal(RefusalCode.BAD_PRICE)
    originator = _originator(order, access)
    if order.price > 0 and not access.account.premium:
        raise Refusal(RefusalCode.PREMIUM_NOT_ALLOWED)
    notify_on = (FINAL if order.report else 0) | (SENT if order.interim else 0)
    due = order.send_at if order.send_at is not None else now
    return OrderContext(originator, order, notify_on, now, due + order.validity)


def order_traits(context: OrderContext, access: Access, directory: Directory) -> Traits:
    """Tell what rules may ask about an order's messages, if one does."""
    if not directory.table.asks:
        return PLAIN
    order = context.order
    due = order.send_at if order.send_at is not None else context.accepted_at
    return Traits(
        context.originator or access.account.reply_number,
        kinds_of(flash=order.flash, premium=order.price > 0),
        minute_of(due),
    )


def traits_of_part(part: Part, now: float) -> Traits:
    """Tell what rules may ask about a part that needs a carrier now."""
    kinds = kinds_of(
        mms=part.encoding == ENCODING, flash=part.flash, premium=part.premium > 0
    )
    return Traits(part.originator, kinds, minute_of(now))


def _originator(order: Order, access: Access) -> str:
    if order.price > 0:
        return PREMIUM_ORIGINATOR
    if order.reply_to is not None:
        return ""  # that of the earlier message
    if order.reply:
        if not access.account.reply_number:
            raise Refusal(RefusalCode.BAD_ORIGINATOR)
        return ""  # a reply number, made from the order's id
    originator = classify(order.originator)
    # An auto-reply has the number that the phone wrote to, whichever access has it.
    if originator is None or not (
        order.answering or allowed(originator, read_grants(access.account.grants))
    ):
        raise Refusal(RefusalCode.BAD_ORIGINATOR, value=order.originator)
    return originator.value


def reply_originator(access: Access, order_id: int) -> str:
    """Make a reply number: the account's short number and nine digits of its own."""
    return f"{access.account.reply_number}{order_id % 10**9:09}"


def is_reply_number(originator: str) -> bool:
    """Whether replies to a sender lead back to a message."""
    classified = classify(originator)
    return classified is not None and classified.kind is Kind.REPLY


class Rendered(msgspec.Struct):
    """A text as sent: its sender, its segments, its price in micros."""

    originator: str
    split: Segmentation
    price: int


def segment_order_text(text: str, order: Order, profile: TextProfile) -> Segmentation:
    """
    Split a text for carriers with this profile.

    It drops NUL, which phones do not show, and databases end a text there or refuse it.
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
    context: OrderContext, text: str, route: Route, profile: TextProfile, unit: int
) -> Rendered:
    """
    Cut and price a text for a route; ``unit`` is micros a segment.

    Raises Refusal as ``segment_order_text`` and ``domain.template.text_of`` do.
    """
    order, originator = context.order, context.originator
    if order.template is not None:
        if "template" in route.requires:
            text = text_of(order.template)
        if "sender" in route.requires:
            originator = route.senders.get(order.template.kind, originator)
    split = segment_order_text(text, order, profile)
    return Rendered(originator, split, unit * split.segments)


def duplicate_key(access_id: int, originator: str, recipient: str, text: str) -> int:
    """Hash what the duplicate lock compares, into a signed 64-bit integer."""
    compared = f"{access_id}\0{originator}\0{recipient}\0{text}".encode(
        "utf-8", "surrogatepass"
    )
    return int.from_bytes(blake2b(compared, digest_size=8).digest(), "big", signed=True)


class OutgoingMessage(NamedTuple):
    """
    A staged message.

    Attributes:
        duplicate_key: What the duplicate lock compares, hashed; ``None``: it has none.
        route: Says which carriers take it.
        price: Micros.

    """

    id: int
    recipient: str
    duplicate_key: int | None
    route: Route
    rendered: Rendered
    price: int
    parts: list[Part]


class TextRenderer:
    """
    Renders the texts of one order; equal ones once.

    Args:
        context: The order.
        profiles: How each carrier is sent long texts, by carrier id.

    """

    def __init__(
        self, context: OrderContext, profiles: Mapping[int, TextProfile]
    ) -> None:
        self._context = context
        self._profiles = profiles
        self._rendered: dict[tuple[str, int, int], Rendered] = {}

    def render(self, recipient: Recipient) -> Rendered:
        """Render a recipient's text; raises Refusal as ``render_text`` does."""
        order, route = self._context.order, recipient.route
        text = order.texts[recipient.position] if order.texts else order.text
        # The recipients keep their routes alive, so that no two have the same id.
        key = (text, id(route), recipient.unit_price)
        rendered = self._rendered.get(key)
        if rendered is None:
            profile = profile_of(route, self._profiles)
            unit = recipient.unit_price
            rendered = render_text(self._context, text, route, profile, unit)
            if len(self._rendered) < MOST_REMEMBERED:
                self._rendered[key] = rendered
        return rendered


def stage(
    context: OrderContext,
    access_id: int,
    recipients: Iterable[Recipient],
    first_id: int,
    profiles: Mapping[int, TextProfile],
) -> list[OutgoingMessage]:
    """
    Stage the messages of an order; their ids begin with ``first_id``.

    Raises Refusal for a text that cannot be sent.
    """
    renderer, prices = TextRenderer(context, profiles), context.prices
    order = context.order
    locks = order.duplicate_lock and not (order.key or order.answering)
    messages: list[OutgoingMessage] = []
    for message_id, recipient in enumerate(recipients, first_id):
        rendered = renderer.render(recipient)
        number, route, key = recipient.number, recipient.route, None
        if locks:
            text = order.texts[recipient.position] if order.texts else order.text
            key = duplicate_key(access_id, rendered.originator, number, text)
        price = prices[recipient.position] if prices else rendered.price
        made = _parts(message_id, number, rendered, context, access_id)
        messages.append(
            OutgoingMessage(message_id, number, key, route, rendered, price, made)
        )
    return messages


def _parts(
    message_id: int,
    recipient: str,
    rendered: Rendered,
    context: OrderContext,
    access_id: int,
) -> list[Part]:
    """Make the parts of one message."""
    order, split = context.order, rendered.split
    total = len(split.parts)
    return [
        Part(
            (message_id << 8) + number,
            number,
            total,
            rendered.originator,
            recipient,
            text,
            split.encoding,
            split.tables,
            order.flash,
            order.protocol_id,
            order.priority,
            context.expires_at,
            True,
            access_id,
            order.ref,
            context.notify_on,
            0,
            max(order.price, 0),
            order.callback_url or None,
        )
        for number, text in enumerate(split.parts, 1)
    ]

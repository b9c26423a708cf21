"""
Prepare: all that is known of an order before anything is stored.

Groups become numbers, numbers become recipients, and what is wrong is refused, in the
order of checks of ``domain.staging``. Long lists are worked in pieces, so that
other requests wait for a few milliseconds at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import Accepted
from budstikke.domain.number import region
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import (
    Numbers,
    OrderContext,
    TextProfile,
    is_reply_number,
    order_context,
    screen,
    segment_order_text,
    sort_out,
)
from budstikke.flow.pace import aside, pieces

if TYPE_CHECKING:
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Order
    from budstikke.store.contract import Store

MOST_MEMBERS = 100_000
"""Members of all groups of an order."""

MISSING = -1

BARRED = frozenset({RefusalCode.BLACKLISTED, RefusalCode.OPTED_OUT})
"""These come after what is wrong with the text; other faults of numbers before."""


class Prepared(msgspec.Struct):
    """
    An order that may be stored.

    Attributes:
        written: Its recipients as they were written, then its groups' members.
        numbers: Indexes into ``written``.
        groups: In order, (name, how many of the members it added); ``MISSING`` for
            one that is not there or has nobody active.

    """

    shared: OrderContext
    written: Sequence[str]
    numbers: Numbers
    groups: list[tuple[str, int]]

    @property
    def missing(self) -> list[str]:
        """Groups that are not there or have nobody active."""
        return [name for name, count in self.groups if count == MISSING]


async def prepare(
    order: Order, access: Access, *, store: Store, directory: Directory, now: float
) -> Prepared:
    """Check an order and find whom it goes to; raises Refusal."""
    members, groups = await _members(order, access, store)
    numbers = await _sort_out(order, access, directory, members)
    written = [*order.recipients, *members] if members else order.recipients
    # Of several recipients each has an answer of its own, if it is not bulk.
    whole = order.bulk or len(written) + len(groups) <= 1
    if whole and not numbers.good and not await aside(len(written), _barred, numbers):
        raise await aside(len(written), _refusal, numbers, written, groups)
    shared = order_context(order, access, now)
    if order.reply_to is not None:
        shared.originator = await _thread(order.reply_to, access, store)
    await _screen(numbers, order, access, directory, now)
    if whole and not numbers.good:
        segment_order_text(order.text, order, TextProfile())
        raise await aside(len(written), _refusal, numbers, written, groups)
    return Prepared(shared, written, numbers, groups)


async def _members(
    order: Order, access: Access, store: Store
) -> tuple[list[str], list[tuple[str, int]]]:
    """Find the members of an order's groups, each once, and how many each added."""
    if not order.groups:
        return [], []
    found = await store.members(access.account.id, order.groups)
    if sum(map(len, found.values())) > MOST_MEMBERS:
        value = f"more than {MOST_MEMBERS} members"
        raise Refusal(RefusalCode.TOO_LARGE, field="groups", value=value)
    members: dict[str, None] = {}
    groups: list[tuple[str, int]] = []
    for name in order.groups:
        if name not in found and order.bulk:
            raise Refusal(RefusalCode.UNKNOWN_GROUP, field="group", value=name)
        before = len(members)
        members.update(dict.fromkeys(found.get(name, ())))
        groups.append((name, len(members) - before if name in found else MISSING))
    return list(members), groups


async def _sort_out(
    order: Order, access: Access, directory: Directory, members: Sequence[str]
) -> Numbers:
    opted_out = frozenset() if order.answering else access.account.opted_out
    # A number given twice is sent twice, but in bulk, and but for groups' members.
    seen: set[str] | None = set() if order.bulk else None
    result = Numbers([], {}, [])
    for country, some, start in (
        (_country(order, access), order.recipients, 0),
        ("", members, len(order.recipients)),
    ):
        if start and members and seen is None:
            seen = {number for _, number in result.good}
        async for at, piece in pieces(some):
            found = sort_out(
                piece,
                directory,
                opted_out=opted_out,
                country=country,
                seen=seen,
                start=start + at,
            )
            result.good += found.good
            result.refused |= found.refused
            result.repeated += found.repeated
    return result


def _country(order: Order, access: Access) -> str:
    """Find whose national numbers recipients may be: the account's, or the order's."""
    if getattr(access.settings, "home_numbers", False):
        return region(access.account.home)
    return order.country


async def _screen(
    numbers: Numbers, order: Order, access: Access, directory: Directory, now: float
) -> None:
    kept: list[tuple[int, str]] = []
    async for _, some in pieces(numbers.good):
        kept += screen(
            some,
            numbers.refused,
            order=order,
            access=access,
            directory=directory,
            now=now,
        )
    numbers.good = kept


async def _thread(message_id: int, access: Access, store: Store) -> str:
    """Find the reply number that an earlier message was sent from."""
    originator = await store.originator_of(access.id, message_id)
    if originator is None or not is_reply_number(originator):
        raise Refusal(RefusalCode.BAD_FIELD, field="reply_to", value=str(message_id))
    return originator


def _barred(numbers: Numbers) -> bool:
    """Tell whether some of the recipients are barred, by us or by themselves."""
    return not BARRED.isdisjoint(numbers.refused.values())


def _refusal(
    numbers: Numbers, written: Sequence[str], groups: Sequence[tuple[str, int]]
) -> Refusal:
    """Say why no recipient is left."""
    missing = [name for name, count in groups if count == MISSING]
    codes = list(numbers.refused.values())
    others = [code for code in codes if code is not RefusalCode.BLACKLISTED]
    code = RefusalCode.UNKNOWN_GROUP if missing else RefusalCode.MISSING_FIELD
    return Refusal(
        (others or codes or [code])[0],
        value=(*written, *missing, "")[0],
        invalid=[written[index] for index in sorted(numbers.refused)],
        duplicate=[written[index] for index in numbers.repeated],
    )


async def answer(
    order: Order,
    prepared: Prepared,
    first_id: int,
    held: Sequence[int],
    *,
    order_id: int,
    segments: int,
    price: int = 0,
) -> Accepted:
    """Do as ``answer_now``; for thousands of recipients in a thread."""
    return await aside(
        len(prepared.written),
        answer_now,
        order,
        prepared,
        first_id,
        held,
        order_id=order_id,
        segments=segments,
        price=price,
    )


def answer_now(
    order: Order,
    prepared: Prepared,
    first_id: int,
    held: Sequence[int],
    *,
    order_id: int,
    segments: int,
    price: int = 0,
) -> Accepted:
    """
    Answer for an order.

    Args:
        order: What was asked.
        prepared: Whom it goes to.
        first_id: Of its messages, in the order of ``numbers.good``.
        held: Indexes into ``numbers.good`` that the duplicate lock held.
        order_id: What names all of it.
        segments: Of all messages.
        price: Of all messages, micros.

    """
    numbers, written = prepared.numbers, prepared.written
    left_out = {numbers.good[place][0] for place in held}
    if order.bulk:
        twice = {*numbers.repeated, *left_out}
        for index, code in numbers.refused.items():
            if code is RefusalCode.DUPLICATE:
                twice.add(index)
        return Accepted(
            order_id,
            (),
            segments,
            [written[i] for i in sorted(numbers.refused) if i not in twice],
            [written[i] for i in sorted(twice)],
            (),
            price,
        )
    results: list[int | RefusalCode | None] = [None] * len(written)
    for index, code in numbers.refused.items():
        results[index] = code
    for offset, (index, _) in enumerate(numbers.good):
        results[index] = first_id + offset
    for index in left_out:
        results[index] = RefusalCode.DUPLICATE
    own = len(order.recipients)
    members, sizes = _answer_groups(prepared, results, own)
    ids = [RefusalCode.DUPLICATE if i is None else i for i in results[:own]]
    return Accepted(order_id, ids, segments, (), (), members, price, sizes)


def _answer_groups(
    prepared: Prepared, results: Sequence[int | RefusalCode | None], start: int
) -> tuple[list[tuple[str, int | RefusalCode]], list[int]]:
    """Answer for groups' members, in order, and say how many each group has."""
    members: list[tuple[str, int | RefusalCode]] = []
    sizes: list[int] = []
    for name, count in prepared.groups:
        before = len(members)
        if count == MISSING:
            members.append((name, RefusalCode.UNKNOWN_GROUP))
        else:
            for index in range(start, start + count):
                result = results[index]
                if result is not None:  # else it was reached in another way, too
                    members.append((prepared.written[index], result))
            start += count
        sizes.append(len(members) - before)
    return members, sizes

"""
Prepare: check an order and find its recipients, before anything is stored.

Groups become numbers, numbers become recipients with a route and a price, and faults
are refused, in the order of checks of ``domain.staging``. Long lists are worked in
pieces, so that other requests wait for at most a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from budstikke.domain.directory import Directory
from budstikke.domain.message import Accepted
from budstikke.domain.number import region
from budstikke.domain.recipients import (
    Recipient,
    SortedNumbers,
    route_each,
    sort_out,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import (
    OrderContext,
    TextProfile,
    is_reply_number,
    order_context,
    order_traits,
    segment_order_text,
)
from budstikke.flow.pace import AT_ONCE, PIECE, aside, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access
    from budstikke.domain.message import Order
    from budstikke.store.contract import Store

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_MEMBERS = 100_000
"""Members of all groups of an order."""

MISSING = -1

BARRED = frozenset({RefusalCode.BLACKLISTED, RefusalCode.OPTED_OUT})
"""Refused after faults of the text; other faults of numbers come before those."""


class Prepared(msgspec.Struct):
    """
    An order that was checked and may be stored.

    Attributes:
        written: Its recipients as written, then its groups' members.
        recipients: Those that can be sent to; their indexes are into ``written``.
        refused: Refusals of others, by index into ``written``.
        repeated: Indexes into ``written`` of numbers that came before.
        groups: In order, (name, how many members it added); ``MISSING`` for a group
            that does not exist or has no active member.
        directory: The directory of the routes.

    """

    context: OrderContext
    written: Sequence[str]
    recipients: list[Recipient]
    refused: dict[int, RefusalCode]
    repeated: list[int]
    groups: list[tuple[str, int]]
    directory: Directory

    @property
    def missing(self) -> list[str]:
        """Groups that do not exist or have no active member."""
        return [name for name, count in self.groups if count == MISSING]


async def prepare(
    order: Order,
    access: Access,
    *,
    store: Store | None,
    directory: Directory,
    now: float,
) -> Prepared:
    """
    Check an order and find its recipients; raises Refusal.

    ``store`` may be ``None`` for an order of ``flow.accept.needs_no_lookup``.
    """
    members, groups = await _members(order, access, store) if order.groups else ([], [])
    numbers = await _sort_out(order, access, directory, members)
    written = [*order.recipients, *members] if members else order.recipients
    # Each of several recipients has its own answer, except in a bulk order.
    whole = order.bulk or len(written) + len(groups) <= 1
    if whole and not numbers.valid and not await aside(len(written), _barred, numbers):
        raise await aside(len(written), _refusal, numbers, written, groups)
    context = order_context(order, access, now)
    if order.reply_to is not None:
        context.originator = await _thread(order.reply_to, access, store)
    route = partial(
        route_each,
        refused=numbers.refused,
        order=order,
        access=access,
        directory=directory,
        now=now,
        traits=order_traits(context, access, directory),
    )
    few, valid = len(numbers.valid) <= PIECE, numbers.valid
    recipients = route(valid) if few else await _in_pieces(route, valid)
    if whole and not recipients:
        segment_order_text(order.text, order, TextProfile())
        raise await aside(len(written), _refusal, numbers, written, groups)
    refused, repeated = numbers.refused, numbers.repeated
    return Prepared(context, written, recipients, refused, repeated, groups, directory)


async def _members(
    order: Order, access: Access, store: Store | None
) -> tuple[list[str], list[tuple[str, int]]]:
    """Find the members of an order's groups, each once, and how many each added."""
    assert store is not None  # noqa: S101 - the contract of prepare
    by_group = await store.group_members(access.account.id, order.groups)
    if sum(map(len, by_group.values())) > MOST_MEMBERS:
        value = f"more than {MOST_MEMBERS} members"
        raise Refusal(RefusalCode.TOO_LARGE, field="groups", value=value)
    members: dict[str, None] = {}
    groups: list[tuple[str, int]] = []
    for name in order.groups:
        if name not in by_group and order.bulk:
            raise Refusal(RefusalCode.UNKNOWN_GROUP, field="group", value=name)
        before = len(members)
        members.update(dict.fromkeys(by_group.get(name, ())))
        groups.append((name, len(members) - before if name in by_group else MISSING))
    return list(members), groups


async def _sort_out(
    order: Order, access: Access, directory: Directory, members: Sequence[str]
) -> SortedNumbers:
    result = SortedNumbers([], {}, [])
    sort = partial(
        sort_out,
        directory=directory,
        opted_out=frozenset() if order.answering else access.account.opted_out,
        into=result,
    )
    # A repeated number gets two messages, except in bulk or as a group's member.
    seen: set[str] | None = set() if order.bulk else None
    country = _country(order, access)
    if len(order.recipients) <= PIECE:
        sort(order.recipients, country=country, seen=seen)
    else:
        async for at, some in pieces(order.recipients):
            sort(some, country=country, seen=seen, start=at)
    if members and seen is None:
        seen = {number for _, number in result.valid}
    start = len(order.recipients)
    if members:
        async for at, some in pieces(members):
            sort(some, seen=seen, start=start + at)
    return result


def _country(order: Order, access: Access) -> str:
    """Return the country of national numbers: the order's, or the account's home."""
    if getattr(access.settings, "home_numbers", False):
        return region(access.account.home)
    return order.country


async def _in_pieces(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]
) -> list[Result]:
    """Work a long list in pieces; return the results of all."""
    results: list[Result] = []
    async for _, some in pieces(items):
        results += work(some)
    return results


async def _thread(message_id: int, access: Access, store: Store | None) -> str:
    """Find the reply number that an earlier message was sent from."""
    assert store is not None  # noqa: S101 - the contract of prepare
    originator = await store.originator_of(access.id, message_id)
    if originator is None or not is_reply_number(originator):
        raise Refusal(RefusalCode.BAD_FIELD, field="reply_to", value=str(message_id))
    return originator


def _barred(numbers: SortedNumbers) -> bool:
    """Whether some recipients are blocked, or have opted out."""
    return not BARRED.isdisjoint(numbers.refused.values())


def _refusal(
    numbers: SortedNumbers, written: Sequence[str], groups: Sequence[tuple[str, int]]
) -> Refusal:
    """Return why no recipient is left."""
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


async def order_result(
    prepared: Prepared,
    first_id: int,
    held: Sequence[int],
    *,
    order_id: int,
    segments: int,
    price: int = 0,
) -> Accepted:
    """Make the result as ``result_now`` does; for a long order in a thread."""
    make = partial(
        result_now,
        prepared,
        first_id,
        held,
        order_id=order_id,
        segments=segments,
        price=price,
    )
    count = len(prepared.written)
    return make() if count <= AT_ONCE else await aside(count, make)


def result_now(
    prepared: Prepared,
    first_id: int,
    held: Sequence[int],
    *,
    order_id: int,
    segments: int,
    price: int = 0,
) -> Accepted:
    """
    Make the result of an accepted order: the answer for each recipient.

    Args:
        prepared: The order and its recipients.
        first_id: Id of the first message; they are in the order of ``recipients``.
        held: Indexes into ``recipients`` of duplicates.
        order_id: Id of the order.
        segments: Of all messages.
        price: Of all messages, micros.

    """
    order, written = prepared.context.order, prepared.written
    left_out = {prepared.recipients[at].position for at in held}
    if order.bulk:
        twice = {*prepared.repeated, *left_out}
        for index, code in prepared.refused.items():
            if code is RefusalCode.DUPLICATE:
                twice.add(index)
        return Accepted(
            order_id,
            (),
            segments,
            [written[i] for i in sorted(prepared.refused) if i not in twice],
            [written[i] for i in sorted(twice)],
            (),
            price,
        )
    results: list[int | RefusalCode | None] = [None] * len(written)
    for index, code in prepared.refused.items():
        results[index] = code
    for message_id, recipient in enumerate(prepared.recipients, first_id):
        results[recipient.position] = message_id
    for index in left_out:
        results[index] = RefusalCode.DUPLICATE
    own = len(order.recipients)
    members, sizes = (
        _answer_groups(prepared, results, own) if prepared.groups else ([], [])
    )
    ids = [RefusalCode.DUPLICATE if i is None else i for i in results[:own]]
    return Accepted(order_id, ids, segments, (), (), members, price, sizes)


def _answer_groups(
    prepared: Prepared, results: Sequence[int | RefusalCode | None], start: int
) -> tuple[list[tuple[str, int | RefusalCode]], list[int]]:
    """List the results of groups' members, in order, and how many each group has."""
    members: list[tuple[str, int | RefusalCode]] = []
    sizes: list[int] = []
    for name, count in prepared.groups:
        before = len(members)
        if count == MISSING:
            members.append((name, RefusalCode.UNKNOWN_GROUP))
        else:
            for index in range(start, start + count):
                result = results[index]
                if result is not None:  # ``None``: another recipient has this number
                    members.append((prepared.written[index], result))
            start += count
        sizes.append(len(members) - before)
    return members, sizes

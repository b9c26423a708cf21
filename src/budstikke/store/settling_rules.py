"""What both engines do alike when they settle; pure."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.settlement import Concerned, PartUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from budstikke.domain.receipt import Receipt

Update = tuple[Concerned, PartUpdate]
"""What a carrier answered: the part as it was, and what becomes of it."""


def rounds(updates: Sequence[Update]) -> Iterator[Sequence[Update]]:
    """Cut a batch so that no part is twice in a round: the order of answers counts."""
    if len({update.id for _, update in updates}) == len(updates):
        yield updates
        return
    some: dict[int, Update] = {}
    for row in updates:
        if row[1].id in some:
            yield list(some.values())
            some = {}
        some[row[1].id] = row
    yield list(some.values())


Matches = dict[int, list[Concerned]]
"""By index into a batch of receipts: the parts whose id it names."""


def to_look_up_again(
    receipts: Mapping[int, Receipt], matches: Mapping[int, Sequence[Concerned]]
) -> dict[int, Receipt]:
    """Find receipts whose second id is tried: by the first they match no such phone."""
    return {
        index: receipt.by_other_id()
        for index, receipt in receipts.items()
        if receipt.other_id and not _same_phone(receipt, matches.get(index, ()))
    }


def take_others(
    matches: Matches, receipts: Mapping[int, Receipt], others: Matches
) -> None:
    """Add what second ids match; it goes before others of another phone."""
    for index, parts in others.items():
        if index not in matches or _same_phone(receipts[index], parts):
            matches[index] = parts


def _same_phone(receipt: Receipt, parts: Sequence[Concerned]) -> bool:
    tail = receipt.recipient[-8:]
    return any(part.recipient.endswith(tail) for part in parts)


Name = tuple[str | None, str | None, int]
"""How a part is named: its id, its normal form, its carrier."""


def as_orphan(receipt: Receipt) -> Receipt:
    """
    Make the row of a receipt that matches nothing yet.

    A second id stands in the place of the normal form, where the first id has none; see
    ``as_named``.
    """
    if receipt.smsc_key is not None or not receipt.other_id:
        return receipt
    key = receipt.other_key or receipt.other_id
    return msgspec.structs.replace(receipt, smsc_key=key)


def without_key(names: Iterable[Name]) -> set[str | None]:
    """Find the ids of parts that have no normal form: their link has no rule."""
    return {smsc_id for smsc_id, smsc_key, _ in names if smsc_key is None}


def as_named(receipt: Receipt, unkeyed: set[str | None]) -> Receipt:
    """
    Read an orphan that was found by the names of parts, some of them ``without_key``.

    What stands in the place of its normal form is a second id if such a part has it.
    """
    key = receipt.smsc_key
    if key is None or key not in unkeyed:
        return receipt
    return msgspec.structs.replace(receipt, smsc_key=None, other_id=key)


def give(rows: Iterable[tuple[int, Receipt, int]]) -> dict[int, tuple[int, Receipt]]:
    """Choose an orphan for each part; all orphans of one id belong to one part."""
    given: dict[int, tuple[int, Receipt]] = {}
    used: set[object] = set()
    for orphan_id, receipt, part_id in sorted(rows, key=itemgetter(2, 0)):
        names = {orphan_id, receipt.smsc_id or orphan_id, receipt.smsc_key or orphan_id}
        if part_id not in given and not names & used:
            given[part_id] = orphan_id, receipt
            used |= names
    return given

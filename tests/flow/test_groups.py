"""Orders to groups: each member once, whoever it is reached through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.message import Order
from budstikke.domain.queries import GroupCommand, GroupVerb
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.bulk import MOST_MESSAGES
from budstikke.flow.queries import QueryHandler
from budstikke.store import schema
from flow.accounts import NORWAY, change, left, paying
from flow.rig import Rig, rig_on, until
from store.engines import rows
from store.money import faults
from store.path import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.message import Accepted
    from store.engines import SqliteEngine

KARI, OLA, PER, EVA = (f"+479999999{n}" for n in range(1, 5))


async def group(rig: Rig, name: str, *numbers: str, asleep: Sequence[str] = ()) -> None:
    """Make a group of account 1."""
    store = rig.path.store
    await store.ask(GroupCommand(verb=GroupVerb.ADD, group=name), 1, NOW)
    for number in (*numbers, *asleep):
        asked = GroupCommand(
            verb=GroupVerb.ADD_MEMBER,
            group=name,
            number=number,
            active=number not in asleep,
        )
        await store.ask(asked, 1, NOW)


async def accept(
    rig: Rig, groups: Sequence[str], *recipients: str, **values: Any
) -> Accepted:
    order = Order(
        recipients=recipients, groups=groups, text="Hei", originator="B", **values
    )
    return await rig.acceptor.accept(order, rig.directory.accesses[1])


def sent_to(engine: SqliteEngine) -> list[str]:
    return [row[0] for row in rows(engine, schema.message, "recipient")]


async def test_all_who_are_active_in_a_group(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await group(rig, "Kunder", OLA, KARI, asleep=[PER])
        accepted = await accept(rig, ["Kunder"])
        ids = [row[0] for row in rows(engine, schema.message, "id")]
        assert [] == list(accepted.ids)
        assert [(OLA, ids[0]), (KARI, ids[1])] == list(accepted.members)
        assert [2] == list(accepted.group_sizes)
        assert accepted.order_id < ids[0]
    assert [OLA, KARI] == sent_to(engine)


async def test_who_is_reached_in_several_ways_is_sent_and_charged_once(
    engine: SqliteEngine,
) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 1000)
        await group(rig, "a", KARI, OLA)
        await group(rig, "b", OLA, PER)
        accepted = await accept(rig, ["a", "b"], EVA, KARI)
        assert 4 * NORWAY == accepted.price == 1000 - await left(rig)
        assert [True, True] == [isinstance(id_, int) for id_ in accepted.ids]
        assert [OLA, PER] == [number for number, _ in accepted.members]
        assert [1, 1] == list(accepted.group_sizes)
    assert [EVA, KARI, OLA, PER] == sent_to(engine)
    assert [] == faults(engine)


async def test_a_group_that_is_not_there_is_answered_for_among_others(
    engine: SqliteEngine,
) -> None:
    async with rig_on(engine) as rig:
        await group(rig, "a", KARI)
        await group(rig, "empty")
        await group(rig, "asleep", asleep=[OLA])
        accepted = await accept(rig, ["no", "a", "empty", "asleep"])
        unknown = RefusalCode.UNKNOWN_GROUP
        answers = dict(accepted.members)
        assert [unknown] * 3 == [answers[name] for name in ("no", "empty", "asleep")]
        assert isinstance(answers[KARI], int)
    assert [KARI] == sent_to(engine)


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_lone_group_that_is_not_there_is_refused(
    engine: SqliteEngine, *, bulk: bool
) -> None:
    async with rig_on(engine) as rig:
        with pytest.raises(Refusal) as caught:
            await accept(rig, ["no"], bulk=bulk)
        assert (RefusalCode.UNKNOWN_GROUP, "no") == (
            caught.value.code,
            caught.value.value,
        )
    assert [] == sent_to(engine)


async def test_of_a_bulk_order_every_group_has_to_be_there(
    engine: SqliteEngine,
) -> None:
    async with rig_on(engine) as rig:
        await group(rig, "a", KARI)
        with pytest.raises(Refusal) as caught:
            await accept(rig, ["a", "no"], OLA, bulk=True)
        assert RefusalCode.UNKNOWN_GROUP is caught.value.code
    assert [] == sent_to(engine)


async def test_members_who_want_nothing_get_nothing(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await group(rig, "a", KARI, OLA, PER)
        change(rig, opted_out=frozenset({OLA}))
        rig.directory = replace(rig.directory, blacklist=frozenset({PER}))
        accepted = await accept(rig, ["a"])
        assert [(OLA, RefusalCode.OPTED_OUT), (PER, RefusalCode.BLACKLISTED)] == list(
            accepted.members
        )[1:]
    assert [KARI] == sent_to(engine)


async def test_other_accounts_groups_are_none(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await group(rig, "a", KARI)
        order = Order(recipients=(), groups=("a",), text="x", originator="B")
        with pytest.raises(Refusal) as caught:
            await rig.acceptor.accept(order, rig.directory.accesses[2])
        assert RefusalCode.UNKNOWN_GROUP is caught.value.code
    assert [] == sent_to(engine)


async def test_a_large_group(engine: SqliteEngine) -> None:
    many = [f"+479{n:07}" for n in range(MOST_MESSAGES + 20)]

    async with rig_on(engine) as rig:
        await paying(rig, len(many) * NORWAY)
        await group(rig, "a", *many)
        accepted = await accept(rig, ["a"], many[0])
        assert 1 == len(accepted.ids)
        assert len(many) - 1 == len(accepted.members)
        assert 0 == await left(rig)
        await until(lambda: len(many) == len(sent_to(engine)))
    assert many == sent_to(engine)
    assert [] == faults(engine)


@pytest.mark.parametrize(
    ("verb", "groups", "refusal"),
    [
        (GroupVerb.ADD_MEMBER, ("Nei",), (RefusalCode.UNKNOWN_GROUP, "Nei")),
        (GroupVerb.DELETE_MEMBER, ("Nei",), (RefusalCode.UNKNOWN_GROUP, "Nei")),
        (GroupVerb.MOVE_MEMBER, ("Nei", "a"), (RefusalCode.UNKNOWN_GROUP, "Nei")),
        (GroupVerb.MOVE_MEMBER, ("a", "Nei"), (RefusalCode.UNKNOWN_GROUP, "Nei")),
        (GroupVerb.ADD_MEMBER, ("a",), (RefusalCode.NOT_MOBILE, "22222222")),
        (GroupVerb.MOVE_MEMBER, ("a", "b"), (RefusalCode.NOT_MOBILE, "22222222")),
    ],
)
async def test_groups_are_looked_at_before_a_number_that_is_none(
    rig: Rig,
    verb: GroupVerb,
    groups: tuple[str, ...],
    refusal: tuple[RefusalCode, str],
) -> None:
    await group(rig, "a", KARI)
    await group(rig, "b")
    query_handler = QueryHandler(
        store=rig.store, directory=lambda: rig.directory, clock=lambda: rig.now
    )
    asked = GroupCommand(
        verb=verb,
        group=groups[0],
        new_group=groups[-1] if len(groups) > 1 else "",
        number="22222222",
        fault=RefusalCode.NOT_MOBILE,
    )
    with pytest.raises(Refusal) as raised:
        await query_handler.handle(asked, rig.directory.accesses[1])
    assert refusal == (raised.value.code, raised.value.value)
    assert {"a": [KARI]} == await rig.path.store.group_members(1, ["a", "b"])

"""Store conformance: groups and contacts, one account's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.queries import GroupAnswer, GroupCommand, GroupVerb, Member
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from store.engines import rows
from store.path import NOW, Path, opened

if TYPE_CHECKING:
    from store.engines import Engine

KARI, OLA, PER = "+4799999991", "+4799999992", "+4799999993"


class Groups:
    """An account's groups, in as few words as a test can bear."""

    def __init__(self, path: Path, account_id: int = 1) -> None:
        self._path = path
        self._account_id = account_id

    async def ask(self, verb: GroupVerb, **fields: object) -> GroupAnswer:
        asked = GroupCommand(verb=verb, **fields)  # type: ignore[arg-type]  # as the tests give them
        answer = await self._path.store.ask(asked, self._account_id, NOW)
        assert isinstance(answer, GroupAnswer)
        return answer

    async def make(self, *names: str) -> None:
        for name in names:
            assert GroupAnswer() == await self.ask(GroupVerb.ADD, group=name)

    async def put(
        self, group: str, number: str, name: str = "", *, active: bool = True
    ) -> None:
        fields = {"number": number, "name": name, "active": active}
        answer = await self.ask(GroupVerb.ADD_MEMBER, group=group, **fields)
        assert GroupAnswer() == answer

    async def names(self) -> list[str]:
        return list((await self.ask(GroupVerb.LIST)).groups)

    async def members(self, group: str) -> list[Member]:
        return list((await self.ask(GroupVerb.MEMBERS, group=group)).members)

    async def numbers(self, group: str) -> list[str]:
        return [member.number for member in await self.members(group)]


async def test_groups_are_made_once_and_listed_by_name(path: Path) -> None:
    groups = Groups(path)
    assert [] == await groups.names()
    await groups.make("Venner", "Ansatte", "ansatte", "Ærlige", "Venner")
    assert ["Ansatte", "Venner", "ansatte", "Ærlige"] == await groups.names()


async def test_members_are_in_the_order_they_were_added(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a")
    await groups.put("a", PER, "Per")
    await groups.put("a", KARI, "Kari", active=False)
    await groups.put("a", OLA)
    assert [
        Member("Per", PER),
        Member("Kari", KARI, active=False),
        Member("", OLA),
    ] == await groups.members("a")


async def test_a_number_is_in_a_group_once_and_takes_the_new_name(
    engine: Engine, path: Path
) -> None:
    groups = Groups(path)
    await groups.make("a", "b")
    await groups.put("a", KARI, "Kari")
    await groups.put("b", KARI)  # without a name it keeps the one it has
    assert [Member("Kari", KARI)] == await groups.members("b")
    await groups.put("a", KARI, "Karianne", active=False)
    for name in ("a", "b"):
        assert [Member("Karianne", KARI, active=False)] == await groups.members(name)
    assert 1 == len(rows(engine, schema.contact, "id"))


async def test_deleting_a_group_keeps_contacts_and_other_groups(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a", "b")
    await groups.put("a", KARI, "Kari")
    await groups.put("b", KARI)
    assert GroupAnswer() == await groups.ask(GroupVerb.DELETE, group="a")
    assert ["b"] == await groups.names()
    assert [Member("Kari", KARI)] == await groups.members("b")
    assert GroupAnswer() == await groups.ask(GroupVerb.DELETE, group="a")
    await groups.make("a")
    assert [] == await groups.members("a")


async def test_moving_all_of_a_group_empties_it(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a", "b")
    for number in (KARI, OLA):
        await groups.put("a", number)
    for number in (PER, OLA):
        await groups.put("b", number)
    answer = await groups.ask(GroupVerb.MOVE, group="a", new_group="b")
    assert GroupAnswer() == answer
    assert [] == await groups.numbers("a")
    assert [PER, OLA, KARI] == await groups.numbers("b")
    assert ["a", "b"] == await groups.names()


async def test_moving_a_group_to_itself_changes_nothing(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a")
    await groups.put("a", KARI)
    await groups.ask(GroupVerb.MOVE, group="a", new_group="a")
    assert [KARI] == await groups.numbers("a")


async def test_moving_one_member(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a", "b")
    await groups.put("a", KARI, "Kari", active=False)
    await groups.put("a", OLA)
    fields = {"group": "a", "new_group": "b"}
    move = GroupVerb.MOVE_MEMBER
    assert GroupAnswer() == await groups.ask(move, number=KARI, **fields)
    assert [OLA] == await groups.numbers("a")
    assert [Member("Kari", KARI, active=False)] == await groups.members("b")
    assert GroupAnswer() == await groups.ask(move, number=PER, **fields)
    assert [KARI] == await groups.numbers("b")  # who is not there does not come


async def test_taking_one_out(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a", "b")
    for name in ("a", "b"):
        await groups.put(name, KARI, "Kari")
    for _ in range(2):
        out = await groups.ask(GroupVerb.DELETE_MEMBER, group="a", number=KARI)
        assert GroupAnswer() == out
    assert [] == await groups.members("a")
    assert [Member("Kari", KARI)] == await groups.members("b")


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        (GroupVerb.MEMBERS, {"group": "no"}),
        (GroupVerb.ADD_MEMBER, {"group": "no", "number": KARI}),
        (GroupVerb.DELETE_MEMBER, {"group": "no", "number": KARI}),
        (GroupVerb.MOVE, {"group": "no", "new_group": "a"}),
        (GroupVerb.MOVE, {"group": "a", "new_group": "no"}),
        (GroupVerb.MOVE_MEMBER, {"group": "a", "new_group": "no", "number": KARI}),
        (GroupVerb.MOVE_MEMBER, {"group": "no", "new_group": "a", "number": KARI}),
    ],
)
async def test_a_group_that_is_not_there(
    engine: Engine, path: Path, verb: GroupVerb, fields: dict[str, str]
) -> None:
    groups = Groups(path)
    await groups.make("a")
    await groups.put("a", KARI)
    with pytest.raises(Refusal) as caught:
        await groups.ask(verb, **fields)
    assert (RefusalCode.UNKNOWN_GROUP, "group", "no") == (
        caught.value.code,
        caught.value.field,
        caught.value.value,
    )
    assert [KARI] == await groups.numbers("a")
    assert 1 == len(rows(engine, schema.contact, "id"))


async def test_a_refusal_in_a_transaction_of_many_leaves_the_others_alone(
    path: Path,
) -> None:
    groups = Groups(path)
    await groups.make("a")
    calls = [
        groups.put("no" if n % 3 == 0 else "a", f"+479999{n:04}") for n in range(30)
    ]
    done = await asyncio.gather(*calls, return_exceptions=True)
    refused = [result for result in done if isinstance(result, Refusal)]
    assert 10 == len(refused)
    assert 20 == len(await groups.members("a"))


async def test_accounts_never_see_each_others_groups(path: Path) -> None:
    one, two = Groups(path, 1), Groups(path, 2)
    await one.make("a", "b")
    await two.make("a")
    await one.put("a", KARI, "Kari")
    await two.put("a", KARI, "Fru Hansen")
    await two.put("a", OLA)
    assert [Member("Kari", KARI)] == await one.members("a")
    assert [Member("Fru Hansen", KARI), Member("", OLA)] == await two.members("a")
    assert ["a"] == await two.names()
    with pytest.raises(Refusal):
        await two.members("b")
    with pytest.raises(Refusal):
        await two.ask(GroupVerb.MOVE, group="a", new_group="b")
    await two.ask(GroupVerb.DELETE_MEMBER, group="a", number=KARI)
    await two.ask(GroupVerb.DELETE, group="a")
    assert [Member("Kari", KARI)] == await one.members("a")
    assert {"a": [KARI]} == await path.store.group_members(1, ["a"])
    assert {} == await path.store.group_members(2, ["a"])


async def test_only_the_active_are_sent_to(path: Path) -> None:
    groups = Groups(path)
    await groups.make("a", "b", "empty", "asleep")
    await groups.put("a", PER)
    await groups.put("a", KARI)
    await groups.put("b", OLA)
    await groups.put("b", KARI)
    await groups.put("asleep", "+4799999999", active=False)
    await groups.put("b", "+4799999999", active=False)
    found = await path.store.group_members(1, ["b", "a", "empty", "asleep", "no"])
    assert {"b": [OLA, KARI], "a": [PER, KARI]} == found
    assert {} == await path.store.group_members(1, [])


async def test_names_with_all_kinds_of_characters(path: Path) -> None:
    groups = Groups(path)
    odd = ['"quoted"', "back\\slash", "ünïcödé 😀", "a'b; DROP TABLE contact", "%_"]
    await groups.make(*odd)
    for name in odd:
        await groups.put(name, KARI, name)
    assert sorted(odd) == await groups.names()
    assert {name: [KARI] for name in odd} == await path.store.group_members(1, odd)


async def test_what_was_answered_survives_a_power_loss(
    engine: Engine, path: Path
) -> None:
    groups = Groups(path)
    await groups.make("a")
    await groups.put("a", KARI, "Kari")
    async with opened(engine.after_power_loss()) as again:
        assert [Member("Kari", KARI)] == await Groups(again).members("a")


async def test_what_cannot_be_stored_changes_nothing(
    engine: Engine, path: Path
) -> None:
    groups = Groups(path)
    await groups.make("a", "b")
    await groups.put("a", KARI)
    with engine.unwritable():
        for verb in (GroupVerb.MOVE, GroupVerb.MOVE_MEMBER):
            fields = {"group": "a", "new_group": "b", "number": KARI}
            with pytest.raises(StoreUnavailable):
                await groups.ask(verb, **fields)
    assert [KARI] == await groups.numbers("a")
    assert [] == await groups.numbers("b")

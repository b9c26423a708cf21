from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.carriers.simulator.phones import (
    Change,
    Message,
    Phones,
    Summary,
    phone_number,
)
from budstikke.domain.message import Part

if TYPE_CHECKING:
    import random

OLA = "+4799999999"
KARI = "+4798888888"

PART = Part(
    id=257,
    number=1,
    total=1,
    originator="2229",
    recipient=OLA,
    text="Hei",
    encoding="gsm",
    tables=(0, 0),
    flash=False,
    protocol_id=0,
    priority=1,
    expires_at=10_000.0,
    report=True,
)


def part(**changes: Any) -> Part:
    return msgspec.structs.replace(PART, **changes)


def texts(phones: Phones, number: str) -> list[str]:
    return [message.text for message in phones.messages(number)]


def test_a_single_part_is_a_message() -> None:
    phones = Phones()

    got = phones.receive(part(flash=True, protocol_id=3), 1, 50.0)

    expected = Message(1, "2229", "Hei", "gsm", 1, True, 3, 50.0)
    assert expected == got
    assert [expected] == phones.messages(OLA)
    assert [] == phones.messages(KARI)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=12), st.randoms())
def test_a_long_text_is_joined_whatever_the_order(
    pieces: list[str], rnd: random.Random
) -> None:
    phones = Phones()
    parts = [
        part(number=n, total=len(pieces), text=text)
        for n, text in enumerate(pieces, start=1)
    ]
    rnd.shuffle(parts)

    got = [phones.receive(each, "ref", 1.0) for each in parts]

    assert [None] * (len(pieces) - 1) == got[:-1]
    assert ["".join(pieces)] == texts(phones, OLA)
    assert len(pieces) == phones.messages(OLA)[0].segments


def test_a_character_that_was_cut_in_two_is_mended() -> None:
    phones = Phones()

    for number, text in enumerate(["\ud83d", "\ude00 \ud83d"], start=1):
        piece = part(number=number, total=2, text=text, encoding="ucs2")
        phones.receive(piece, 1, 1.0)

    assert ["\U0001f600 \ufffd"] == texts(phones, OLA)


def test_a_part_that_comes_twice_does_not_complete_a_text() -> None:
    phones = Phones()

    phones.receive(part(number=1, total=2, text="a"), 1, 1.0)
    phones.receive(part(number=1, total=2, text="a"), 1, 1.0)
    assert [] == texts(phones, OLA)

    phones.receive(part(number=2, total=2, text="b"), 1, 1.0)
    assert ["ab"] == texts(phones, OLA)


@pytest.mark.parametrize(
    ("change", "group"),
    [
        ({"originator": "2230"}, 1),
        ({"recipient": KARI}, 1),
        ({"total": 3}, 1),
        ({}, 2),
    ],
)
def test_parts_of_different_messages_are_not_joined(
    change: dict[str, Any], group: int
) -> None:
    phones = Phones()

    phones.receive(part(number=1, total=2), 1, 1.0)
    phones.receive(part(number=2, **{"total": 2, **change}), group, 1.0)

    assert [] == phones.messages(OLA) + phones.messages(KARI)


@pytest.mark.parametrize("number", [0, 3, 255])
def test_an_impossible_part_number_is_shown_by_itself(number: int) -> None:
    phones = Phones()

    phones.receive(part(number=number, total=2), 1, 1.0)

    assert ["Hei"] == texts(phones, OLA)


def test_texts_of_which_parts_are_missing_are_bounded() -> None:
    phones = Phones(unfinished=2)

    for group in range(3):
        phones.receive(part(number=1, total=2, text=f"a{group}"), group, 1.0)
    for group in (2, 1, 0):
        phones.receive(part(number=2, total=2, text=f"b{group}"), group, 2.0)

    assert ["a2b2", "a1b1"] == texts(phones, OLA)


@pytest.mark.parametrize("pid", [65, 71])
def test_a_replace_type_ousts_the_earlier_one(pid: int) -> None:
    phones = Phones()
    for text, originator, protocol_id in [
        ("first", "2229", pid),
        ("other sender", "2230", pid),
        ("other type", "2229", 68),
        ("ordinary", "2229", 0),
        ("second", "2229", pid),
        ("third", "2229", pid),
    ]:
        phones.receive(
            part(text=text, originator=originator, protocol_id=protocol_id), 1, 1.0
        )

    assert ["other sender", "other type", "ordinary", "third"] == texts(phones, OLA)


@pytest.mark.parametrize("pid", [0, 64, 72, 255])
def test_other_types_replace_nothing(pid: int) -> None:
    phones = Phones()

    phones.receive(part(text="first", protocol_id=pid), 1, 1.0)
    phones.receive(part(text="second", protocol_id=pid), 1, 1.0)

    assert ["first", "second"] == texts(phones, OLA)


def test_a_phone_keeps_the_newest() -> None:
    phones = Phones(per_phone=3)

    for n in range(5):
        phones.receive(part(text=str(n)), 1, 1.0)

    assert ["2", "3", "4"] == texts(phones, OLA)


def test_what_was_pruned_is_not_replaced() -> None:
    phones = Phones(per_phone=1)

    phones.receive(part(text="old", protocol_id=65), 1, 1.0)
    phones.receive(part(text="new"), 1, 1.0)
    phones.receive(part(text="newer", protocol_id=65), 1, 1.0)

    assert ["newer"] == texts(phones, OLA)


def test_the_quietest_phone_is_forgotten_first() -> None:
    phones = Phones(per_phone=2, total=3)
    third = "+4797777777"

    phones.receive(part(), 1, 1.0)
    phones.receive(part(recipient=KARI), 1, 2.0)
    phones.receive(part(), 1, 3.0)
    phones.receive(part(recipient=third), 1, 4.0)

    assert [third, OLA] == [each.number for each in phones.summaries()]
    assert [2, 0, 1] == [len(phones.messages(n)) for n in (OLA, KARI, third)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([OLA, KARI, "+4797777777"]),
            st.sampled_from([0, 65]),
            st.booleans(),
        )
    )
)
def test_the_count_that_bounds_memory_is_right(
    steps: list[tuple[str, int, bool]],
) -> None:
    phones = Phones(per_phone=3, total=5)
    for number, pid, emptied in steps:
        phones.receive(part(recipient=number, protocol_id=pid), 1, 1.0)
        if emptied:
            phones.empty(number)
        kept = sum(each.messages for each in phones.summaries())
        assert kept == phones._kept <= 5


def test_messages_after_an_id() -> None:
    phones = Phones()
    for n in range(3):
        phones.receive(part(text=str(n)), 1, 1.0)

    assert ["2"] == [message.text for message in phones.messages(OLA, after=2)]


def test_emptying_forgets_received_sent_and_unfinished() -> None:
    phones = Phones()
    phones.receive(part(), 1, 1.0)
    phones.receive(part(number=1, total=2), 7, 1.0)
    phones.compose(OLA, "2229", "svar", 2.0)

    assert 1 == phones.empty(OLA)
    phones.receive(part(number=2, total=2), 7, 1.0)

    assert ([], []) == (phones.messages(OLA), phones.sent(OLA))
    assert 0 == phones.empty("+4700000000")


def test_emptying_lets_a_replace_type_begin_anew() -> None:
    phones = Phones()
    phones.receive(part(protocol_id=65), 1, 1.0)
    phones.empty(OLA)

    phones.receive(part(protocol_id=65), 1, 1.0)

    assert 1 == len(phones.messages(OLA))


def test_summaries_are_newest_first_and_limited() -> None:
    phones = Phones()
    phones.receive(part(), 1, 1.0)
    phones.receive(part(recipient=KARI), 1, 2.0)
    phones.switch(OLA, on=False)

    off = Summary(OLA, on=False, messages=1, last_at=1.0)
    assert [off, Summary(KARI, on=True, messages=1, last_at=2.0)] == phones.summaries()
    assert [off] == phones.summaries(limit=1)
    assert Summary("+4711", on=True, messages=0, last_at=0.0) == phones.summary("+4711")


def test_reading_makes_no_phone() -> None:
    phones = Phones()
    phones.messages(OLA)
    phones.sent(OLA)
    phones.empty(OLA)
    phones.summary(OLA)

    assert [] == phones.summaries()


def test_a_phone_is_on_until_it_is_switched_off() -> None:
    phones = Phones()
    assert phones.is_on(OLA)
    phones.switch(OLA, on=False)
    assert not phones.is_on(OLA)
    phones.switch(OLA, on=True)
    assert phones.is_on(OLA)


def test_what_phones_send_is_fetched_in_order_by_who_serves_the_number() -> None:
    phones = Phones()
    first = phones.compose(OLA, "2229", "a", 1.0)
    second = phones.compose(KARI, "26114", "b", 2.0)
    third = phones.compose(OLA, "2229", "c", 3.0)

    assert [second] == phones.take(10, ["26", "47"])
    assert [first] == phones.take(1)
    assert first is not None
    assert second is not None
    phones.put_back([first, second])
    assert [first, second, third] == phones.take(10)
    assert [] == phones.take(10)
    assert [first, third] == phones.sent(OLA)


def test_the_outbox_is_bounded() -> None:
    phones = Phones(outbox=1)
    phones.compose(OLA, "2229", "a", 1.0)

    assert phones.compose(OLA, "2229", "b", 1.0) is None
    assert ["a"] == [composed.text for composed in phones.take(10)]


def test_watchers_hear_what_they_asked_for_until_they_stop() -> None:
    phones = Phones()
    heard: list[str] = []
    stop = phones.watch(heard.append, [Change.RECEIVED, Change.SWITCHED])

    phones.receive(part(), 1, 1.0)
    phones.compose(KARI, "2229", "a", 1.0)
    phones.switch(KARI, on=False)
    stop()
    stop()
    phones.receive(part(), 1, 1.0)

    assert [OLA, KARI] == heard


@pytest.mark.parametrize(
    "written",
    ["+4799999999", " 4799999999", "4799999999", "004799999999", "+47 99 99 99 99"],
)
def test_numbers_are_taken_as_people_write_them(written: str) -> None:
    assert OLA == phone_number(written)


@pytest.mark.parametrize(
    "written", ["", "+", "12", "+47a", "1" * 16, "++471234", "²²²²"]
)
def test_other_numbers_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="3 to 15 digits"):
        phone_number(written)

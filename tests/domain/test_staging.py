"""Whether an order can be accepted, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.message import NotifyOn, Order, TextMode
from budstikke.domain.recipients import Recipient, sort_out
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import Route
from budstikke.domain.staging import (
    OutgoingMessage,
    TextProfile,
    common,
    duplicate_key,
    order_context,
    segment_order_text,
    stage,
)
from budstikke.domain.text import Concat, Segmentation

NOW = 1_700_000_000.0
PHONE, OTHER, BARRED = "+4799999999", "+4798888888", "+4790000001"
DIRECTORY = Directory(
    revision=1, accesses={}, carriers={}, blacklist=frozenset({BARRED})
)


def order(**values: Any) -> Order:
    return Order(**{"recipients": [PHONE], "text": "Hei", "originator": "B"} | values)


def split(asked: Order, profile: TextProfile) -> Segmentation:
    return segment_order_text(asked.text, asked, profile)


def access(*grants: str) -> Access:
    account = Account(id=3, name="a", grants=grants or ("*",))
    return Access(id=7, account=account, dialect="front", identifier="1")


def refused(order: Order, *grants: str) -> RefusalCode:
    with pytest.raises(Refusal) as caught:
        order_context(order, access(*grants), NOW)
    return caught.value.code


# Profiles


@pytest.mark.parametrize(
    ("concats", "expected"),
    [
        ([], Concat.UDH8),
        ([Concat.SAR], Concat.SAR),
        ([Concat.UDH8, Concat.UDH16], Concat.UDH16),
        ([Concat.PAYLOAD, Concat.UDH8], Concat.UDH8),
        ([Concat.PAYLOAD, Concat.SAR], Concat.SAR),
    ],
)
def test_the_smallest_segment_of_a_route_counts(
    concats: list[Concat], expected: Concat
) -> None:
    assert expected is common(map(TextProfile, concats)).concat


def test_national_tables_that_all_carriers_take() -> None:
    one = TextProfile(national=frozenset({1, 2}))
    two = TextProfile(national=frozenset({2, 3}))
    assert frozenset({2}) == common([one, two]).national


# What concerns the whole order


def test_content() -> None:
    shared = order_context(order(originator=" 0047 999 99 999 "), access(), NOW)
    assert ("4799999999", NOW, NOW + 7 * 86400) == (
        shared.originator,
        shared.accepted_at,
        shared.expires_at,
    )


def test_validity_counts_from_when_it_is_due() -> None:
    asked = order(validity=60, send_at=NOW + 1000)
    assert NOW + 1060 == order_context(asked, access(), NOW).expires_at


@pytest.mark.parametrize(
    ("report", "interim", "notify_on"),
    [
        (True, True, NotifyOn.FINAL | NotifyOn.SENT),
        (True, False, NotifyOn.FINAL),
        (False, True, NotifyOn.SENT),
        (False, False, NotifyOn.NOTHING),
    ],
)
def test_what_is_told(*, report: bool, interim: bool, notify_on: NotifyOn) -> None:
    asked = order(report=report, interim=interim)
    assert notify_on == order_context(asked, access(), NOW).notify_on


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"originator": ""}, RefusalCode.BAD_ORIGINATOR),
        ({"originator": "far too long for it"}, RefusalCode.BAD_ORIGINATOR),
        ({"originator": "Other"}, RefusalCode.BAD_ORIGINATOR),
    ],
)
def test_originators_that_are_not_the_accounts(
    values: dict[str, Any], code: RefusalCode
) -> None:
    assert code is refused(order(**values), "Firm", "26114*")


@pytest.mark.parametrize("originator", ["", "Other", "far too long for it"])
def test_with_a_price_nobody_looks_at_the_originator(originator: str) -> None:
    asked = order(originator=originator, price=-1)
    assert RefusalCode.BAD_PRICE is refused(asked, "Firm")
    asked = order(originator=originator, price=100)
    assert RefusalCode.PREMIUM_NOT_ALLOWED is refused(asked, "Firm")


@pytest.mark.parametrize("originator", ["Firm", "26114", "26114123456789"])
def test_originators_that_are_the_accounts(originator: str) -> None:
    asked = order(originator=originator)
    assert originator == order_context(asked, access("Firm", "26114*"), NOW).originator


# The text


def test_limits_count_what_is_sent() -> None:
    profile = TextProfile()
    assert 10 == len(split(order(text="x" * 1530, max_septets=1530), profile).parts)
    for text in ("x" * 1531, "x" * 1529 + "€"):
        with pytest.raises(Refusal) as caught:
            split(order(text=text, max_septets=1530), profile)
        assert RefusalCode.TEXT_TOO_LONG is caught.value.code


def test_limits_are_of_the_encoding_that_is_used() -> None:
    profile = TextProfile()
    limits = {"max_septets": 10, "max_utf16": 3}
    assert "gsm" == split(order(text="x" * 10, **limits), profile).encoding
    with pytest.raises(Refusal) as caught:
        split(order(text="😀😀", **limits), profile)
    assert RefusalCode.TEXT_TOO_LONG is caught.value.code


def test_characters_outside_gsm() -> None:
    with pytest.raises(Refusal) as caught:
        split(order(text="Привет", mode=TextMode.GSM_ONLY), TextProfile())
    assert RefusalCode.BAD_CHARACTERS is caught.value.code


@pytest.mark.parametrize("mode", TextMode)
def test_nul_is_left_out(mode: TextMode) -> None:
    result = split(order(text="a\0b\0", mode=mode), TextProfile())
    assert (("ab",), "gsm") == (result.parts, result.encoding)


# Recipients


def test_sorted_out() -> None:
    written = ["0047 99999999", "12", BARRED, "+4722222222", OTHER, PHONE]
    numbers = sort_out(written, DIRECTORY)
    assert [(0, PHONE), (4, OTHER), (5, PHONE)] == numbers.valid
    assert {
        1: RefusalCode.BAD_RECIPIENT,
        2: RefusalCode.BLACKLISTED,
        3: RefusalCode.NOT_MOBILE,
    } == numbers.refused
    assert [] == numbers.repeated


def test_repetition_matters_to_bulk_orders() -> None:
    seen: set[str] = set()
    one = sort_out([PHONE, "004799999999", OTHER], DIRECTORY, seen=seen)
    two = sort_out([OTHER, "+4797777777", "1"], DIRECTORY, seen=seen, start=3)
    assert [(0, PHONE), (2, OTHER)] == one.valid
    assert [1] == one.repeated
    assert [(4, "+4797777777")] == two.valid
    assert [3] == two.repeated
    assert {5: RefusalCode.BAD_RECIPIENT} == two.refused


written = st.sampled_from([PHONE, OTHER, BARRED, "12", "004799999999", "", "x"])


@given(st.lists(written, max_size=12), st.integers(1, 12))
def test_slices_make_no_difference(recipients: list[str], size: int) -> None:
    whole = sort_out(recipients, DIRECTORY, seen=set())
    seen: set[str] = set()
    good: list[tuple[int, str]] = []
    refused: dict[int, RefusalCode] = {}
    repeated: list[int] = []
    for start in range(0, len(recipients), size):
        some = recipients[start : start + size]
        found = sort_out(some, DIRECTORY, seen=seen, start=start)
        good += found.valid
        refused |= found.refused
        repeated += found.repeated
    assert (whole.valid, whole.refused, whole.repeated) == (good, refused, repeated)
    places = sorted([*refused, *repeated, *(index for index, _ in good)])
    assert list(range(len(recipients))) == places


# Duplicates


def test_what_makes_a_duplicate() -> None:
    key = duplicate_key(7, "B", PHONE, "Hei")
    assert key == duplicate_key(7, "B", PHONE, "Hei")
    others = [
        duplicate_key(8, "B", PHONE, "Hei"),
        duplicate_key(7, "C", PHONE, "Hei"),
        duplicate_key(7, "B", OTHER, "Hei"),
        duplicate_key(7, "B", PHONE, "hei"),
    ]
    assert 5 == len({key, *others})


@given(st.text())
def test_keys_are_64_bit(text: str) -> None:
    assert -(2**63) <= duplicate_key(1, "B", PHONE, text) < 2**63


# Parts


ROUTE = Route(prefix="+47", carriers=(1,))


def test_parts() -> None:
    asked = order(text="x" * 161, ref="r", flash=True, protocol_id=65, priority=2)
    context = order_context(asked, access(), NOW)
    (message,) = stage(context, 7, [Recipient(0, PHONE, ROUTE, 0)], 5, {})
    made = message.parts
    assert [(1281, 1, 2, 153), (1282, 2, 2, 8)] == [
        (part.id, part.number, part.total, len(part.text)) for part in made
    ]
    one = made[0]
    assert ("B", PHONE, "gsm", (0, 0), True, 65, 2) == (
        one.originator,
        one.recipient,
        one.encoding,
        one.tables,
        one.flash,
        one.protocol_id,
        one.priority,
    )
    assert (NOW + 7 * 86400, True, 7, "r", int(NotifyOn.FINAL), 0) == (
        one.expires_at,
        one.report,
        one.access_id,
        one.ref,
        one.notify_on,
        one.tries,
    )
    assert {5} == {part.message_id for part in made}


# Messages


def test_messages_take_their_text_route_and_price() -> None:
    asked = order(texts=("Hei", "x" * 161))
    context = order_context(asked, access(), NOW)
    other = Route(prefix="+46", carriers=(2,))
    recipients = [Recipient(1, OTHER, other, 30), Recipient(0, PHONE, ROUTE, 20)]
    messages = stage(context, 9, recipients, 7, {})
    assert [(7, OTHER, "x" * 161, other, 2, 60), (8, PHONE, "Hei", ROUTE, 1, 20)] == [
        (m.id, m.recipient, text(m), m.route, m.rendered.split.segments, m.price)
        for m in messages
    ]


def text(message: OutgoingMessage) -> str:
    return "".join(part.text for part in message.parts)


def test_the_duplicate_lock_compares_sender_recipient_and_text() -> None:
    asked = order(texts=("Hei", "Hallo", "Hei"), duplicate_lock=60)
    context = order_context(asked, access(), NOW)
    recipients = [Recipient(i, PHONE, ROUTE, 0) for i in range(3)]
    keys = [m.duplicate_key for m in stage(context, 9, recipients, 1, {})]
    sender = context.originator
    assert duplicate_key(9, sender, PHONE, "Hei") == keys[0] == keys[2]
    assert duplicate_key(9, sender, PHONE, "Hallo") == keys[1]


@pytest.mark.parametrize("free", [{"key": "k"}, {"answering": True}])
def test_an_order_with_a_key_of_its_own_has_no_duplicate_lock(
    free: dict[str, Any],
) -> None:
    asked = order(originator="2229", duplicate_lock=60, **free)
    context = order_context(asked, access("2229"), NOW)
    recipients = [Recipient(0, PHONE, ROUTE, 0)]
    (message,) = stage(context, 9, recipients, 1, {})
    assert message.duplicate_key is None


def test_messages_of_a_large_order_keep_the_prices_of_its_acceptance() -> None:
    context = order_context(order(), access(), NOW)
    context.prices = [5, 6]
    recipients = [Recipient(1, PHONE, ROUTE, 0)]
    (message,) = stage(context, 9, recipients, 1, {})
    assert 6 == message.price


def test_equal_texts_on_one_route_are_rendered_once() -> None:
    context = order_context(order(), access(), NOW)
    routes = [ROUTE, ROUTE, Route(prefix="+4", carriers=(2,))]
    asked: list[int] = []

    class Profiles(dict[int, TextProfile]):
        def get(self, key: int, default: Any = None) -> Any:
            asked.append(key)
            return super().get(key, default)

    recipients = [Recipient(0, PHONE, route, 0) for route in routes]
    stage(context, 9, recipients, 1, Profiles())
    assert [1, 2] == asked


# The gateway's own answers


@pytest.mark.parametrize("originator", ["2229", "4759000000", "26114123456789"])
def test_an_answer_comes_from_what_the_phone_wrote_to(originator: str) -> None:
    asked = order(originator=originator, answering=True)
    assert originator == order_context(asked, access("Other"), NOW).originator
    assert RefusalCode.BAD_ORIGINATOR is refused(order(originator=originator), "Other")


@pytest.mark.parametrize("originator", ["", "12", "1" * 16])
def test_an_answer_comes_from_somewhere(originator: str) -> None:
    asked = order(originator=originator, answering=True)
    assert RefusalCode.BAD_ORIGINATOR is refused(asked)

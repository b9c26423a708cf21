"""The texts of pre-approved templates, with and without their parts."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.message import Template
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.template import TEXTS, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = {
    "code": "123456",
    "username": "bruker@eksempel.no",
    "sendername": "Firmanavn AS",
    "orderno": "123456789",
    "amount": "1,234.59",
    "currency": "NOK",
    "orderurl": "firmanavn.no/123456789",
    "pax": "4",
    "date": "2030-01-31",
    "time": "19:15",
}
"""Every parameter but datetime, as in the original's examples."""

OPTIONAL = {
    "otp": ("username", "sendername"),
    "order_confirmation": ("orderno", "amount", "currency", "orderurl"),
    "order_ready": ("orderno",),
    "conf_booking": ("pax", "date", "time"),
    "conf_reminder": ("pax", "date", "time"),
}
NEEDED = {kind: "code" if kind == "otp" else "sendername" for kind in TEXTS}


def text(kind: str, *names: str, **values: str) -> str:
    """Write a text with these parameters of ``ALL``, the needed one, and others."""
    given = {name: ALL[name] for name in (NEEDED[kind], *names)}
    return text_of(Template(kind=kind, values=given | values))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "otp",
            "Your code is 123456\nUsername: bruker@eksempel.no\n\nRegards Firmanavn AS",
        ),
        (
            "order_confirmation",
            (
                "Order 123456789 received. Total NOK 1,234.59. "
                "Link: firmanavn.no/123456789\nThank you from Firmanavn AS"
            ),
        ),
        (
            "order_ready",
            (
                "Hello! Your order 123456789 is ready for pick up. "
                "Best regards, Firmanavn AS."
            ),
        ),
        (
            "conf_booking",
            (
                "Your reservation for 4 at Firmanavn AS on 31 January 2030 at 19:15 "
                "is confirmed. Welcome!"
            ),
        ),
        (
            "conf_reminder",
            (
                "We look forward to seeing your party of 4 on 31 January 2030 "
                "at 19:15. Please contact us if there are changes. "
                "See you at Firmanavn AS!"
            ),
        ),
    ],
)
def test_everything_is_there(kind: str, expected: str) -> None:
    """Front v3.05 § 2.1.3.1 to 2.1.3.5, example messages."""
    assert expected == text(kind, *OPTIONAL[kind])
    assert expected == text_of(Template(kind=kind, values=ALL))


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        ("otp", "", "Your code is 123456"),
        ("otp", "username", "Your code is 123456\nUsername: bruker@eksempel.no"),
        ("otp", "sendername", "Your code is 123456\n\nRegards Firmanavn AS"),
        (
            "order_confirmation",
            "",
            "Order received.\nThank you from Firmanavn AS",
        ),
        (
            "order_confirmation",
            "orderno amount",
            "Order 123456789 received. Total 1,234.59.\nThank you from Firmanavn AS",
        ),
        (
            "order_confirmation",
            "currency",
            "Order received.\nThank you from Firmanavn AS",
        ),
        (
            "order_confirmation",
            "amount currency",
            "Order received. Total NOK 1,234.59.\nThank you from Firmanavn AS",
        ),
        (
            "order_confirmation",
            "orderurl",
            "Order received. Link: firmanavn.no/123456789\nThank you from Firmanavn AS",
        ),
        (
            "order_ready",
            "",
            "Hello! Your order is ready for pick up. Best regards, Firmanavn AS.",
        ),
        (
            "conf_booking",
            "",
            "Your reservation at Firmanavn AS is confirmed. Welcome!",
        ),
        (
            "conf_booking",
            "date",
            (
                "Your reservation at Firmanavn AS on 31 January 2030 is confirmed. "
                "Welcome!"
            ),
        ),
        (
            "conf_booking",
            "pax time",
            "Your reservation for 4 at Firmanavn AS at 19:15 is confirmed. Welcome!",
        ),
        (
            "conf_reminder",
            "",
            (
                "We look forward to seeing you. Please contact us if there are "
                "changes. See you at Firmanavn AS!"
            ),
        ),
        (
            "conf_reminder",
            "date time",
            (
                "We look forward to seeing you on 31 January 2030 at 19:15. "
                "Please contact us if there are changes. See you at Firmanavn AS!"
            ),
        ),
        (
            "conf_reminder",
            "pax time",
            (
                "We look forward to seeing your party of 4 at 19:15. "
                "Please contact us if there are changes. See you at Firmanavn AS!"
            ),
        ),
    ],
)
def test_parts_are_left_out(kind: str, names: str, expected: str) -> None:
    assert expected == text(kind, *names.split())


@pytest.mark.parametrize("kind", TEXTS)
def test_a_blank_parameter_is_a_missing_one(kind: str) -> None:
    blank = dict.fromkeys((*ALL, "datetime"), "") | {NEEDED[kind]: ALL[NEEDED[kind]]}

    assert text(kind) == text_of(Template(kind=kind, values=blank))


def subsets(kind: str) -> Iterator[tuple[str, ...]]:
    names = OPTIONAL[kind]
    sizes = (combinations(names, size) for size in range(len(names) + 1))
    return chain.from_iterable(sizes)


MARKED = {name: f"<{name}>" for name in ALL} | {
    "date": "2030-01-31",
    "time": "19:15",
}
"""Values that can be told from each other and from the words around them."""


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_has_what_is_given_and_nothing_else(kind: str) -> None:
    for names in subsets(kind):
        values = {name: MARKED[name] for name in (NEEDED[kind], *names)}
        written = text_of(Template(kind=kind, values=values))
        written = written.replace("31 January 2030", MARKED["date"])
        expected = set(values)
        if "amount" not in names:
            expected -= {"currency"}
        assert expected == {name for name in ALL if MARKED[name] in written}
        assert "  " not in written
        assert written == written.strip()


@pytest.mark.parametrize("kind", ["conf_booking", "conf_reminder"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"datetime": "2030-01-31T19:15:00"}, "on 31 January 2030 at 19:15"),
        ({"datetime": "2030-01-31T19:15:00+01:00"}, "on 31 January 2030 at 19:15"),
        ({"datetime": "2030-01-31T23:45:59Z"}, "on 31 January 2030 at 23:45"),
        ({"date": "2030-12-01", "time": "09:05:59"}, "on 1 December 2030 at 09:05"),
        ({"date": "2030-02-28", "time": "00:00"}, "on 28 February 2030 at 00:00"),
    ],
)
def test_times_are_as_they_were_written(
    kind: str, values: dict[str, str], expected: str
) -> None:
    assert f" {expected}" in text(kind, **values)


@pytest.mark.parametrize("kind", ["conf_booking", "conf_reminder"])
def test_datetime_wins_over_date_and_time(kind: str) -> None:
    alone = text(kind, datetime="2030-01-31T19:15:00")

    assert alone == text(
        kind, datetime="2030-01-31T19:15:00", date="2031-02-01", time="08:00"
    )


@given(st.dates(), st.times())
def test_no_date_or_time_is_written_by_the_locale(day: object, clock: object) -> None:
    written = text("conf_booking", date=str(day), time=str(clock))

    assert f"{str(clock)[:5]} is confirmed" in written
    assert f" {int(str(day)[8:])} " in written


@pytest.mark.parametrize("kind", TEXTS)
def test_what_is_needed_is_asked_for(kind: str) -> None:
    values = {name: value for name, value in ALL.items() if name != NEEDED[kind]}
    for given_ in (values, values | {NEEDED[kind]: ""}):
        with pytest.raises(Refusal) as raised:
            text_of(Template(kind=kind, values=given_))
        assert (RefusalCode.MISSING_FIELD, NEEDED[kind]) == (
            raised.value.code,
            raised.value.field,
        )


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("newsletter", {}, "type"),
        ("conf_booking", {"date": "2030-02-30"}, "date"),
        ("conf_booking", {"time": "25:00"}, "time"),
        ("conf_reminder", {"datetime": "tomorrow"}, "datetime"),
    ],
)
def test_what_cannot_be_written_is_refused(
    kind: str, values: dict[str, str], field: str
) -> None:
    with pytest.raises(Refusal) as raised:
        text_of(Template(kind=kind, values=ALL | values))
    assert (RefusalCode.BAD_FIELD, field) == (raised.value.code, raised.value.field)

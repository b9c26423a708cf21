"""What is particular to Sveve and no golden case can show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from budstikke.dialects.contract import Call
from budstikke.dialects.sveve import Sveve
from budstikke.dialects.sveve import status as report
from budstikke.dialects.sveve.ask import COMMANDS, OF_MEMBERS
from budstikke.dialects.sveve.settings import Settings
from budstikke.dialects.sveve.targets import read_targets
from budstikke.dialects.sveve.words import (
    BY_FIELD,
    PREPAID_ONLY,
    TOO_LONG,
    TOO_SHORT,
    WAITING,
    WORDS,
    of_recipient,
)
from budstikke.domain.message import Accepted, Order
from budstikke.domain.number import Length, length
from budstikke.domain.queries import GroupVerb
from budstikke.domain.receipt import Reason
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireRequest
from dialects.caller import Access

quick = settings(deadline=None)  # the machine may be busy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dialects" / "sveve.md").read_text("utf-8")
CASES = "".join(
    path.read_text("utf-8") for path in (ROOT / "tests/dialects/cases/sveve").iterdir()
)


def called(query: bytes = b"", body: bytes = b"", content_type: str = "") -> Call:
    method = "POST" if body else "GET"
    headers = {"content-type": content_type} if content_type else {}
    request = WireRequest(method, "/sms/sendmessage", query, headers, body)
    return Call(request, "send")


def parse(call: Call) -> Any:
    sveve = Sveve()
    sveve.login(call)
    return sveve.parse(call, Access(Settings()), 0.0)


def tables(heading: str) -> list[list[str]]:
    """Read the tables of a section of the page, without their heads."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]
    heads = {index - 1 for index, row in enumerate(rows) if set(row[0]) == {"-"}}
    return [
        row
        for index, row in enumerate(rows)
        if index not in heads and index - 1 not in heads
    ]


def test_octets_that_nobody_escaped_may_be_utf_8_or_latin_1() -> None:
    for octets in ("Blå".encode(), "Blå".encode("latin-1")):
        assert "Blå" == parse(called(b"user=a&to=90059700&msg=" + octets)).text


def test_a_byte_order_mark_before_json_is_skipped() -> None:
    body = b'\xef\xbb\xbf \n{"user":"a","to":"90059700","msg":"\xc3\xa6"}'

    assert "æ" == parse(called(body=body)).text


def test_the_content_type_says_that_a_body_is_json() -> None:
    with pytest.raises(Refusal) as raised:
        parse(called(b"user=a", b"to=90059700&msg=a", "application/JSON"))
    assert RefusalCode.MALFORMED is raised.value.code


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"user":' * 100_000,
        b'{"user":' + b"9" * 5000 + b"}",
        b'{"user":1e999}',
        b'["user"]',
    ],
    ids=["deep array", "deep object", "long", "large", "array"],
)
def test_hostile_json_is_malformed(body: bytes) -> None:
    call = called(b"f=json", body, "application/json")

    with pytest.raises(Refusal) as raised:
        parse(call)

    assert RefusalCode.MALFORMED is raised.value.code
    assert "application/json" == Sveve().render(call, raised.value, 0.0).content_type


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"status_method": "PUT"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Settings)


def test_an_order_to_many_keeps_its_numbers_as_they_are() -> None:
    numbers = [f"9{index:07d}" for index in range(50_000)]
    body = {"user": "a", "to": ",".join(numbers), "msg": "b"}

    order = parse(called(body=msgspec.json.encode(body)))

    assert (numbers, ()) == (order.recipients, order.groups)


@quick
@given(st.lists(st.from_regex(r"[^,]*[^,\s][^,]*", fullmatch=True)))
def test_every_recipient_is_a_number_or_a_group(items: list[str]) -> None:
    targets = read_targets(",".join(items))

    assert len(items) == len(targets)
    for item, target in zip(items, targets, strict=True):
        written = item.strip()
        assert target.text in (written, "+" + written)
        assert target.group is any(
            not character.isspace() and character not in "+0123456789"
            for character in item
        )


@quick
@given(st.text())
def test_any_text_can_stand_in_an_answer(text: str) -> None:
    refusal = Refusal(RefusalCode.UNKNOWN_GROUP, value=text)

    answer = Sveve().render(called(), refusal, 0.0)

    root = ET.fromstring(answer.body)  # noqa: S314 - our own
    fatal = root.findtext("response/errors/fatal")
    legal = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
    assert f"Gruppen finnes ikke: {legal}" == fatal


def test_clients_find_things_where_they_look() -> None:
    """By place: response first, number first, ids before errors."""
    call = called(b"user=a&to=90059700,12&msg=a")
    parse(call)
    answer = Accepted(1, [1001, RefusalCode.BAD_RECIPIENT], 1)

    root = ET.fromstring(Sveve().render(call, answer, 0.0).body)  # noqa: S314

    names = [element.tag for element in root[0]]
    assert ["msg_ok_count", "std_sms_count", "ids", "errors"] == names
    assert ("response", "number") == (root[0].tag, root[0][3][0][0].tag)


def test_what_is_answered_for_without_a_recipient_is_not_lost() -> None:
    """Were flow to answer for more than was asked, all of it would be told."""
    call = called(b"user=a&to=90059700&msg=a&f=json")
    parse(call)
    answer = Accepted(1, [1001, 1002], 2, members=[("+4790059701", 1003)])

    assert b'"ids":[1001,1002,1003]' in Sveve().render(call, answer, 0.0).body


def test_many_messages_are_orders_even_when_one_is_left() -> None:
    body = b'{"user":"a","messages":[{"to":"90059700","msg":"a"},{"to":"1"},{}]}'

    orders = parse(called(body=body))

    assert [["90059700"]] == [order.recipients for order in orders]
    assert all(isinstance(order, Order) for order in orders)


def test_every_verb_of_groups_has_a_command() -> None:
    assert set(GroupVerb) == {verb for verb, _ in COMMANDS.values()}


def test_every_word_has_a_golden_case() -> None:
    said = {*WORDS.values(), *BY_FIELD.values(), TOO_SHORT, TOO_LONG, WAITING}

    assert [] == [words for words in said if words.partition("{")[0] not in CASES]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_golden_case(reason: Reason) -> None:
    assert f'"reason":"{reason}"' in CASES


def test_the_page_has_every_message() -> None:
    documented = {row[0].strip("`") for row in tables("Errors")}

    said = {*WORDS.values(), *BY_FIELD.values(), TOO_SHORT, TOO_LONG, WAITING}
    said = {words.replace("{name}", "NAVN") for words in said}
    said = {re.sub(r"\{(\w+)\}", lambda m: m[1].upper(), words) for words in said}
    assert said == documented
    assert PREPAID_ONLY in documented


def test_the_page_has_every_parameter() -> None:
    documented = {row[0].strip("`") for row in tables("Parameters")}
    others = {"reply", "test", "messages", "f", "name"}

    assert (set(BY_FIELD) | others) - {"prepaid"} == documented


def test_the_page_has_every_command() -> None:
    documented = {
        row[0].strip("`"): set(re.findall("`([a-z_]+)`", row[1])) - {"name"}
        for row in tables("Groups")
    }

    expected = {
        name: {*groups, *(["number"] if verb in OF_MEMBERS else [])}
        for name, (verb, groups) in COMMANDS.items()
    }
    assert expected == documented


def test_the_page_has_every_error_code() -> None:
    documented = {row[0]: row[1].strip("`") for row in tables("Delivery reports")}

    faults = {*report.BY_REASON.values(), *report.BY_STATE.values(), report.UNKNOWN}
    assert {"": "", **dict(faults)} == documented


def test_the_page_has_every_setting_and_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in tables("Settings of a user")}

    shown = {
        name: f"`{value}`" if value != "" else "none"
        for name, value in msgspec.to_builtins(Settings()).items()
    }
    assert shown == documented


def test_a_form_may_be_multipart() -> None:
    parts = {"user": "demo", "to": "90059700", "from": "Firma", "msg": "blåbær = 2 & 3"}
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )

    order = parse(
        called(b"", f"{body}--x--".encode(), "multipart/form-data; boundary=x")
    )

    assert (["90059700"], "blåbær = 2 & 3") == (order.recipients, order.text)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_json_may_be_what_is_called_latin_1(encoding: str) -> None:
    body = '{"user":"demo","to":"90059700","from":"Firma","msg":"“blåbær” 100 €"}'

    order = parse(called(body=body.encode(encoding)))

    assert "“blåbær” 100 €" == order.text


@quick
@given(st.from_regex("[0-9]{6,10}|[0-9]{1,20}", fullmatch=True))
@example("90059700")
@example("900597001")
@example("9005970")
def test_what_is_wrong_with_many_numbers_is_what_is_wrong_with_one(number: str) -> None:
    words = {Length.SHORT: "for få", Length.LONG: "for mange", Length.RIGHT: "ikke et"}

    assert words[length(number, "NO")] in of_recipient(
        RefusalCode.BAD_RECIPIENT, number
    )


@pytest.mark.parametrize("f", ["xml", "json"])
@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("user=a&msg=b&to=", Refusal(RefusalCode.UNKNOWN_GROUP)),
        ("user=a&msg=b&to=90059700,", Refusal(RefusalCode.BAD_RECIPIENT)),
        ("passwd=&user=", Refusal(RefusalCode.UNKNOWN_LOGIN)),
    ],
)
def test_an_answer_repeats_two_hundred_characters_of_what_was_written(
    query: str, refusal: Refusal, f: str
) -> None:
    call = called(f"f={f}&{query}{'x' * 300}".encode())

    body = Sveve().render(call, refusal, 0.0).body

    assert b"x" * 200 in body
    assert b"x" * 201 not in body

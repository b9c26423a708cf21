"""What is particular to Front and no golden case can show."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from budstikke.dialects.contract import Call
from budstikke.dialects.front import Front
from budstikke.dialects.front.reply import DESCRIPTIONS, MALFORMED, MISSING, REFUSALS
from budstikke.dialects.front.request import OPTION_NAMES
from budstikke.dialects.front.settings import Settings
from budstikke.dialects.front.template import TEMPLATE_NAMES
from budstikke.domain.message import Accepted, Order, TextMode
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireRequest
from dialects.caller import Access

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dialects" / "front.md").read_text("utf-8")
CASES = "".join(
    path.read_text("utf-8") for path in (ROOT / "tests/dialects/cases/front").iterdir()
)


def parse(operation: str, request: WireRequest) -> Order:
    front, call = Front(), Call(request, operation)
    front.login(call)
    asked = front.parse(call, Access(Settings()), 0.0)
    assert isinstance(asked, Order)
    return asked


def get(query: bytes) -> Order:
    return parse("push", WireRequest("GET", "/psk/push.php", query))


def table(heading: str) -> list[list[str]]:
    """Read the first table of a section of the page, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines][1:]


def test_octets_that_nobody_escaped_are_latin_1() -> None:
    order = get(b"serviceid=1&phoneno=+4799999999&fromid=Bl\xe5&txt=\xe6\xf8\x80")

    assert ("Blå", "æø€") == (order.originator, order.text)


def test_octets_that_nobody_escaped_may_be_utf_8() -> None:
    order = get("serviceid=1&phoneno=1&fromid=a&txt=æ🤣&encoding=utf8".encode())

    assert order.text == "æ🤣"


def test_control_characters_in_a_text_are_left_to_the_conversion() -> None:
    order = get(b"serviceid=1&phoneno=1&fromid=a&txt=%00%81%1b")

    assert ("\0\x81\x1b", TextMode.CONVERT) == (order.text, order.mode)


def test_a_byte_order_mark_before_json_is_skipped() -> None:
    body = b'\xef\xbb\xbf{"serviceid":1,"phoneno":"1","fromid":"a","txt":"\xc3\xa6"}'

    assert parse("push_json", WireRequest("POST", "/", body=body)).text == "æ"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"serviceid":' + b"9" * 5000 + b"}",
        b'{"serviceid":1e999}',
        b'{"serviceid":"\xe6"}',
        b'{"serviceid":NaN}',
        b"\xff\xfe{\x00}\x00",
    ],
    ids=["deep", "long number", "large number", "Latin-1", "NaN", "UTF-16"],
)
@pytest.mark.parametrize("operation", ["push_json", "bulk"])
def test_hostile_json_is_malformed(operation: str, body: bytes) -> None:
    with pytest.raises(Refusal) as raised:
        parse(operation, WireRequest("POST", "/", body=body))
    assert raised.value.code is RefusalCode.MALFORMED


def test_a_bulk_order_takes_its_numbers_as_they_are() -> None:
    numbers = [f"00479{index:07d}" for index in range(120_000)]
    document = {"serviceid": 1, "phoneno": numbers, "fromid": "a", "txt": "b"}
    request = WireRequest("POST", "/", body=msgspec.json.encode(document))

    assert numbers == parse("bulk", request).recipients


def test_every_error_code_of_the_original_answers_some_refusal() -> None:
    used = {row.errorcode for row in REFUSALS.values()}
    used |= {*MISSING.values(), *MALFORMED.values(), 0}

    assert set(DESCRIPTIONS) == used == {*range(40), 99}


@pytest.mark.parametrize(
    ("code", "name"),
    [("missing_field", n) for n in MISSING if n not in ("serviceid", "sendername")]
    + [("bad_field", name) for name in MALFORMED],
)
def test_every_parameter_at_fault_has_a_golden_case(code: str, name: str) -> None:
    assert f'== refusal {{"code":"{code}","field":"{name}"' in CASES


def test_the_page_has_every_error_code_in_our_words() -> None:
    documented = {int(code): words for code, words, _ in table("Error codes")}

    assert DESCRIPTIONS == documented


def test_the_page_has_every_description_that_differs() -> None:
    differing = {row.description for row in REFUSALS.values() if row.description}
    unseen = {"Parameter is blank or missing", "Invalid parameter"}  # no such field

    assert differing - unseen == set(re.findall(r"`([A-Z][^`]+)`", errors()))


def errors() -> str:
    return "\n".join(cells[2] for cells in table("Error codes"))


def test_the_page_has_every_parameter() -> None:
    documented = [cells[0].strip("`") for cells in table("Parameters")]

    assert {*MISSING, *MALFORMED, "price"} == set(documented)
    newer = {cells[0].strip("`") for cells in table("Parameters") if not cells[4]}
    assert OPTION_NAMES | TEMPLATE_NAMES | {"group"} == newer


def test_the_page_has_every_setting_and_its_default() -> None:
    documented = {name.strip("`"): it for name, it, _ in table("Settings of a service")}

    words = {True: "true", False: "false"}
    shown = {
        name: f"`{words.get(value, value)}`" if value not in ("", ()) else "none"
        for name, value in msgspec.to_builtins(Settings()).items()
    }
    assert shown == documented


def test_an_answer_is_written_without_a_request_having_been_read() -> None:
    call = Call(WireRequest("GET", "/psk/push.php"), "push")

    body = Front().render(call, Accepted(1, [2**40], 1), 0.0).body

    assert body == b"ErrorCode=0, ID=1099511627776"

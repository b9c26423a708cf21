"""What is particular to the reseller dialect and no golden case can show."""

from __future__ import annotations

import re
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.dialects.contract import Call, Login
from budstikke.dialects.reseller import (
    MISSING,
    REFUSALS,
    REPORT,
    SEND,
    STATUS,
    Reseller,
    error_code,
    money,
)
from budstikke.domain.message import Accepted, Order
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState
from budstikke.servers.auth import hash_secret, new_secret
from budstikke.wire import WireRequest

PAGE = (Path(__file__).parents[2] / "docs/dialects/reseller.md").read_text("utf-8")
GOOD = {
    "key": "demo",
    "mobile": "447483938220",
    "sender": "InfoSMS",
    "msgtext": "Hei på deg",
    "ref": "h01txyo25k",
}


OWN_WORDS = {
    RefusalCode.MISSING_LOGIN: (400, "Missing Key Parameter"),
    RefusalCode.UNKNOWN_LOGIN: (407, "Invalid API Key"),
    RefusalCode.WRONG_PASSWORD: (407, "Invalid API Key"),
    RefusalCode.ADDRESS_NOT_ALLOWED: (405, "Remote IP not allowed"),
    RefusalCode.NO_CREDIT: (406, "Not Enough Credit"),
}
NOT_ACCEPTED = {
    RefusalCode.HTTPS_REQUIRED,
    RefusalCode.ACCOUNT_BLOCKED,
    RefusalCode.TOO_MANY_REQUESTS,
    RefusalCode.MALFORMED,
    RefusalCode.TOO_LARGE,
    RefusalCode.MISSING_FIELD,
    RefusalCode.BAD_FIELD,
    RefusalCode.BAD_RECIPIENT,
    RefusalCode.NOT_MOBILE,
    RefusalCode.COUNTRY_NOT_ALLOWED,
    RefusalCode.NO_ROUTE,
    RefusalCode.BAD_ORIGINATOR,
    RefusalCode.BAD_PRICE,
    RefusalCode.PREMIUM_NOT_ALLOWED,
    RefusalCode.PREMIUM_BAD_RECIPIENT,
    RefusalCode.PREMIUM_TOO_LONG,
    RefusalCode.TEXT_TOO_LONG,
    RefusalCode.BAD_CHARACTERS,
    RefusalCode.UNKNOWN_GROUP,
    RefusalCode.BLACKLISTED,
    RefusalCode.OPTED_OUT,
    RefusalCode.DUPLICATE,
    RefusalCode.SPEND_CAP,
    RefusalCode.HELD,
    RefusalCode.STORAGE_DOWN,
    RefusalCode.INTERNAL,
}


def call_of(query: bytes = b"", body: bytes | None = None, kind: str = "") -> Call:
    method = "GET" if body is None else "POST"
    headers = {"content-type": kind} if kind else {}
    request = WireRequest(method, "/api/sms/send_sms.php", query, headers, body or b"")
    return Call(request, SEND)


def test_a_multipart_form_is_an_order_too() -> None:
    """What PHP's curl makes of an array."""
    parts = "".join(
        f'--abc\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in GOOD.items()
    )
    call = call_of(
        b"response=json",
        f"{parts}--abc--".encode(),
        "multipart/form-data; boundary=abc",
    )

    assert "demo" == Reseller().login(call).secret
    order = Reseller().parse(call, None, 0.0)
    assert isinstance(order, Order)
    assert "Hei på deg" == order.text
    assert b'{"status":true,"error":0}' == body_of(call)


def body_of(call: Call) -> bytes:
    return Reseller().render(call, Accepted(1, [1], 1), 0.0).body


def test_the_identifier_is_the_beginning_of_the_digest() -> None:
    assert Reseller().identify("demo") == sha256(b"demo").hexdigest()[:16]
    assert "2a97516c354b6884" == Reseller().identify("demo")


@given(st.text(min_size=1).filter(lambda key: key.strip(" \t\n\r\f\v")))
def test_login_and_apply_agree_on_who_a_key_is(key: str) -> None:
    key = key.strip(" \t\n\r\f\v")
    login = Reseller().login(call_of(b"key=" + quote_plus(key).encode()))

    assert Login(Reseller().identify(key), key) == login


def test_the_identifier_tells_nothing_that_the_stored_secret_does_not() -> None:
    """A key of ours has a SHA-256 in the database anyway."""
    key = new_secret()

    assert hash_secret(key).startswith(f"sha256${Reseller().identify(key)}")


def test_octets_that_are_no_key_are_an_unknown_one() -> None:
    login = Reseller().login(call_of(b"key=%E6%F8"))

    assert 16 == len(login.identifier)
    assert login.identifier != Reseller().login(call_of(b"key=%C3%A6")).identifier


def test_every_state_has_an_answer() -> None:
    assert set(MessageState) == set(STATUS)


def test_every_refusal_has_its_answer() -> None:
    """A refusal that is new has to be put into one of the two."""
    not_accepted = dict.fromkeys(NOT_ACCEPTED, (400, "Message not accepted"))
    assert {**OWN_WORDS, **not_accepted} == REFUSALS
    assert set(RefusalCode) == OWN_WORDS.keys() | NOT_ACCEPTED


@given(st.integers(-(10**15), 10**15))
def test_money_is_exact_and_has_two_decimals_or_more(micros: int) -> None:
    written = money(micros)

    assert Decimal(written) == Decimal(micros) / 1_000_000
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{2}(?:[0-9]{0,3}[1-9])?", written)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("UNDELIV 001", "001"),
        ("REJECTD 3/21", "3/21"),
        ("UNDELIV 001 (dated 2026-11-23T08:29:00Z)", "001"),
        ("ESME_RINVDSTADR", "ESME_RINVDSTADR"),
        ("0x00000412", "0x00000412"),
        ("", ""),
        ("no answer and no receipt", ""),
        ("not sent: no bind is up", ""),
    ],
)
def test_the_error_code_is_the_carriers(raw: str, code: str) -> None:
    assert code == error_code(raw)


@pytest.mark.parametrize("operation", [SEND, REPORT])
def test_the_status_is_always_200(operation: str) -> None:
    for code in RefusalCode:
        for query in (b"", b"response=json"):
            call = Call(WireRequest("GET", "/", query), operation)
            assert 200 == Reseller().render(call, Refusal(code), 0.0).status


def test_the_page_has_every_answer() -> None:
    rows = {*REFUSALS.values(), *MISSING.values()}

    assert [] == [row.error for row in rows if row.error not in PAGE]
    table = PAGE.split("\n## Answers\n")[1].split("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert {200, *(row.code for row in rows)} == codes


def test_the_page_has_every_parameter() -> None:
    table = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)

    assert [*GOOD, "response"] == table


def test_the_page_has_every_status_of_a_report() -> None:
    missing = {word for word in STATUS.values() if word} - set(
        re.findall(r'"(\w+)"', PAGE)
    )
    assert set() == missing


def test_the_pages_answers_are_json() -> None:
    answers = re.findall(r"`(\{.*?\})`", PAGE)

    assert 10 <= len(answers)
    assert all("status" in msgspec.json.decode(answer) for answer in answers)

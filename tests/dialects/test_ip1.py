"""What is particular to iP.1 and no golden case can show."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.dialects.contract import Call
from budstikke.dialects.ip1 import Ip1
from budstikke.dialects.ip1.codes import (
    CAUSES,
    CODES,
    MMS_TEXTS,
    REASONS,
    STATES,
    TEXTS,
    Cause,
)
from budstikke.dialects.ip1.media import KINDS, UNKNOWN, extension, type_of
from budstikke.dialects.ip1.operations import MMS, ROUTES, SMS, URL, Action, Service
from budstikke.dialects.ip1.settings import Settings
from budstikke.domain.message import Order
from budstikke.domain.mms import LARGEST
from budstikke.domain.queries import MessageAnswer, MessagesAnswer, MmsOrder
from budstikke.domain.receipt import Reason
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState
from budstikke.wire import WireRequest
from dialects.caller import Access

quick = settings(deadline=None)  # the machine may be busy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dialects" / "ip1.md").read_text("utf-8")
LOGIN = b"konto=ip1-1000&passwd=demo"
SEND = LOGIN + b"&till=46712345678&from=iP1&meddelande=Hej"


def called(path: str, query: bytes = b"", body: bytes = b"", **headers: str) -> Call:
    method = "POST" if body else "GET"
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = WireRequest(method, path, query, names, body)
    return Call(request, ROUTES[method, path.lower()])


def parse(call: Call, access: Access | None = None, now: float = 0.0) -> Any:
    login = Ip1().login(call)
    return Ip1().parse(call, (access or Access(Settings())) if login else None, now)


def table(heading: str, number: int = 0) -> list[list[str]]:
    """Read a table of a section of the page, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = [block.strip() for block in section.split("\n\n")]
    lines = [one for one in blocks if one[:1] == "|"][number].splitlines()[2:]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


# Posted forms


@pytest.mark.parametrize("octets", ["Räka".encode(), b"R\xe4ka"], ids=["new", "old"])
def test_octets_that_nobody_escaped_are_utf_8_or_latin_1(octets: bytes) -> None:
    order = parse(called(f"{SMS.path}/sms", SEND + octets))

    assert "HejRäka" == order.text


def test_a_form_may_be_multipart() -> None:
    parts = [item.split(b"=") for item in SEND.split(b"&")]
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name, value)
        for name, value in parts
    )
    kind = "multipart/form-data; boundary=x"

    order = parse(called(f"{SMS.path}/sms", b"", body + b"--x--", content_type=kind))

    assert (["+46712345678"], "Hej") == (order.recipients, order.text)


def test_files_stand_in_a_multipart_form_as_well() -> None:
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
        for pair in (
            *((b"to", b"46712345678"), (b"from", b"46705")),
            *((b"files", b"SGVq"), (b"files", b"SGVqIQ==")),
        )
    )
    kind = "multipart/form-data; boundary=x"

    mms = parse(
        called(f"{MMS.path}/sendMMS", LOGIN, body + b"--x--", content_type=kind)
    )

    assert (
        ("file1.txt", "text/plain", "SGVq"),
        ("file2.txt", "text/plain", "SGVqIQ=="),
    ) == mms.files


def test_a_hundred_thousand_numbers() -> None:
    numbers = [f"4670{number:07}" for number in range(100_000)]
    body = SEND.replace(b"46712345678", ",".join(numbers).encode())

    order = parse(called(f"{SMS.path}/grupputskickSMS", b"", body))

    assert [f"+{number}" for number in numbers] == order.recipients


# Times


@quick
@given(st.integers(1_000_000_000, 4_000_000_000))
def test_swedish_clock_time_is_shown_again_as_it_was_said(seconds: int) -> None:
    access = Access(settings=Settings(sendat="swedish"))
    query = SEND + b"&sendAt=%d" % seconds
    order = parse(called(f"{SMS.path}/tidsinstalltSMS", query), access)
    assert isinstance(order, Order)
    assert order.send_at is not None

    wall = datetime.fromtimestamp(seconds, ZoneInfo("UTC")).replace(tzinfo=None)
    expected = wall.replace(tzinfo=ZoneInfo("Europe/Stockholm")).timestamp()
    assert expected == order.send_at
    shown = datetime.fromtimestamp(expected, ZoneInfo("Europe/Stockholm"))
    assert f">{shown:%Y-%m-%d %H:%M:%S}<".encode() in time_of(order.send_at)


def time_of(send_at: float) -> bytes:
    call = called(f"{SMS.path}/tidpunkt", b"id=2000")
    message = MessageAnswer(
        *(2000, 2000, "+46712345678", None, MessageState.SCHEDULED, "", "", 1),
        *(0, "SEK", 0.0, send_at, None),
    )
    return Ip1().render(call, MessagesAnswer((message,)), 0.0).body


# Templates


@quick
@given(
    # None of these keys can begin at the end of another that is not given.
    st.lists(st.tuples(st.sampled_from(["#a#", "#b#", "#abc#"]), st.text())),
    st.lists(st.sampled_from(["#a#", "#b#", " ", "x", "\\1", "\\0"]), min_size=1),
)
def test_a_template_is_filled_in_one_go(
    fields: list[tuple[str, str]], text: list[str]
) -> None:
    values = {key: clean(value) for key, value in fields}
    expected = "".join(values.get(piece, piece) for piece in text)
    numbers = "".join(
        f"<TemplateField><Key>{key}</Key><Value>{value}</Value></TemplateField>"
        for key, value in values.items()
    )
    body = envelope(
        "grupputskickMall",
        konto="a",
        numbers="<Number><Number>46712345678</Number>"
        f"<Parameters>{numbers}</Parameters></Number>",
        **{"from": "iP1"},
        meddelande="x" + "".join(text),
    )

    order = parse(called(SMS.path, b"", body))

    assert ["x" + expected] == order.texts


def clean(text: str) -> str:
    """Leave of a text what stands in XML as it is, and is no line break."""
    return re.sub("[^ -;=?-~å-ö€]|&|%0", "", text)


def envelope(operation: str, **values: str) -> bytes:
    content = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f"<{operation}>{content}</{operation}></e:Body></e:Envelope>"
    ).encode()


# Files


def sent(*files: bytes) -> MmsOrder:
    strings = "".join(f"<string>{b64encode(it).decode()}</string>" for it in files)
    values = {"konto": "a", "to": "46712345678", "from": "46705"}
    body = envelope("sendMMS", **values, files=strings)
    mms = parse(called(MMS.path, b"", body))
    assert isinstance(mms, MmsOrder)
    return mms


def test_files_may_be_as_large_as_they_may_be_together_and_no_larger() -> None:
    assert 2 == len(sent(b"x" * (LARGEST - 1), b"y").files)
    with pytest.raises(Refusal) as raised:
        sent(b"x" * (LARGEST - 1), b"yy")
    assert (RefusalCode.TOO_LARGE, "files") == (raised.value.code, raised.value.field)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.content_type)
def test_a_file_is_typed_by_its_first_octets(kind: Any) -> None:
    content = b"\0" * kind.at + kind.magic + b"\0\xff"

    assert (kind.content_type, kind.extension) == (
        type_of(content),
        extension(type_of(content)),
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Hej\r\n\t\xc3\xa5", "text/plain"),
        (b"H\xe5", UNKNOWN),
        (b"Hej\0", UNKNOWN),
    ],
)
def test_a_file_without_a_mark_is_a_text_or_octets(
    content: bytes, expected: str
) -> None:
    assert expected == type_of(content)


# Tables


def test_every_operation_is_read_by_someone() -> None:
    used = {one.action for it in (URL, SMS, MMS) for one in it.operations}
    assert set(Action) == used


@pytest.mark.parametrize("service", [URL, SMS, MMS], ids=lambda service: service.name)
def test_every_refusal_has_a_code_that_has_words(service: Service) -> None:
    assert set(RefusalCode) == set(CAUSES)
    assert set(Cause) == set(CODES[service.name])
    assert set(CODES[service.name].values()) <= set(
        MMS_TEXTS if service is MMS else TEXTS
    )


@pytest.mark.parametrize(("service", "texts"), [(SMS, TEXTS), (MMS, MMS_TEXTS)])
def test_every_state_has_a_code_that_has_words(
    service: Service, texts: dict[int, str]
) -> None:
    assert set(MessageState) == set(STATES[service.name])
    used = {*STATES[service.name].values(), *REASONS[service.name].values()}
    assert used <= set(texts)


def test_every_reason_to_fail_has_a_code() -> None:
    assert set(Reason) - {Reason.NONE} == set(REASONS[SMS.name]) - {"no_credit"}


def test_every_code_of_the_original_is_used() -> None:
    for service, texts in ((SMS, TEXTS), (MMS, MMS_TEXTS)):
        used = {*STATES[service.name].values(), *REASONS[service.name].values()}
        used |= set(CODES[service.name].values())
        if service is SMS:
            used |= {0, *CODES[URL.name].values()}  # 0: what cancelling answers
        assert set(texts) == used


# The page


def test_the_page_has_every_code_in_the_originals_words() -> None:
    for number, texts in ((0, TEXTS), (1, MMS_TEXTS)):
        rows = table("Status codes", number)
        assert texts == {int(code): words for code, words, _ in rows}


def test_the_page_has_every_operation_with_its_parameters() -> None:
    rows = {
        (cells[0].split("`")[1], "MMS" in cells[3] or "MMS" in cells[0]): (
            cells[1].strip("`"),
            tuple(re.findall(r"`(\w+)`", cells[2])),
        )
        for cells in table("Operations")
    }
    expected = {
        (one.name, service is MMS): (
            f"{service.path}/{one.name}".lower() if one.by_form else "",
            one.parameters,
        )
        for service in (SMS, MMS)
        for one in service.operations
    }
    assert expected == rows


def test_the_page_has_every_parameter() -> None:
    used = {
        name
        for service in (URL, SMS, MMS)
        for one in service.operations
        for name in one.parameters
    }
    documented = {
        name
        for cells in table("Parameters")
        for name in re.findall(r"`(\w+)`", cells[0])
    }
    assert used == documented


def test_the_page_has_every_setting_and_its_default() -> None:
    rows = table("Settings of an account")
    documented = {name.strip("`"): default for name, default, _ in rows}
    shown = {
        name: f"`{str(value).lower()}`" if value != "" else "none"
        for name, value in msgspec.to_builtins(Settings()).items()
    }
    assert shown == documented

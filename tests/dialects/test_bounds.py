"""What one request may cost: its time grows with its size, its memory is bounded."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from budstikke.dialects import HTTP_DIALECTS, bounds
from budstikke.dialects.contract import Call
from budstikke.dialects.document import _has_long_number
from budstikke.dialects.query import SLICE, read_query, unescape
from budstikke.domain.message import Accepted, Order
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireRequest
from dialects.caller import Access

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

NOW = 1704067200.0
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
JSON = "application/json"
SOAP = "text/xml; charset=utf-8"

SEND = ("sveve", "POST", "/sms/sendmessage")
BULK = ("front", "POST", "/psk/push_bulk.php")
PUSH = ("front", "GET", "/psk/push.php")
SERVICE = ("ip1", "POST", "/sendsms/sendsms.asmx")
STATUS = ("ip1", "POST", "/sendsms/sendsms.asmx/status")
MANY = ("ip1", "POST", "/sendsms/sendsms.asmx/grupputskicksms")
RESELLER = ("reseller", "POST", "/api/sms/send_sms.php")

SLACK = 6 * 1024 * 1024
"""Octets that a request may cost however small it is."""


Task = Refusal | Order | list[Order] | object


def work(route: tuple[str, str, str], octets: bytes, kind: str) -> tuple[Call, Task]:
    """Read a request as the server does, and write its answer if it is refused."""
    name, method, path = route
    dialect = HTTP_DIALECTS[name]
    query, body = (octets, b"") if method == "GET" else (b"", octets)
    request = WireRequest(method, path, query, {"content-type": kind}, body)
    call = Call(request, dialect.routes[method, path])
    access = Access(dialect.settings())
    try:
        dialect.login(call)
        return call, dialect.parse(call, access, NOW)
    except Refusal as refusal:
        dialect.render(call, refusal, 0.0)
        return call, refusal


def envelope(content: bytes) -> bytes:
    return (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        + content
        + b"</s:Body></s:Envelope>"
    )


def number(key: bytes, value: bytes) -> bytes:
    return (
        b"<Number><Number>46701234567</Number><Parameters><TemplateField><Key>%s</Key>"
        b"<Value>%s</Value></TemplateField></Parameters></Number>" % (key, value)
    )


def number_of(key: bytes, count: int) -> bytes:
    """Write a Number with Keys that differ in their last character."""
    fields = b"".join(
        b"<TemplateField><Key>%s%d</Key><Value>v</Value></TemplateField>" % (key, last)
        for last in range(count)
    )
    return b"<Number><Parameters>%s</Parameters></Number>" % fields


def mall(text: bytes, numbers: bytes) -> bytes:
    return envelope(
        b"<grupputskickMall><konto>a</konto><from>abc</from><meddelande>%s"
        b"</meddelande><numbers>%s</numbers></grupputskickMall>" % (text, numbers)
    )


LINK = b"serviceid=1&phoneno=1&txt=a&fromid=b&orderurl="
SVEVE = b'{"user":"a","msg":"b","from":"c",'
FRONT = b'{"serviceid":1,"txt":"a","fromid":"b",'

HOSTILE: dict[str, tuple[tuple[str, str, str], str, Callable[[int], bytes]]] = {
    # name: route, content type, octets of about this size
    "empty parameters": (SEND, FORM, lambda n: b"a&" * (n // 2)),
    "separators": (STATUS, FORM, lambda n: b"&" * n),
    "escapes": (SEND, FORM, lambda n: b"user=a&msg=b&to=" + b"%41" * (n // 3)),
    "false escapes": (SEND, FORM, lambda n: b"user=" + b"%z" * (n // 2)),
    "percent signs": (SEND, FORM, lambda n: b"user=" + b"%" * n),
    "javascript escapes": (PUSH, "", lambda n: b"txt=" + b"%uD83Da" * (n // 7)),
    "Latin-1": (SEND, FORM, lambda n: b"user=a&msg=" + b"\x80" * n),
    "plus signs": (RESELLER, FORM, lambda n: b"key=1&mobile=" + b"+" * n),
    "groups": (SEND, FORM, lambda n: b"user=a&msg=b&to=" + b"a," * (n // 2)),
    "blanks": (SEND, FORM, lambda n: b"user=a&msg=b&to=" + b" ," * (n // 2)),
    "numbers": (SEND, FORM, lambda n: b"user=a&msg=b&to=" + b"1%2C" * (n // 4)),
    "empty messages": (
        SEND,
        JSON,
        lambda n: SVEVE + b'"messages":[' + b"{}," * (n // 3) + b"{}]}",
    ),
    "null messages": (
        SEND,
        JSON,
        lambda n: SVEVE + b'"messages":[' + b"0," * (n // 2) + b"0]}",
    ),
    "recipients of all messages": (
        SEND,
        JSON,
        lambda n: (
            SVEVE
            + b'"to":"'
            + b"1," * (n // 4)
            + b'","messages":['
            + b"{}," * (n // 6)
            + b"{}]}"
        ),
    ),
    "parameters of all messages": (
        SEND,
        JSON,
        lambda n: (
            SVEVE
            + b"".join(b'"k%d":1,' % i for i in range(n // 16))
            + b'"messages":['
            + b"{}," * (n // 6)
            + b"{}]}"
        ),
    ),
    "deep arrays": (SEND, JSON, lambda n: SVEVE + b'"to":' + b"[" * n),
    "deep objects": (SEND, JSON, lambda n: b'{"user":' * (n // 8)),
    "digits": (BULK, JSON, lambda n: b'{"serviceid":' + b"1" * n + b"}"),
    "unknown names": (
        BULK,
        JSON,
        lambda n: FRONT + b",".join(b'"a%d":{}' % i for i in range(n // 10)) + b"}",
    ),
    "objects for numbers": (
        BULK,
        JSON,
        lambda n: FRONT + b'"phoneno":[' + b"{}," * (n // 3) + b"1]}",
    ),
    "large numbers": (
        BULK,
        JSON,
        lambda n: FRONT + b'"phoneno":[' + b"1e300," * (n // 6) + b"1]}",
    ),
    "long numbers": (
        BULK,
        JSON,
        lambda n: FRONT + b'"phoneno":[' + (b"1" * 4300 + b",") * (n // 4301) + b"1]}",
    ),
    "numbers of one digit": (
        BULK,
        JSON,
        lambda n: FRONT + b'"phoneno":[' + b"1," * (n // 2) + b"1]}",
    ),
    "parts without end": (RESELLER, MULTIPART, lambda n: b"--x\r\n" * (n // 5)),
    "elements": (SERVICE, SOAP, lambda n: envelope(b"<sms>" + b"<a/>" * (n // 4))),
    "nested elements": (
        SERVICE,
        SOAP,
        lambda n: envelope(b"<sms>" + b"<a>" * (n // 3)),
    ),
    "attributes": (
        SERVICE,
        SOAP,
        lambda n: envelope(
            b"<sms %s/>" % b" ".join(b'a%d=""' % i for i in range(n // 9))
        ),
    ),
    "mixed content": (
        SERVICE,
        SOAP,
        lambda n: envelope(
            b"<sms><konto>a</konto><till>" + b"<b/>1," * (n // 6) + b"</till></sms>"
        ),
    ),
    "comments": (SERVICE, SOAP, lambda n: b"<!---->" * (n // 7) + envelope(b"<sms/>")),
    "blanks before a document": (
        SERVICE,
        SOAP,
        lambda n: b" " * n + envelope(b"<sms/>"),
    ),
    "keys in a text": (
        SERVICE,
        SOAP,
        lambda n: mall(b"K" * (n // 2), number(b"K", b"v") * (n // 400)),
    ),
    "a set of keys for each": (
        SERVICE,
        SOAP,
        lambda n: mall(
            b"K" * 99, b"".join(number(b"K%d" % i, b"v") for i in range(n // 150))
        ),
    ),
    "a key that nearly stands everywhere": (
        SERVICE,
        SOAP,
        lambda n: mall(b"K" * (n // 6), number(b"K" * (n // 12) + b"a", b"v")),
    ),
    "keys that begin alike": (
        SERVICE,
        SOAP,
        lambda n: mall(b"K" * (n // 10), number_of(b"K" * (n // 20), 9)),
    ),
    "line breaks": (
        SERVICE,
        SOAP,
        lambda n: mall(b"%0d%0" * (n // 5), number(b"K", b"%0d%0" * (n // 50))),
    ),
    "dots of a URL": (PUSH, "", lambda n: LINK + b"." * n + b"@"),
    "a URL of many parts": (PUSH, "", lambda n: LINK + b"a.b/" + b"/" * n + b"%20"),
    "values": (
        SERVICE,
        SOAP,
        lambda n: mall(b"K" * 9000, number(b"K", b"v" * (n // 4)) * 3),
    ),
}


def seconds(route: tuple[str, str, str], octets: bytes, kind: str) -> float:
    """Time a request, CPU seconds."""
    started = time.process_time()
    work(route, octets, kind)
    return time.process_time() - started


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_of_a_request_grows_with_its_size(name: str) -> None:
    route, kind, octets = HOSTILE[name]
    small, large = octets(24_000), octets(192_000)
    work(route, small, kind)  # what is made once
    # Eight times the size; what is quadratic takes 64 times as long. Others work here,
    # too: one time of several is enough.
    most = max(0.01, 30 * min(seconds(route, small, kind) for _ in range(4)))
    assert any(seconds(route, large, kind) < most for _ in range(4))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_request_makes_the_process_large(name: str) -> None:
    route, kind, octets = HOSTILE[name]
    request = octets(400_000)
    work(route, octets(1000), kind)

    tracemalloc.start()
    try:
        work(route, request, kind)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8 * len(request) + SLACK


@pytest.mark.parametrize("most", [0, 1, 2, 99, 100, 101])
@pytest.mark.parametrize("gap", [b"", b"x", b"x" * (bounds.SLICE - 1), b"xy" * 40_000])
def test_marks_are_counted_in_slices(gap: bytes, most: int) -> None:
    for octets in ((gap + b",") * 100, b"," * 100 + gap, gap):
        found = bounds.more_than(octets, b",", most)
        assert (octets.count(b",") > most) is found


def test_marks_are_counted_no_further_than_needed() -> None:
    counted: list[object] = []

    def note(_: object, event: str, what: object) -> None:
        if event == "c_call" and getattr(what, "__name__", "") == "count":
            counted.append(what)

    octets = b"," * 100 * bounds.SLICE
    sys.setprofile(note)
    try:
        assert bounds.more_than(octets, b",", bounds.SLICE)
        assert not bounds.more_than(b"." * len(octets), b",", 0)
    finally:
        sys.setprofile(None)
    assert 2 == len(counted)


def test_empty_messages_are_not_taken_apart() -> None:
    body = HOSTILE["empty messages"][2](1_000_000)

    tracemalloc.start()
    try:
        refusal = work(SEND, body, JSON)[1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert isinstance(refusal, Refusal)
    assert (RefusalCode.TOO_LARGE, "body") == (refusal.code, refusal.field)
    assert peak < len(body)


ROOM = 16 * 1024 * 1024
"""Octets that an order of as many recipients as there may be may take besides."""

LISTED = ",".join(f"9{index:07d}" for index in range(bounds.MOST_RECIPIENTS))
ORDERS: dict[str, tuple[tuple[str, str, str], str, bytes]] = {
    # as many recipients as there may be
    "sveve form": (SEND, FORM, f"user=a&msg=b&from=c&to={LISTED}".encode()),
    "sveve json": (SEND, JSON, SVEVE + f'"to":"{LISTED}"}}'.encode()),
    "front": (
        BULK,
        JSON,
        FRONT
        + f'"phoneno":["{LISTED.replace(",", chr(34) + "," + chr(34))}"]}}'.encode(),
    ),
    "ip1 form": (MANY, FORM, f"konto=a&meddelande=b&from=abc&till={LISTED}".encode()),
    "ip1 soap": (
        SERVICE,
        SOAP,
        envelope(
            b"<grupputskickSMS><konto>a</konto><from>abc</from><meddelande>b"
            b"</meddelande><till>%s</till></grupputskickSMS>" % LISTED.encode()
        ),
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_as_many_recipients_as_there_may_be_are_taken(name: str) -> None:
    route, kind, body = ORDERS[name]

    tracemalloc.start()
    try:
        order = work(route, body, kind)[1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert isinstance(order, Order), order
    assert bounds.MOST_RECIPIENTS == len(order.recipients)
    assert peak < 8 * len(body) + 3 * ROOM  # each recipient is a text of its own


@pytest.mark.parametrize("name", ORDERS)
def test_more_recipients_are_too_many(name: str) -> None:
    route, kind, body = ORDERS[name]
    one_more = body.replace(b"90000001", b'90000001","1' if name == "front" else b"1,1")

    refusal = work(route, one_more.replace(b"90000002", b"1,1"), kind)[1]

    assert isinstance(refusal, Refusal)
    assert RefusalCode.TOO_LARGE is refusal.code


def messages(count: int) -> bytes:
    return (
        SVEVE + b'"messages":[' + b'{"to":"90059700"},' * (count - 1) + b'{"to":"1"}]}'
    )


def test_as_many_messages_as_there_may_be_are_taken_at_once() -> None:
    orders = work(SEND, messages(bounds.MOST_MESSAGES), JSON)[1]

    assert isinstance(orders, list)
    assert bounds.MOST_MESSAGES == len(orders)
    refusal = work(SEND, messages(bounds.MOST_MESSAGES + 1), JSON)[1]
    assert isinstance(refusal, Refusal)
    assert (RefusalCode.TOO_LARGE, "messages") == (refusal.code, refusal.field)


def test_as_many_texts_of_their_own_as_there_may_be_are_taken() -> None:
    numbers = number(b"K", b"v") * bounds.MOST_MESSAGES

    order = work(SERVICE, mall(b"hej K", numbers), SOAP)[1]

    assert isinstance(order, Order), order
    assert ["hej v"] * bounds.MOST_MESSAGES == order.texts
    refusal = work(SERVICE, mall(b"hej K", numbers + number(b"K", b"v")), SOAP)[1]
    assert isinstance(refusal, Refusal)
    assert (RefusalCode.TOO_LARGE, "numbers") == (refusal.code, refusal.field)


@pytest.mark.parametrize(
    "numbers",
    [
        b"".join(number(b"K%d" % i, b"v") for i in range(102)),
        b"<Number><Number>46701234567</Number><Parameters>"
        + b"<TemplateField><Key>K</Key></TemplateField>" * 101
        + b"</Parameters></Number>",
        number(b"K", b"v" * 400) * 300,
    ],
    ids=["sets of keys", "fields", "characters"],
)
def test_a_template_has_bounds_of_its_own(numbers: bytes) -> None:
    refusal = work(SERVICE, mall(b"K" * 99, numbers), SOAP)[1]

    assert isinstance(refusal, Refusal)
    assert (RefusalCode.TOO_LARGE, "numbers") == (refusal.code, refusal.field)


@pytest.mark.parametrize("digits", [1600, 1601])
@pytest.mark.parametrize("route", [BULK, SEND])
def test_digits_in_a_row_are_as_many_as_a_text_may_have(
    route: tuple[str, str, str], digits: int
) -> None:
    begin = FRONT if route is BULK else SVEVE
    number = b"1" * digits

    asked = work(route, begin + b'"to":[%b],"phoneno":[%b]}' % (number, number), JSON)[
        1
    ]

    assert isinstance(asked, Order) == (digits == 1600)


@pytest.mark.parametrize("digits", [1600, 1601])
@pytest.mark.parametrize("before", [0, 1, 1543, 1599, 1600, 1601, 9999])
def test_digits_in_a_row_are_found_wherever_they_stand(
    before: int, digits: int
) -> None:
    document = b"%b%b{" % (b"-" * before, b"7" * digits)

    assert _has_long_number(document) == (digits == 1601)


@pytest.mark.parametrize("route", [BULK, SEND])
def test_a_document_has_as_many_names_as_its_messages_need(
    route: tuple[str, str, str],
) -> None:
    begin = FRONT if route is BULK else SVEVE

    def body(colons: int) -> bytes:
        body = begin + b'"to":40000000,"phoneno":[4740000000],"x":"%b"}'
        return body % (b":" * (colons - body.count(b":")))

    few = work(route, body(bounds.MOST_NAMES), JSON)[1]
    many = work(route, body(bounds.MOST_NAMES + 1), JSON)[1]

    assert isinstance(few, Order), few
    assert isinstance(many, Refusal)
    assert RefusalCode.TOO_LARGE is many.code


@pytest.mark.parametrize("depth", [2, 300, 900])
@pytest.mark.parametrize("name", ["to", "msg", "ref"])
def test_arrays_in_arrays_are_no_text(depth: int, name: str) -> None:
    given = {"user": "a", "to": "40000000", "msg": "b", "from": "c"}
    body = json.dumps(given | {name: 0}).replace(": 0", ": %s1%s")

    refusal = work(SEND, (body % ("[" * depth, "]" * depth)).encode(), JSON)[1]

    assert isinstance(refusal, Refusal)
    assert (RefusalCode.BAD_FIELD, name) == (refusal.code, refusal.field)


@pytest.mark.parametrize("text", [b"%0a" * 40_001, b"%0D%0a" * 40_001, b"a" * 40_001])
def test_a_text_that_is_cut_is_too_long_still(text: bytes) -> None:
    content = b"<sms><konto>a</konto><from>abc</from><till>46701234567</till>"
    content += b"<meddelande>b%s</meddelande></sms>" % text

    order = work(SERVICE, envelope(content), SOAP)[1]

    assert isinstance(order, Order)
    assert len(order.text) == bounds.LONGEST_TEXT + 1


def test_keys_are_looked_for_within_bounds() -> None:
    for count, found in ((50, Order), (51, Refusal)):
        sets = b"".join(number_of(b"K%d." % index, 40) for index in range(count))

        assert isinstance(work(SERVICE, mall(b"a" * 1000, sets), SOAP)[1], found)


def test_the_longest_of_the_keys_that_stand_first_is_taken() -> None:
    keys = (b"ab", b"abc", b"bcd", b"c")
    fields = b"".join(
        b"<TemplateField><Key>%s</Key><Value>[%s]</Value></TemplateField>" % (key, key)
        for key in keys
    )
    numbers = b"<Number><Parameters>%s</Parameters></Number>" % fields

    order = work(SERVICE, mall(b"abcd xabd bcd.cc ab", numbers), SOAP)[1]

    assert isinstance(order, Order)
    assert ["[abc]d x[ab]d [bcd].[c][c] [ab]"] == order.texts


def test_a_text_that_no_message_can_hold_is_not_made() -> None:
    refusal = work(SERVICE, mall(b"K" * 99, number(b"K", b"v" * 1000)), SOAP)[1]

    assert isinstance(refusal, Refusal)
    assert RefusalCode.TEXT_TOO_LONG is refusal.code


def test_an_order_names_a_thousand_groups_at_most() -> None:
    names = [f"g{index}" for index in range(bounds.MOST_GROUPS)]
    body = "user=a&msg=b&from=c&to=" + ",".join(names + names)

    order = work(SEND, body.encode(), FORM)[1]

    assert isinstance(order, Order)
    assert tuple(names) == order.groups
    refusal = work(SEND, f"{body},one more".encode(), FORM)[1]
    assert isinstance(refusal, Refusal)
    assert RefusalCode.TOO_LARGE is refusal.code


def test_a_request_has_a_thousand_parameters_at_most() -> None:
    query = b"&".join(b"a%d=1" % i for i in range(bounds.MOST_PARAMETERS))

    assert bounds.MOST_PARAMETERS == len(read_query(query + b"&"))
    with pytest.raises(Refusal) as raised:
        read_query(query + b"&&")
    assert RefusalCode.TOO_LARGE is raised.value.code


@pytest.mark.parametrize(
    ("route", "kind", "most"),
    [
        (("front", "POST", "/psk/push.php"), JSON, bounds.SMALL),
        (("sveve", "POST", "/sms/accountadm"), FORM, bounds.SMALL),
        (("sveve", "POST", "/sms/recipientadm"), FORM, bounds.SMALL),
        (STATUS, FORM, bounds.SMALL),
        (("ip1", "POST", "/sendsms/sendsms.asmx/sms"), FORM, bounds.SMALL),
        (RESELLER, FORM, bounds.SMALL),
        (BULK, JSON, bounds.LARGE),
        (SEND, FORM, bounds.LARGE),
    ],
)
def test_a_body_is_no_larger_than_its_operation_needs(
    route: tuple[str, str, str], kind: str, most: int
) -> None:
    blank = b"{}".ljust(most) if kind == JSON else b"a=".ljust(most)

    codes = [
        getattr(work(route, body, kind)[1], "code", None)
        for body in (blank, blank + b" ")
    ]

    assert RefusalCode.TOO_LARGE not in codes[:1]
    assert [RefusalCode.TOO_LARGE] == codes[1:]


@pytest.mark.parametrize("code", [RefusalCode.BAD_RECIPIENT, RefusalCode.OPTED_OUT])
def test_an_answer_that_names_every_recipient_takes_no_longer_for_each(
    code: RefusalCode,
) -> None:
    def spent(count: int) -> float:
        listed = [f"{index}" for index in range(10**6, 10**6 + count)]
        call, _ = work(
            SEND, f"user=a&msg=b&from=c&to={','.join(listed)}".encode(), FORM
        )
        refusal = Refusal(code, invalid=listed)
        started = time.process_time()
        body = HTTP_DIALECTS["sveve"].render(call, refusal, 0.0).body
        assert count == body.count(b"<error>")
        return time.process_time() - started

    spent(10)
    assert min(spent(8000) for _ in range(3)) < 30 * min(spent(1000) for _ in range(3))


def test_many_messages_are_answered_without_what_was_read_of_them() -> None:
    call, asked = work(SEND, messages(100), JSON)
    assert isinstance(asked, list)
    refusals: list[Accepted | Refusal] = [Refusal(RefusalCode.NO_ROUTE)] * len(asked)
    assert HTTP_DIALECTS["sveve"].render(call, refusals, 0.0).body.count(
        b"<error>"
    ) == len(asked)

    bad = work(SEND, SVEVE + b'"messages":[{"to":"1"},{"msg":"a"}]}', JSON)[0]
    assert bad.fields is not None
    kept = bad.fields["messages"][1].asked
    assert isinstance(kept, Refusal)
    assert kept.__traceback__ is None


@pytest.mark.parametrize("around", range(SLICE - 4, SLICE + 4))
def test_escapes_are_read_where_a_slice_ends(around: int) -> None:
    value = b"%z" + b"a" * (around - 2)

    assert value + b"A%4%zzB" == unescape(value + b"%41%4%zz%42")


def test_no_c_call_sees_more_than_a_slice_of_the_escapes() -> None:
    """Each holds the interpreter until it returns."""
    sizes: list[int] = []

    def note(frame: FrameType, event: str, called: object) -> None:
        name = getattr(called, "__name__", "")
        if event == "c_call" and name in ("search", "sub", "replace", "a2b_qp"):
            sizes.append(len(frame.f_locals["value"]))

    value = b"%41%zz" * SLICE
    sys.setprofile(note)
    try:
        read = unescape(value)
    finally:
        sys.setprofile(None)

    assert b"A%zz" * SLICE == read
    assert 4 * 6 <= len(sizes)
    assert max(sizes) <= 5 * SLICE // 3  # where false ones were mended

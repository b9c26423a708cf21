"""iP.1's envelopes and descriptions: hostile XML, encodings, WSDL and page."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from budstikke.dialects.contract import Call
from budstikke.dialects.ip1 import Ip1
from budstikke.dialects.ip1.envelope import MOST_TAGS, SOAP11, SOAP12
from budstikke.dialects.ip1.operations import (
    LARGEST,
    MMS,
    OPEN,
    ROUTES,
    SMS,
    Binding,
    Service,
)
from budstikke.dialects.ip1.page import form_example, request_example
from budstikke.dialects.ip1.settings import Settings
from budstikke.domain.message import Order
from budstikke.domain.queries import Page
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireRequest, WireResponse
from dialects.caller import Access

quick = settings(deadline=None)  # the machine may be busy

SMS_PATH = SMS.path.lower()
NAMESPACES = {"wsdl": "http://schemas.xmlsoap.org/wsdl/"}
CONTENT_TYPES = {
    SOAP11: "text/xml; charset=utf-8",
    SOAP12: "application/soap+xml; charset=utf-8",
}
versions = pytest.mark.parametrize("version", [SOAP11, SOAP12])
services = pytest.mark.parametrize("service", [SMS, MMS], ids=lambda it: it.name)


def post(body: bytes, content_type: str = "", path: str = SMS_PATH) -> Call:
    headers = {"content-type": content_type} if content_type else {}
    request = WireRequest("POST", path, b"", headers, body)
    return Call(request, ROUTES["POST", path])


def parse(call: Call) -> Any:
    login = Ip1().login(call)
    return Ip1().parse(call, Access(Settings()) if login else None, 0.0)


def refused(call: Call) -> WireResponse:
    with pytest.raises(Refusal) as raised:
        parse(call)
    assert RefusalCode.MALFORMED is raised.value.code
    return Ip1().render(call, raised.value, 0.0)


def envelope(text: str = "Hej", version: str = SOAP11, head: str = "") -> str:
    return (
        f'{head}<e:Envelope xmlns:e="{version}"><e:Body><sms><konto>a</konto>'
        f"<till>46712345678</till><from>iP1</from><meddelande>{text}</meddelande>"
        "</sms></e:Body></e:Envelope>"
    )


def check_fault(response: WireResponse, version: str, words: str) -> None:
    assert (500, CONTENT_TYPES[version]) == (response.status, response.content_type)
    root = etree.fromstring(response.body)
    assert f"{{{version}}}Envelope" == root.tag
    assert root.find(f"{{{version}}}Body/{{{version}}}Fault") is not None
    assert words in "".join(root.itertext())


# Encodings


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (envelope("Räka").encode(), ""),
        (b"\xef\xbb\xbf" + envelope("Räka").encode(), ""),
        (b"\r\n " + envelope("Räka", head='<?xml version="1.0"?>').encode(), ""),
        (
            envelope("Räka", head='<?xml version="1.0" encoding="ISO-8859-1"?>').encode(
                "latin-1"
            ),
            "text/xml; charset=utf-8",
        ),
        (envelope("Räka").encode("latin-1"), 'text/xml; charset="iso-8859-1"'),
        (envelope("Räka").encode("utf-16"), "text/xml; charset=utf-16"),
        (
            envelope("Räka", head='<?xml version="1.0" encoding="utf-16"?>').encode(
                "utf-16"
            ),
            "",
        ),
    ],
    ids=["plain", "mark", "blanks", "declared", "header", "UTF-16", "UTF-16 declared"],
)
def test_encodings_that_are_read(body: bytes, content_type: str) -> None:
    order = parse(post(body, content_type))

    assert isinstance(order, Order)
    assert "Räka" == order.text


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("ISO-8859-1", "“100 €”… –"),
        ("Latin1", "“100 €”… –"),
        ("Windows-1252", "“100 €”… –"),
        ("us-ascii", "“100 €”… –"),
        ("ISO-8859-1", "a\x81b"),
    ],
)
def test_what_is_called_latin_1_is_windows_1252(label: str, text: str) -> None:
    octets = envelope(text).encode("cp1252") if "\x81" not in text else b""
    octets = octets or envelope(text).encode("latin-1")
    declared = f'<?xml version="1.0" encoding="{label}"?>'.encode()

    for call in (
        post(declared + octets, "text/xml; charset=utf-8"),
        post(octets, f"text/xml; charset={label}"),
    ):
        order = parse(call)
        assert isinstance(order, Order)
        assert text == order.text


@pytest.mark.parametrize(
    "body",
    [
        envelope("Räka").encode("utf-16")[2:],
        envelope("Räka").encode("latin-1"),
        envelope("Räka").encode("utf-32"),
        envelope(head='<?xml version="1.0" encoding="UTF-7"?>').encode(),
        envelope(head='<?xml version="1.0" encoding="cp037"?>').encode("cp037"),
        b"\xff\xfe",
        b"\xff\xfe<",
        b"\xfe\xff\xd8\x00\x00<",
    ],
    ids=range(8),
)
def test_encodings_that_are_not(body: bytes) -> None:
    check_fault(refused(post(body)), SOAP11, "")


# Hostile documents


@versions
@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a SYSTEM "file:///dev/zero">',
        '<!DOCTYPE a PUBLIC "-//X//Y" "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>',
        "<?xml version='1.0'?>\n<!-- ? --><?pi > <!?>\t<!DOCTYPE a>",
        "<!-- --- --><!DOCTYPE a>",
        "<!--><!DOCTYPE a>-->",
    ],
)
def test_document_types_are_refused_unread(head: str, version: str) -> None:
    body = envelope("&x;", version, head).encode()

    assert refused(post(body)).status == 500
    assert refused(post(body.decode().encode("utf-16"))).status == 500


@versions
def test_an_envelope_that_is_too_large(version: str) -> None:
    body = envelope("x" * 10_000_000, version).encode()
    check_fault(refused(post(body)), version, "larger than")

    fits = envelope("x" * (LARGEST - 400), version).encode()
    assert isinstance(parse(post(fits)), Order)


@versions
def test_an_envelope_of_too_many_elements(version: str) -> None:
    body = envelope("<a/>" * MOST_TAGS, version).encode()
    check_fault(refused(post(body)), version, "too many elements")


@versions
@pytest.mark.parametrize(
    "text",
    ["<a>" * 100_000, "\x01", "&#0;", "&lol;", "<a b='&lol;'/>", "<![CDATA[", "<!--"],
)
def test_what_is_not_well_formed(text: str, version: str) -> None:
    check_fault(refused(post(envelope(text, version).encode())), version, "well-formed")


@pytest.mark.parametrize("piece", [b"<?a?>", b"<!-- -->", b"<!--", b"<?", b" ", b"<"])
def test_what_stands_before_the_envelope_costs_little(piece: bytes) -> None:
    body = (piece * (LARGEST // len(piece)))[: LARGEST - 1000] + envelope().encode()
    begun = time.process_time()

    refused(post(body)) if piece != b" " else parse(post(body))

    assert time.process_time() - begun < 1.0


def test_bare_octets_of_all_kinds_are_faults() -> None:
    @quick
    @given(st.binary())
    def check(body: bytes) -> None:
        check_fault(refused(post(body)), SOAP11, "")

    check()


def test_an_envelope_with_a_fault_anywhere_is_answered_all_the_same() -> None:
    good = request_example(SMS.operations[5], Binding.SOAP12).encode()

    @quick
    @given(st.integers(0, len(good)), st.integers(0, 20), st.binary(max_size=4))
    def check(at: int, removed: int, added: bytes) -> None:
        call = post(good[:at] + added + good[at + removed :])
        answer: Any = Refusal(RefusalCode.INTERNAL)
        try:
            parse(call)
        except Refusal as refusal:
            answer = refusal
        assert Ip1().render(call, answer, 0.0).status in (200, 500)

    check()


def test_a_request_that_was_not_read_is_answered_by_its_content_type() -> None:
    for version, content_type in CONTENT_TYPES.items():
        call = post(b"", content_type.upper())
        response = Ip1().render(call, Refusal(RefusalCode.TOO_LARGE), 0.0)
        check_fault(response, version, "too large")


def test_a_name_is_shown_as_a_text() -> None:
    name = "a" * 30 + "å"
    body = envelope().replace("<sms>", f"<{name}>").replace("</sms>", f"</{name}>")
    check_fault(refused(post(body.encode())), SOAP11, name)


# Descriptions


def get(service: Service, query: bytes, *, secure: bool = False, host: str = "") -> str:
    headers = {"host": host} if host else {}
    path = service.path.lower()
    request = WireRequest("GET", path, query, headers, secure=secure)
    call = Call(request, ROUTES["GET", path])
    page = parse(call)
    assert isinstance(page, Page)
    return Ip1().render(call, page, 0.0).body.decode()


@services
def test_the_wsdl_has_every_operation_in_every_port(service: Service) -> None:
    root = etree.fromstring(get(service, b"WSDL").encode())

    bindings = {
        binding.get("name"): [
            one.get("name") for one in binding.iterfind("wsdl:operation", NAMESPACES)
        ]
        for binding in root.iterfind("wsdl:binding", NAMESPACES)
    }
    every = [one.name for one in service.operations]
    by_form = [one.name for one in service.operations if one.by_form]
    assert {
        f"{service.name}Soap": every,
        f"{service.name}Soap12": every,
        f"{service.name}HttpGet": by_form,
        f"{service.name}HttpPost": by_form,
    } == bindings


@services
@pytest.mark.parametrize(
    ("secure", "host", "expected"),
    [
        (False, "sms.example.se:8080", "http://sms.example.se:8080"),
        (True, "sms.example.se", "https://sms.example.se"),
        (True, "[::1]:8443", "https://[::1]:8443"),
        (False, "", "http://localhost"),
        (False, 'x"><script>', "http://localhost"),
        (False, "x/y?z", "http://localhost"),
    ],
)
def test_the_addresses_are_those_of_the_request(
    service: Service, *, secure: bool, host: str, expected: str
) -> None:
    wsdl = get(service, b"wsdl", secure=secure, host=host)

    found = re.findall(r':address location="([^"]*)"', wsdl)
    assert [expected + service.path] * 4 == found
    assert expected + service.path in get(service, b"", secure=secure, host=host)


@services
def test_the_page_has_an_example_of_every_operation(service: Service) -> None:
    page = unescape(get(service, b""))

    for operation in service.operations:
        assert f'<h2 id="{operation.name}">' in page
        for form in (Binding.SOAP11, Binding.SOAP12):
            assert request_example(operation, form) in page
        if operation.by_form:
            query = form_example(operation)
            assert f"GET {service.path}/{operation.name}?{query} HTTP/1.1" in page


@services
def test_the_examples_are_understood(service: Service) -> None:
    path = service.path.lower()
    for operation in service.operations:
        for form in (Binding.SOAP11, Binding.SOAP12):
            body = request_example(operation, form).encode()
            call = post(body, path=path)
            assert (Ip1().login(call) is None) is (operation.parameters == ("ID",))
            parse(call)
        if operation.by_form:
            place = f"{path}/{operation.name.lower()}"
            parse(post(form_example(operation).encode(), path=place))


def test_what_needs_no_login_takes_one() -> None:
    for service in (SMS, MMS):
        for operation in service.operations:
            if operation.action in OPEN and operation.parameters != ("ID",):
                assert operation.parameters[1:] == ("konto", "passwd")

"""Templates, documents, verdicts and mappings: nothing foreign raises or escapes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.carriers.http.description import (
    Answer,
    Description,
    InboundMap,
    ReceiptMap,
    Request,
    Rule,
)
from budstikke.carriers.http.document import Format, read
from budstikke.carriers.http.mapping import (
    Numbers,
    Unreadable,
    inbound,
    moment,
    receipts,
)
from budstikke.carriers.http.request import RequestWriter
from budstikke.carriers.http.template import unique
from budstikke.carriers.http.verdicts import Verdict, outcome, wait
from budstikke.domain.message import Part
from budstikke.domain.receipt import (
    Reason,
    ReceiptState,
    Rejected,
    Retry,
    Sent,
    Unsure,
)

NOW = 1_795_345_200.0
HOME = Numbers("+47", "")
VALUES: dict[str, Any] = {
    "url": "https://a.example/b/",
    "username": "bud",
    "password": "se\r\ncret",
    "receipt_url": None,
    "inbound_url": None,
}
nasty = st.text(max_size=40) | st.sampled_from(
    ["\r\nX: y", "&a=b#?/../%00", "]]><x/>&amp;", '"}, {"', "\ud800", "{text}{url}"]
)


def part(**changes: Any) -> Part:
    values: dict[str, Any] = {
        "id": 256001,
        "number": 1,
        "total": 1,
        "originator": "Bud",
        "recipient": "+4799999999",
        "text": "Hei",
        "encoding": "gsm",
        "tables": (0, 0),
        "flash": False,
        "protocol_id": 0,
        "priority": 1,
        "expires_at": NOW + 3600,
        "report": True,
    }
    return Part(**(values | changes))


def writer(**request: Any) -> RequestWriter:
    description = Description(source="", request=Request(url="{url}/s", **request))
    return RequestWriter(description, VALUES, "")


def shown(text: str) -> str:
    """Return what a text is when its lone surrogates are replaced."""
    return text.encode("utf-8", "replace").decode()


@given(nasty, nasty)
def test_values_stay_in_their_place(text: str, ref: str) -> None:
    fields = {"to": "{recipient}", "t": "<{text}>", "alone": "{text}", "r": "{ref}"}
    description = Description(
        source="",
        request=Request(
            url="{url}/s/{text}/x",
            headers={"X-Text": "{text}", "X-Key": "{password}"},
            query={"q": "{text}"},
            body="json",
            fields=fields,
        ),
    )
    found = RequestWriter(description, VALUES, "").write(part(text=text, ref=ref), NOW)
    url = urlsplit(found.target)
    assert url.path.startswith("/b/s/")
    assert 4 == url.path.count("/")
    assert [("q", shown(text))] == parse_qsl(url.query, keep_blank_values=True)
    head, _, body = found.octets("a.example").partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    allowed = {b"Host", b"Content-Type", b"X-Text", b"X-Key", b"Content-Length"}
    assert len(names) == len(set(names))
    assert set(names) <= allowed
    assert b"X-Key: se cret" in head
    assert json.loads(body) == {
        "to": "+4799999999",
        "t": f"<{shown(text)}>",
        "alone": shown(text),
        "r": shown(ref),
    }


@given(nasty)
def test_values_stay_in_forms_and_in_xml(text: str) -> None:
    form = writer(body="form", fields={"a": "{text}", "b": ["x", "{text}"]})
    pairs = parse_qsl(form.write(part(text=text), NOW).body.decode(), True)
    assert [("a", shown(text)), ("b", "x"), ("b", shown(text))] == pairs
    template = '<s a="{text}"><t>{text}</t><r>{ref}</r></s>'
    body = writer(body="xml", xml=template).write(part(text=text), NOW).body
    root = ET.fromstring(body)  # noqa: S314 - our own
    kept = "".join(
        each
        for each in shown(text)
        if each in "\t\n\r" or (each >= " " and each not in "\ufffe\uffff")
    )
    assert (kept, kept, "") == (root.get("a"), root[0].text or "", root[1].text or "")


def test_values_of_a_message() -> None:
    fields = {
        "n": ["{recipient_digits}", "{recipient_00}", "{sender}", "{sender_plus}"],
        "v": ["{validity_seconds}", "{validity_minutes}", "{validity_ms}"],
        "e": ["{expires_at}", "{expires_unix}"],
        "ref": "{ref}",
        "none": "x{receipt_url}",
    }
    write = writer(body="json", fields=fields, longest_ref=3, validity_most=600).write
    found = json.loads(write(part(originator="4791000000", ref="abcd"), NOW).body)
    assert {
        "n": ["4799999999", "004799999999", "4791000000", "+4791000000"],
        "v": [600, 10, 600_000],
        "e": ["2026-11-22T11:10:00Z", int(NOW) + 600],
    } == found
    short = json.loads(write(part(originator="2229", ref="abc"), NOW).body)
    assert ["2229", "2229"] == short["n"][2:]
    assert "abc" == short["ref"]


def test_when_fields_go_where_the_others_are() -> None:
    when: Any = {"flash": {"f": True}, "ucs2": {"u": 1}, "report": {"r": "{recipient}"}}
    body = writer(body="form", fields={"a": "b"}, when=when).write(part(), NOW)
    assert ("/b/s", b"a=b&r=%2B4799999999") == (body.target, body.body)
    query = writer(method="GET", when=when)
    found = query.write(part(flash=True, encoding="ucs2", report=False), NOW)
    assert ("/b/s?f=true&u=1", b"") == (found.target, found.body)
    assert b"Content-Length" not in found.octets("a")


@pytest.mark.parametrize(
    ("changes", "words", "reason"),
    [
        ({"encoding": "mms"}, "not a text", Reason.NO_ROUTE),
        ({"total": 2}, "cut into segments", Reason.NO_ROUTE),
        ({"flash": True}, "no when.flash", Reason.REJECTED),
        ({"premium": 500}, "no when.premium", Reason.REJECTED),
        ({"protocol_id": 65}, "no when.protocol_id", Reason.REJECTED),
        ({"encoding": "ucs2"}, "only GSM", Reason.CONTENT),
        ({"text": "🤣" * 6}, "12 UTF-16 units; the operator takes 11", Reason.CONTENT),
    ],
)
def test_what_cannot_be_expressed_is_refused(
    changes: dict[str, Any], words: str, reason: Reason
) -> None:
    found = writer(unicode=False, longest=11).refusal(part(**changes))
    assert found is not None
    assert words in found.raw
    assert (reason, Retry.ELSEWHERE) == (found.reason, found.retry)
    assert writer(unicode=False, longest=11).refusal(part(text="x" * 11)) is None


def test_a_key_is_of_one_message() -> None:
    one = part()
    assert unique(one) == unique(part(tries=3))
    others = [part(id=1), part(text="x"), part(expires_at=NOW), part(originator="x")]
    assert 5 == len({unique(each) for each in (one, *others)})


ANSWER = Answer(
    id="m.0.id",
    code="m.0.status",
    codes={"0": Verdict.SENT, "1": Verdict.THROTTLED, "*": Verdict.REJECTED},
    rules=(
        Rule(http="5xx 202", path="m.0.safe", pattern="yes", then=Verdict.LATER),
        Rule(path="m.0.dead", then=Verdict.NEVER),
    ),
    http={"204": Verdict.SENT, "503": Verdict.LATER},
    raw=("m.0.status", "m.0.text"),
)


@pytest.mark.parametrize(
    ("status", "fields", "wanted"),
    [
        (200, {"status": 0, "id": 7}, Sent("7")),
        (200, {"status": "0"}, Sent("")),
        (200, {"status": 1}, Rejected(Reason.THROTTLED, "HTTP 200 1", Retry.SLOWER)),
        (
            400,
            {"status": 9, "text": "no"},
            Rejected(Reason.REJECTED, "HTTP 400 9 no", Retry.ELSEWHERE),
        ),
        (502, {"safe": "yes"}, Rejected(Reason.INTERNAL, "HTTP 502", Retry.LATER)),
        (502, {"safe": "no"}, Unsure("HTTP 502")),
        (200, {"safe": "yes"}, Unsure("HTTP 200")),
        (500, {"dead": "1"}, Rejected(Reason.REJECTED, "HTTP 500", Retry.NEVER)),
        (204, {}, Sent("")),
        (503, {}, Rejected(Reason.INTERNAL, "HTTP 503", Retry.LATER)),
        (500, {}, Unsure("HTTP 500")),
        (200, {}, Unsure("HTTP 200")),
        (408, {}, Unsure("HTTP 408")),
        (429, {}, Rejected(Reason.THROTTLED, "HTTP 429", Retry.SLOWER)),
        (401, {}, Rejected(Reason.INTERNAL, "HTTP 401", Retry.ELSEWHERE)),
        (301, {}, Rejected(Reason.INTERNAL, "HTTP 301", Retry.ELSEWHERE)),
        (413, {}, Rejected(Reason.CONTENT, "HTTP 413", Retry.ELSEWHERE)),
        (422, {}, Rejected(Reason.REJECTED, "HTTP 422", Retry.ELSEWHERE)),
    ],
)
def test_outcomes(status: int, fields: dict[str, Any], wanted: Any) -> None:
    document = read(json.dumps({"m": [fields]}).encode(), "json")
    assert wanted == outcome(ANSWER, status, document, "ours")


def test_our_own_id() -> None:
    answer = Answer(our_id=True, http={"2xx": Verdict.SENT})
    assert Sent("ours") == outcome(answer, 200, read(b"", "json"), "ours")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        (" 120 ", 120.0),
        ("99999999999", 86_400.0),
        ("Sun, 22 Nov 2026 11:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2020 11:00:30 GMT", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    assert seconds == wait(text, NOW)


@pytest.mark.parametrize(
    ("form", "body", "path", "found"),
    [
        ("json", b'{"a": {"b": [{"c": 1}, {"c": true}]}}', "a.b.1.c", "true"),
        ("json", b'{"a.b": "x"}', "a.b", "x"),
        ("json", b'[{"a": 1.5}]', "0.a", "1.5"),
        ("json", b'{"a": {"b": 1}}', "a", None),
        ("json", b'{"a": null}', "a", None),
        ("json", b'{"a": []}', "a.7", None),
        ("json", b'{"a": ', "a", None),
        ("json", b'\xef\xbb\xbf{"a": " x "}', "a", "x"),
        ("xml", b'<r xmlns="u"><a i="7"><b>x<c>y</c></b></a></r>', "a/b", "xy"),
        ("xml", b'<r xmlns="u"><a i="7"/></r>', "a/@i", "7"),
        ("xml", b'<r i="7"/>', "@i", "7"),
        ("xml", b"<r><a/></r>", "a", ""),
        ("xml", b'<!DOCTYPE r [<!ENTITY x "y">]><r><a>&x;</a></r>', "a", None),
        ("xml", "<r><a>x</a></r>".encode("utf-16"), "a", None),
        ("xml", b"<r><!-- c --><a><![CDATA[x]]></a></r>", "a", "x"),
        ("form", b"a=1&a=%C3%B8+&b=", "a", "\xf8"),
        ("form", b"a=1&b=", "b", ""),
        ("form", b"&".join([b"a=1"] * 201), "a", None),
        ("text", b"OK: 1234\n", "~OK: ([0-9]+)", "1234"),
        ("text", b"OK", "~^OK$", "OK"),
        ("json", b"no json 17", "~[0-9]+", "17"),
        ("text", b"OK", "", None),
    ],
)
def test_paths(form: Format, body: bytes, path: str, found: str | None) -> None:
    assert found == read(body, form).find(path)


def test_a_body_wins_over_the_query() -> None:
    document = read(b"a=body", "form", b"a=query&b=query")
    assert ("body", "query") == (document.find("a"), document.find("b"))


RECEIPT = ReceiptMap(
    format="json",
    items="r",
    id="id",
    state="s",
    states={"OK": ReceiptState.DELIVERED, "BAD": ReceiptState.UNDELIVERED},
    reason="c",
    reasons={"5": Reason.ABSENT},
    raw=("c",),
    at="at",
    recipient="to",
)
INBOUND = InboundMap(
    format="json",
    id="id",
    sender="from",
    recipient="to",
    text="text",
    data="data",
    reference="ref",
    total="total",
    position="no",
)


def test_receipts() -> None:
    rows = [
        {"id": 7, "s": "ok", "c": "5", "at": 1795345000, "to": "99999999"},
        {"id": "8", "s": "BAD", "c": 5, "at": "2026-11-22T12:00:00+01:00"},
        {"id": "9", "s": "Bad", "c": 6, "at": "yesterday"},
        {"id": "10", "s": "what"},
    ]
    found = receipts(RECEIPT, b"", json.dumps({"r": rows}).encode(), HOME, NOW)
    good, bad = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED
    assert [
        ("7", good, Reason.NONE, "ok 5", 1795345000.0, "+4799999999"),
        ("8", bad, Reason.ABSENT, "BAD 5", NOW, ""),
        ("9", bad, Reason.UNKNOWN, "Bad 6", NOW, ""),
        ("10", ReceiptState.UNKNOWN, Reason.UNKNOWN, "what", NOW, ""),
    ] == [(r.smsc_id, r.state, r.reason, r.raw, r.at, r.recipient) for r in found]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"r": []}', b'{"r": [{"s": "OK"}]}', b'{"r": [{"id": 1}]}']
)
def test_a_receipt_that_says_nothing(body: bytes) -> None:
    with pytest.raises(Unreadable):
        receipts(RECEIPT, b"", body, HOME, NOW)


def test_inbound() -> None:
    def heard(**fields: Any) -> Any:
        usual = {"id": "i", "from": "99999999", "to": "2229", "text": "Hei 🤣"}
        body = json.dumps(usual | fields).encode()
        (found,) = inbound(INBOUND, b"", body, HOME, NOW)
        return found.part

    plain = heard()
    assert ("+4799999999", "2229", 8, False) == (
        plain.originator,
        plain.recipient,
        plain.data_coding,
        plain.udhi,
    )
    assert "Hei 🤣" == plain.payload.decode("utf-16-be")
    binary = heard(data="00ff")
    assert (4, b"\x00\xff") == (binary.data_coding, binary.payload)
    assert 8 == heard(data="zz").data_coding
    first, second = (heard(ref="a", total="2", no=no, text="x") for no in (1, "2"))
    assert first.udhi
    assert first.payload[:3] == b"\x06\x08\x04"
    assert first.payload[3:5] == second.payload[3:5]
    assert (b"\x02\x01", b"\x02\x02") == (first.payload[5:7], second.payload[5:7])
    assert not heard(ref="a", total="1", no="1").udhi
    assert not heard(ref="a", total="2", no="3").udhi
    for missing in ("from", "to", "text"):
        with pytest.raises(Unreadable):
            heard(**{missing: None})


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1795345000", 1795345000.0),
        ("1795345000123", 1795345000.123),
        ("2026-11-22 11:00:00", NOW),
        ("2026-11-22T11:00:00Z", NOW),
        ("2027-11-22T11:00:00Z", NOW),
        ("-5", NOW),
        ("\u0663", NOW),
        ("", NOW),
        (None, NOW),
    ],
)
def test_moments(text: str | None, at: float) -> None:
    assert at == moment(text, NOW)


anything = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["r", "id", "s", "at", "to", "from", "text", "data", "m"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())


@given(anything, st.binary(max_size=40), st.sampled_from(["json", "xml", "form"]))
def test_nothing_foreign_raises(body: bytes, query: bytes, form: Format) -> None:
    for status in (200, 500):
        outcome(ANSWER, status, read(body, form), "")
    for mapping in (RECEIPT, INBOUND):
        try:
            if isinstance(mapping, ReceiptMap):
                receipts(mapping, query, body, HOME, NOW)
            else:
                inbound(mapping, query, body, HOME, NOW)
        except Unreadable as error:
            str(error).encode()
    moment(body.decode("latin-1"), NOW)
    wait(body.decode("latin-1"), NOW)

"""
The ready descriptions, against what the documentation of each API shows.

Of providers the shapes of answers, reports and inbound messages are theirs; the values
are made up. Of our own dialects the refusals are those in docs/dialects/.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest

from budstikke.carriers.http import Settings
from budstikke.carriers.http.document import read
from budstikke.carriers.http.mapping import Numbers, inbound, receipts
from budstikke.carriers.http.request import RequestWriter
from budstikke.carriers.http.verdicts import outcome
from budstikke.domain.receipt import (
    Reason,
    ReceiptState,
    Rejected,
    Retry,
    Sent,
    Unsure,
)
from budstikke.domain.refusal import RefusalCode
from carriers.http.test_pure import NOW, part

if TYPE_CHECKING:
    from collections.abc import Callable

GIVEN: dict[str, Any] = {
    "url": "https://eu.sms.api.sinch.com",
    "username": "key",
    "password": "secret",
    "our_url": "https://us.example",
    "deliver_token": "t",
    "values": {"account": "AC1", "plan": "p1"},
}


def described(name: str) -> Settings:
    return msgspec.convert(GIVEN | {"description": name}, Settings)


def asked(name: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Return URL and fields of the request for a message."""
    settings = described(name)
    description, values = settings.described(), settings.template_values("op")
    writer = RequestWriter(description, values, "")
    message = part(**changes)
    assert writer.refusal(message) is None
    found = writer.write(message, NOW)
    host = writer.url.split("/")[2]
    body: Any = (
        json.loads(found.body)
        if description.request.body == "json"
        else dict(parse_qsl(found.body.decode()))
    )
    return f"{host}{found.target}", body


def test_requests() -> None:
    url = "https://us.example/carriers/op/receipts?token=t"
    assert (
        "api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
        {
            "To": "+4799999999",
            "From": "Bud",
            "Body": "Hei",
            "ValidityPeriod": "3600",
            "StatusCallback": url,
        },
    ) == asked("twilio")
    assert (
        "rest.nexmo.com/sms/json",
        {
            "api_key": "key",
            "api_secret": "secret",
            "to": "4799999999",
            "from": "4791000000",
            "text": "Hei",
            "ttl": "3600000",
            "client-ref": "r1",
            "type": "unicode",
            "message-class": "0",
            "status-report-req": "1",
            "callback": url,
        },
    ) == asked("vonage", originator="4791000000", ref="r1", encoding="ucs2", flash=True)
    assert (
        "eu.sms.api.sinch.com/xms/v1/p1/batches",
        {
            "to": ["4799999999"],
            "from": "Bud",
            "body": "Hei",
            "expire_at": "2026-11-22T12:00:00Z",
            "flash_message": True,
            "delivery_report": "per_recipient",
            "callback_url": url,
        },
    ) == asked("sinch", flash=True)


def vonage(status: str, **fields: str) -> dict[str, Any]:
    row = {"to": "4799999999", "status": status, **fields}
    return {"message-count": "1", "messages": [row]}


def rejected(reason: Reason, raw: str, retry: Retry = Retry.ELSEWHERE) -> Rejected:
    return Rejected(reason, raw, retry)


@pytest.mark.parametrize(
    ("name", "status", "answer", "wanted"),
    [
        ("twilio", 201, {"sid": "SM1", "status": "queued"}, Sent("SM1")),
        (
            "twilio",
            400,
            {"code": 21211, "message": "Invalid", "status": 400},
            rejected(Reason.UNKNOWN_SUBSCRIBER, "HTTP 400 21211 Invalid", Retry.NEVER),
        ),
        (
            "twilio",
            429,
            {"code": 20429},
            rejected(Reason.THROTTLED, "HTTP 429 20429", Retry.SLOWER),
        ),
        (
            "twilio",
            401,
            {"code": 20003},
            rejected(Reason.INTERNAL, "HTTP 401 20003"),
        ),
        ("vonage", 200, vonage("0", **{"message-id": "0A1"}), Sent("0A1")),
        (
            "vonage",
            200,
            vonage("1", **{"error-text": "Throughput"}),
            rejected(Reason.THROTTLED, "HTTP 200 1 Throughput", Retry.SLOWER),
        ),
        (
            "vonage",
            200,
            vonage("9"),
            rejected(Reason.INTERNAL, "HTTP 200 9"),
        ),
        (
            "vonage",
            200,
            vonage("77"),
            rejected(Reason.REJECTED, "HTTP 200 77"),
        ),
        (
            "native",
            201,
            {"order_id": 7, "recipients": [{"to": "+47", "id": 8}]},
            Sent("8"),
        ),
        ("native", 409, {"code": "idempotency_conflict"}, Sent("")),
        ("sinch", 201, {"id": "01FC", "to": ["47"]}, Sent("01FC")),
        (
            "sinch",
            400,
            {"code": "syntax_invalid_parameter_format", "text": "bad"},
            rejected(Reason.REJECTED, "HTTP 400 syntax_invalid_parameter_format bad"),
        ),
        ("sinch", 401, {}, rejected(Reason.INTERNAL, "HTTP 401")),
    ],
)
def test_answers(name: str, status: int, answer: Any, wanted: Any) -> None:
    found = described(name).described().answer
    document = read(json.dumps(answer).encode(), found.format)
    assert wanted == outcome(found, status, document, "")


@pytest.mark.parametrize(
    ("name", "told", "wanted"),
    [
        (
            "twilio",
            {
                "MessageSid": "SM1",
                "MessageStatus": "undelivered",
                "ErrorCode": "30003",
                "To": "+4799999999",
            },
            ("SM1", ReceiptState.UNDELIVERED, Reason.ABSENT, "undelivered 30003"),
        ),
        (
            "twilio",
            {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+4799999999"},
            ("SM1", ReceiptState.INTERIM, Reason.NONE, "sent"),
        ),
        (
            "vonage",
            {
                "msisdn": "4799999999",
                "messageId": "0A1",
                "status": "delivered",
                "err-code": "0",
                "scts": "2611221100",
                "message-timestamp": "2026-11-22 11:00:00",
            },
            ("0A1", ReceiptState.DELIVERED, Reason.NONE, "delivered 0"),
        ),
        (
            "sinch",
            {
                "type": "recipient_delivery_report_sms",
                "batch_id": "01FC",
                "recipient": "4799999999",
                "status": "Expired",
                "code": 406,
                "at": "2026-11-22T11:00:00.000Z",
            },
            ("01FC", ReceiptState.EXPIRED, Reason.EXPIRED, "Expired 406"),
        ),
    ],
)
def test_reports(name: str, told: Any, wanted: Any) -> None:
    mapping = described(name).described().receipt
    assert mapping is not None
    body = urlencode(told) if mapping.format == "form" else json.dumps(told)
    (found,) = receipts(mapping, b"token=t", body.encode(), Numbers("", ""), NOW)
    assert wanted == (found.smsc_id, found.state, found.reason, found.raw)
    assert ("+4799999999", NOW) == (found.recipient, found.at)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "twilio",
            {"MessageSid": "SM2", "From": "+4799999999", "To": "+4759440001"},
        ),
        ("vonage", {"messageId": "0A2", "msisdn": "4799999999", "to": "4759440001"}),
        ("sinch", {"id": "01FD", "from": "4799999999", "to": "4759440001"}),
    ],
)
def test_inbound_messages(name: str, told: Any) -> None:
    mapping = described(name).described().inbound
    assert mapping is not None
    told[mapping.text] = "Hei 🤣"
    body = urlencode(told) if mapping.format == "form" else json.dumps(told)
    (found,) = inbound(mapping, b"token=t", body.encode(), Numbers("", ""), NOW)
    heard = found.part
    assert ("+4799999999", "4759440001") == (heard.originator, heard.recipient)
    assert "Hei 🤣" == heard.payload.decode("utf-16-be")
    assert found.id


DOCS = Path(__file__).parents[3] / "docs/dialects"
SHAPES: dict[str, Callable[[str], Any]] = {
    "native": lambda said: {"code": said},
    "front": lambda said: {
        "id": 0,
        "errorcode": int(said.split(",")[0].removeprefix("ErrorCode=")),
    },
    "sveve": lambda said: {
        "response": {"ids": [], "errors": [{"message": said[9:-10]}]}
        if said.startswith("<message>")
        else {"fatalError": said[7:-8]}
    },
    "reseller": lambda said: {
        "status": False,
        "error": {
            "405": "Remote IP not allowed",
            "406": "Not Enough Credit",
            "407": "Invalid API Key",
        }.get(said, "Message not accepted"),
    },
    "ip1": lambda said: said,
    "elks": lambda said: said,
}
"""By dialect, the answer whose line in the table of refusals is this."""

OURS = {"missing_login", "unknown_login", "wrong_password", "no_credit"}
BAD_NUMBER = {"bad_recipient", "not_mobile"}
SILENT_ABOUT_WHY = {"reseller"}
"""Dialects with one answer for nearly all refusals."""


def refusals(dialect: str) -> list[tuple[str, int, bytes]]:
    """List the refusals of a dialect: code, HTTP status, body."""
    text = (DOCS / f"{dialect}.md").read_text("utf-8").partition("## Refusals")[2]
    row = re.compile(r"^\| ([a-z_]+) \| (?:by .*; )?(\d+) `(.*)` \|$", re.MULTILINE)
    rows = row.findall(text)
    found = []
    for code, status, said in rows:
        body = SHAPES[dialect](said)
        octets = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        found.append((code, int(status), octets))
    return found


@pytest.mark.parametrize("dialect", SHAPES)
def test_every_refusal_of_our_own_dialects(dialect: str) -> None:
    answer = described(dialect).described().answer
    found = {
        code: outcome(answer, status, read(body, answer.format), "x")
        for code, status, body in refusals(dialect)
    }
    assert {*RefusalCode} == {*found}
    for code, judged in found.items():
        assert not isinstance(judged, Sent), code
        if code in {"storage_down", "internal"} and dialect not in SILENT_ABOUT_WHY:
            # It may be stored all the same; the key makes a repetition harmless.
            repeated = (
                dialect == "native"
                and isinstance(judged, Rejected)
                and judged.retry is Retry.LATER
            )
            assert isinstance(judged, Unsure) or repeated, code
            continue
        if code == "too_many_requests":
            continue
        assert isinstance(judged, Rejected), code
        assert judged.retry in {Retry.NEVER, Retry.ELSEWHERE}, code
        if dialect in SILENT_ABOUT_WHY:
            continue
        if code in OURS:
            assert Reason.INTERNAL is judged.reason, code
        assert (code in BAD_NUMBER) <= (judged.reason is Reason.UNKNOWN_SUBSCRIBER)
    throttled = found["too_many_requests"]
    if dialect not in {"ip1", "reseller"}:
        assert isinstance(throttled, Rejected)
        assert Retry.SLOWER is throttled.retry

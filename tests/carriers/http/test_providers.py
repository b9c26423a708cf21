"""
The ready descriptions of providers, against what their documentation shows.

The shapes of answers, reports and inbound messages are theirs; the values are made up.
"""

from __future__ import annotations

import json
from typing import Any
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
)
from carriers.http.test_pure import NOW, part

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

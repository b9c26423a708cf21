"""Native: tokens, webhooks that others can verify, settings, problems."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from budstikke.dialects.contract import Call, Identifying, Signing
from budstikke.dialects.native import Native
from budstikke.dialects.native.order import Filler, Recipient, SendBody, read_order
from budstikke.dialects.native.problems import Fault, Problem, problem_of, render
from budstikke.dialects.native.settings import EventType, Settings
from budstikke.dialects.native.webhook import REPORTED_STATES, sign, signature
from budstikke.domain.message import StatusEvent
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import FINAL_MESSAGE, MessageState
from budstikke.wire import WireRequest

NATIVE = Native()
URL = "https://kunde.no/hook"
ONE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TWO = "whsec_" + base64.b64encode(b"x" * 64).decode()


def event(state: str = "delivered", **columns: Any) -> StatusEvent:
    usual: dict[str, Any] = {
        "message_id": 1001,
        "recipient": "+4799999999",
        "ref": None,
        "reason": "",
        "raw": "",
        "at": 1704067200.0,
    }
    return StatusEvent(state=state, **usual | columns)


def settings(*secrets: str) -> Settings:
    return Settings(status_url=URL, webhook_secrets=secrets)


def told(*secrets: str, now: float) -> WireRequest:
    """Make a webhook for an attempt."""
    request = NATIVE.report(event(ref="å"), URL, settings(*secrets))
    assert request is not None
    return NATIVE.sign(request, settings(*secrets), now)


def test_it_signs_and_is_known_by_its_token() -> None:
    assert isinstance(NATIVE, Signing)
    assert isinstance(NATIVE, Identifying)
    headers = {"authorization": "Bearer demo"}
    login = NATIVE.login(Call(WireRequest("GET", "/", headers=headers), "getBalance"))
    assert login is not None
    assert ("2a97516c354b6884", "demo") == (login.identifier, login.secret)
    assert login.identifier == NATIVE.identify("demo")


def test_the_signature_of_the_specification() -> None:
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert expected == signature(ONE, signed)


@pytest.mark.parametrize("secrets", [(ONE,), (TWO,), (ONE, TWO), (TWO, ONE)])
def test_others_can_verify_it(secrets: tuple[str, ...]) -> None:
    request = told(*secrets, now=time.time())
    for secret in secrets:
        data = Webhook(secret).verify(request.body, dict(request.headers))
        assert "message.delivered" == data["type"]
        assert "å" == data["data"]["ref"]
    headers = {**request.headers, "webhook-id": "evt_1002_delivered"}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secrets[0]).verify(request.body, headers)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secrets[0]).verify(request.body + b" ", dict(request.headers))


def test_a_repeated_attempt_has_the_same_id_and_a_time_of_its_own() -> None:
    first, second = (told(ONE, now=now) for now in (1704067200.9, 1704070800.0))
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert ("1704067200", "1704070800") == (
        first.headers["webhook-timestamp"],
        second.headers["webhook-timestamp"],
    )
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert first.body == second.body


def test_ids_tell_events_apart() -> None:
    ids = set()
    for state in REPORTED_STATES:
        for message_id in (1001, 1002):
            request = NATIVE.report(
                event(state, message_id=message_id), URL, Settings()
            )
            assert request is not None
            ids.add(request.headers["webhook-id"])
    assert 2 * len(REPORTED_STATES) == len(ids)
    assert not any("." in each for each in ids)  # what is signed is joined by points


def test_ends_and_sent_are_told() -> None:
    of_mms = {"read", "deleted"}
    assert {MessageState.SENT, *FINAL_MESSAGE, *of_mms} == set(REPORTED_STATES)
    types = {
        *(f"message.{state}" for state in REPORTED_STATES),
        EventType.RECEIVED,
        "message.reply",
    }
    assert set(EventType) == types


def test_the_examples_on_the_page_are_signed_by_its_secret() -> None:
    page = Path(__file__).parents[2] / "docs" / "dialects" / "native.md"
    text = page.read_text("utf-8")
    examples = re.findall(r"webhook-id: .*?\n```", text, re.DOTALL)
    assert 2 == len(examples)
    assert f'"{ONE}"' in text
    for example in examples:
        head, _, body = example.removesuffix("\n```").partition("\n\n")
        headers = dict(line.split(": ", 1) for line in head.splitlines())
        request = WireRequest("POST", URL, headers=headers, body=body.encode())
        signed = sign(request, [ONE], float(headers["webhook-timestamp"]))
        assert headers == signed.headers


def test_signing_keeps_the_request() -> None:
    request = WireRequest(
        "POST", URL, headers={"webhook-id": "a", "content-type": "x"}, body=b"{}"
    )
    signed = sign(request, [ONE], 0)
    assert ("POST", URL, b"{}", "x") == (
        signed.method,
        signed.target,
        signed.body,
        signed.headers["content-type"],
    )


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"status_url": URL}, "webhook_secrets"),
        ({"webhook_secrets": ["whsec_" + "a" * 28]}, "24 to 64 octets"),
        ({"webhook_secrets": ["whsec_" + "a" * 92]}, "24 to 64 octets"),
        ({"webhook_secrets": ["a" * 32]}, "regex"),
        ({"webhook_secrets": ["whsec_æ"]}, "regex"),
        ({"webhook_secrets": ["whsec_" + "a" * 33]}, "."),
        ({"concurrency": 0}, ">= 1"),
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=fault) as caught:
        msgspec.convert(values, Settings)
    assert "whsec_a" not in str(caught.value)


def test_a_used_key_is_a_conflict() -> None:
    problem = problem_of(Refusal(RefusalCode.BAD_FIELD, field="key", value="k"))
    assert Fault.IDEMPOTENCY_CONFLICT is problem.code
    assert "k" != problem.detail


def test_the_parameter_is_named_as_here() -> None:
    for refusal, param in (
        (Refusal(RefusalCode.UNKNOWN_GROUP, field="group"), "groups"),
        (Refusal(RefusalCode.BAD_FIELD, field="recurrence"), "recur"),
        (Refusal(RefusalCode.BAD_FIELD, field="reply_to"), "reply_to"),
        (Refusal(RefusalCode.NOT_MOBILE), "to"),
        (Refusal(RefusalCode.BAD_ORIGINATOR), "from"),
        (Refusal(RefusalCode.NO_CREDIT), ""),
    ):
        assert param == problem_of(refusal).param


def test_a_problem_in_full() -> None:
    problem = Problem(RefusalCode.NO_CREDIT, detail="12 < 13", param="to")
    assert {
        "type": "/v1/docs#no_credit",
        "title": "The account does not have enough money",
        "status": 402,
        "code": "no_credit",
        "detail": "12 < 13",
        "param": "to",
    } == msgspec.json.decode(render(problem).body)


NAME = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,5}\Z")
PLAIN = st.text(st.characters(exclude_characters="{}\0"), max_size=20)


@given(st.lists(st.tuples(PLAIN, NAME), max_size=5), st.dictionaries(NAME, PLAIN))
def test_fields_are_filled_in(
    pieces: list[tuple[str, str]], more: dict[str, str]
) -> None:
    fields = {name: f"<{name}>" for _, name in pieces} | more
    text = "".join(f"{plain}{{{name}}}" for plain, name in pieces)
    expected = "".join(plain + fields[name] for plain, name in pieces)
    recipient = Recipient(to="+4799999999", fields=fields)
    assert [expected] == [
        filled for batch in Filler(text).batches([recipient], 0) for filled in batch
    ]


@given(PLAIN, NAME)
def test_a_field_that_is_missing_is_named(plain: str, name: str) -> None:
    recipients = [Recipient(to="1"), Recipient(to="2")]
    with pytest.raises(Problem) as caught:
        list(Filler(f"{plain}{{{name}}}").batches(recipients[1:], 1))
    assert f"recipients[1].fields.{name}" == caught.value.param


def test_a_body_of_everything() -> None:
    body = msgspec.json.decode(
        b"""{"to": ["+4799999999", "12"], "text": "Hei", "groups": ["Ansatte"],
        "encoding": "gsm_only", "send_at": "2024-01-02T01:00:00+01:00",
        "recur": {"every": 2, "unit": "week", "zone": "Europe/Oslo", "count": 3,
            "until": "2024-06-01T00:00:00Z"},
        "validity": 3600, "flash": true, "priority": 2, "ref": "a", "reply": true,
        "test": true, "template": {"kind": "otp", "values": {"code": "123456"}}}""",
        type=SendBody,
    )
    order = read_order(body, (), settings(ONE), "k", 1704067200.0)
    assert {
        "recipients": ["+4799999999", "12"],
        "text": "Hei",
        "originator": "",
        "mode": "gsm_only",
        "max_septets": 1530,
        "max_utf16": 670,
        "ref": "a",
        "send_at": 1704153600.0,
        "validity": 3600,
        "flash": True,
        "priority": 2,
        "report": True,
        "groups": ["Ansatte"],
        "reply": True,
        "recurrence": {
            "value": 2,
            "unit": "week",
            "zone": "Europe/Oslo",
            "count": 3,
            "until": 1717200000.0,
        },
        "template": {"kind": "otp", "values": {"code": "123456"}},
        "test": True,
        "key": "k",
    }.items() <= msgspec.to_builtins(order).items()

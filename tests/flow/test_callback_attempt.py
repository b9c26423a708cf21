"""One try: what a dialect is given, what is kept, what phones are answered."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from budstikke.clients.http.transport import HttpTransport
from budstikke.dialects import DIALECTS
from budstikke.dialects.native import Native
from budstikke.domain.callback import SendEvent
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.inbound import InboundEvent, MediaPart, MediaRef
from budstikke.domain.message import StatusEvent
from budstikke.domain.number_inventory import (
    Keyword,
    Number,
    NumberInventory,
    NumberKind,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.callback_attempt import (
    REQUEST_KEPT,
    SOON,
    CallbackAttempts,
    described,
)
from budstikke.flow.transports import NotReached
from budstikke.store.contract import CallbackResult, CallbackRow, StoreUnavailable
from budstikke.wire import WireRequest, WireResponse
from flow.callbacks import PHONE, event
from store.path import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.callback import Event

FRONT, SVEVE, NATIVE, RESELLER = 1, 2, 3, 4
SECRET = "whsec_" + "QUJDRA" * 6
SETTINGS: dict[int, tuple[str, dict[str, Any]]] = {
    FRONT: ("front", {"two_way": True, "mms": True, "inbound_url": "https://f.no/in"}),
    SVEVE: ("sveve", {"inbound_url": "https://s.no/in?token=T", "number_lookup": True}),
    NATIVE: ("native", {"status_url": "https://n.no/", "webhook_secrets": (SECRET,)}),
    RESELLER: ("reseller", {}),
}
RECEIPT = "Takk! %HTTP_PUSH_RESPONSE%"
INVENTORY = NumberInventory(
    numbers={
        1: Number(id=1, value="2229", kind=NumberKind.SHARED),
        2: Number(
            id=2, value="4759", kind=NumberKind.OWNED, access_id=2, url="https://o.no/"
        ),
    },
    keywords={
        7: Keyword(id=7, number_id=1, word="A", access_id=SVEVE, receipt=RECEIPT),
        8: Keyword(id=8, number_id=1, word="B", access_id=SVEVE, url="https://k.no/"),
    },
)


def directory() -> Directory:
    accesses = {
        number: Access(
            id=number,
            account=Account(id=number, name=dialect),
            dialect=dialect,
            identifier=dialect,
            settings=DIALECTS[dialect].settings(**values),
        )
        for number, (dialect, values) in SETTINGS.items()
    }
    return Directory(revision=1, accesses=accesses, carriers={}, inventory=INVENTORY)


class Customer:
    """Answers with what the test says; notes what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b"OK") -> None:
        self.answer = WireResponse(status, body)
        self.error: Exception | None = None
        self.asked: list[tuple[WireRequest, float | None]] = []

    async def deliver(
        self, request: WireRequest, seconds: float | None = None
    ) -> WireResponse:
        self.asked.append((request, seconds))
        if self.error is not None:
            raise self.error
        return self.answer


class Media:
    """A store with the octets of two parts, or none."""

    down = False

    async def media_parts(self, ids: Sequence[str]) -> dict[str, MediaPart]:
        if self.down:
            raise StoreUnavailable("down for a test")
        known = {"1": MediaPart("a.jpg", "image/jpeg", b"JPEG")}
        return {id_: known[id_] for id_ in ids if id_ in known}


class Book:
    """A number directory."""

    async def find(self, number: str) -> tuple[str, str]:
        assert PHONE == number
        return "Ola Nordmann", "Storgata 1"


def attempt(
    access_id: int,
    told: Event,
    customer: Customer,
    *,
    tries: int = 0,
    store: Any = None,
    **values: Any,
) -> CallbackResult:
    known = directory()
    has: Any = store or Media()
    attempts = CallbackAttempts(
        store=has,
        transport=customer,
        dialects=DIALECTS,
        directory=lambda: known,
        clock=lambda: NOW + 1,
        subscribers=Book(),
        **values,
    )
    row = CallbackRow(5, access_id, told, tries)
    return asyncio.run(attempts.attempt(row, attempts.target(access_id, told)))


def status(state: str = "delivered") -> StatusEvent:
    return StatusEvent(1001, PHONE, None, state, "", "", NOW)


# What is asked


def test_octets_of_an_mms_are_given_to_who_wants_them() -> None:
    media = (MediaRef("1", "a.jpg", "image/jpeg", 4), MediaRef("2", "b", "x/y", 9))
    customer = Customer()
    attempt(FRONT, event(1, media=media), customer)
    ((request, seconds),) = customer.asked
    assert b'"fileData":"SlBFRw=="' in request.body
    assert b'"fileName":"b","fileData":""' in request.body  # it is no more
    assert 60.0 == seconds


def test_the_subscriber_is_given_to_who_wants_it() -> None:
    customer = Customer()
    attempt(SVEVE, event(1, number_id=1, keyword_id=7), customer)
    ((request, seconds),) = customer.asked
    assert "name=Ola%20Nordmann" in request.target.replace("+", "%20")
    assert seconds is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"number_id": 1, "keyword_id": 7}, "https://s.no/in?"),
        ({"number_id": 1, "keyword_id": 8}, "https://k.no/?"),
        ({"number_id": 2}, "https://o.no/?"),
        ({"number_id": 99}, "https://s.no/in?"),
        ({"number_id": 1, "keyword_id": 99}, "https://s.no/in?"),
    ],
)
def test_where_it_is_told(values: dict[str, int], expected: str) -> None:
    customer = Customer()
    attempt(SVEVE, event(1, **values), customer)
    assert customer.asked[0][0].target.startswith(expected)


@pytest.mark.parametrize(
    ("access_id", "told"),
    [(99, status()), (RESELLER, event(1)), (SVEVE, event(1, reply=True))],
)
def test_nobody_to_tell(access_id: int, told: Event) -> None:
    customer = Customer()
    result = attempt(access_id, told, customer)
    assert ("done", "no callback URL", None) == (
        result.state,
        result.answer,
        result.took,
    )
    assert [] == customer.asked


OWN = "https://own.example/dlr?id=7"


@pytest.mark.parametrize("access_id", [NATIVE, FRONT])
def test_a_report_goes_to_its_orders_own_url(access_id: int) -> None:
    """Also when the access's settings name none, as Front's do here."""
    customer = Customer()
    own = msgspec.structs.replace(status(), url=OWN)
    assert "done" == attempt(access_id, own, customer).state
    ((request, _),) = customer.asked
    assert request.target.startswith(OWN)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "https://10.0.0.1/dlr"])
def test_an_orders_own_url_is_held_to_the_rules_for_addresses(url: str) -> None:
    async def scenario() -> CallbackResult:
        transport = HttpTransport(
            timeout=1, allow_private=False, allow_http=True, version="0"
        )
        known = directory()
        attempts = CallbackAttempts(
            store=cast("Any", Media()),
            transport=transport,
            dialects=DIALECTS,
            directory=lambda: known,
            clock=lambda: NOW + 1,
        )
        event = msgspec.structs.replace(status(), url=url)
        row = CallbackRow(5, FRONT, event, 0)
        result = await attempts.attempt(row, attempts.target(FRONT, event))
        await transport.close()
        return result

    result = asyncio.run(scenario())
    assert ("due", None) == (result.state, result.status)
    assert "has no public address" in result.answer


# What came of it


def test_what_was_understood() -> None:
    result = attempt(NATIVE, status(), Customer(201, b"Fine.\0\xff"))
    assert ("done", None, 1, "Fine.\ufffd\ufffd", 201, "", None) == (
        result.state,
        result.due_at,
        result.tries,
        result.answer,
        result.status,
        result.request,
        result.receipt,
    )
    assert result.took is not None
    assert 0 <= result.took < 5


def test_what_was_not() -> None:
    result = attempt(NATIVE, status(), Customer(500, b"x" * 1000))
    assert ("due", NOW + 6, 1, 500) == (
        result.state,
        result.due_at,
        result.tries,
        result.status,
    )
    assert "HTTP 500 " + "x" * 191 == result.answer


def test_what_a_customer_s_server_answers_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may well say back what it was told, a text from a phone."""
    with caplog.at_level(logging.INFO):
        attempt(NATIVE, status(), Customer(500, b"cannot take: Koden er 1234"))
    (record,) = caplog.records
    assert "HTTP 500" == vars(record)["why"]
    assert "1234" not in str(vars(record))


@pytest.mark.parametrize("status_code", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_whatever_the_dialect_thinks(
    status_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = Customer(status_code, b"OK")
    monkeypatch.setattr(Native, "understood", lambda *_: True)
    result = attempt(NATIVE, status(), customer)
    assert "due" == result.state
    assert 1 == len(customer.asked)


def test_one_that_was_not_reached() -> None:
    customer = Customer()
    customer.error = NotReached("it hung up")
    result = attempt(NATIVE, status(), customer, tries=8)
    assert ("due", 9, None, "it hung up") == (
        result.state,
        result.tries,
        result.status,
        result.answer,
    )
    assert result.took is not None
    assert "failed" == attempt(NATIVE, status(), customer, tries=9).state


def test_a_bug_of_ours_counts_as_a_try(caplog: pytest.LogCaptureFixture) -> None:
    customer = Customer()
    customer.error = ValueError("a bug")
    result = attempt(NATIVE, status(), customer)
    assert ("due", "internal error", None) == (
        result.state,
        result.answer,
        result.took,
    )
    assert "failed: internal error" in caplog.text


def test_a_store_that_is_away_does_not() -> None:
    store = Media()
    store.down = True
    media = (MediaRef("1", "a.jpg", "image/jpeg", 4),)
    result = attempt(FRONT, event(1, media=media), Customer(), store=store, tries=2)
    assert ("due", NOW + 1 + SOON, 2) == (result.state, result.due_at, result.tries)


# What is kept


def test_the_request_is_kept_of_failures_and_of_later_tries() -> None:
    first = attempt(NATIVE, status(), Customer(500))
    assert first.request.startswith("POST https://n.no/\ncontent-type: ")
    assert "webhook-id: evt_1001_delivered" in first.request
    assert "signature" not in first.request
    assert '\n\n{"type":"message.delivered"' in first.request
    later = attempt(NATIVE, status(), Customer(200), tries=1)
    assert later.request.startswith("POST https://n.no/\n")


def test_secrets_are_not_kept() -> None:
    customer = Customer(500)
    result = attempt(SVEVE, event(1, number_id=1, keyword_id=7), customer)
    assert "token=T" in customer.asked[0][0].target
    assert "token=***" in result.request


def test_a_long_request_is_cut() -> None:
    headers = {"Authorization": "Basic eDp5", "X": "1"}
    request = WireRequest("POST", "https://a/", b"", headers, "å".encode() * 5000)
    kept = described(request)
    assert "POST https://a/\nX: 1\n\n" + "å" * REQUEST_KEPT == kept


# What phones are answered


def keyword_event(keyword_id: int = 7) -> InboundEvent:
    return event(1, number_id=1, keyword_id=keyword_id, receipt_id=77)


def test_the_receipt_has_what_the_customer_answered() -> None:
    result = attempt(SVEVE, keyword_event(), Customer(200, b" Nr. 5\n"))
    assert (77, "Takk! Nr. 5") == result.receipt


def test_a_try_that_fails_leaves_the_receipt_alone() -> None:
    assert attempt(SVEVE, keyword_event(), Customer(500)).receipt is None


def test_after_the_last_try_the_other_text_goes_out() -> None:
    result = attempt(SVEVE, keyword_event(), Customer(500), tries=9)
    assert ("failed", (77, "Takk!")) == (result.state, result.receipt)


def test_so_it_does_when_nobody_can_be_told() -> None:
    assert (77, "Takk!") == attempt(99, keyword_event(), Customer()).receipt


def test_a_receipt_of_a_keyword_that_is_gone_has_its_own_time() -> None:
    assert attempt(SVEVE, keyword_event(99), Customer()).receipt is None


# Answers


def send(text: str = "Takk!") -> SendEvent:
    return SendEvent(1, PHONE, "2229", text, "receipt")


def test_answers_are_given_to_who_accepts_them() -> None:
    rows: list[CallbackRow] = []

    async def accept(row: CallbackRow) -> None:
        rows.append(row)

    result = attempt(SVEVE, send(), Customer(), answer=accept)
    assert ("done", None) == (result.state, result.took)
    assert [send()] == [row.event for row in rows]


def test_an_empty_answer_is_none() -> None:
    result = attempt(SVEVE, send(""), Customer())
    assert ("done", "nothing to send") == (result.state, result.answer)


def test_a_refused_answer_is_final() -> None:
    async def refuse(row: CallbackRow) -> None:
        raise Refusal(RefusalCode.NO_CREDIT)

    result = attempt(SVEVE, send(), Customer(), answer=refuse)
    assert ("failed", "refused: no_credit") == (result.state, result.answer)


def test_an_answer_that_cannot_be_stored_is_tried_again() -> None:
    async def away(row: CallbackRow) -> None:
        raise StoreUnavailable("down for a test")

    result = attempt(SVEVE, send(), Customer(), answer=away)
    assert ("due", 0, NOW + 1 + SOON) == (result.state, result.tries, result.due_at)

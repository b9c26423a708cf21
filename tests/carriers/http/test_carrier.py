"""The HTTP carrier on the wire: outcomes, pauses, limits, and what operators ask."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers.http import HttpCarrier
from budstikke.domain.receipt import Reason, ReceiptState, Rejected, Retry, Sent, Unsure
from budstikke.wire import WireRequest
from carriers.http.operator import (
    DESCRIPTION,
    Asked,
    HttpOperator,
    receipt,
    response,
)
from carriers.rig import Rig, http_rig
from carriers.smpp.smsc import NO_RECEIPT, SILENT
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from budstikke.wire import WireResponse


def run(
    story: Callable[[Rig, HttpOperator], Coroutine[None, None, None]],
    script: Callable[[Asked], bytes | None] = lambda _: None,
    **changes: Any,
) -> None:
    """Run a story with a carrier that is up."""

    async def running() -> None:
        operator = HttpOperator(script=script)
        async with asyncio.timeout(LONG), http_rig(operator, **changes) as rig:
            await rig.start()
            await story(rig, operator)

    asyncio.run(running())


def carrier(rig: Rig) -> HttpCarrier:
    assert isinstance(rig.carrier, HttpCarrier)
    return rig.carrier


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "it hung up"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "no answer in 0.3 s"),
        (b"SMTP ready\r\n\r\n", "no HTTP"),
        (response(500, {}), "HTTP 500"),
        (response(302, {}, "Location: https://b.example/\r\n"), "HTTP 302"),
    ],
)
def test_what_was_written_and_has_no_answer_is_unsure(
    answer: bytes, words: str
) -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        (outcome,) = await rig.send([rig.part()])
        if words == "HTTP 302":  # a redirect says that nothing was taken
            assert Rejected(Reason.INTERNAL, words, Retry.ELSEWHERE) == outcome
        else:
            assert isinstance(outcome, Unsure)
            assert words in outcome.raw
        assert 1 == len(operator.asked)
        assert rig.carrier.healthy()

    run(story, lambda _: answer)


def test_an_operator_that_is_away_has_nothing() -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        client = carrier(rig)._client
        port, client._port = client._port, 1
        outcomes = await rig.send([rig.part() for _ in range(3)])
        assert {Retry.LATER} == {each.retry for each in outcomes}  # type: ignore[union-attr] # so they are
        assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
        client._port = port
        await rig.sink.until(lambda: rig.sink.rooms > 1)
        assert [Sent("h-1")] == await rig.send([rig.part(NO_RECEIPT)])
        assert 1 == len(operator.asked)

    run(story)


def test_private_addresses_are_not_called() -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Rejected)
        assert (Retry.LATER, True) == (outcome.retry, "no public" in outcome.raw)
        assert [] == operator.asked

    run(story, allow_private=False)


def test_the_window_holds() -> None:
    answered: list[int] = []
    rigs: list[Rig] = []

    def script(_: Asked) -> bytes | None:
        answered.append(len(rigs[0].sink.outcomes))
        return None

    async def story(rig: Rig, _: HttpOperator) -> None:
        rigs.append(rig)
        assert 3 == rig.carrier.room()
        parts = [rig.part(SILENT) for _ in range(3)]
        rig.carrier.offer([*parts, rig.part(NO_RECEIPT)])
        assert 0 == rig.carrier.room()
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 4)
        assert [0, 0, 0] == answered[:3]
        assert answered[3] > 0

    run(story, script, window=3)


def test_the_throughput_holds() -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        began = time.monotonic()
        await rig.send([rig.part(NO_RECEIPT) for _ in range(5)])
        assert time.monotonic() - began >= 3 / 20 - 0.01  # two may go at once
        assert 5 == len(operator.asked)

    run(story, throughput=20.0)


def test_retry_after_is_kept_up_to_the_longest_pause() -> None:
    times: list[float] = []

    def script(_: Asked) -> bytes | None:
        times.append(time.monotonic())
        if len(times) == 1:
            return response(429, {}, "Retry-After: 9\r\n")
        return None

    async def story(rig: Rig, _: HttpOperator) -> None:
        assert [Sent("h-1")] == await rig.send([rig.part(NO_RECEIPT)])
        assert times[1] - times[0] >= 0.2

    run(story, script, pause_max=0.2)


def test_parts_that_are_throttled_for_long_are_reported() -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        parts = [rig.part(), rig.part(), rig.part()]
        overflow = Rejected(Reason.THROTTLED, "HTTP 429", Retry.OVERFLOW)
        assert [overflow] * 3 == await rig.send(parts)
        assert parts == [part for part, _ in rig.sink.outcomes]
        assert 3 <= len(operator.asked)
        assert rig.carrier.room() > 0

    run(story, lambda _: response(429, {}), pause_max=0.02)


def test_what_is_too_late_or_cannot_be_expressed_is_not_written() -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        late, flash = await rig.send([rig.part(expires_at=1.0), rig.part(flash=True)])
        assert isinstance(late, Rejected)
        assert isinstance(flash, Rejected)
        assert (Reason.EXPIRED, Retry.LATER) == (late.reason, late.retry)
        assert (Reason.REJECTED, Retry.ELSEWHERE) == (flash.reason, flash.retry)
        assert [] == operator.asked

    run(story)


def test_the_request_is_that_of_the_description() -> None:
    async def story(rig: Rig, operator: HttpOperator) -> None:
        await rig.send([rig.part(NO_RECEIPT, text='Ærlig "talt" 🤣', encoding="ucs2")])
        (asked,) = operator.asked
        assert asked.head.startswith("POST /send HTTP/1.1\r\nHost: 127.0.0.1:")
        assert "Authorization: Basic YnVkOnNlY3JldA==\r\n" in asked.head
        assert 'Ærlig "talt" 🤣' == asked.json["text"]

    run(story)


async def told(
    rig: Rig, what: str, query: bytes, method: str = "GET", body: bytes = b""
) -> WireResponse:
    request = WireRequest(method, f"/carriers/op/{what}", query, body=body)
    return await carrier(rig).take(request)


GOOD = b"token=secret&" + receipt("h-1", "delivered", "+4790000001")


def test_who_may_report() -> None:
    async def story(rig: Rig, _: HttpOperator) -> None:
        for token in (b"", b"token=wrong&"):
            answer = await told(rig, "receipts", token + GOOD[13:])
            assert 401 == answer.status
        assert [] == rig.sink.got
        assert 200 == (await told(rig, "receipts", GOOD)).status
        assert [ReceiptState.DELIVERED] == [each.state for each in rig.sink.got]
        request = WireRequest("GET", "/carriers/op/receipts", b"")
        assert carrier(rig).refuses(request) is not None
        assert 413 == carrier(rig).unreadable(413, "it is too large").status

    run(story)


def test_a_report_is_answered_when_it_is_durable() -> None:
    async def story(rig: Rig, _: HttpOperator) -> None:
        rig.sink.fail = True
        answer = await told(rig, "receipts", GOOD)
        assert (503, "5") == (answer.status, answer.headers["retry-after"])
        rig.sink.fail, rig.sink.keep = False, False
        waiting = asyncio.create_task(told(rig, "receipts", GOOD))
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert not waiting.done()
        rig.sink.pending[0].set_result(None)
        assert (200, b"ACK") == ((await waiting).status, (await waiting).body)
        assert 400 == (await told(rig, "receipts", b"token=secret")).status
        await rig.stop()
        assert 503 == (await told(rig, "receipts", GOOD)).status

    mapping = DESCRIPTION["receipt"] | {"reply": {"body": "ACK"}}
    run(story, receipt=mapping)


def test_an_inbound_message_is_stored_once() -> None:
    one = b"token=secret&id=m1&from=%2B4790000001&to=2229&text=Hei+p%C3%A5+deg"

    async def story(rig: Rig, _: HttpOperator) -> None:
        rig.sink.fail = True
        assert 503 == (await told(rig, "inbound", one)).status
        rig.sink.fail = False
        rig.sink.messages.clear()
        for _again in range(2):
            assert 200 == (await told(rig, "inbound", one)).status
        body = b"id=m2&from=%2B4790000001&to=2229&text=Hei"
        assert 200 == (await told(rig, "inbound", b"token=secret", "POST", body)).status
        texts = [each.payload.decode("utf-16-be") for each in rig.sink.messages]
        assert ["Hei på deg", "Hei"] == texts

    run(story)


def test_what_the_description_lacks_is_nobodys() -> None:
    async def story(rig: Rig, _: HttpOperator) -> None:
        assert 404 == (await told(rig, "inbound", b"token=secret&text=x")).status
        assert [] == rig.sink.messages

    run(story, inbound={})


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(rig: Rig, _: HttpOperator) -> None:
        await rig.send([rig.part(text="the-text"), rig.part(SILENT, text="the-text")])
        await told(rig, "inbound", b"token=secret&id=m1&text=the-text")
        await told(rig, "inbound", b"token=guess&id=m1&text=the-text")
        rig.sink.fail = True
        await told(rig, "receipts", GOOD)
        carrier(rig)._client._port = 1
        carrier(rig)._client.close()
        await rig.send([rig.part(text="the-text")])

    run(story, lambda _: response(500, {"echo": "the-text secret"}))
    lines = caplog.text
    assert "could not reach" in lines
    assert "could not store" in lines
    for secret in ("secret", "the-text", "guess", "YnVk"):
        assert secret not in lines

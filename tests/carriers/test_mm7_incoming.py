"""What MMSCs ask of us: told to the sink, and answered when it is durable."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers.contract import Read
from budstikke.domain.inbound import InboundMms, MediaPart
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.mm7 import read_answer
from budstikke.wire import WireRequest
from carriers.mmsc import XML, delivery, envelope, read_reply, report
from carriers.rig import Rig, mm7_rig
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from budstikke.wire import WireResponse

AT = 1_793_534_400.0


def play(story: Callable[[Rig], Coroutine[None, None, None]], **changes: Any) -> None:
    async def told() -> None:
        async with asyncio.timeout(LONG), mm7_rig(**changes) as rig:
            await rig.start()
            await story(rig)

    asyncio.run(told())


async def ask(
    rig: Rig,
    body: bytes,
    content_type: str = XML,
    *,
    query: bytes = b"token=secret",
    client: str = "",
    **headers: str,
) -> tuple[int, int]:
    """Ask as the MMSC: the status of HTTP, and of MM7."""
    said = {"content-type": content_type, **headers}
    request = WireRequest("POST", "/mm7/op", query, said, body, client)
    answer: WireResponse = await rig.carrier.take(request)  # type: ignore[attr-defined] # it is of MM7
    return answer.status, read_answer(answer.content_type, answer.body).code


def test_an_mms_from_a_phone() -> None:
    async def story(rig: Rig) -> None:
        kind, body = delivery("+4790000001", "2229", "Sol", b"\xff\xd8\r\n")
        assert (200, 1000) == await ask(rig, body, kind)
        text = MediaPart("", "text/plain; charset=utf-8", "Hei på deg".encode())
        picture = MediaPart("b.jpg", "image/jpeg", b"\xff\xd8\r\n")
        assert [InboundMms("+4790000001", "2229", "Sol", (text, picture), AT)] == (
            rig.sink.mms
        )

    play(story)


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("Retrieved", ReceiptState.DELIVERED, Reason.NONE),
        ("Expired", ReceiptState.EXPIRED, Reason.EXPIRED),
        ("Rejected", ReceiptState.REJECTED, Reason.REJECTED),
        ("Unreachable", ReceiptState.UNDELIVERED, Reason.ABSENT),
        ("Indeterminate", ReceiptState.UNKNOWN, Reason.UNKNOWN),
        ("Forwarded", ReceiptState.INTERIM, Reason.NONE),
        ("Deferred", ReceiptState.INTERIM, Reason.NONE),
        ("Lost in space", ReceiptState.UNKNOWN, Reason.UNKNOWN),
    ],
)
def test_delivery_reports(status: str, state: ReceiptState, reason: Reason) -> None:
    async def story(rig: Rig) -> None:
        body = report("m-1", "4799999999", status)
        assert (200, 1000) == await ask(rig, body)
        expected = Receipt("m-1", None, state, reason, status, AT, "+4799999999")
        assert [expected] == rig.sink.got

    play(story)


def test_read_replies() -> None:
    async def story(rig: Rig) -> None:
        assert (200, 1000) == await ask(rig, read_reply("m-1", "Read"))
        unread = "Deleted without being read"
        assert (200, 1000) == await ask(rig, read_reply("m-2", unread))
        assert [Read("m-1", False, AT + 5), Read("m-2", True, AT + 5)] == (
            rig.sink.reads
        )

    play(story)


def test_it_is_answered_when_it_is_durable() -> None:
    async def story(rig: Rig) -> None:
        rig.sink.keep = False
        answer = asyncio.ensure_future(ask(rig, read_reply("m", "Read")))
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert not answer.done()
        rig.sink.pending[0].set_result(None)
        assert (200, 1000) == await answer

    play(story)


@pytest.mark.parametrize(
    "body", [read_reply("m", "Read"), report("m", "4799999999", "Retrieved")]
)
def test_what_cannot_be_kept_is_asked_for_again(body: bytes) -> None:
    async def story(rig: Rig) -> None:
        rig.sink.fail = True
        assert (500, 4006) == await ask(rig, body)
        await rig.stop()
        assert (500, 4006) == await ask(rig, body)

    play(story)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 2007),
        (b"<a/>", 2007),
        (envelope("x", "<CancelReq/>"), 4003),
        (envelope("x", "<DeliverReq><Sender>1</Sender></DeliverReq>"), 2002),
    ],
)
def test_what_cannot_be_read(body: bytes, code: int) -> None:
    async def story(rig: Rig) -> None:
        assert (500, code) == await ask(rig, body)
        assert [] == rig.sink.mms

    play(story)


def test_a_delivery_that_does_not_say_what_it_is_for() -> None:
    async def story(rig: Rig) -> None:
        body = envelope("x", "<DeliverReq><Sender>4790000001</Sender></DeliverReq>")
        assert (200, 1000) == await ask(rig, body)
        (mms,) = rig.sink.mms
        assert ("1963", ()) == (mms.recipient, mms.parts)

    play(story, number="1963")


BASIC = "Basic " + b64encode(b"mmsc:pw").decode()


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (True, {}),
        (False, {"query": b""}),
        (False, {"query": b"token=wrong"}),
        (False, {"query": b"&".join([b"a=b"] * 100)}),
        (False, {"authorization": "Basic " + b64encode(b"mmsc:no").decode()}),
        (False, {"authorization": ""}),
        (False, {"client": "192.0.2.1"}),
        (False, {"client": ""}),
        (True, {"client": "::ffff:10.1.2.3"}),
    ],
)
def test_who_may_ask(known: bool, asked: dict[str, Any]) -> None:  # noqa: FBT001 - pytest gives it
    async def story(rig: Rig) -> None:
        usual: dict[str, Any] = {"client": "10.0.0.1", "authorization": BASIC}
        status, _ = await ask(rig, read_reply("m", "Read"), **{**usual, **asked})
        assert (200 if known else 401) == status
        assert known == bool(rig.sink.reads)

    login = {"deliver_username": "mmsc", "deliver_password": "pw"}
    play(story, allow_from=("10.0.0.0/8",), **login)

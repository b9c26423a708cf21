"""What MMSCs ask of us: told to the sink, and answered when it is durable."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers import mm7
from budstikke.carriers.caller_auth import MOST_GUESSES, WITHIN, CallerAuthenticator
from budstikke.carriers.contract import ReadReport
from budstikke.carriers.mm7.incoming import LARGE
from budstikke.domain.inbound import InboundMms, MediaPart
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.mm7 import read_answer
from budstikke.wire import WireRequest
from carriers.mm7.mmsc import OLD, SCHEMA, XML, delivery, envelope, read_reply, report
from carriers.rig import Rig, mm7_rig
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from budstikke.wire import WireResponse

AT = 1_793_534_400.0


@asynccontextmanager
async def mm7_link(**changes: Any) -> AsyncIterator[Rig]:
    async with asyncio.timeout(LONG), mm7_rig(**changes) as rig:
        await rig.start()
        yield rig


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


async def test_an_mms_from_a_phone() -> None:
    async with mm7_link() as rig:
        kind, body = delivery("+4790000001", "2229", "Sol", b"\xff\xd8\r\n")
        assert (200, 1000) == await ask(rig, body, kind)
        text = MediaPart("", "text/plain; charset=utf-8", "Hei på deg".encode())
        picture = MediaPart("b.jpg", "image/jpeg", b"\xff\xd8\r\n")
        assert [InboundMms("+4790000001", "2229", "Sol", (text, picture), AT)] == (
            rig.sink.mms
        )


@pytest.mark.parametrize(
    ("home", "sender", "to", "found"),
    [
        ("+47", "91000108", "2229", ("+4791000108", "2229")),
        ("+47", "+4791000108", "59440002", ("+4791000108", "4759440002")),
        ("+47", "4520123456", "004759440002", ("+4520123456", "4759440002")),
        ("+46", "0701234567", " 2229 ", ("+46701234567", "2229")),
        ("", "91000108", "2229", ("91000108", "2229")),
        ("", "91000108", "+4759440002", ("+4791000108", "4759440002")),
    ],
)
async def test_numbers_without_their_country_code(
    home: str, sender: str, to: str, found: tuple[str, str]
) -> None:
    async with mm7_link(home=home) as rig:
        kind, body = delivery(sender, to, "", b"")
        assert (200, 1000) == await ask(rig, body, kind)
        assert (200, 1000) == await ask(rig, report("m-1", sender, "Retrieved"))
        (mms,) = rig.sink.mms
        assert found == (mms.originator, mms.recipient)
        if home:
            assert found[0] == rig.sink.got[0].recipient


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
async def test_delivery_reports(
    status: str, state: ReceiptState, reason: Reason
) -> None:
    async with mm7_link() as rig:
        body = report("m-1", "4799999999", status)
        assert (200, 1000) == await ask(rig, body)
        expected = Receipt("m-1", None, state, reason, status, AT, "+4799999999")
        assert [expected] == rig.sink.got


async def test_read_replies() -> None:
    async with mm7_link() as rig:
        assert (200, 1000) == await ask(rig, read_reply("m-1", "Read"))
        unread = "Deleted without being read"
        assert (200, 1000) == await ask(rig, read_reply("m-2", unread))
        for nothing in ("Indeterminate", "", "Ready"):
            assert (200, 1000) == await ask(rig, read_reply("m-3", nothing))
        assert [ReadReport("m-1", False, AT + 5), ReadReport("m-2", True, AT + 5)] == (
            rig.sink.reads
        )


async def test_it_is_answered_when_it_is_durable() -> None:
    async with mm7_link() as rig:
        rig.sink.keep = False
        answer = asyncio.ensure_future(ask(rig, read_reply("m", "Read")))
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert not answer.done()
        rig.sink.pending[0].set_result(None)
        assert (200, 1000) == await answer


@pytest.mark.parametrize(
    "body", [read_reply("m", "Read"), report("m", "4799999999", "Retrieved")]
)
async def test_what_cannot_be_kept_is_asked_for_again(body: bytes) -> None:
    async with mm7_link() as rig:
        rig.sink.fail = True
        assert (500, 4006) == await ask(rig, body)
        await rig.stop()
        assert (500, 4006) == await ask(rig, body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 2007),
        (b"<a/>", 2007),
        (envelope("x", "<CancelReq/>"), 4003),
        (envelope("x", "<DeliverReq><Sender>1</Sender></DeliverReq>"), 2002),
    ],
)
async def test_what_cannot_be_read(body: bytes, code: int) -> None:
    async with mm7_link() as rig:
        assert (500, code) == await ask(rig, body)
        assert [] == rig.sink.mms


async def test_a_delivery_that_does_not_say_what_it_is_for() -> None:
    async with mm7_link(number="1963") as rig:
        body = envelope("x", "<DeliverReq><Sender>4790000001</Sender></DeliverReq>")
        assert (200, 1000) == await ask(rig, body)
        (mms,) = rig.sink.mms
        assert ("1963", ()) == (mms.recipient, mms.parts)


BASIC = "Basic " + b64encode("mmsc:på".encode()).decode()


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
        (True, {"authorization": BASIC.replace("Basic", "basic")}),
        (True, {"authorization": BASIC.replace("Basic", "BASIC \t ") + " "}),
        (True, {"authorization": "Basic " + b64encode("mmsc:på".encode()).decode()}),
        (True, {"authorization": "Basic " + b64encode(b"mmsc:p\xe5").decode()}),
        (False, {"authorization": "Bearer " + BASIC.split()[1]}),
        (False, {"authorization": "Basic"}),
        (False, {"authorization": "Basic %%%"}),
    ],
)
async def test_who_may_ask(known: bool, asked: dict[str, Any]) -> None:  # noqa: FBT001 - pytest gives it
    login = {"deliver_username": "mmsc", "deliver_password": "på"}
    async with mm7_link(allow_from=("10.0.0.0/8",), **login) as rig:
        usual: dict[str, Any] = {"client": "10.0.0.1", "authorization": BASIC}
        status, _ = await ask(rig, read_reply("m", "Read"), **{**usual, **asked})
        assert (200 if known else 401) == status
        assert known == bool(rig.sink.reads)


def to(*elements: str) -> bytes:
    """Write a DeliverReq of release 5 to these; its content is only a text."""
    return (
        b"--b\r\nContent-Type: text/xml\r\n\r\n"
        + envelope(
            "d-2",
            f'<DeliverReq xmlns="{OLD}"><MM7Version>5.3.0</MM7Version>'
            "<Sender><Number>4790000001</Number></Sender>"
            f"<Recipients>{''.join(elements)}</Recipients></DeliverReq>",
            OLD,
        )
        + b"\r\n--b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        + b"\xef\xbb\xbfNYTT p\xc3\xa5\r\n--b--"
    )


async def test_every_addressee_is_told_of_at_once() -> None:
    async with mm7_link() as rig:
        body = to(
            "<To><Number>+47 59000000</Number>"
            '<Number displayOnly="true">59000009</Number></To>',
            "<To><ShortCode>2229</ShortCode><Number>004759000000</Number></To>",
            "<Cc><RFC2822Address>4759000001/TYPE=PLMN@mms.example.com"
            "</RFC2822Address></Cc><Bcc><RFC2822Address>kari@example.com"
            "</RFC2822Address></Bcc>",
        )
        assert (200, 1000) == await ask(rig, body, "multipart/related; boundary=b")
        (mms,) = rig.sink.mms
        assert "4759000000" == mms.recipient
        assert ("2229", "4759000001") == mms.others


@pytest.mark.parametrize(
    ("label", "octets", "text"),
    [
        ("; charset=us-ascii", "NYTT på".encode(), "NYTT på"),
        ("; charset=*", "NYTT på".encode(), "NYTT på"),
        ("; charset=106", "NYTT på".encode(), "NYTT på"),
        ("", b"\xef\xbb\xbfNYTT p\xc3\xa5", "NYTT på"),
        ("; charset=utf-8", b"5 \x80 \x96 p\xe5", "5 € – på"),
        ('; charset="iso-8859-1"', b"5 \x80", "5 €"),
        ("; charset=utf-16", "på".encode("utf-16-le"), "på"),
    ],
)
async def test_texts_by_their_octets(label: str, octets: bytes, text: str) -> None:
    async with mm7_link() as rig:
        whole = to("<To><Number>2229</Number></To>")
        head, _, _ = whole.rpartition(b"Content-Type: text/plain")
        typed = f"Content-Type: text/plain{label}\r\n\r\n".encode()
        body = head + typed + octets + b"\r\n--b--"
        assert (200, 1000) == await ask(rig, body, "multipart/related; boundary=b")
        assert text.encode() == rig.sink.mms[0].parts[0].data


@pytest.mark.parametrize("keep", [True, False])
async def test_it_is_answered_in_the_release_that_was_asked_in(*, keep: bool) -> None:
    async with mm7_link() as rig:
        rig.sink.fail = not keep
        for content_type, body in (
            ("multipart/related; boundary=b", to("<To>2229</To>")),
            (XML, report("m", "4799999999", "Expired")),
            (XML, envelope("t", f'<DeliverReq xmlns="{OLD}"/>', OLD)),
        ):
            said = {"content-type": content_type}
            request = WireRequest("POST", "/mm7/op", b"token=secret", said, body)
            answer = await rig.carrier.take(request)  # type: ignore[attr-defined] # it is of MM7
            assert OLD.encode() in answer.body
            assert SCHEMA.encode() not in answer.body
            assert b"<MM7Version>5.3.0</MM7Version>" in answer.body


async def test_guesses_are_limited_by_address() -> None:
    async with mm7_link() as rig:

        async def tried(client: str, token: str) -> int:
            query = f"token={token}".encode() if token else b""
            body = read_reply("m", "Read")
            return (await ask(rig, body, query=query, client=client))[0]

        for number in range(MOST_GUESSES):
            assert 401 == await tried(f"2001:db8::{number:x}", f"guess{number}")
            assert 401 == await tried("192.0.2.1", "")  # asks what is wanted: no guess
        assert 429 == await tried("2001:db8::ffff", "secret")
        assert [] == rig.sink.reads
        assert 200 == await tried("2001:db8:0:1::1", "secret")
        assert 200 == await tried("192.0.2.1", "secret")


def test_refusals_are_logged_once_an_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = mm7.Settings(url="https://mmsc.example.com/", deliver_token="secret")
    guard = CallerAuthenticator("op", settings, lambda: 0.0)
    for client in ["192.0.2.1"] * 5 + ["192.0.2.2"]:
        guard.refuses(WireRequest("POST", "/mm7/op", b"token=guess", client=client))
    lines = [record.getMessage() for record in caplog.records]
    assert [f"op: refused 192.0.2.{n}: its login" for n in (1, 2)] == lines


async def test_a_large_mms_is_read_beside_the_loop() -> None:
    async with mm7_link() as rig:
        threads: list[str] = []

        class Slow(bytes):
            """Octets that say in which thread they are looked at."""

            def find(self, *args: Any) -> int:
                threads.append(threading.current_thread().name)
                return super().find(*args)

        kind, body = delivery("+4790000001", "2229", "Sol", bytes(LARGE))
        assert (200, 1000) == await ask(rig, Slow(body), kind)
        assert bytes(LARGE) == rig.sink.mms[0].parts[1].data
        assert threads
        assert threading.main_thread().name not in threads


def test_guesses_are_forgotten() -> None:
    now = [1000 * WITHIN]
    settings = mm7.Settings(url="https://mmsc.example.com/", deliver_token="secret")
    guard = CallerAuthenticator("op", settings, lambda: now[0])
    wrong = WireRequest("POST", "/mm7/op", b"token=x", client="192.0.2.1")
    right = WireRequest("POST", "/mm7/op", b"token=secret", client="192.0.2.1")
    assert [401] * MOST_GUESSES + [429] == [
        refused.status
        for refused in (guard.refuses(wrong) for _ in range(MOST_GUESSES + 1))
        if refused is not None
    ]
    assert guard.refuses(right) is not None
    now[0] += WITHIN
    assert guard.refuses(right) is None

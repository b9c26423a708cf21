"""Submissions by MM7: what is written, what answers mean, pauses."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.carriers import mm7
from budstikke.carriers.mm7.statuses import outcome
from budstikke.domain.message import MmsContent
from budstikke.domain.receipt import (
    Outcome,
    Reason,
    Rejected,
    Retry,
    Sent,
    Unsure,
)
from budstikke.mm7 import Answer
from carriers.mm7.mmsc import OLD, SOAP, Mmsc, Submission, envelope, fault, report
from carriers.rig import PICTURE, Rig, mm7_rig
from carriers.smpp.smsc import NO_RECEIPT, THROTTLED
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


@asynccontextmanager
async def mm7_link(
    mmsc: Mmsc | None = None, **changes: Any
) -> AsyncIterator[tuple[Rig, Mmsc]]:
    centre = mmsc or Mmsc()
    async with asyncio.timeout(LONG), mm7_rig(centre, **changes) as rig:
        await rig.start()
        yield rig, centre


async def test_what_the_mmsc_gets() -> None:
    settings: dict[str, Any] = {
        "vaspid": "acme",
        "vasid": "news",
        "service_code": "gold",
    }
    login: dict[str, Any] = {"username": "u", "password": "p", "read_replies": True}
    async with mm7_link(**settings, **login) as (rig, mmsc):
        part = rig.part(NO_RECEIPT, originator="2229")
        (outcome,) = await rig.send([part])
        assert Sent("mm-1") == outcome
        (submission,) = mmsc.submissions
        assert {
            "VASPID": "acme",
            "VASID": "news",
            "ServiceCode": "gold",
            "ShortCode": "2229",
            "Number": part.recipient,
            "Subject": "Sol",
            "DeliveryReport": "true",
            "ReadReply": "true",
        }.items() <= submission.fields.items()
        assert [
            ("text/plain", "text.txt", b"1"),
            ("image/jpeg", "b.jpg", PICTURE),
        ] == submission.parts[1:]
        assert ("application/smil", "mms.smil") == submission.parts[0][:2]
        assert "Basic dTpw" == submission.headers["authorization"]
        assert '""' == submission.headers["soapaction"]


async def test_the_window_is_kept_full_and_no_fuller() -> None:
    four = threading.Barrier(4)

    def meet(_: Submission) -> None:
        four.wait(LONG)

    async with mm7_link(Mmsc(script=meet), window=4, response_timeout=LONG) as (
        rig,
        mmsc,
    ):
        outcomes = await rig.send([rig.part(NO_RECEIPT) for _ in range(40)])
        assert all(isinstance(each, Sent) for each in outcomes)
        assert 40 == len({each.smsc_id for each in outcomes if isinstance(each, Sent)})
        assert 4 == mmsc.most


async def test_throttled_with_several_under_way() -> None:
    async with mm7_link(window=4) as (rig, _mmsc):
        parts = [rig.part(THROTTLED) for _ in range(9)]
        outcomes = await rig.send(parts)
        assert all(isinstance(each, Sent) for each in outcomes)
        assert {1} == set(rig.sink.times().values())


async def test_the_schema_that_is_set_is_written() -> None:
    async with mm7_link(namespace=OLD, mm7_version="5.3.0") as (rig, mmsc):
        assert [Sent("mm-1")] == await rig.send([rig.part(NO_RECEIPT)])
        (submission,) = mmsc.submissions
        assert OLD == submission.fields["schema"]
        assert "5.3.0" == submission.fields["MM7Version"]


TAKEN = (
    f'<a:Envelope xmlns:a="{SOAP}"><a:Body><SubmitRsp xmlns="{OLD}"><MM7Version>5.3.0'
    "</MM7Version><Status><StatusCode>1000</StatusCode><StatusText>Mottatt på norsk"
    "</StatusText></Status><MessageID>m-7</MessageID></SubmitRsp></a:Body></a:Envelope>"
)


@pytest.mark.parametrize(
    "octets",
    [
        b'<?xml version="1.0" encoding="utf-16"?>' + TAKEN.encode(),
        b'<?xml version="1.0" encoding="x-vendor"?>' + TAKEN.encode("latin-1"),
        f'<?xml version="1.0" encoding="utf-16"?>{TAKEN}'.encode("utf-16"),
        f'<?xml version="1.0"?>{TAKEN}'.encode("utf-16-be"),
        f'<?xml version="1.0" encoding="GB2312"?>{TAKEN}'.replace("på", "照")
        .encode("gb2312"),
        TAKEN.encode()[:-40],
        TAKEN.replace("Mottatt", "M & M").encode(),
        b"<!DOCTYPE x>" + TAKEN.encode(),
    ],
)  # fmt: skip
async def test_what_was_taken_is_not_left_unsure_for_how_that_is_written(
    octets: bytes,
) -> None:
    async with mm7_link(answering(octets)) as (rig, _mmsc):
        assert [Sent("m-7")] == await rig.send([rig.part()])


NO_XML = "no MM7: not well-formed XML"


MUST = "s:MustUnderstand no"
NOT_UNDERSTOOD = envelope(
    "t",
    "<e:Fault><faultcode>s:MustUnderstand</faultcode><faultstring>no</faultstring>"
    "</e:Fault>",
)


def answering(answer: bytes | int) -> Mmsc:
    return Mmsc(script=lambda _: answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fault(2004, "no"), Rejected(Reason.CONTENT, "2004 no", Retry.NEVER)),
        (fault(4001, "who"), Rejected(Reason.BARRED, "4001 who", Retry.ELSEWHERE)),
        (401, Rejected(Reason.REJECTED, f"HTTP 401 {NO_XML}", Retry.ELSEWHERE)),
        (502, Unsure(f"HTTP 502 {NO_XML}")),
        (308, Rejected(Reason.REJECTED, f"HTTP 308 {NO_XML}", Retry.ELSEWHERE)),
        (303, Unsure(f"HTTP 303 {NO_XML}")),
        (NOT_UNDERSTOOD, Rejected(Reason.REJECTED, MUST, Retry.ELSEWHERE)),
    ],
)  # fmt: skip
async def test_answers(answer: bytes | int, expected: Outcome) -> None:
    async with mm7_link(answering(answer)) as (rig, _mmsc):
        assert [expected] == await rig.send([rig.part()])


@pytest.mark.parametrize(
    ("http", "code", "expected"),
    [
        (200, 1000, Sent("id")),
        (200, 1100, Sent("id")),
        (500, 2999, Rejected(Reason.REJECTED, "x", Retry.NEVER)),
        (500, 3999, Rejected(Reason.REJECTED, "x", Retry.ELSEWHERE)),
        (500, 4999, Rejected(Reason.INTERNAL, "x", Retry.LATER)),
        (500, 3000, Rejected(Reason.INTERNAL, "x", Retry.LATER)),
        (500, 9000, Unsure("x")),
        (200, 0, Unsure("HTTP 200 x")),
        (503, 0, Rejected(Reason.THROTTLED, "HTTP 503 x", Retry.SLOWER)),
        (404, 0, Rejected(Reason.REJECTED, "HTTP 404 x", Retry.ELSEWHERE)),
    ],
)
def test_what_answers_mean(http: int, code: int, expected: Outcome) -> None:
    assert expected == outcome(http, Answer(code, "x", "id"), {})


def test_settings_say_what_may_be_done() -> None:
    found = outcome(500, Answer(2000, "x"), {"2000": Retry.LATER})
    assert Rejected(Reason.REJECTED, "x", Retry.LATER) == found


async def test_an_mmsc_that_is_away_and_comes_back() -> None:
    async with mm7_link(pause_min=0.05) as (rig, _):
        gone = Mmsc()
        gone._server.server_close()
        client = rig.carrier._client  # type: ignore[attr-defined] # it is of MM7
        port, client._port = client._port, gone._server.server_port
        outcomes = await rig.send([rig.part() for _ in range(3)])
        assert {Retry.LATER} == {each.retry for each in outcomes}  # type: ignore[union-attr] # so they are
        assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
        (late,) = await rig.send([rig.part()])
        assert isinstance(late, Rejected)
        client._port = port
        await rig.sink.until(lambda: rig.sink.rooms > 1)
        assert [Sent("mm-1")] == await rig.send([rig.part()])


async def test_what_an_mmsc_tells_after_the_end_is_nobodys() -> None:
    """Its threads outlive the loop: nothing is made there that nobody awaits."""

    mmsc = Mmsc()
    async with mm7_link(mmsc) as (rig, _):
        await rig.send([rig.part(NO_RECEIPT)])
    assert (503, b"") == mmsc.tell(report("mm-1", "+4790019999", "Retrieved"))


async def test_what_is_written_and_breaks_is_unsure() -> None:
    async with mm7_link() as (rig, _):
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", 0
        )
        client = rig.carrier._client  # type: ignore[attr-defined] # it is of MM7
        client._port = server.sockets[0].getsockname()[1]
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Unsure)
        server.close()


async def nothing(_: Sequence[int]) -> Mapping[int, MmsContent]:
    return {}


async def broken(_: Sequence[int]) -> Mapping[int, MmsContent]:
    raise OSError("the store is down")


async def large(ids: Sequence[int]) -> Mapping[int, MmsContent]:
    return {key: MmsContent("", "", (("a", "b/c", bytes(2000)),)) for key in ids}


@pytest.mark.parametrize(
    ("content", "retry", "reason"),
    [
        (nothing, Retry.NEVER, Reason.CONTENT),
        (broken, Retry.LATER, Reason.INTERNAL),
        (large, Retry.ELSEWHERE, Reason.CONTENT),
    ],
)
async def test_content_that_cannot_be_sent(
    content: Any, retry: Retry, reason: Reason
) -> None:
    async with mm7_link(content=content, max_size=1000) as (rig, mmsc):
        (found,) = await rig.send([rig.part()])
        assert isinstance(found, Rejected)
        assert (retry, reason) == (found.retry, found.reason)
        assert [] == mmsc.submissions
        assert rig.carrier.healthy()


async def test_a_text_is_refused() -> None:
    async with mm7_link() as (rig, _):
        (found,) = await rig.send([rig.part(encoding="gsm")])
        assert isinstance(found, Rejected)
        assert Retry.ELSEWHERE is found.retry


async def test_connections_are_used_again() -> None:
    seen: set[str] = set()

    def remember(found: Submission) -> None:
        seen.add(found.fields["Number"])

    async with mm7_link(Mmsc(script=remember)) as (rig, _mmsc):
        await rig.send([rig.part(NO_RECEIPT)])
        client = rig.carrier._client  # type: ignore[attr-defined] # it is of MM7
        (kept,) = client._idle
        await rig.send([rig.part(NO_RECEIPT)])
        assert [kept] == client._idle
        assert 2 == len(seen)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://mmsc.example.com/"},
        {"url": "ftp://mmsc.example.com/", "allow_http": True},
        {"url": "https://a:b@mmsc.example.com/"},
        {"url": "https:///mm7"},
        {"url": "https://mmsc.example.com/å"},
        {"url": "https://mmsc.example.com:99999/"},
        {"deliver_username": "a"},
        {"allow_from": ["10.0.0.1/8"]},
        {"statuses": {"busy": "later"}},
        {"statuses": {"4006": "never ever"}},
        {"window": 0},
        {"deliver_token": ""},
        {"deliver_token": "", "open": False, "allow_from": ["::/0"]},
        {"deliver_token": "", "allow_from": ["10.0.0.0/8", "0.0.0.0/0"]},
        {"deliver_token": "", "allow_from": ["0.0.0.0/1", "::1", "128.0.0.0/1"]},
        {"mm7_version": "six"},
        {"namespace": "a b"},
        {"namespace": ""},
    ],
)
def test_settings_that_are_none(wrong: dict[str, Any]) -> None:
    good = {"url": "https://mmsc.example.com/mm7", "deliver_token": "x"}
    msgspec.convert(good, mm7.Settings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, **wrong}, mm7.Settings)


@pytest.mark.parametrize(
    "guard",
    [
        {"open": True},
        {"deliver_token": "x"},
        {"deliver_username": "a", "deliver_password": "b"},
        {"allow_from": ["10.0.0.0/8"]},
    ],
)
def test_nobody_delivers_unless_that_is_said(guard: dict[str, Any]) -> None:
    settings = {"url": "https://mmsc.example.com/mm7", **guard}
    assert ("open" not in guard) == msgspec.convert(settings, mm7.Settings).guarded

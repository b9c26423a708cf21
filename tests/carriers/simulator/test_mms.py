"""MMS through the simulated operator: to phones, and from them."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from budstikke.carriers.simulator.carrier import carrier
from budstikke.carriers.simulator.phones import Phones
from budstikke.carriers.simulator.settings import Settings
from budstikke.domain.inbound import MediaPart
from budstikke.domain.receipt import Reason, Rejected, Retry, Sent
from carriers.rig import PICTURE, Recorder, Rig, contents
from carriers.smpp.smsc import NO_RECEIPT, SILENT
from carriers.waiting import LONG

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence

    from budstikke.domain.message import MmsContent

NOW = 1_793_534_400.0


class Chance:
    """A source of chance that has none."""

    def getrandbits(self, _: int) -> int:
        return 1


@asynccontextmanager
async def carrying(content: Any = contents) -> AsyncIterator[tuple[Rig, Phones]]:
    phones = Phones()
    chance: random.Random = Chance()  # type: ignore[assignment] # as much as is used
    made = carrier(
        "sim",
        Settings(delivery_delay=0.0, response_timeout=0.2),
        random=chance,
        clock=time.time,
        phones=phones,
        contents=content,
    )
    rig = Rig(made, Recorder(), None)
    rig.encoding = "mms"
    async with asyncio.timeout(LONG):
        await rig.start()
        try:
            yield rig, phones
        finally:
            await rig.stop()


def play(
    story: Callable[[Rig, Phones], Coroutine[None, None, None]],
    content: Any = contents,
) -> None:
    async def told() -> None:
        async with carrying(content) as (rig, phones):
            await story(rig, phones)

    asyncio.run(told())


async def test_a_phone_gets_an_mms() -> None:
    async with carrying() as (rig, phones):
        part = rig.part("9999")
        assert isinstance((await rig.send([part]))[0], Sent)
        await rig.sink.until(lambda: bool(rig.sink.got))
        (message,) = phones.messages(part.recipient)
        assert ("mms", "Sol", "1") == (
            message.kind,
            message.subject,
            message.text,
        )
        assert (MediaPart("b.jpg", "image/jpeg", PICTURE),) == phones.media(message.id)


def test_texts_pass_while_an_mms_is_read() -> None:
    ready = asyncio.Event()

    async def slow(ids: Sequence[int]) -> Mapping[int, MmsContent]:
        await ready.wait()
        return await contents(ids)

    async def story(rig: Rig, _: Phones) -> None:
        mms, text = rig.part(NO_RECEIPT), rig.part(NO_RECEIPT, encoding="gsm")
        rig.carrier.offer([mms, text])
        await rig.sink.until(lambda: bool(rig.sink.outcomes))
        assert [text] == [part for part, _ in rig.sink.outcomes]
        ready.set()
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 2)

    play(story, slow)


def test_what_is_being_read_is_given_back() -> None:
    async def never(_: Sequence[int]) -> Mapping[int, MmsContent]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def story(rig: Rig, _: Phones) -> None:
        part = rig.part(SILENT)
        rig.carrier.offer([part])
        await asyncio.sleep(0)
        await rig.stop()
        ((given, outcome),) = rig.sink.outcomes
        assert part is given
        assert isinstance(outcome, Rejected)
        assert Retry.LATER is outcome.retry

    play(story, never)


def test_content_that_is_not_there() -> None:
    async def nothing(_: Sequence[int]) -> Mapping[int, MmsContent]:
        return {}

    async def broken(_: Sequence[int]) -> Mapping[int, MmsContent]:
        raise OSError("the store is down")

    expected = [
        (nothing, Reason.CONTENT, Retry.NEVER),
        (broken, Reason.INTERNAL, Retry.LATER),
        (None, Reason.NO_ROUTE, Retry.ELSEWHERE),
    ]
    for content, reason, retry in expected:

        async def story(
            rig: Rig, _: Phones, reason: Reason = reason, retry: Retry = retry
        ) -> None:
            (found,) = await rig.send([rig.part()])
            assert isinstance(found, Rejected)
            assert (reason, retry) == (found.reason, found.retry)

        play(story, content)


async def test_a_phone_sends_an_mms() -> None:
    async with carrying() as (rig, phones):
        picture = MediaPart("bilde.jpg", "image/jpeg", PICTURE)
        phones.compose("+4790000001", "2229", "Hei på", NOW, ("Sol", (picture,)))
        await rig.sink.until(lambda: bool(rig.sink.mms))
        (mms,) = rig.sink.mms
        assert ("+4790000001", "2229", "Sol", NOW) == (
            mms.originator,
            mms.recipient,
            mms.subject,
            mms.at,
        )
        smil, text, sent = mms.parts
        assert "application/smil" == smil.type
        assert ("text/plain; charset=utf-8", "Hei på".encode()) == (
            text.type,
            text.data,
        )
        assert picture == sent


async def test_what_cannot_be_stored_is_given_again() -> None:
    async with carrying() as (rig, phones):
        rig.sink.fail = True
        phones.compose("+4790000001", "2229", "", NOW, ("Sol", ()))
        await rig.sink.until(lambda: len(rig.sink.mms) == 1)
        rig.sink.fail = False
        await rig.sink.until(lambda: len(rig.sink.mms) == 2)
        assert rig.sink.mms[0] == rig.sink.mms[1]

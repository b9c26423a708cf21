from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.carriers.contract import InboundMms, InboundPart, ReadReport
from budstikke.carriers.simulator import carrier as carrier_module
from budstikke.carriers.simulator.carrier import SimulatorCarrier, carrier
from budstikke.carriers.simulator.outcomes import LINK_DOWN, NOT_OFFERED, REJECTED
from budstikke.carriers.simulator.phones import Phones
from budstikke.carriers.simulator.settings import Settings
from budstikke.domain.message import Part
from budstikke.domain.receipt import (
    Outcome,
    Reason,
    Receipt,
    ReceiptState,
    Sent,
    Unsure,
)
from budstikke.domain.text import concatenation, gsm_decode, parse_udh, ucs2_decode
from patience import PATIENCE

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Sequence

NOW = 1_800_000_000.0
OLA = "+4799999999"


class Sink:
    """Records what a carrier reports; fails ``failures`` times to store something."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.answers: list[tuple[Part, Outcome]] = []
        self.got: list[Receipt] = []
        self.parts: list[InboundPart] = []
        self.calls = 0
        self.batches: list[int] = []
        self.rooms = 0
        self.failures = 0
        self._stirred = asyncio.Event()

    async def has(self, count: int, where: list[Any]) -> None:
        """Wait until so many have come."""
        async with asyncio.timeout(PATIENCE):
            while len(where) < count:
                self._stirred.clear()
                await self._stirred.wait()

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        self.calls += 1
        self.answers += answers
        self.log += [outcome for _, outcome in answers]

    def room(self) -> None:
        self.rooms += 1

    def late(self, part: Part, outcome: Outcome) -> None:
        raise AssertionError("the simulator is never late")

    def receipts(self, receipts: Sequence[Receipt]) -> Future[None]:
        self.batches.append(len(receipts))
        self.log += receipts
        return self._stored(self.got, receipts)

    def inbound(self, parts: Sequence[InboundPart | InboundMms]) -> Future[None]:
        return self._stored(self.parts, parts)

    def read(self, reads: Sequence[ReadReport]) -> Future[None]:
        raise AssertionError("nobody says what phones read")

    def _stored(self, where: list[Any], values: Sequence[Any]) -> Future[None]:
        future = asyncio.get_running_loop().create_future()
        if self.failures:
            self.failures -= 1
            future.set_exception(OSError("disk full"))
        else:
            where += values
            future.set_result(None)
        self._stirred.set()
        return future


class Link:
    """A carrier that is up, its sink, its phones and a clock that a test moves."""

    def __init__(self, **settings: Any) -> None:
        self.now = NOW
        self.phones = Phones()
        self.sink = Sink()
        self.carrier: SimulatorCarrier = carrier(
            "sim",
            msgspec.convert(settings, Settings),
            random=Random(1),  # noqa: S311 - a test repeats itself
            clock=lambda: self.now,
            phones=self.phones,
        )

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Link]:
        task = asyncio.create_task(self.carrier.run(self.sink))
        await turns()
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until(self, seconds: float) -> None:
        """Let everything happen until so many seconds after the start."""
        end = NOW + seconds
        await turns()
        while (due := self.carrier.next()) is not None and due <= end:
            self.now = max(self.now, due)
            self.carrier.tick()
            await turns()
        self.now = end


async def turns() -> None:
    """Let the loop turn a few times."""
    for _ in range(5):
        await asyncio.sleep(0)


def part(digits: str = "9999", id: int = 257, **changes: Any) -> Part:  # noqa: A002 - as in Part
    made = Part(
        id=id,
        number=1,
        total=1,
        originator="2229",
        recipient="+479999" + digits,
        text="Hei",
        encoding="gsm",
        tables=(0, 0),
        flash=False,
        protocol_id=0,
        priority=1,
        expires_at=NOW + 7 * 86400,
        report=True,
    )
    return msgspec.structs.replace(made, **changes)


def kinds(log: list[Any]) -> list[str]:
    """Name outcomes by their kind and receipts by their state."""
    return [
        each.state.value if isinstance(each, Receipt) else type(each).__name__
        for each in log
    ]


@pytest.mark.parametrize(
    ("digits", "expected", "arrives"),
    [
        ("9999", ["Sent", "delivered"], 1),
        ("0001", ["Sent", "undelivered"], 0),
        ("0002", ["Rejected"], 0),
        ("0003", ["Unsure"], 0),
        ("0004", ["Sent", "expired"], 0),
        ("0005", ["delivered", "Sent"], 1),
        ("0006", ["Sent", "delivered", "delivered"], 1),
        ("0007", ["Sent"], 1),
        ("0008", ["Sent", "delivered"], 1),
        ("0009", ["Sent", "delivered"], 1),
    ],
)
async def test_each_fate_as_the_gateway_sees_it(
    digits: str, expected: list[str], arrives: int
) -> None:
    async with Link().up() as link:
        link.carrier.offer([part(digits)])
        await link.until(60)

        assert expected == kinds(link.sink.log)
        assert arrives == len(link.phones.messages("+479999" + digits))
        assert [part(digits)] == [each for each, _ in link.sink.answers]
        ids = {
            each.smsc_id for each in link.sink.log if isinstance(each, Sent | Receipt)
        }
        assert (1 if len(expected) > 1 or digits == "0007" else 0) == len(ids)


async def test_what_a_receipt_says() -> None:
    async with Link(delivery_delay=2).up() as link:
        link.carrier.offer([part("0001")])
        await link.until(10)

        (receipt,) = link.sink.got
        assert ReceiptState.UNDELIVERED is receipt.state
        assert Reason.UNKNOWN_SUBSCRIBER is receipt.reason
        assert "UNDELIV 001" == receipt.raw
        assert "+4799990001" == receipt.recipient
        assert 2.0 <= receipt.at - NOW <= 2.1


async def test_a_part_that_wants_no_receipt_gets_none() -> None:
    async with Link().up() as link:
        link.carrier.offer([part(report=False)])
        await link.until(10)

        assert [] == link.sink.got
        assert 1 == len(link.phones.messages(OLA))


async def test_an_unanswered_part_is_unsure_when_its_time_is_over() -> None:
    async with Link(response_timeout=2).up() as link:
        link.carrier.offer([part("0003")])
        await link.until(1.9)
        assert [] == link.sink.answers

        await link.until(2.1)
        assert [(part("0003"), Unsure("no answer in 2 s"))] == link.sink.answers


async def test_one_turn_of_the_loop_is_one_answer() -> None:
    async with Link().up() as link:
        link.carrier.offer([part(id=n << 8 | 1) for n in range(300)])
        link.carrier.offer([part(id=n << 8 | 1) for n in range(300, 500)])
        assert [] == link.sink.answers
        await turns()

        assert 1 == link.sink.calls
        assert list(range(500)) == [each.id >> 8 for each, _ in link.sink.answers]
        ids = {o.smsc_id for _, o in link.sink.answers if isinstance(o, Sent)}
        assert 500 == len(ids)


async def test_receipts_that_are_due_together_come_together() -> None:
    async with Link().up() as link:
        link.carrier.offer([part(id=n << 8 | 1) for n in range(300)])
        await link.until(5)

        assert [300] == link.sink.batches


async def test_throttling_stops_the_link_and_keeps_the_order() -> None:
    async with Link(throttle_pause=1).up() as link:
        link.carrier.offer([part("1111"), part("0008"), part("2222")])
        await turns()
        link.carrier.offer([part("3333")])
        await turns()
        assert ["1111"] == [each.recipient[-4:] for each, _ in link.sink.answers]
        assert 997 == link.carrier.room()

        # Pauses of 1, 2 and 4 seconds.
        await link.until(6.9)
        assert 1 == len(link.sink.answers)
        await link.until(7.1)
        assert ["1111", "0008", "2222", "3333"] == (
            [each.recipient[-4:] for each, _ in link.sink.answers]
        )
        assert 3 == link.carrier.throttled


async def test_the_pause_begins_anew_after_something_was_taken() -> None:
    async with Link(throttle_pause=1).up() as link:
        link.carrier.offer([part("0008"), part("0008")])

        await link.until(14.1)
        assert ["Sent", "Sent"] == kinds([o for _, o in link.sink.answers])


async def test_the_window_fills_and_room_is_announced() -> None:
    async with Link(window=2).up() as link:
        assert 1 == link.sink.rooms
        link.carrier.offer([part("0003"), part()])
        assert 0 == link.carrier.room()
        await turns()
        assert 1 == link.carrier.room()
        assert 2 == link.sink.rooms

        await link.until(6)
        assert 2 == link.carrier.room()


def test_a_link_that_is_down_has_no_room() -> None:
    link = Link()

    assert 0 == link.carrier.room()
    assert not link.carrier.healthy()
    with pytest.raises(AssertionError):
        link.carrier.offer([part()])


async def test_what_is_offered_after_the_link_went_down_is_for_later() -> None:
    link = Link()
    async with link.up():
        pass
    link.carrier.offer([part()])
    await turns()
    assert [(part(), NOT_OFFERED)] == link.sink.answers
    assert [] == link.phones.messages(OLA)


async def test_everything_is_answered_once_when_the_link_goes_down() -> None:
    link = Link()
    async with link.up():
        offered = [part("1111"), part("0003"), part("0005"), part("0008"), part()]
        link.carrier.offer(offered)

    unsure, later = LINK_DOWN, NOT_OFFERED
    answers = {each.recipient[-4:]: outcome for each, outcome in link.sink.answers}
    assert len(offered) == len(link.sink.answers) == len(answers)
    assert "Sent" == type(answers.pop("1111")).__name__
    assert {"0003": unsure, "0005": unsure, "0008": later, "9999": later} == answers

    async with link.up():
        await link.until(60)
    assert len(offered) == len(link.sink.answers)


async def test_receipts_come_when_the_link_is_up_again() -> None:
    link = Link()
    async with link.up():
        link.carrier.offer([part()])
        await turns()
    assert [] == link.sink.got
    link.now += 100

    async with link.up():
        await turns()
        assert [ReceiptState.DELIVERED] == [each.state for each in link.sink.got]


async def test_drain_waits_for_answers_then_takes_the_link_down() -> None:
    link = Link()
    run = asyncio.create_task(link.carrier.run(link.sink))
    await turns()
    link.carrier.offer([part()])

    await link.carrier.drain(5)

    assert ["Sent"] == kinds([o for _, o in link.sink.answers])
    assert (0, False) == (link.carrier.room(), link.carrier.healthy())
    async with asyncio.timeout(PATIENCE):
        await run


async def test_drain_does_not_wait_longer_than_told() -> None:
    link = Link()
    run = asyncio.create_task(link.carrier.run(link.sink))
    await turns()
    link.carrier.offer([part("0003")])

    await link.carrier.drain(0)

    assert [(part("0003"), LINK_DOWN)] == link.sink.answers
    async with asyncio.timeout(PATIENCE):
        await run


async def test_a_receipt_that_was_not_stored_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrier_module, "RETRY", 0)

    async with Link().up() as link:
        link.sink.failures = 2
        link.carrier.offer([part("0001"), part()])
        await link.until(5)
        await link.sink.has(2, link.sink.got)

        assert ["undelivered", "delivered"] == kinds(link.sink.got)


async def test_the_parts_of_a_long_text_are_joined_on_the_phone() -> None:
    async with Link().up() as link:
        link.carrier.offer(
            [
                part(id=(7 << 8) + n, number=n, total=3, text=f"del {n} ")
                for n in (3, 1, 2)
            ]
        )
        await link.until(5)

        (message,) = link.phones.messages(OLA)
        assert ("del 1 del 2 del 3 ", 3) == (message.text, message.segments)


async def test_a_phone_that_is_switched_on_gets_what_waited() -> None:
    async with Link().up() as link:
        link.phones.switch(OLA, on=False)
        link.carrier.offer([part()])
        await link.until(100)
        assert [] == link.sink.got

        link.phones.switch(OLA, on=True)
        await link.until(200)
        assert ["delivered"] == kinds(link.sink.got)


async def test_the_timer_of_the_carrier_itself_drives_it() -> None:
    link = Link(delivery_delay=0)
    async with link.up():
        link.now = NOW
        link.carrier.offer([part()])
        link.now += 1
        await link.sink.has(1, link.sink.got)


@pytest.mark.parametrize("early", [True, False])
async def test_what_a_phone_sends_is_inbound(early: int) -> None:
    link = Link()
    if early:
        link.phones.compose(OLA, "2229", "JA @€", NOW)
    async with link.up():
        if not early:
            link.phones.compose(OLA, "2229", "JA @€", NOW)
        await turns()

        expected = InboundPart(OLA, "2229", 0, False, b"JA \x00\x1be", {}, NOW)
        assert [expected] == link.sink.parts


@pytest.mark.parametrize(("text", "coding"), [("lang " * 100, 0), ("læng 😀 " * 40, 8)])
async def test_a_long_text_from_a_phone_comes_in_parts(text: str, coding: int) -> None:
    async with Link().up() as link:
        link.phones.compose(OLA, "2229", text, NOW)
        await turns()

        joined, numbers, refs = "", [], set()
        for each in link.sink.parts:
            assert (True, coding) == (each.udhi, each.data_coding)
            assert len(each.payload) <= (160 if coding == 0 else 140)
            elements, body = parse_udh(each.payload)
            joined += gsm_decode(body) if coding == 0 else ucs2_decode(body)
            found = concatenation(elements)
            assert found is not None
            numbers.append((found.number, found.total))
            refs.add(found.ref)
        total = len(numbers)
        assert text == joined
        assert [(n, total) for n in range(1, total + 1)] == numbers
        assert 1 == len(refs)


async def test_a_message_from_a_phone_that_was_not_stored_comes_again_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrier_module, "RETRY", 0)

    async with Link().up() as link:
        link.sink.failures = 2
        link.phones.compose(OLA, "2229", "a", NOW)
        link.phones.compose(OLA, "2229", "b", NOW)
        await link.sink.has(2, link.sink.parts)

        assert [b"a", b"b"] == [each.payload for each in link.sink.parts]


async def test_only_numbers_that_are_this_links_are_fetched() -> None:
    async with Link(numbers=["26"]).up() as link:
        link.phones.compose(OLA, "2229", "a", NOW)
        link.phones.compose(OLA, "26114", "b", NOW)
        await turns()

        assert ["26114"] == [each.recipient for each in link.sink.parts]
        assert ["2229"] == [each.to for each in link.phones.take(10)]


def test_ids_are_not_used_again_after_a_restart() -> None:
    def first_id(seed: int) -> str:
        async def play() -> str:
            link = Link()
            link.carrier = carrier(
                "sim",
                Settings(),
                random=Random(seed),  # noqa: S311 - a test repeats itself
                clock=lambda: NOW,
                phones=link.phones,
            )
            async with link.up():
                link.carrier.offer([part()])
                await turns()
            ((_, outcome),) = link.sink.answers
            assert isinstance(outcome, Sent)
            return outcome.smsc_id

        return asyncio.run(play())

    assert first_id(1) != first_id(2)


def test_a_carrier_without_phones_has_its_own() -> None:
    made = carrier("sim", Settings(), random=Random(1), clock=lambda: NOW)  # noqa: S311 - a test

    assert [] == made.phones.summaries()


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": 1},
        {"delivery_delay": -1},
        {"window": 0},
        {"response_timeout": "soon"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Settings)


def test_the_rejection_is_final() -> None:
    assert "never" == REJECTED.retry

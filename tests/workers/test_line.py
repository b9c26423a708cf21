"""Calls between two processes: answers, faults, ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.contract import StoreUnavailable
from budstikke.subprocesses import frames
from budstikke.workers.line import CALL, DONE, LineLostError
from flow.rig import until
from workers.lines import End, joined

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

SECRET = "what the customer wrote"


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def refuse() -> None:
    raise Refusal(RefusalCode.BAD_FIELD, field="text", value="x", invalid=("1", "2"))


async def unavailable() -> None:
    raise StoreUnavailable("the disk is full")


async def fail() -> None:
    raise ZeroDivisionError(SECRET)


async def unwritable() -> Any:
    return lambda: None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "double": double,
    "refuse": refuse,
    "unavailable": unavailable,
    "fail": fail,
    "unwritable": unwritable,
}


async def test_both_sides_ask_and_are_answered() -> None:
    one, other = End(FUNCTIONS, {}), End(FUNCTIONS, {})
    async with joined(one, other):
        asked = [end.line.ask("double", n) for n in range(5) for end in (one, other)]
        assert [0, 0, 2, 2, 4, 4, 6, 6, 8, 8] == await asyncio.gather(*asked)


async def test_a_refusal_crosses_whole_and_what_is_unavailable_says_why() -> None:
    one, other = End({}, {}), End(FUNCTIONS, {})
    async with joined(one, other):
        with pytest.raises(Refusal) as refusal:
            await one.line.ask("refuse")
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await one.line.ask("unavailable")
    said = refusal.value
    assert RefusalCode.BAD_FIELD is said.code
    assert ("text", "x", ("1", "2")) == (said.field, said.value, said.invalid)


async def test_a_fault_is_logged_where_it_is_and_quotes_nothing_elsewhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, other = End({}, {}), End(FUNCTIONS, {})
    async with joined(one, other):
        with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError) as fault:
            await one.line.ask("fail")
    assert "ZeroDivisionError" == str(fault.value)
    assert 1 == len(caplog.records)


async def test_what_cannot_cross_takes_nothing_else_with_it() -> None:
    one, other = End({}, {}), End(FUNCTIONS, {})
    async with joined(one, other):
        asked = [
            one.line.ask("double", 1),
            one.line.ask("unwritable"),
            one.line.ask("double", lambda: None),
            one.line.ask("double", 2),
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [2, 4] == [answers[0], answers[3]]
    assert [RuntimeError, RuntimeError] == [type(answers[1]), type(answers[2])]


async def test_what_is_said_in_one_turn_is_one_write_and_is_heard_in_order() -> None:
    heard: list[int] = []
    one, other = End({}, {}), End({}, {"note": heard.append})
    async with joined(one, other):
        channel: Any = one.line._channel
        frames: list[Any] = []
        say = channel.say

        def noted(value: Any) -> None:
            frames.append(value)
            say(value)

        channel.say = noted
        for number in range(10):
            one.line.note("note", number)
        await until(lambda: 10 == len(heard))
    assert 1 == len(frames)
    assert list(range(10)) == heard


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("how", ["cancelled", "gone"])
async def test_only_a_tied_call_ends_with_its_caller(how: str, *, tied: bool) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def work() -> None:
        try:
            begun.set()
            await go_on.wait()
            ended.append("whole")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    one = End({}, {})
    other = End({"work": work}, {}, frozenset({"work"} if tied else ()))
    async with joined(one, other):
        asked = asyncio.create_task(one.line.ask("work"))
        await begun.wait()
        if how == "cancelled":
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await one_turn(one)
        else:
            one.line.close()
            await other.lost.wait()
            await asyncio.gather(asked, return_exceptions=True)
        go_on.set()
        await until(lambda: 1 == len(ended))
    assert ["cancelled" if tied else "whole"] == ended


async def one_turn(one: End) -> None:
    """Wait until the other side has heard what was said before."""
    with pytest.raises(RuntimeError):
        await one.line.ask("nobody knows this")


async def test_who_waits_hears_that_the_other_side_has_ended() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    one, other = End({}, {}), End({"hang": hang}, {}, frozenset({"hang"}))
    async with joined(one, other):
        asked = asyncio.create_task(one.line.ask("hang"))
        await asyncio.sleep(0)
        other.line.close()
        with pytest.raises(LineLostError):
            await asked
        with pytest.raises(LineLostError):
            await one.line.ask("hang")
        one.line.note("nothing")  # and nobody hears it


async def test_what_is_heard_while_a_side_connects_is_answered() -> None:
    other = End(FUNCTIONS, {})
    ours, theirs = socket.socketpair()
    other.line._heard([(CALL, 1, "double", (4,))])  # which may be before it knows
    for _ in range(5):
        await asyncio.sleep(0)
    await other.line.connect(theirs)
    ours.setblocking(False)
    assert [[(DONE, 1, "", 8)]] == list(frames(bytearray(ours.recv(1000))))
    ours.close()
    await other.lost.wait()

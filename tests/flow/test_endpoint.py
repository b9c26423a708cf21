"""An endpoint: how many calls it has at a time, and what it remembers."""

from __future__ import annotations

import asyncio

import pytest

from budstikke.domain.message import StatusEvent
from budstikke.flow.endpoint import FINALS, QUICK, WIDTH, Endpoint
from budstikke.store.contract import CallbackRow
from flow.rig import Rig, until
from store.path import NOW, RECIPIENT

ONE = "c1.example"
MOST = 64


def row(number: int, state: str, message_id: int | None = None) -> CallbackRow:
    named = number if message_id is None else message_id
    event = StatusEvent(named, RECIPIENT, None, state, "", "", NOW)
    return CallbackRow(number, 1, event, 0)


def endpoint(took: float | None = None, most: int = MOST) -> Endpoint:
    made = Endpoint(1, row(1, "sent").event, most)
    made.done(row(1, "sent"), took)
    return made


@pytest.mark.parametrize(
    ("took", "most", "width"),
    [
        (None, MOST, WIDTH),
        (None, 4, 4),
        (0.0, MOST, MOST),
        (QUICK, MOST, MOST),
        (QUICK * 2, MOST, MOST // 2),
        (QUICK * 3, MOST, MOST // 3),
        (QUICK * 4, MOST, WIDTH),
        (30.0, MOST, WIDTH),
        (0.0, 4, 4),
        (30.0, 4, 4),
    ],
)
def test_a_quick_endpoint_has_more_calls_than_a_slow_one(
    took: float | None, most: int, width: int
) -> None:
    assert width == endpoint(took, most).width


def test_one_that_fails_has_few_until_it_answers() -> None:
    quick = endpoint(0.01)
    quick.failed(NOW)
    assert WIDTH == quick.width
    quick.answered()
    assert MOST == quick.width


def test_it_remembers_the_latest_messages_that_are_final() -> None:
    told = endpoint()
    for number in range(FINALS + 1):
        told.put(row(number, "delivered"))
        told.take()
    assert not told.too_late(row(0, "sent"))
    assert told.too_late(row(1, "sent"))
    assert told.too_late(row(FINALS, "sent"))
    assert not told.too_late(row(FINALS, "delivered"))
    assert not told.too_late(row(FINALS + 1, "sent"))


async def test_calls_become_more_as_the_endpoint_answers(rig: Rig) -> None:
    async def calls(count: int) -> None:
        """Wait for so many calls that hang, and see that there are no more."""
        await until(lambda: rig.transport.under_way == count)
        for _ in range(9):
            await asyncio.sleep(0)
        assert count == rig.transport.under_way

    def answer() -> None:
        """Answer all calls; those that come next hang."""
        rig.transport.hanging[ONE].set()
        rig.transport.hanging[ONE] = asyncio.Event()

    rig.notifier._per_endpoint = MOST
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify([row(n, "delivered") for n in range(1, 201)])
    await calls(WIDTH)
    (found,) = rig.notifier._endpoints.values()
    found.took = QUICK / 2
    answer()
    await calls(MOST)
    found.took = 1e9  # it is still slow when these have answered at once
    answer()
    await calls(WIDTH)
    assert WIDTH == len(found.workers)
    rig.transport.hanging.pop(ONE).set()
    await until(lambda: 200 == len(rig.transport.asked))

"""What the gateway answers phones: once, in the account's name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from budstikke.dialects import DIALECTS
from budstikke.domain.callback import AGAIN, SendEvent
from budstikke.domain.directory import Directory
from budstikke.domain.number_inventory import Keyword, NumberInventory
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.inbound_draft import REPLY_WAIT
from budstikke.store import schema
from budstikke.store.contract import CallbackRow
from flow.callbacks import PHONE, answer, draft, event, receive
from flow.rig import Rig, until
from store.path import NOW

ROW = CallbackRow(7, 1, SendEvent(1, PHONE, "2229", "Takk!", "stop"), 0)
LATER = NOW + 1800


def messages(rig: Rig) -> list[tuple[str, str]]:
    texts = rig.path.column("text", schema.part)
    return list(zip(rig.path.column("originator", schema.message), texts, strict=True))


async def test_it_is_one_message_however_often_it_is_tried(rig: Rig) -> None:
    for _ in range(3):
        await rig.auto_replier.reply(ROW)
    assert [("2229", "Takk!")] == messages(rig)
    assert [0] == rig.path.column("notify_on", schema.message)


@pytest.mark.parametrize("recipient", ["+47", "VIPPS", ""])
async def test_what_is_no_phone_is_not_answered(rig: Rig, recipient: str) -> None:
    told = SendEvent(1, recipient, "2229", "Takk!", "stop")
    with pytest.raises(Refusal):
        await rig.auto_replier.reply(CallbackRow(7, 1, told, 0))
    assert [] == messages(rig)


async def test_one_that_is_gone_or_blocked_answers_nothing(rig: Rig) -> None:
    known = rig.directory.accesses[1]
    blocked = replace(known, account=replace(known.account, blocked=True))
    for accesses in ({}, {1: replace(known, blocked=True)}, {1: blocked}):
        rig.directory = Directory(revision=2, accesses=accesses, carriers={})
        with pytest.raises(Refusal) as caught:
            await rig.auto_replier.reply(ROW)
        assert RefusalCode.ACCOUNT_BLOCKED == caught.value.code


async def test_after_a_stop_it_is_left_to_the_next(rig: Rig) -> None:
    received = await receive(rig, 1, notify=False, sends=[answer("Takk!")])
    rig.auto_replier.stop()
    rig.notifier.notify(received.callbacks)
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    assert [] == messages(rig)
    assert [("due", 0)] == [
        *zip(
            rig.path.column("state", schema.callback),
            rig.path.column("tries", schema.callback),
            strict=True,
        )
    ]


async def asked(
    rig: Rig,
    receipt: str = "",
    url: str = "https://in.example/in",
    dialect: str = "sveve",
    keyword: int = 7,
) -> None:
    """Have a phone write to a keyword whose receipt waits for the customer."""
    known = rig.directory
    word = Keyword(id=7, number_id=1, word="ASK", access_id=1, receipt=receipt)
    settings = DIALECTS[dialect].settings(inbound_url=url)
    access = replace(known.accesses[1], dialect=dialect, settings=settings)
    rig.directory = replace(
        known, accesses={1: access}, inventory=NumberInventory({}, {7: word})
    )
    told = event(rig.path.store.reserve_ids(1), number_id=1, keyword_id=keyword)
    late = answer("the other text", LATER) if receipt else answer("", NOW + REPLY_WAIT)
    made = draft(told, queued=False, sends=[late], waiting=0)
    received = await rig.path.store.receive([made], rig.now)
    rig.notifier.notify(received.callbacks)
    await until(lambda: not rig.notifier.busy())
    await rig.written()


async def sends(rig: Rig) -> list[tuple[str, str]]:
    await rig.scheduler.wake()
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    return messages(rig)


async def test_the_phone_is_answered_with_the_customers_words(rig: Rig) -> None:
    await asked(rig, "We say: %HTTP_PUSH_RESPONSE%")
    assert [("2229", "We say: thanks")] == await sends(rig)
    rig.now = LATER + 1
    assert 1 == len(await sends(rig))


async def test_it_is_answered_without_them_when_they_do_not_come(
    rig: Rig,
) -> None:
    rig.transport.status["in.example"] = 500
    await asked(rig, "We say: %HTTP_PUSH_RESPONSE%")
    assert [] == await sends(rig)
    rig.now = LATER + 1
    assert [("2229", "the other text")] == await sends(rig)


async def test_nobody_is_waited_for_who_is_not_asked(rig: Rig) -> None:
    await asked(rig, "Thanks %HTTP_PUSH_RESPONSE%", url="")
    assert [("2229", "Thanks")] == await sends(rig)


async def test_nothing_is_answered_when_nothing_is_left(rig: Rig) -> None:
    await asked(rig, "%HTTP_PUSH_RESPONSE%", url="")
    rig.now = LATER + 1
    assert [] == await sends(rig)
    assert ["done", "done"] == rig.path.column("state", schema.callback)


@pytest.mark.parametrize("keyword", [0, 7])
async def test_a_servers_answer_is_the_reply_where_the_api_has_it_so(
    rig: Rig, keyword: int
) -> None:
    await asked(rig, dialect="elks", keyword=keyword)
    assert [("2229", "thanks")] == await sends(rig)
    assert ["done", "done"] == rig.path.column("state", schema.callback)


async def test_a_keywords_own_receipt_goes_before_a_servers_answer(rig: Rig) -> None:
    await asked(rig, "We say: %HTTP_PUSH_RESPONSE%", dialect="elks")
    assert [("2229", "We say: thanks")] == await sends(rig)


async def test_a_server_that_answers_at_a_later_try_replies_then(rig: Rig) -> None:
    rig.transport.status["in.example"] = 500
    await asked(rig, dialect="elks", keyword=0)
    assert [] == await sends(rig)
    del rig.transport.status["in.example"]
    rig.now += AGAIN[0]
    await sends(rig)
    assert [("2229", "thanks")] == await sends(rig)


async def test_no_reply_waits_for_a_server_that_was_given_up(rig: Rig) -> None:
    rig.transport.status["in.example"] = 500
    await asked(rig, dialect="elks", keyword=0)
    for pause in AGAIN:
        assert ["due", "due"] == rig.path.column("state", schema.callback)
        rig.now += pause
        await sends(rig)
    assert ["failed", "done"] == rig.path.column("state", schema.callback)
    assert [] == messages(rig)


async def test_an_answer_is_no_reply_in_other_apis(rig: Rig) -> None:
    await asked(rig, dialect="sveve", keyword=0)
    assert [] == await sends(rig)


async def test_answers_at_once(rig: Rig) -> None:
    received = await receive(rig, 1, notify=False, sends=[answer("Takk!")])
    rig.notifier.notify(received.callbacks)
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    assert [("2229", "Takk!")] == messages(rig)
    assert ["done"] == rig.path.column("state", schema.callback)

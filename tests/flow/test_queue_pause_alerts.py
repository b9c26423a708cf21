"""Pauses: a mail and an SMS with a link, until they are taken."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from budstikke import metrics
from budstikke.domain.callback import QueueState
from budstikke.flow.queue_pause_alerts import COUNT_EVERY, QueuePauseAlerts, digest
from budstikke.flow.refusal_alerts import LONGEST_PAUSE, PAUSE
from budstikke.flow.transports import Mail, NotSent, Undeliverable
from budstikke.store import schema
from budstikke.store.contract import QueueResult
from flow.callbacks import receive, two_way
from flow.rig import Rig, rig_on

if TYPE_CHECKING:
    import pytest

    from store.engines import SqliteEngine

TO = ("ola@kunde.no", "kari@kunde.no")


class Post:
    """A mail server: takes mails, or raises what it is told to."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.error: Exception | None = None

    async def send(self, mail: Mail) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(mail)

    def tokens(self) -> list[str]:
        links = [re.findall(r"https://g\.no/resume/(\S+)", m.text) for m in self.sent]
        return [link for (link,) in links]


def alerter(rig: Rig, post: Post | None, first: int = 1) -> QueuePauseAlerts:
    tokens = iter(range(first, 1000))
    return QueuePauseAlerts(
        store=rig.store,
        directory=lambda: rig.directory,
        transport=post,
        acceptor=rig.acceptor,
        clock=lambda: rig.now,
        base_url="https://g.no",
        originator="Alarm",
        token=lambda: f"token{next(tokens)}",
    )


async def pause(rig: Rig, why: str = "HTTP 500 <b>\nno", **settings: Any) -> int:
    """Have the queue of access 1 paused, with three messages in it."""
    rig.directory = two_way(**{"inbound_alerts": TO} | settings)
    (queue_id,) = (await receive(rig, 3)).queues
    await paused_again(rig, queue_id, why)
    return queue_id


async def paused_again(rig: Rig, queue_id: int, why: str = "gone") -> None:
    assert await rig.path.store.take_queue(queue_id, 1, rig.now)
    result = QueueResult(queue_id, [], QueueState.PAUSED, None, 3, rig.now, why)
    await rig.path.store.record_queues([result])


async def test_one_mail_with_a_link(rig: Rig) -> None:
    await pause(rig)
    post = Post()
    pauses = alerter(rig, post)
    for _ in range(3):
        assert not await pauses.run_once()
    (mail,) = post.sent
    assert TO == mail.to
    assert "Messages from phones are paused on service 1" == mail.subject
    assert "Since: 2023-11-14 22:13:20 UTC\n" in mail.text
    assert "Why: HTTP 500 <b> no\n" in mail.text
    assert "Messages that wait: 3\n" in mail.text
    assert ["token1"] == post.tokens()
    stored = [sha256(b"token1").hexdigest()]
    assert stored == rig.path.column("token", schema.queue)


async def test_another_pause_has_another_link_and_the_old_one_is_dead(
    rig: Rig,
) -> None:
    queue_id = await pause(rig)
    post = Post()
    pauses = alerter(rig, post)
    await pauses.run_once()
    assert queue_id == await rig.store.resume_queue(token=digest("token1"))
    assert await rig.store.resume_queue(token=digest("token1")) is None
    rig.now += 400
    await paused_again(rig, queue_id)
    await pauses.run_once()
    assert ["token1", "token2"] == post.tokens()
    assert await rig.store.resume_queue(token=digest("token1")) is None
    assert queue_id == await rig.store.resume_queue(token=digest("token2"))


async def test_a_mail_that_is_not_taken_is_tried_again_with_the_same_link(
    rig: Rig,
) -> None:
    await pause(rig)
    post = Post()
    post.error = NotSent("away")
    pauses = alerter(rig, post)
    await pauses.run_once()
    # The link is stored before the mail goes out.
    assert [digest("token1")] == rig.path.column("token", schema.queue)
    tried = 0
    for _ in range(1000):
        rig.now += 10
        before = pauses._alerts.copy()
        await pauses.run_once()
        tried += before != pauses._alerts
    assert 10_000 / LONGEST_PAUSE <= tried <= 20
    post.error = None
    rig.now += LONGEST_PAUSE
    await pauses.run_once()
    assert ["token1"] == post.tokens()
    assert [False] == rig.path.column("alert", schema.queue)


async def test_how_many_are_paused(rig: Rig) -> None:
    queue_id = await pause(rig)
    pauses = alerter(rig, Post())
    await pauses.run_once()
    assert 1 == metrics.queues_paused._value.get()
    await rig.store.resume_queue(queue_id=queue_id)
    rig.now += COUNT_EVERY
    await pauses.run_once()
    assert 0 == metrics.queues_paused._value.get()


async def test_a_restart_forgets_none(rig: Rig) -> None:
    await pause(rig)
    post = Post()
    post.error = NotSent("away")
    await alerter(rig, post).run_once()
    post.error = None
    await alerter(rig, post, first=7).run_once()
    assert ["token7"] == post.tokens()
    assert [digest("token7")] == rig.path.column("token", schema.queue)


async def test_one_customers_mail_does_not_hold_up_another(
    engine: SqliteEngine,
) -> None:
    class Picky(Post):
        async def send(self, mail: Mail) -> None:
            if "service 1" in mail.subject:
                raise NotSent("greylisted")
            await super().send(mail)

    async with rig_on(engine) as rig:
        await pause(rig)
        (second,) = (await receive(rig, 1, access_id=2)).queues
        await paused_again(rig, second)
        post = Picky()
        await alerter(rig, post).run_once()
        assert ["Messages from phones are paused on service 2"] == [
            mail.subject for mail in post.sent
        ]


async def test_addresses_that_are_gone_are_no_reason_to_go_on(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_on(engine) as rig:
        await pause(rig)
        post = Post()
        post.error = Undeliverable("no such user")
        await alerter(rig, post).run_once()
        assert [] == await rig.store.unalerted_pauses(10, rig.now)
    assert "mail server refused a mail" in caplog.text


async def test_phones_are_told_once_for_each_link(rig: Rig) -> None:
    await pause(rig, inbound_alert_numbers=("+4799999991", "+4799999992"))
    post = Post()
    post.error = NotSent("away")
    pauses = alerter(rig, post)
    for _ in range(5):
        await pauses.run_once()
        rig.now += PAUSE * 10
    expected = (
        "Messages from phones to service 1 wait since 2023-11-14 22:13:20 UTC. "
        "When your server works again, open https://g.no/resume/token1"
    )
    assert {expected} == set(rig.path.column("text", schema.part))
    assert ["+4799999991", "+4799999992"] == rig.path.column(
        "recipient", schema.message
    )
    assert {"Alarm"} == set(rig.path.column("originator", schema.message))


async def test_nobody_to_tell_is_an_error_in_the_log_once(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_on(engine) as rig:
        await pause(rig)
        pauses = alerter(rig, None)
        for _ in range(3):
            await pauses.run_once()
    assert 1 == caplog.text.count("queue paused, but no alert address is configured")


async def test_an_alert_to_a_phone_that_is_refused_is_logged(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_on(engine) as rig:
        await pause(rig, inbound_alert_numbers=("+47",))
        post = Post()
        await alerter(rig, post).run_once()
        assert 1 == len(post.sent)
    assert "alert to a phone refused" in caplog.text

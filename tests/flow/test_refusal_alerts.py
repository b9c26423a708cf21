"""Alerts: counted for each access and code, mailed now and then, kept on failure."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import pytest

from budstikke.dialects.contract import Alert, Alerting, Call
from budstikke.dialects.front import Front
from budstikke.dialects.front.settings import Settings
from budstikke.domain.directory import Access, Account
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.refusal_alerts import (
    INTERVAL,
    LONGEST_PAUSE,
    MOST_MAILS,
    PAUSE,
    RefusalAlerts,
)
from budstikke.flow.transports import Mail, NotSent, Undeliverable
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

TO = ("ola@kunde.no", "kari@kunde.no")


class Clock:
    def __init__(self) -> None:
        self.now = 1704067200.0  # 2024-01-01T00:00:00Z

    def __call__(self) -> float:
        return self.now


class Post:
    """A mail server: takes mails, or raises what it is told to."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    async def send(self, mail: Mail) -> None:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        self.sent.append(mail)


def access(id_: int = 1, identifier: str = "1234", to: tuple[str, ...] = TO) -> Access:
    return Access(
        id=id_,
        account=Account(id=1, name="acme"),
        dialect="front",
        identifier=identifier,
        settings=Settings(error_alerts=to),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def alerter(clock: Clock, post: Post) -> RefusalAlerts:
    return RefusalAlerts(transport=post, clock=clock)


def turn(alerter: RefusalAlerts) -> None:
    asyncio.run(alerter.run_once())


def test_the_first_refusal_is_mailed_at_once(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    alerter.refused(access(), "3", "Invalid fromid: Blå")
    clock.now += 1
    turn(alerter)

    text = """\
The gateway refused messages of service 1234.

Error code: 3
Cause: Invalid fromid: Blå
How often: once
First: 2024-01-01 00:00:00 UTC
Last: 2024-01-01 00:00:00 UTC

Your address is on the service's list for refused messages.
For each error code you get at most one mail in 15 minutes.
"""
    subject = "Error code 3 on service 1234: once"
    assert [Mail(to=TO, subject=subject, text=text)] == post.sent


def test_the_rest_is_counted_until_the_time_is_over(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    alerter.refused(access(), "3", "first")
    turn(alerter)
    for number in range(37):
        clock.now += 1
        alerter.refused(access(), "3", f"no. {number}")
        turn(alerter)
    clock.now += INTERVAL - 38
    turn(alerter)
    assert 1 == len(post.sent)

    clock.now += 1
    turn(alerter)

    assert 2 == len(post.sent)
    assert "Error code 3 on service 1234: 37 times" == post.sent[1].subject
    assert "Cause: no. 36\n" in post.sent[1].text
    assert "First: 2024-01-01 00:00:01 UTC\n" in post.sent[1].text
    assert "Last: 2024-01-01 00:00:37 UTC\n" in post.sent[1].text


def test_what_was_told_is_not_told_again(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    alerter.refused(access(), "3", "a")
    for _ in range(5):
        turn(alerter)
        clock.now += INTERVAL

    assert 1 == len(post.sent)


def test_after_a_quiet_time_the_first_is_mailed_at_once_again(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    for _ in range(2):
        alerter.refused(access(), "3", "a")
        turn(alerter)
        clock.now += INTERVAL
        turn(alerter)

    assert ["Error code 3 on service 1234: once"] * 2 == [m.subject for m in post.sent]


def test_accesses_and_codes_are_counted_apart(
    alerter: RefusalAlerts, post: Post
) -> None:
    alerter.refused(access(), "3", "a")
    alerter.refused(access(), "1", "b")
    alerter.refused(access(2, "1235", ("per@annen.no",)), "3", "c")
    alerter.refused(access(), "3", "d")
    turn(alerter)

    assert [
        ("Error code 3 on service 1234: 2 times", TO),
        ("Error code 1 on service 1234: once", TO),
        ("Error code 3 on service 1235: once", ("per@annen.no",)),
    ] == [(mail.subject, mail.to) for mail in post.sent]


def test_a_failing_server_loses_no_count(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    post.error = NotSent("away")
    alerter.refused(access(), "3", "a")
    turn(alerter)
    for _ in range(9):
        alerter.refused(access(), "3", "b")
    clock.now += PAUSE
    turn(alerter)
    post.error = None
    clock.now += 2 * PAUSE
    turn(alerter)

    assert ["Error code 3 on service 1234: 10 times"] == [m.subject for m in post.sent]


def test_a_failing_server_is_left_alone_for_longer_and_longer(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    tries: list[float] = []
    post.meanwhile = lambda: tries.append(clock.now)
    post.error = NotSent("away")
    alerter.refused(access(), "3", "a")
    start = clock.now
    while clock.now < start + 2800:
        turn(alerter)
        clock.now += 1

    waits = [after - before for before, after in pairwise(tries)]
    assert [15, 30, 60, 120, 240, 480, LONGEST_PAUSE, LONGEST_PAUSE] == waits


def test_the_pause_is_short_again_after_a_success(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    alerter.refused(access(), "3", "a")
    post.error = NotSent("away")
    for _ in range(4):
        turn(alerter)
        clock.now += LONGEST_PAUSE
    post.error = None
    turn(alerter)
    post.error = NotSent("away")
    alerter.refused(access(), "1", "a")
    turn(alerter)
    post.error = None
    clock.now += PAUSE
    turn(alerter)

    assert 2 == len(post.sent)


def test_one_that_is_not_taken_holds_up_the_others_until_then(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    alerter.refused(access(), "3", "a")
    alerter.refused(access(), "1", "a")
    post.error = NotSent("busy")
    turn(alerter)
    post.error = None
    turn(alerter)
    assert [] == post.sent

    clock.now += PAUSE
    turn(alerter)

    assert 2 == len(post.sent)


def test_a_mail_that_is_never_taken_is_not_tried_again(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    post.error = Undeliverable("no such mailbox")
    alerter.refused(access(), "3", "a")
    alerter.refused(access(2, "1235"), "3", "a")
    turn(alerter)
    post.error = None
    clock.now += INTERVAL
    turn(alerter)

    assert [] == post.sent


def test_what_comes_while_a_mail_is_sent_is_counted_for_the_next(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    alerter.refused(access(), "3", "a")
    post.meanwhile = lambda: alerter.refused(access(), "3", "b")
    turn(alerter)
    post.meanwhile = lambda: None
    clock.now += INTERVAL
    turn(alerter)

    assert ["once", "once"] == [mail.subject[-4:] for mail in post.sent]


def test_nobody_is_told_without_addresses(alerter: RefusalAlerts, post: Post) -> None:
    class Plain(msgspec.Struct):
        """Settings of a dialect that knows no alerts."""

    for settings in (Settings(), Plain(), None):
        silent = Access(
            id=1,
            account=Account(id=1, name="acme"),
            dialect="front",
            identifier="1234",
            settings=settings,
        )
        assert not alerter.wants(silent)
        alerter.refused(silent, "3", "a")
    assert not alerter.wants(None)
    turn(alerter)

    assert [] == post.sent


def test_nothing_is_kept_without_a_mail_server(clock: Clock) -> None:
    alerter = RefusalAlerts(transport=None, clock=clock)
    alerter.refused(access(), "3", "a")
    alerter.post(Mail(to=TO, subject="a", text="b"))
    turn(alerter)

    assert not alerter.wants(access())
    assert not alerter._tallies
    assert not alerter._mails


def test_other_mails_are_sent_in_order_and_tried_again(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    mails = [Mail(to=TO, subject=str(number), text="") for number in range(3)]
    for mail in mails:
        alerter.post(mail)
    post.error = NotSent("away")
    turn(alerter)
    post.error = None
    clock.now += PAUSE
    turn(alerter)
    turn(alerter)

    assert mails == post.sent


def test_of_too_many_mails_the_oldest_are_given_up(
    alerter: RefusalAlerts, post: Post
) -> None:
    for number in range(MOST_MAILS + 3):
        alerter.post(Mail(to=TO, subject=str(number), text=""))
    turn(alerter)

    assert ["3", str(MOST_MAILS + 2)] == [post.sent[0].subject, post.sent[-1].subject]
    assert MOST_MAILS == len(post.sent)


def test_a_mail_given_up_while_it_is_sent_takes_no_other_with_it(
    alerter: RefusalAlerts, post: Post
) -> None:
    def flood() -> None:
        post.meanwhile = lambda: None
        for number in range(MOST_MAILS):
            alerter.post(Mail(to=TO, subject=str(number), text=""))

    alerter.post(Mail(to=TO, subject="first", text=""))
    post.meanwhile = flood
    turn(alerter)

    expected = ["first", *(str(number) for number in range(MOST_MAILS))]
    assert expected == [mail.subject for mail in post.sent]


def test_a_mail_to_nobody_is_none(alerter: RefusalAlerts, post: Post) -> None:
    alerter.post(Mail(to=(), subject="a", text="b"))
    turn(alerter)

    assert [] == post.sent


def test_running_survives_a_bug(
    alerter: RefusalAlerts, clock: Clock, post: Post
) -> None:
    async def run() -> None:
        seen = asyncio.Event()
        post.meanwhile = seen.set
        post.error = RuntimeError("a bug")
        alerter.refused(access(), "3", "a")
        task = asyncio.create_task(alerter.run())
        await seen.wait()
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    post.error = None
    clock.now += PAUSE
    turn(alerter)

    assert 1 == len(post.sent)


def call(client: str = "") -> Call:
    request = WireRequest("GET", "/psk/push.php", client=client)
    return Call(request, "push")


def test_a_refusal_is_noted_in_the_dialects_words(
    alerter: RefusalAlerts, post: Post
) -> None:
    refusal = Refusal(RefusalCode.BAD_ORIGINATOR, value="Blå")
    alerter.note(Front(), call(), access(), refusal)
    turn(alerter)

    assert "Error code: 3\nCause: Invalid fromid: Blå\n" in post.sent[0].text


def test_a_dialect_without_words_or_an_unknown_caller_is_not_noted(
    alerter: RefusalAlerts, post: Post
) -> None:
    class Mute:
        name = "mute"

    refusal = Refusal(RefusalCode.BAD_ORIGINATOR)
    alerter.note(Mute(), call(), access(), refusal)  # type: ignore[arg-type] # on purpose
    alerter.note(Front(), call(), None, refusal)
    turn(alerter)

    assert [] == post.sent


@pytest.mark.parametrize(
    ("refusal", "client", "expected"),
    [
        (Refusal(RefusalCode.NO_CREDIT), "", ("5", "No remaining messages on account")),
        (
            Refusal(RefusalCode.ADDRESS_NOT_ALLOWED),
            "192.0.2.1",
            ("2", "Illegal IP address (called from 192.0.2.1)"),
        ),
        (
            Refusal(RefusalCode.WRONG_PASSWORD),
            "192.0.2.1",
            ("13", "Invalid password (called from 192.0.2.1)"),
        ),
        (Refusal(RefusalCode.WRONG_PASSWORD), "", ("13", "Invalid password")),
        (
            Refusal(RefusalCode.BAD_RECIPIENT, value="12\r\nBcc: x\x00"),
            "192.0.2.1",
            ("1", "Invalid mobile number: 12  Bcc: x "),
        ),
        (
            Refusal(RefusalCode.BAD_FIELD, field="ref", value="x" * 101),
            "",
            ("25", f"ref cannot exceed 100 characters: {'x' * 60}..."),
        ),
        (
            Refusal(RefusalCode.BAD_FIELD, field="code", value="1 2"),
            "",
            ("29", "code is required for otp and must be 4-15 characters"),
        ),
        (Refusal(RefusalCode.INTERNAL), "", ("99", "Internal error")),
    ],
)
def test_fronts_words(refusal: Refusal, client: str, expected: tuple[str, str]) -> None:
    dialect = Front()
    assert isinstance(dialect, Alerting)
    assert Alert(*expected) == dialect.alert_of(call(client), refusal)


@pytest.mark.parametrize("code", RefusalCode)
def test_front_has_words_for_every_refusal(code: RefusalCode) -> None:
    for field in ("", "nonsense", "phoneno"):
        found = Front().alert_of(call(), Refusal(code, field=field))
        assert found.code.isdigit()
        assert found.cause


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ola",
        "ola@",
        "@kunde.no",
        "a@b c",
        "a@b\nBcc: x@y.no",
        "a@b,c@d",
        "å@kunde.no",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"error_alerts": [address]}, Settings)

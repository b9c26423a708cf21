"""Passwords, addresses, blocks and https; guesses; and proxies."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from budstikke.domain.directory import Access, Account
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers import auth
from budstikke.servers.addresses import client_of, read_address, within
from budstikke.servers.auth import (
    Authenticator,
    Caller,
    hash_secret,
    new_secret,
    verify_secret,
)
from budstikke.servers.login_failures import (
    LONGEST_SHOWN,
    MOST_KEPT,
    MOST_LINES,
    LoginFailures,
)

PASSWORD = "demo"
DEMO = hash_secret(PASSWORD)
ACCESS = Access(
    id=1,
    account=Account(id=1, name="acme"),
    dialect="front",
    identifier="1234",
    secret=DEMO,
    require_https=False,
)
LOCAL = (ip_network("127.0.0.0/8"), ip_network("::1"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Iterator[Authenticator]:
    guard = Authenticator(clock, workers=1)
    yield guard
    guard.close()


def ask(
    guard: Authenticator,
    access: Access | None,
    secret: str | None = PASSWORD,
    client: str = "127.0.0.1",
    *,
    secure: bool = False,
) -> RefusalCode | None:
    """Say which refusal a call meets."""
    try:
        asyncio.run(guard.check(access, secret, Caller(client, secure)))
    except Refusal as refusal:
        return refusal.code
    return None


def test_the_right_password_passes(guard: Authenticator) -> None:
    assert ask(guard, ACCESS) is None


@pytest.mark.parametrize(
    ("access", "secret", "client", "expected"),
    [
        (None, "demo", "127.0.0.1", RefusalCode.UNKNOWN_LOGIN),
        (
            replace(ACCESS, blocked=True),
            "demo",
            "127.0.0.1",
            RefusalCode.ACCOUNT_BLOCKED,
        ),
        (
            replace(ACCESS, account=Account(id=1, name="acme", blocked=True)),
            "demo",
            "127.0.0.1",
            RefusalCode.ACCOUNT_BLOCKED,
        ),
        (
            replace(ACCESS, networks=LOCAL),
            "demo",
            "192.0.2.1",
            RefusalCode.ADDRESS_NOT_ALLOWED,
        ),
        (replace(ACCESS, networks=LOCAL), "demo", "", RefusalCode.ADDRESS_NOT_ALLOWED),
        (ACCESS, "Demo", "127.0.0.1", RefusalCode.WRONG_PASSWORD),
        (ACCESS, "", "127.0.0.1", RefusalCode.WRONG_PASSWORD),
        (ACCESS, None, "127.0.0.1", RefusalCode.WRONG_PASSWORD),
        (ACCESS, "d" * 513, "127.0.0.1", RefusalCode.WRONG_PASSWORD),
        (ACCESS, "\ud800", "127.0.0.1", RefusalCode.WRONG_PASSWORD),
        (
            replace(ACCESS, require_https=True),
            "demo",
            "127.0.0.1",
            RefusalCode.HTTPS_REQUIRED,
        ),
        (replace(ACCESS, secret="junk"), "junk", "::1", RefusalCode.WRONG_PASSWORD),
        (replace(ACCESS, secret=""), "", "::1", RefusalCode.WRONG_PASSWORD),
    ],
)
def test_refusals(
    guard: Authenticator,
    access: Access | None,
    secret: str | None,
    client: str,
    expected: RefusalCode,
) -> None:
    assert expected is ask(guard, access, secret, client)


def test_faults_are_told_in_fronts_order(guard: Authenticator) -> None:
    worst = replace(ACCESS, blocked=True, networks=LOCAL, require_https=True)
    away, wrong = "192.0.2.1", "wrong"
    assert RefusalCode.ACCOUNT_BLOCKED is ask(guard, worst, wrong, away)
    worst = replace(worst, blocked=False)
    assert RefusalCode.ADDRESS_NOT_ALLOWED is ask(guard, worst, wrong, away)
    assert RefusalCode.WRONG_PASSWORD is ask(guard, worst, wrong, "127.0.0.1")
    assert RefusalCode.HTTPS_REQUIRED is ask(guard, worst, "demo", "127.0.0.1")
    assert ask(guard, worst, "demo", "127.0.0.1", secure=True) is None


def test_addresses_alone_may_open_an_access(guard: Authenticator) -> None:
    access = replace(ACCESS, secret=None, networks=LOCAL)
    assert ask(guard, access, None) is None
    assert ask(guard, access, "anything") is None
    assert RefusalCode.ADDRESS_NOT_ALLOWED is ask(guard, access, None, "192.0.2.1")


@pytest.mark.parametrize("secret", [None, "", "demo"])
def test_neither_secret_nor_addresses_never_opens(
    guard: Authenticator, secret: str | None
) -> None:
    access = replace(ACCESS, secret=None)
    assert RefusalCode.WRONG_PASSWORD is ask(guard, access, secret)


def test_what_was_right_is_known_at_once(guard: Authenticator) -> None:
    assert guard.cached(ACCESS, "demo") is None
    assert not guard.check_now(ACCESS, "demo", Caller("127.0.0.1", False))
    assert ask(guard, ACCESS) is None
    assert guard.cached(ACCESS, "demo") is True
    assert guard.check_now(ACCESS, "demo", Caller("127.0.0.1", False))
    assert guard.cached(ACCESS, "demo2") is None


def test_a_new_password_ends_the_old_one(guard: Authenticator) -> None:
    assert ask(guard, ACCESS) is None
    changed = replace(ACCESS, secret=hash_secret("new"))
    assert guard.cached(changed, "demo") is None
    assert RefusalCode.WRONG_PASSWORD is ask(guard, changed)
    assert ask(guard, changed, "new") is None


def test_one_secret_does_not_open_another_access(guard: Authenticator) -> None:
    other = replace(ACCESS, id=2, secret=hash_secret("other"))
    assert ask(guard, ACCESS) is None
    assert RefusalCode.WRONG_PASSWORD is ask(guard, other, "demo")


def test_a_wrong_secret_is_remembered_for_a_while(
    guard: Authenticator, clock: Clock
) -> None:
    assert RefusalCode.WRONG_PASSWORD is ask(guard, ACCESS, "wrong")
    assert guard.cached(ACCESS, "wrong") is False
    clock.now += auth.WRONG_FOR
    assert guard.cached(ACCESS, "wrong") is None


def test_wrong_secrets_take_bounded_room(
    guard: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "WRONG_KEPT", 3)
    for number in range(5):
        assert RefusalCode.WRONG_PASSWORD is ask(
            guard, ACCESS, f"wrong {number}", f"192.0.2.{number}"
        )
    assert [None, None, False, False, False] == [
        guard.cached(ACCESS, f"wrong {number}") for number in range(5)
    ]
    assert ["192.0.2.2", "192.0.2.3", "192.0.2.4"] == list(guard._guesses)


def test_a_client_that_guesses_waits_but_others_and_known_secrets_pass(
    guard: Authenticator, clock: Clock
) -> None:
    known = replace(ACCESS, id=2, secret=hash_secret("known"))
    assert ask(guard, known, "known", "192.0.2.1") is None
    for number in range(auth.GUESSES):
        assert RefusalCode.WRONG_PASSWORD is ask(
            guard, ACCESS, f"wrong {number}", "192.0.2.1"
        )
    assert RefusalCode.TOO_MANY_REQUESTS is ask(guard, ACCESS, "demo", "192.0.2.1")
    assert RefusalCode.WRONG_PASSWORD is ask(guard, ACCESS, "wrong 0", "192.0.2.1")
    assert ask(guard, known, "known", "192.0.2.1") is None
    assert ask(guard, ACCESS, "demo", "192.0.2.2") is None
    clock.now += auth.WRONG_FOR
    other = replace(ACCESS, id=3, secret=hash_secret("third"))
    assert ask(guard, other, "third", "192.0.2.1") is None


async def test_calls_with_one_secret_share_one_verification(
    guard: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def verify(plain: str, stored: str) -> bool:
        asked.append(plain)
        return verify_secret(plain, stored)

    monkeypatch.setattr(auth, "verify_secret", verify)

    await asyncio.gather(
        *(guard.check(ACCESS, "demo", Caller("::1", True)) for _ in range(20))
    )
    assert ["demo"] == asked


async def test_a_caller_who_leaves_does_not_spoil_it_for_others(
    guard: Authenticator,
) -> None:
    first = asyncio.ensure_future(guard.check(ACCESS, "demo", Caller("::1", True)))
    second = asyncio.ensure_future(guard.check(ACCESS, "demo", Caller("::1", True)))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()


def test_the_queue_of_verifications_is_bounded(
    guard: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "WAITING", 2)

    async def calls() -> list[BaseException | None]:
        return await asyncio.gather(
            *(
                guard.check(ACCESS, f"wrong {n}", Caller(f"192.0.2.{n}", True))
                for n in range(4)
            ),
            return_exceptions=True,
        )

    wrong, busy = RefusalCode.WRONG_PASSWORD, RefusalCode.TOO_MANY_REQUESTS
    assert [wrong, wrong, busy, busy] == [
        answer.code if isinstance(answer, Refusal) else None
        for answer in asyncio.run(calls())
    ]


def test_our_own_secrets_need_no_slow_hash(guard: Authenticator) -> None:
    secret = new_secret()
    stored = hash_secret(secret)
    access = replace(ACCESS, secret=stored)
    assert stored.startswith("sha256$")
    assert guard.cached(access, secret) is True
    assert guard.cached(access, secret[:-1]) is None
    assert RefusalCode.WRONG_PASSWORD is ask(guard, access, secret[:-1])
    assert guard.cached(access, secret[:-1]) is False
    assert RefusalCode.WRONG_PASSWORD is ask(guard, access, "\ud800")
    assert secret != new_secret()


def test_other_secrets_have_a_slow_hash() -> None:
    assert DEMO.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hash_secret("demo") != DEMO
    assert hash_secret("bud_short").startswith("$argon2id$")
    assert verify_secret("demo", DEMO)
    assert not verify_secret("demo ", DEMO)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("127.0.0.1", True),
        ("::ffff:127.0.0.1", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("::2", False),
        ("127.0.0.1:80", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_within(client: str, *, expected: bool) -> None:
    assert expected is within(client, LOCAL)


def test_an_address_that_is_none() -> None:
    assert read_address("nobody") is None


PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "protocol", "expected"),
    [
        # not from a proxy: not believed
        ("192.0.2.1", "198.51.100.1", "https", ("192.0.2.1", False)),
        # one proxy
        ("10.0.0.1", "198.51.100.1", "https", ("198.51.100.1", True)),
        ("10.0.0.1", "198.51.100.1", "HTTPS", ("198.51.100.1", True)),
        ("10.0.0.1", "198.51.100.1", "http", ("198.51.100.1", False)),
        ("10.0.0.1", "198.51.100.1", "", ("198.51.100.1", False)),
        # what the client wrote itself is left of its address
        ("10.0.0.1", "127.0.0.1, 198.51.100.1", "https", ("198.51.100.1", True)),
        ("10.0.0.1", "10.0.0.2, 198.51.100.1", "", ("198.51.100.1", False)),
        # two proxies, which wrote a line each: joined
        (
            "10.0.0.1",
            "x, 198.51.100.1, 10.0.0.2",
            "http, https, http",
            ("198.51.100.1", True),
        ),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "https", ("198.51.100.1", True)),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "https, http", ("198.51.100.1", True)),
        ("10.0.0.1", "x, 198.51.100.1", "https, http", ("198.51.100.1", False)),
        # a client inside
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "", ("10.0.0.3", False)),
        # spellings
        ("::1", "2001:db8::1", "https", ("2001:db8::1", True)),
        ("::1", "[2001:db8::1]:443", "https", ("2001:db8::1", True)),
        ("10.0.0.1", "198.51.100.1:5000", "https", ("198.51.100.1", True)),
        ("10.0.0.1", "::ffff:198.51.100.1", "https", ("198.51.100.1", True)),
        ("::ffff:10.0.0.1", " 198.51.100.1 ,", "https", ("198.51.100.1", True)),
        # nothing, or nothing that can be read
        ("10.0.0.1", "", "https", ("10.0.0.1", True)),
        ("10.0.0.1", "unknown", "https", ("", True)),
        ("10.0.0.1", "198.51.100.1, unknown", "https", ("", True)),
    ],
)
def test_client_of(
    peer: str, forwarded: str, protocol: str, expected: tuple[str, bool]
) -> None:
    headers = {"x-forwarded-for": forwarded, "x-forwarded-proto": protocol}
    assert expected == client_of(peer, headers, PROXIES)


def test_tls_of_the_connection_itself_counts() -> None:
    assert ("192.0.2.1", True) == client_of("192.0.2.1", {}, (), secure=True)
    assert ("10.0.0.1", True) == client_of("10.0.0.1", {}, PROXIES, secure=True)


def test_unknown_callers_cost_as_much_as_wrong_passwords(
    guard: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same slow hash, once: a caller's time tells not who is a customer."""
    hashed: list[str] = []

    def verify(plain: str, stored: str) -> bool:
        if stored.startswith("$argon2id$"):
            hashed.append(plain)
        return verify_secret(plain, stored)

    monkeypatch.setattr(auth, "verify_secret", verify)
    made = replace(ACCESS, id=2, secret=hash_secret(new_secret()))
    for access in (ACCESS, made, None):
        for secret in ("wrong", None, "x" * 600):
            hashed.clear()
            client = f"192.0.2.{len(guard._wrong)}"
            assert ask(guard, access, secret, client) is not None
            assert 1 == len(hashed), (access, secret)
            assert ask(guard, access, secret, client) is not None
            assert 1 == len(hashed), "it is remembered"
            guard._wrong.clear()


def test_whoever_guesses_who_there_is_waits(guard: Authenticator, clock: Clock) -> None:
    async def guess(number: int) -> RefusalCode:
        caller = Caller("192.0.2.1", True, "reseller", f"{number}")
        with pytest.raises(Refusal) as refused:
            await guard.check(None, "demo", caller)
        return refused.value.code

    codes = [asyncio.run(guess(number)) for number in range(auth.GUESSES + 1)]
    assert [RefusalCode.UNKNOWN_LOGIN] * auth.GUESSES == codes[:-1]
    assert RefusalCode.TOO_MANY_REQUESTS is codes[-1]
    assert RefusalCode.TOO_MANY_REQUESTS is ask(guard, ACCESS, "demo", "192.0.2.1")
    secret = new_secret()
    ours = replace(ACCESS, id=2, secret=hash_secret(secret))
    assert ask(guard, ours, secret, "192.0.2.1") is None, "256 bits are not guessed"


def test_a_network_of_ipv6_is_one_caller(guard: Authenticator) -> None:
    for number in range(auth.GUESSES):
        client = f"2001:db8:1:2:{number:x}::1"
        assert RefusalCode.WRONG_PASSWORD is ask(guard, ACCESS, f"{number}", client)
    busy = RefusalCode.TOO_MANY_REQUESTS
    assert busy is ask(guard, ACCESS, "demo", "2001:db8:1:2:ffff::")
    assert ask(guard, ACCESS, "demo", "2001:db8:1:3::1") is None


def test_failed_logins_leave_a_line(
    guard: Authenticator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "budstikke.login")
    caller = Caller("192.0.2.1", False, "front", "1234")

    def fails(secret: str) -> None:
        with pytest.raises(Refusal):
            asyncio.run(guard.check(ACCESS, secret, caller))

    for number in range(3):
        fails(f"do-not-show-{number}")
    clock.now += 61
    fails("do-not-show-3")
    lines = [vars(record) for record in caplog.records]
    names = ("message", "client", "dialect", "identifier", "reason", "unsaid")
    assert [
        ("login failed", "192.0.2.1", "front", "1234", "wrong_password", 0),
        ("login failed", "192.0.2.1", "front", "1234", "wrong_password", 2),
    ] == [tuple(line[name] for name in names) for line in lines]
    assert "do-not-show" not in caplog.text


def test_many_failures_do_not_flood_the_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "budstikke.login")
    failures = LoginFailures(clock)
    why = Refusal(RefusalCode.UNKNOWN_LOGIN)
    for number in range(10_000):
        failures.note(f"10.0.{number // 256}.{number % 256}", "sveve", "x" * 999, why)
    assert MOST_LINES == len(caplog.records)
    assert LONGEST_SHOWN == len(vars(caplog.records[0])["identifier"])
    assert MOST_KEPT >= len(failures._unsaid)

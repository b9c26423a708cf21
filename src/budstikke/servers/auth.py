"""
Who is calling: addresses, passwords, blocks and https, for every dialect.

Secrets are stored in one of two forms. One that ``new_secret`` made has 256 random
bits and needs no slow hash: ``sha256$`` and 64 hexadecimal digits. Any other is
hashed by Argon2id with 19 MiB, two passes and one lane: the least that OWASP's
password storage guidance allows, since it protects API secrets that are read at high
rates, and costs about 20 ms. That is paid once for each secret and process: what was
found right is remembered as a MAC under a key that only this process has.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from budstikke.domain.key_identifier import is_made_here, keyed
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.addresses import neighbourhood, within
from budstikke.servers.known_secrets import (
    SHA256,
    KnownSecrets,
    fitting,
    is_digest,
    octets,
)
from budstikke.servers.login_failures import LoginFailures

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.dialects.contract import Login
    from budstikke.domain.directory import Access, Directory

WRONG_KEPT = 1024
"""Wrong secrets, and addresses that sent them, that are remembered."""

WRONG_FOR = 60.0
"""Seconds that a wrong secret is remembered, and counts against its client."""

GUESSES = 10
"""Different wrong secrets of one address in ``WRONG_FOR`` before it is refused."""

WAITING = 64
"""Slow verifications that may wait; at 20 ms each they take about a second."""

_argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

UNKNOWN = "unknown "
"""Prefix of the stand-in for the secret of an unknown login."""

NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""A hash of no secret; verifying against it takes as long as against a real one."""


def new_secret() -> str:
    """Make an API secret of 256 random bits."""
    return "bud_" + secrets.token_urlsafe(32)


def hash_secret(plain: str) -> str:
    """Hash a secret for the database (about 20 ms; a secret of ours takes no time)."""
    if is_made_here(plain):
        return SHA256 + sha256(plain.encode()).hexdigest()
    return _argon2.hash(octets(plain))


def verify_secret(plain: str, stored: str) -> bool:
    """Compare a secret with what ``hash_secret`` made (about 20 ms for Argon2)."""
    if stored.startswith(SHA256):
        return is_digest(plain, stored)
    try:
        return _argon2.verify(stored, octets(plain))
    except (VerificationError, InvalidHashError):
        return False


def verify_evenly(plain: str, stored: str) -> bool:
    """Verify as ``verify_secret`` does, always in the time that Argon2 takes."""
    if stored.startswith((SHA256, UNKNOWN)):
        verify_secret(plain, NOBODYS)
    return not stored.startswith(UNKNOWN) and verify_secret(plain, stored)


class Caller(NamedTuple):
    """
    Who says they call, and from where.

    Attributes:
        client: Their address, after proxies are believed.
        secure: Whether the call came over TLS.
        dialect: The API they speak.
        identifier: As whom; empty where it is made of the secret.

    """

    client: str
    secure: bool = False
    dialect: str = ""
    identifier: str = ""


class Authenticator:
    """
    Decides whether a call is made by who it says; use from one event loop.

    Guessing costs little here: a secret found wrong is remembered for a while, an
    address (of IPv6: a /64) that gave ``GUESSES`` different wrong ones waits, and slow
    verifications are few at a time with a bounded queue. Secrets known to be right
    pass all that. Whoever is not let in for their secret costs the same time: nobody
    learns from it who is a customer.

    Args:
        clock: Seconds, never going back.
        workers: Slow verifications at a time; each uses a core and 19 MiB.

    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        workers: int = max(1, (os.cpu_count() or 2) // 2),
    ) -> None:
        self._clock = clock
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="verify")
        self._known = KnownSecrets()
        self._wrong: dict[tuple[str, bytes], float] = {}
        self._guesses: dict[str, tuple[int, float]] = {}
        self._pending: dict[tuple[str, bytes], asyncio.Future[bool]] = {}
        self._failures = LoginFailures(clock)
        self._making: dict[tuple[str, bytes], asyncio.Future[str]] = {}

    async def find(
        self, directory: Directory, login: Login, caller: Caller
    ) -> Access | None:
        """
        Find an access by a key alone; ``None``: nobody has it.

        Keys that people chose are found by ``domain.key_identifier``, which takes as
        long as a verification, and is bounded as those are. Raises Refusal
        (``TOO_MANY_REQUESTS``).
        """
        dialect, secret = caller.dialect, login.secret
        access = directory.login(dialect, login.identifier)
        stands_for = _unknown(caller)
        if access is not None or not directory.salt or is_made_here(secret or ""):
            return access
        written = login.identifier
        known = self._known.identifier(directory.salt, dialect, written)
        if known is not None and (access := directory.login(dialect, known)):
            return access
        if self._is_wrong(stands_for, secret):
            return None
        whose = neighbourhood(caller.client)
        try:
            self._admit(whose)
        except Refusal as refusal:
            self._note(caller, refusal)
            raise
        key = (stands_for, self._known.mac(fitting(secret)))
        known = await asyncio.shield(self._identifier(directory.salt, written, key))
        access = directory.login(dialect, known)
        if access is None:
            self._guessed(key, whose)
        else:
            self._known.remember_identifier(directory.salt, dialect, written, known)
        return access

    def _identifier(
        self, salt: str, identifier: str, key: tuple[str, bytes]
    ) -> asyncio.Future[str]:
        """Make an identifier; concurrent requests for the same one share it."""
        making = self._making.get(key)
        if making is None:
            loop = asyncio.get_running_loop()
            making = loop.run_in_executor(self._executor, keyed, salt, identifier)
            self._making[key] = making
            making.add_done_callback(lambda _: self._making.pop(key, None))
        return making

    async def check(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> None:
        """
        Let a call pass, or raise Refusal.

        In Front's order (Front v3.05 § 2.1, error codes 7, 2, 13, 18): unknown or
        blocked, address, password, https.
        """
        if self.check_now(access, secret, caller):
            return
        try:
            await self._check_slowly(access, secret, caller)
        except Refusal as refusal:
            self._note(caller, refusal)
            raise

    def check_now(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> bool:
        """
        Do as ``check`` without waiting; ``False``: only ``check`` can tell.

        A call with a secret that was right before is decided here.
        """
        try:
            return self._check_now(access, secret, caller)
        except Refusal as refusal:
            self._note(caller, refusal)
            raise

    def _check_now(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> bool:
        if access is None:
            if self._is_wrong(_unknown(caller), secret):
                raise Refusal(RefusalCode.UNKNOWN_LOGIN)
            return False
        if access.blocked or access.account.blocked:
            raise Refusal(RefusalCode.ACCOUNT_BLOCKED)
        if access.networks and not within(caller.client, access.networks):
            raise Refusal(RefusalCode.ADDRESS_NOT_ALLOWED)
        known = self.cached(access, secret)
        if known is None:
            return False
        if not known:
            raise Refusal(RefusalCode.WRONG_PASSWORD)
        _transport(access, secure=caller.secure)
        return True

    async def _check_slowly(
        self, access: Access | None, secret: str | None, caller: Caller
    ) -> None:
        stored = _unknown(caller) if access is None else access.secret or ""
        right = await self._verify(stored, fitting(secret), caller.client)
        if access is None:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        if not right:
            raise Refusal(RefusalCode.WRONG_PASSWORD)
        self._known.remember(access, secret)
        _transport(access, secure=caller.secure)

    def cached(self, access: Access, secret: str | None) -> bool | None:
        """Tell whether a secret opens an access, if that is known at once."""
        if self._known.opens(access, secret):
            return True
        stored = access.secret
        return False if stored is None or self._is_wrong(stored, secret) else None

    def _is_wrong(self, stored: str, secret: str | None) -> bool:
        """Whether this secret was wrong a moment ago."""
        return self._is_remembered((stored, self._known.mac(fitting(secret))))

    def _is_remembered(self, key: tuple[str, bytes]) -> bool:
        until = self._wrong.get(key)
        return until is not None and until > self._clock()

    def _note(self, caller: Caller, refusal: Refusal) -> None:
        self._failures.note(caller.client, caller.dialect, caller.identifier, refusal)

    def close(self) -> None:
        """Stop verifying, and cancel verifications that wait."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _verify(self, stored: str, secret: str, client: str) -> bool:
        """Verify slowly; calls with the same secret share one verification."""
        key = (stored, self._known.mac(secret))
        pending = self._pending.get(key)
        if pending is None:
            whose = neighbourhood(client)
            self._admit(whose)
            work = asyncio.get_running_loop().run_in_executor(
                self._executor, verify_evenly, secret, stored
            )
            pending = asyncio.ensure_future(self._learn(work, key, whose))
            self._pending[key] = pending
        return await asyncio.shield(pending)

    async def _learn(
        self, work: asyncio.Future[bool], key: tuple[str, bytes], whose: str
    ) -> bool:
        """Remember wrong secrets, and the addresses that sent them."""
        try:
            right = await work
        finally:
            del self._pending[key]
        if not right:
            self._guessed(key, whose)
        return right

    def _guessed(self, key: tuple[str, bytes], whose: str) -> None:
        """Remember a wrong secret, and the address that sent it."""
        if self._is_remembered(key):
            return
        now = self._clock()
        count, since = self._guesses.pop(whose, (0, now))
        self._guesses[whose] = (count + 1, since)
        self._wrong[key] = now + WRONG_FOR
        _forget_oldest(self._wrong)
        _forget_oldest(self._guesses)

    def _admit(self, whose: str) -> None:
        """Refuse a verification when its client guesses, or too many wait."""
        count, since = self._guesses.get(whose, (0, 0.0))
        if count and since + WRONG_FOR <= self._clock():
            del self._guesses[whose]
            count = 0
        if count >= GUESSES or len(self._pending) + len(self._making) >= WAITING:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)


def _unknown(caller: Caller) -> str:
    """Make a stand-in for the secret of an unknown login."""
    return f"{UNKNOWN}{caller.dialect} {caller.identifier}"


def _transport(access: Access, *, secure: bool) -> None:
    if access.require_https and not secure:
        raise Refusal(RefusalCode.HTTPS_REQUIRED)


def _forget_oldest(table: dict[Any, Any]) -> None:
    if len(table) > WRONG_KEPT:
        del table[next(iter(table))]

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
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import blake2b, sha256
from hmac import compare_digest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from budstikke.domain.directory import Access

LONGEST_SECRET = 512
"""Characters; longer ones are wrong without being looked at."""

WRONG_KEPT = 1024
"""Secrets found wrong that are remembered, and clients that gave them."""

WRONG_FOR = 60.0
"""Seconds that a wrong secret is remembered, and that a client's guesses count."""

GUESSES = 10
"""Different wrong secrets of one client in ``WRONG_FOR`` until it has to wait."""

WAITING = 64
"""Slow verifications that may wait; at 20 ms each that is about a second."""

SHA256 = "sha256$"
_made_here = re.compile(r"bud_[A-Za-z0-9_-]{43}").fullmatch
_argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def new_secret() -> str:
    """Make an API secret of 256 random bits."""
    return "bud_" + secrets.token_urlsafe(32)


def hash_secret(plain: str) -> str:
    """Turn a secret into what is stored of it (about 20 ms but for our own)."""
    if _made_here(plain):
        return SHA256 + sha256(plain.encode()).hexdigest()
    return _argon2.hash(_octets(plain))


def verify_secret(plain: str, stored: str) -> bool:
    """Compare a secret with what ``hash_secret`` made (about 20 ms for Argon2)."""
    if stored.startswith(SHA256):
        digest = sha256(_octets(plain)).hexdigest()
        return compare_digest(digest, stored.removeprefix(SHA256))
    try:
        return _argon2.verify(stored, _octets(plain))
    except (VerificationError, InvalidHashError):
        return False


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Authenticator:
    """
    Decides whether a call is made by who it says; use from one event loop.

    Guessing costs little here: a secret found wrong is remembered for a while, a
    client that gave ``GUESSES`` different wrong ones waits, and slow verifications
    are few at a time with a bounded queue. Secrets known to be right pass all that.

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
        self._key = secrets.token_bytes(32)
        self._right: dict[int, tuple[str, bytes]] = {}
        self._wrong: dict[tuple[str, bytes], float] = {}
        self._guesses: dict[str, tuple[int, float]] = {}
        self._pending: dict[tuple[str, bytes], asyncio.Future[bool]] = {}

    async def check(
        self, access: Access | None, secret: str | None, client: str, *, secure: bool
    ) -> None:
        """
        Let a call pass, or raise Refusal.

        In Front's order (Front v3.05 § 2.1, error codes 7, 2, 13, 18): unknown or
        blocked, address, password, https. ``client`` is the caller's address, and
        ``secure`` whether the call came over TLS, after ``client_of``.
        """
        if self.check_now(access, secret, client, secure=secure):
            return
        assert access is not None  # noqa: S101 - check_now refuses it
        assert secret is not None  # noqa: S101 - likewise
        if not await self._verify(access, secret, client):
            raise Refusal(RefusalCode.WRONG_PASSWORD)
        _transport(access, secure=secure)

    def check_now(
        self, access: Access | None, secret: str | None, client: str, *, secure: bool
    ) -> bool:
        """
        Do as ``check`` without waiting; ``False``: only ``check`` can tell.

        A call with a secret that was right before is decided here.
        """
        if access is None:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        if access.blocked or access.account.blocked:
            raise Refusal(RefusalCode.ACCOUNT_BLOCKED)
        if access.networks and not within(client, access.networks):
            raise Refusal(RefusalCode.ADDRESS_NOT_ALLOWED)
        known = self.cached(access, secret)
        if known is None:
            return False
        if not known:
            raise Refusal(RefusalCode.WRONG_PASSWORD)
        _transport(access, secure=secure)
        return True

    def cached(self, access: Access, secret: str | None) -> bool | None:
        """
        Tell whether a secret opens an access, if that is known at once.

        An access without a secret is opened by its addresses alone; with neither it
        is never opened.
        """
        stored = access.secret
        if stored is None:
            return bool(access.networks)
        if secret is None or len(secret) > LONGEST_SECRET:
            return False
        if stored.startswith(SHA256):
            return verify_secret(secret, stored)
        mac = self._mac(secret)
        right = self._right.get(access.id)
        if right is not None and right[0] == stored and compare_digest(right[1], mac):
            return True
        until = self._wrong.get((stored, mac))
        return None if until is None or until <= self._clock() else False

    def close(self) -> None:
        """Stop verifying; what waits is cancelled."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _mac(self, secret: str) -> bytes:
        return blake2b(_octets(secret), key=self._key, digest_size=16).digest()

    async def _verify(self, access: Access, secret: str, client: str) -> bool:
        """Verify slowly; calls with the same secret share one verification."""
        stored = access.secret or ""
        key = (stored, self._mac(secret))
        pending = self._pending.get(key)
        if pending is None:
            self._admit(client)
            work = asyncio.get_running_loop().run_in_executor(
                self._executor, verify_secret, secret, stored
            )
            pending = asyncio.ensure_future(self._learn(work, access.id, key, client))
            self._pending[key] = pending
        return await asyncio.shield(pending)

    async def _learn(
        self,
        work: asyncio.Future[bool],
        access_id: int,
        key: tuple[str, bytes],
        client: str,
    ) -> bool:
        """Remember what a verification found."""
        try:
            right = await work
        finally:
            del self._pending[key]
        if right:
            self._right[access_id] = key
        else:
            now = self._clock()
            count, since = self._guesses.pop(client, (0, now))
            self._guesses[client] = (count + 1, since)
            self._wrong[key] = now + WRONG_FOR
            _forget_oldest(self._wrong)
            _forget_oldest(self._guesses)
        return right

    def _admit(self, client: str) -> None:
        """Refuse a verification when this client guesses, or too many wait."""
        count, since = self._guesses.get(client, (0, 0.0))
        if count and since + WRONG_FOR <= self._clock():
            del self._guesses[client]
            count = 0
        if count >= GUESSES or len(self._pending) >= WAITING:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)


def _transport(access: Access, *, secure: bool) -> None:
    if access.require_https and not secure:
        raise Refusal(RefusalCode.HTTPS_REQUIRED)


def _forget_oldest(table: dict[Any, Any]) -> None:
    if len(table) > WRONG_KEPT:
        del table[next(iter(table))]


Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(maxsize=16384)
def read_address(text: str) -> Address | None:
    """Read an IP address; an IPv4 one within IPv6 is that IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=16384)
def neighbourhood(client: str) -> str:
    """Tell whose an address is: an IPv4 one, or a /64 of IPv6, is one caller's."""
    address = read_address(client)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return client if address is None else str(address)


def within(client: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of these networks."""
    address = read_address(client)
    return address is not None and any(address in network for network in networks)


def client_of(
    peer: str,
    headers: Mapping[str, str],
    trusted: tuple[Network, ...],
    *,
    secure: bool = False,
) -> tuple[str, bool]:
    """
    Tell who calls, and whether over TLS, when proxies may stand between.

    Each proxy appends the address it was called from to X-Forwarded-For, so that the
    right-most one that is not itself trusted is the client, and nothing left of it
    can be believed. X-Forwarded-Proto is read at the same place when it has as many
    entries, else its last one counts. Without a trusted ``peer`` neither is read.

    Args:
        peer: The other end of the connection.
        headers: With lower-case names; repeated ones joined by commas.
        trusted: Networks of our proxies.
        secure: Whether the connection itself is TLS.

    Returns:
        The client's address (empty: a trusted proxy wrote none that can be read) and
        whether the call came over TLS.

    """
    if not trusted or not within(peer, trusted):
        return peer, secure
    hops = _entries(headers.get("x-forwarded-for", ""))
    protocols = _entries(headers.get("x-forwarded-proto", ""))
    place = len(hops) - 1
    while place > 0 and within(_bare(hops[place]), trusted):
        place -= 1
    if protocols:
        protocol = protocols[place if len(protocols) == len(hops) else -1]
        secure = protocol.lower() == "https"
    if not hops:
        return peer, secure
    address = read_address(_bare(hops[place]))
    return "" if address is None else str(address), secure


def _entries(header: str) -> list[str]:
    return [item for part in header.split(",") if (item := part.strip())]


def _bare(hop: str) -> str:
    """Take the port off (``192.0.2.1:80``, ``[2001:db8::1]:80``)."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop

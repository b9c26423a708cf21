"""
Hashes of people's passwords: Argon2id, in a thread, and few at a time.

A check takes a core for a tenth of a second, and 64 MiB, so that guessing passwords
from a stolen copy of the database takes long. The event loop never does it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.user import LONGEST_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

WAITING = 32
"""Passwords that may wait for their turn."""

WORKERS = 1
"""Threads; the message path has the other cores."""


class Passwords:
    """
    Hashes and verifies; use it from one event loop.

    Args:
        hasher: Its cost: RFC 9106 § 4's second choice, in one lane.

    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(
            time_cost=3, memory_cost=64 * 1024, parallelism=1
        )
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """Hash a password; raises Refusal with ``TOO_MANY_REQUESTS``."""
        return await self._run(lambda: self._hasher.hash(_octets(password)))

    async def verify(self, password: str, stored: str) -> bool:
        """
        Compare a password with a hash; raises Refusal with ``TOO_MANY_REQUESTS``.

        An empty hash matches no password, and takes as long as any other.
        """
        return await self._run(lambda: self._verify(password, stored))

    def close(self) -> None:
        """Stop, and cancel what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        right = self._matches(password, stored or self._hash_of_nobody())
        return right and bool(stored) and len(password) <= LONGEST_PASSWORD

    def _hash_of_nobody(self) -> str:
        if not self._nobodys:
            self._nobodys = self._hasher.hash(b"nobody")
        return self._nobodys

    def _matches(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, _octets(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1


def _octets(password: str) -> bytes:
    """Encode a password, which is cut so that hashing costs a bounded time."""
    return password[: LONGEST_PASSWORD + 1].encode("utf-8", "surrogatepass")

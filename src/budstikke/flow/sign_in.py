"""
Sign-in to the console: password, second step, and a session.

Whoever fails learns nothing but that: whether a mail address has a user costs the same
time and gets the same answer, and attempts are counted for both alike.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from budstikke.domain.totp import matching_step
from budstikke.domain.user import LONGEST_MAIL, Stage, UserState, normal_mail
from budstikke.flow.one_time_links import digest
from budstikke.store.contract.users import NewSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.flow.passwords import Passwords
    from budstikke.store.contract import Store
    from budstikke.store.contract.users import User, Visitor

CODES = 10
"""Recovery codes of a user."""

LONGEST_AGENT = 200
"""Characters of a browser's name that are stored."""


class From(NamedTuple):
    """
    Where a sign-in comes from.

    ``session``: the token of the session that the browser had before; it ends.
    """

    address: str
    agent: str
    session: str = ""


class SignIn:
    """
    Opens sessions.

    Args:
        store: Has users, sessions and attempts.
        passwords: Verifies.
        clock: Unix seconds.

    """

    def __init__(
        self, store: Store, passwords: Passwords, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock

    async def sign_in(self, mail: str, password: str, origin: From) -> str | None:
        """
        Open a session; returns its token.

        It is of ``Stage.PASSWORD`` if the user has a second step. ``None``: mail
        address or password is wrong, the user is disabled, or sign-in is locked.
        Raises Refusal and StoreUnavailable.
        """
        try:
            mail = normal_mail(mail)
        except ValueError:
            mail = mail.strip().lower()[:LONGEST_MAIL]
        user = await self._store.user_by_mail(mail)
        usable = user is not None and user.state is UserState.ACTIVE
        stored = user.password if user is not None and usable else ""
        if not await self._verified(f"password {mail}", password, stored):
            return None
        assert user is not None  # noqa: S101 - an empty hash never matches
        return await self._open(
            user, Stage.PASSWORD if user.totp else Stage.FULL, origin
        )

    async def confirm(self, user: User, password: str) -> bool:
        """Verify the password of a user who is signed in; counts as an attempt."""
        return await self._verified(f"password {user.mail}", password, user.password)

    async def second_step(
        self, visitor: Visitor, code: str, origin: From
    ) -> str | None:
        """
        Open a full session in place of one that waits for the code of the second step.

        ``code``: of the app, or a recovery code. ``None``: wrong, used, or locked.
        """
        user, now = visitor.user, self._clock()
        subject = _subject(f"code {user.id}")
        if not await self._store.count_attempt(subject, now):
            return None
        step = matching_step(user.totp, code, now)
        if step is not None:
            right = await self._store.use_totp(user.id, step)
        else:
            recovery = digest(normal_code(code))
            right = await self._store.use_recovery_code(user.id, recovery, now)
        if not right:
            return None
        await self._store.clear_attempts(subject)
        return await self._open(user, Stage.FULL, origin)

    async def renew(self, visitor: Visitor, origin: From) -> str:
        """Give a session another token, after a change of what protects it."""
        return await self._open(visitor.user, Stage.FULL, origin)

    async def _verified(self, whose: str, password: str, stored: str) -> bool:
        """Count an attempt, and verify; a locked one takes as long as another."""
        subject = _subject(whose)
        allowed = await self._store.count_attempt(subject, self._clock())
        right = await self._passwords.verify(password, stored)
        if not (allowed and right):
            return False
        await self._store.clear_attempts(subject)
        return True

    async def _open(self, user: User, stage: Stage, origin: From) -> str:
        token = secrets.token_urlsafe(32)
        agent = origin.agent[:LONGEST_AGENT]
        row = NewSession(digest(token), user.id, stage, origin.address, agent)
        before = digest(origin.session) if origin.session else ""
        await self._store.open_session(row, before, self._clock())
        return token


def new_totp_secret() -> str:
    """Make a secret for the second step: 160 random bits (RFC 4226 § 4) in base32."""
    return b32encode(secrets.token_bytes(20)).decode()


def new_recovery_codes() -> list[str]:
    """Make recovery codes of 80 random bits, written in groups."""
    codes = (b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES))
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


def normal_code(written: str) -> str:
    """Return a recovery code without what people change when they type it."""
    return "".join(c for c in written.lower() if c.isalnum())


def _subject(whose: str) -> str:
    return sha256(whose.encode("utf-8", "surrogatepass")).hexdigest()

"""
Rules about users of the console: mail addresses, passwords, locks, sessions.

Lengths of time are seconds.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("nb", "sv", "en")
"""Languages of the console."""

SHORTEST_PASSWORD = 10
"""Characters; NIST SP 800-63B asks for 8, and no mixture of kinds of characters."""

LONGEST_PASSWORD = 200
"""Characters, so that hashing costs a bounded time."""

LONGEST_NAME = 100
LONGEST_MAIL = 254
"""RFC 5321 § 4.5.3.1.3, without the angle brackets."""

IDLE = 2 * 3600.0
"""A session ends when nobody has used it for so long."""

LONGEST_SESSION = 12 * 3600.0
"""A session ends this long after the sign-in, used or not."""

SECOND_STEP = 600.0
"""Time for the code of the second step, after the password."""

FREE_FAILURES = 5
"""Failed attempts in a row before the first lock."""

LONGEST_LOCK = 900.0
FIRST_LOCK = 60.0

FAILURES_COUNT = 3600.0
"""After so long without an attempt, earlier failures no longer count."""


class UserState(StrEnum):
    """Whether a user may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Stage(StrEnum):
    """How far a session is."""

    PASSWORD = "password"  # noqa: S105 - the password was right; a code is due
    FULL = "full"


class TokenKind(StrEnum):
    """What a link that works once is for."""

    INVITATION = "invitation"
    PASSWORD = "password"  # noqa: S105 - a new password may be set
    MAIL = "mail"


LIFETIMES: Mapping[TokenKind, float] = {
    TokenKind.INVITATION: 7 * 86400.0,
    TokenKind.PASSWORD: 3600.0,
    TokenKind.MAIL: 86400.0,
}
"""Seconds for which a link works."""


class PasswordFault(StrEnum):
    """What is wrong with a password that somebody chose."""

    SHORT = "short"
    LONG = "long"
    COMMON = "common"
    MAIL = "mail"


_COMMON = (
    "1234567890 12345678910 0123456789 0987654321 1234554321 1q2w3e4r5t 1qaz2wsx3edc "
    "abcdefghij abcdefghijk administrator administrators changeme123 changeme1234 "
    "football123 iloveyou123 letmein1234 liverpool1 manchester monkey12345 password01 "
    "password10 password11 password12 password123 password1234 password12345 "
    "passwordpassword passord123 passord1234 passord12345 passordpassord hemmelig123 "
    "hemligt123 lösenord123 lösenord1234 losenord123 losenord1234 velkommen1 "
    "velkommen123 välkommen123 valkommen123 welcome123 welcome1234 qwerty1234 "
    "qwerty12345 qwerty123456 qwertyuiop qwertyuiopå qwertyuiop123 asdfghjkløæ "
    "asdfghjklöä asdfghjkl1 zxcvbnm123 princess123 sommer2024 sommer2025 sommer2026 "
    "sommar2024 sommar2025 sommar2026 summer2024 summer2025 summer2026 vinter2024 "
    "vinter2025 vinter2026 budstikke1 budstikke12 budstikke123 starwars123 "
    "superman123 sunshine123 trustno1234 "
)

COMMON = frozenset(_COMMON.split())
"""Passwords that people choose most, of the lengths that are allowed."""

_MAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]+@[^\s@<>\"(),:;\\]+\.[^\s@.]+")


def normal_mail(written: str) -> str:
    """Return a mail address as it is stored; raises ValueError."""
    mail = written.strip().lower()
    if len(mail) > LONGEST_MAIL or not _MAIL.fullmatch(mail):
        raise ValueError(f"not a mail address: {mail[:LONGEST_MAIL]}")
    return mail


def normal_name(written: str) -> str:
    """Return a name as it is stored; raises ValueError."""
    name = " ".join(written.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"not a name of 1 to {LONGEST_NAME} characters")
    return name


def password_fault(password: str, mail: str) -> PasswordFault | None:
    """
    Tell what is wrong with a new password; ``None``: it may be used.

    Only its length counts, and that it is not among the first that anybody would try.
    """
    if len(password) < SHORTEST_PASSWORD:
        return PasswordFault.SHORT
    if len(password) > LONGEST_PASSWORD:
        return PasswordFault.LONG
    plain = password.casefold().strip()
    if plain in COMMON or len(set(plain)) <= 2:
        return PasswordFault.COMMON
    if plain in (mail, mail.partition("@")[0]):
        return PasswordFault.MAIL
    return None


def lock_seconds(failures: int) -> float:
    """Return how long sign-in is locked after so many failures in a row; seconds."""
    if failures < FREE_FAILURES:
        return 0.0
    doubled = FIRST_LOCK * 2.0 ** min(failures - FREE_FAILURES, 10)
    return min(doubled, LONGEST_LOCK)


def session_end(stage: Stage, now: float) -> float:
    """Return when a session that begins ``now`` ends at the latest; Unix seconds."""
    return now + (LONGEST_SESSION if stage is Stage.FULL else SECOND_STEP)

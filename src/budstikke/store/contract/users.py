"""Users of the console, their sessions and links: rows, and what a store does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from budstikke.domain.roles import Role
from budstikke.domain.user import Stage, TokenKind, UserState

if TYPE_CHECKING:
    from collections.abc import Sequence


class Act(msgspec.Struct, frozen=True):
    """Who does something, for the audit line, and when (Unix seconds)."""

    actor: str
    at: float


class NewUser(msgspec.Struct, frozen=True):
    """A user to create; ``password``: Argon2's hash."""

    mail: str
    name: str
    password: str
    language: str
    zone: str


class User(msgspec.Struct, frozen=True):
    """A user; ``totp``: base32 secret of the second step, empty: none."""

    id: int
    mail: str
    name: str
    password: str
    language: str
    zone: str
    totp: str
    state: UserState


class AccountRole(msgspec.Struct, frozen=True):
    """A role of a user; ``account_id`` 0 and no name: in the whole installation."""

    account_id: int
    account: str
    role: Role


class UserSummary(msgspec.Struct, frozen=True):
    """A user with roles, for lists."""

    id: int
    mail: str
    name: str
    state: UserState
    second_step: bool
    roles: tuple[AccountRole, ...]


class Member(msgspec.Struct, frozen=True):
    """A user with a role in an account."""

    user_id: int
    mail: str
    name: str
    role: Role
    second_step: bool
    state: UserState


class NewToken(msgspec.Struct, frozen=True):
    """A link to make; ``hash``: SHA-256 of its token; ``made_by``: for people."""

    hash: str
    kind: TokenKind
    mail: str
    made_by: str
    account_id: int = 0
    role: str = ""


class Token(msgspec.Struct, frozen=True):
    """A link that works still."""

    id: int
    kind: TokenKind
    mail: str
    account_id: int
    account: str
    role: str
    made_by: str
    expires_at: float


class NewSession(msgspec.Struct, frozen=True):
    """A session to open; ``hash``: SHA-256 of its token."""

    hash: str
    user_id: int
    stage: Stage
    address: str
    agent: str


class Session(msgspec.Struct, frozen=True):
    """A session; times are Unix seconds."""

    id: int
    user_id: int
    stage: Stage
    account_id: int
    created_at: float
    seen_at: float
    expires_at: float
    address: str
    agent: str


class Visitor(msgspec.Struct, frozen=True):
    """Who makes a request: the session, its user, and the user's roles."""

    session: Session
    user: User
    roles: tuple[AccountRole, ...]


class UserStore(Protocol):
    """
    What a store does for the console.

    Hashes of tokens are SHA-256, in
    hexadecimal digits.
    """

    async def user_by_mail(self, mail: str, /) -> User | None:
        """Find a user by the mail address as ``domain.user.normal_mail`` writes it."""

    async def create_user(self, user: NewUser, by: Act, /) -> int | None:
        """Create a user; ``None``: there is one with this mail address."""

    async def change_profile(
        self, user_id: int, name: str, language: str, zone: str, /
    ) -> None:
        """Change what a user may change without a password."""

    async def set_password(
        self, user_id: int, password: str, keep: str, by: Act, /
    ) -> None:
        """Set a hash; ends all sessions but that with the hash ``keep``."""

    async def set_totp(
        self,
        user_id: int,
        secret: str,
        codes: Sequence[str],
        by: Act,
        /,
    ) -> None:
        """Set up the second step with hashes of recovery codes; empty: end it."""

    async def use_totp(self, user_id: int, step: int, /) -> bool:
        """Use the code of a step; ``False``: that one or a later one was used."""

    async def use_recovery_code(self, user_id: int, code: str, now: float, /) -> bool:
        """Use a recovery code by its hash; ``False``: there is none, or no more."""

    async def set_user_state(self, mail: str, state: UserState, by: Act, /) -> bool:
        """Disable a user, whose sessions end, or enable; ``False``: there is none."""

    async def users(self) -> list[UserSummary]:
        """List all users by mail address."""

    async def members(self, account_id: int, /) -> list[Member]:
        """List the users with a role in an account, by mail address."""

    async def all_accounts(self) -> list[tuple[int, str]]:
        """List all accounts by name, with their ids."""

    async def set_role(self, mail: str, account_id: int, role: str, by: Act, /) -> str:
        """
        Give a user a role, or with an empty ``role`` take it.

        Returns what is wrong: ``user`` or ``account`` (there is none), ``last`` (nobody
        else is an administrator of the account), or nothing.
        """

    async def make_token(self, token: NewToken, by: Act, until: float, /) -> None:
        """Make a link; an earlier one of its kind, mail and account ends."""

    async def find_token(
        self, digest: str, kind: TokenKind, now: float, /
    ) -> Token | None:
        """Find a link that works still."""

    async def invitations(self, account_id: int, now: float, /) -> list[Token]:
        """List an account's invitations that work still, by mail address."""

    async def cancel_invitation(
        self, token_id: int, account_id: int, by: Act, /
    ) -> bool:
        """End an invitation; ``False``: the account has none such."""

    async def accept_invitation(
        self, digest: str, user: NewUser | None, now: float, /
    ) -> int | None:
        """
        Use an invitation: create the user, or give it to the one with its mail address.

        Returns the user's id; ``None``: the link does not work, or ``user`` is given
        and there is one already, or not and there is none.
        """

    async def reset_password(
        self, digest: str, password: str, now: float, /
    ) -> int | None:
        """Use a link for a new password; all sessions end. Returns the user's id."""

    async def count_attempt(self, subject: str, now: float, /) -> bool:
        """Count an attempt to sign in; ``False``: it is locked, and may not be made."""

    async def clear_attempts(self, subject: str, /) -> None:
        """Forget the attempts: one succeeded."""

    async def open_session(
        self, session: NewSession, instead: str, now: float, /
    ) -> None:
        """Open a session; that with the hash ``instead`` ends, and those over do."""

    async def visitor(self, digest: str, now: float, /) -> Visitor | None:
        """Find who has a session that is not over, and is not disabled."""

    async def touch_session(self, session_id: int, now: float, /) -> None:
        """Note that a session was used."""

    async def choose_account(self, session_id: int, account_id: int, /) -> None:
        """Note which account a session shows."""

    async def sessions(self, user_id: int, now: float, /) -> list[Session]:
        """List a user's sessions that are not over, the newest first."""

    async def end_session(self, user_id: int, session_id: int, /) -> bool:
        """End a session of a user; ``False``: the user has none such."""

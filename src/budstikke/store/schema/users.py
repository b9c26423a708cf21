"""The people who use the console: users, roles, sessions and one-time links."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text

from budstikke.store.schema.base import Id, metadata

console_user = Table(
    "console_user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mail", String, nullable=False, unique=True),  # lower case
    Column("name", String, nullable=False),
    Column("password", String, nullable=False),  # Argon2's hash
    Column("language", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("totp", String, nullable=False, default=""),  # base32; empty: not set up
    Column("totp_step", Id, nullable=False, default=0),  # of the last code used
    Column("state", String, nullable=False),  # domain.user.UserState
    Column("created_at", Float, nullable=False),
    sqlite_autoincrement=True,  # a removed user's id is not used again
)


account_role = Table(
    "account_role",
    metadata,
    Column("user_id", Id, primary_key=True, autoincrement=False),
    Column("account_id", Id, primary_key=True, autoincrement=False),
    Column("role", String, nullable=False),  # domain.roles.Role
    Index("account_role_account", "account_id"),
)
"""
What a user may do in an account; account 0 is the whole installation.

The roles of an account that was removed stay, and count for nothing.
"""


console_session = Table(
    "console_session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", String, nullable=False, unique=True),  # SHA-256 of its token
    Column("user_id", Id, nullable=False),
    Column("stage", String, nullable=False),  # domain.user.Stage
    Column("account_id", Id, nullable=False, default=0),  # that is shown; 0: none
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("address", String, nullable=False),
    Column("agent", Text, nullable=False),
    Index("console_session_user", "user_id"),
    Index("console_session_expires", "expires_at"),
)


user_token = Table(
    "user_token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", String, nullable=False, unique=True),  # SHA-256 of the token
    Column("kind", String, nullable=False),  # domain.user.TokenKind
    Column("mail", String, nullable=False),  # whom the link was made for
    Column("account_id", Id, nullable=False, default=0),  # of an invitation
    Column("role", String, nullable=False, default=""),  # likewise
    Column("made_by", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Index("user_token_mail", "mail"),
    Index("user_token_account", "account_id"),
    Index("user_token_expires", "expires_at"),
)
"""Links that work once: invitations, and new passwords."""


recovery_code = Table(
    "recovery_code",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, nullable=False),
    Column("hash", String, nullable=False),  # SHA-256
    Column("used_at", Float),
    Index("recovery_code_user", "user_id"),
)


sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("subject", String, primary_key=True),  # a digest: whom it was made as
    Column("failures", Integer, nullable=False),
    Column("at", Float, nullable=False),  # of the last one
    Column("locked_until", Float, nullable=False),
    Index("sign_in_attempt_at", "at"),
)
"""
Attempts to sign in since the last one that succeeded.

There are rows for addresses that belong to nobody, too, so that attempts tell nobody
who has a user here.
"""

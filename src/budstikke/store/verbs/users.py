"""Users of the console and their roles: see ``store.contract.users``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.roles import ACCOUNT_ROLES, INSTALLATION, Role
from budstikke.domain.user import UserState
from budstikke.store.contract.users import (
    AccountRole,
    Act,
    Member,
    NewUser,
    User,
    UserSummary,
)
from budstikke.store.verbs.audit import record_act
from budstikke.store.verbs.pages import struct
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.verbs.connection import Connection

USER_COLUMNS = "u.id, u.mail, u.name, u.password, u.language, u.zone, u.totp, u.state"

BY_MAIL = statement(f"SELECT {USER_COLUMNS} FROM console_user u WHERE u.mail = :mail")

CREATE = statement("""
INSERT INTO console_user (mail, name, password, language, zone, totp, totp_step, state,
    created_at)
VALUES (:mail, :name, :password, :language, :zone, '', 0, 'active', :now)
ON CONFLICT (mail) DO NOTHING RETURNING id""")

CHANGE_PROFILE = statement("""
UPDATE console_user SET name = :name, language = :language, zone = :zone
WHERE id = :user""")

SET_PASSWORD = statement("""
UPDATE console_user SET password = :password WHERE id = :user RETURNING mail""")

END_SESSIONS = statement(
    "DELETE FROM console_session WHERE user_id = :user AND hash <> :keep"
)

SET_TOTP = statement("""
UPDATE console_user SET totp = :secret, totp_step = 0 WHERE id = :user
RETURNING mail""")

DROP_CODES = statement("DELETE FROM recovery_code WHERE user_id = :user")

ADD_CODE = statement("INSERT INTO recovery_code (user_id, hash) VALUES (:user, :code)")

# A code counts once: another request with it finds a later step.
USE_TOTP = statement("""
UPDATE console_user SET totp_step = :step WHERE id = :user AND totp_step < :step""")

USE_CODE = statement("""
UPDATE recovery_code SET used_at = :now
WHERE user_id = :user AND hash = :code AND used_at IS NULL""")

SET_STATE = statement("""
UPDATE console_user SET state = :state WHERE mail = :mail RETURNING id""")

USERS = statement("""
SELECT u.id, u.mail, u.name, u.state, u.totp <> '' FROM console_user u
ORDER BY u.mail""")

# A role in an account that was removed is none.
ALL_ROLES = statement("""
SELECT r.user_id, r.account_id, coalesce(a.name, ''), r.role
FROM account_role r LEFT JOIN account a ON a.id = r.account_id
WHERE r.account_id = 0 OR a.id IS NOT NULL
ORDER BY r.user_id, r.account_id""")

ROLES = statement("""
SELECT r.account_id, coalesce(a.name, ''), r.role
FROM account_role r LEFT JOIN account a ON a.id = r.account_id
WHERE r.user_id = :user AND (r.account_id = 0 OR a.id IS NOT NULL)
ORDER BY a.name""")

MEMBERS = statement("""
SELECT u.id, u.mail, u.name, r.role, u.totp <> '', u.state
FROM account_role r JOIN console_user u ON u.id = r.user_id
WHERE r.account_id = :account ORDER BY u.mail""")

ACCOUNTS = statement("SELECT id, name FROM account ORDER BY name")

ACCOUNT = statement("SELECT name FROM account WHERE id = :account")

# Locks the account's roles, so that two administrators cannot remove each other.
ADMINISTRATORS = statement(
    lambda e: (
        f"""
SELECT user_id FROM account_role WHERE account_id = :account AND role = 'administrator'
{e.lock}"""
    )
)

PUT_ROLE = statement("""
INSERT INTO account_role (user_id, account_id, role) VALUES (:user, :account, :role)
ON CONFLICT (user_id, account_id) DO UPDATE SET role = excluded.role""")

DROP_ROLE = statement(
    "DELETE FROM account_role WHERE user_id = :user AND account_id = :account"
)


async def user_by_mail(connection: Connection, mail: str) -> User | None:
    """Find a user by mail address."""
    row = await connection.row(BY_MAIL, {"mail": mail})
    return None if row is None else struct(User, row)


async def create_user(connection: Connection, user: NewUser, by: Act) -> int | None:
    """Create a user; ``None``: there is one with this mail address."""
    values = {**msgspec.structs.asdict(user), "now": by.at}
    user_id: int | None = await connection.value(CREATE, values)
    if user_id is not None:
        await record_act(connection, by, f"created the user {user.mail}")
    return user_id


async def change_profile(
    connection: Connection, user_id: int, name: str, language: str, zone: str
) -> None:
    """Change what a user may change without a password."""
    values = {"user": user_id, "name": name, "language": language, "zone": zone}
    await connection.execute(CHANGE_PROFILE, values)


async def set_password(
    connection: Connection,
    user_id: int,
    password: str,
    keep: str,
    by: Act,
) -> None:
    """Set a hash; ends all sessions but that with the hash ``keep``."""
    values = {"user": user_id, "password": password}
    mail = await connection.value(SET_PASSWORD, values)
    if mail is not None:
        await connection.execute(END_SESSIONS, {"user": user_id, "keep": keep})
        await record_act(connection, by, f"set the password of user {mail}")


async def set_totp(
    connection: Connection,
    user_id: int,
    secret: str,
    codes: Sequence[str],
    by: Act,
) -> None:
    """Set up the second step with hashes of recovery codes; empty: end it."""
    mail = await connection.value(SET_TOTP, {"user": user_id, "secret": secret})
    if mail is None:
        return
    await connection.execute(DROP_CODES, {"user": user_id})
    for code in codes:
        await connection.execute(ADD_CODE, {"user": user_id, "code": code})
    act = "set up" if secret else "ended"
    act = f"{act} the second step of user {mail}"
    await record_act(connection, by, act)


async def use_totp(connection: Connection, user_id: int, step: int) -> bool:
    """Use the code of a step; ``False``: that one or a later one was used."""
    return await connection.execute(USE_TOTP, {"user": user_id, "step": step}) == 1


async def use_recovery_code(
    connection: Connection, user_id: int, code: str, now: float
) -> bool:
    """Use a recovery code by its hash; ``False``: there is none, or no more."""
    values = {"user": user_id, "code": code, "now": now}
    return await connection.execute(USE_CODE, values) == 1


async def set_user_state(
    connection: Connection, mail: str, state: UserState, by: Act
) -> bool:
    """Disable a user, whose sessions end, or enable; ``False``: there is none."""
    values = {"mail": mail, "state": state.value}
    user_id = await connection.value(SET_STATE, values)
    if user_id is None:
        return False
    if state is UserState.DISABLED:
        await connection.execute(END_SESSIONS, {"user": user_id, "keep": ""})
    act = "disabled" if state is UserState.DISABLED else "enabled"
    await record_act(connection, by, f"{act} the user {mail}")
    return True


async def users(connection: Connection) -> list[UserSummary]:
    """List all users by mail address."""
    roles: dict[int, list[AccountRole]] = {}
    for user_id, *row in await connection.rows(ALL_ROLES):
        roles.setdefault(user_id, []).append(struct(AccountRole, row))
    return [
        struct(UserSummary, (*row, tuple(roles.get(row[0], ()))))
        for row in await connection.rows(USERS)
    ]


async def roles_of(connection: Connection, user_id: int) -> tuple[AccountRole, ...]:
    """List a user's roles by account."""
    rows = await connection.rows(ROLES, {"user": user_id})
    return tuple(struct(AccountRole, row) for row in rows)


async def members(connection: Connection, account_id: int) -> list[Member]:
    """List the users with a role in an account, by mail address."""
    rows = await connection.rows(MEMBERS, {"account": account_id})
    return [struct(Member, row) for row in rows]


async def all_accounts(connection: Connection) -> list[tuple[int, str]]:
    """List all accounts by name, with their ids."""
    return [(row[0], row[1]) for row in await connection.rows(ACCOUNTS)]


async def set_role(
    connection: Connection,
    mail: str,
    account_id: int,
    role: str,
    by: Act,
) -> str:
    """Give a user a role, or with an empty ``role`` take it; returns the fault."""
    user = await user_by_mail(connection, mail)
    if user is None:
        return "user"
    where: Any = "the installation"
    if account_id != INSTALLATION:
        name = await connection.value(ACCOUNT, {"account": account_id})
        if name is None or role not in ("", *ACCOUNT_ROLES):
            return "account"
        where = f"account {name}"
        if await keeps_last(connection, user.id, account_id, role):
            return "last"
    await write_role(connection, user.id, account_id, role)
    act = f"gave the role {role}" if role else "took the role"
    act = f"{act} of user {mail} in {where}"
    await record_act(connection, by, act)
    return ""


async def write_role(
    connection: Connection, user_id: int, account_id: int, role: str
) -> None:
    """Give a user a role, or with an empty ``role`` take it."""
    values = {"user": user_id, "account": account_id}
    if role:
        await connection.execute(PUT_ROLE, {**values, "role": role})
    else:
        await connection.execute(DROP_ROLE, values)


async def keeps_last(
    connection: Connection, user_id: int, account_id: int, role: str
) -> bool:
    """Whether a role would leave the account without an administrator."""
    if account_id == INSTALLATION or role == Role.ADMINISTRATOR:
        return False
    rows = await connection.rows(ADMINISTRATORS, {"account": account_id})
    return [row[0] for row in rows] == [user_id]

"""Links that work once: invitations and new passwords: ``store.contract.users``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.user import TokenKind
from budstikke.store.contract.users import Act, NewToken, NewUser, Token
from budstikke.store.verbs.audit import record_act
from budstikke.store.verbs.pages import struct
from budstikke.store.verbs.statement import statement
from budstikke.store.verbs.users import (
    create_user,
    keeps_last,
    set_password,
    user_by_mail,
    write_role,
)

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection

LINK_COLUMNS = """t.id, t.kind, t.mail, t.account_id, coalesce(a.name, ''), t.role,
    t.made_by, t.expires_at"""

END_EARLIER = statement("""
DELETE FROM user_token WHERE mail = :mail AND kind = :kind AND account_id = :account""")

FORGET = statement("DELETE FROM user_token WHERE expires_at < :now")

MAKE = statement("""
INSERT INTO user_token (hash, kind, mail, account_id, role, made_by, created_at,
    expires_at)
VALUES (:hash, :kind, :mail, :account, :role, :by, :now, :until)""")

FIND = statement(f"""
SELECT {LINK_COLUMNS} FROM user_token t LEFT JOIN account a ON a.id = t.account_id
WHERE t.hash = :hash AND t.kind = :kind AND t.used_at IS NULL AND t.expires_at > :now
    AND (t.account_id = 0 OR a.id IS NOT NULL)""")

INVITATIONS = statement(f"""
SELECT {LINK_COLUMNS} FROM user_token t JOIN account a ON a.id = t.account_id
WHERE t.account_id = :account AND t.kind = 'invitation' AND t.used_at IS NULL
    AND t.expires_at > :now ORDER BY t.mail""")

CANCEL = statement("""
DELETE FROM user_token WHERE id = :token AND account_id = :account
    AND kind = 'invitation' AND used_at IS NULL RETURNING mail""")

# The condition makes it work once: of two requests one finds no row.
USE = statement("""
UPDATE user_token SET used_at = :now
WHERE id = :token AND used_at IS NULL""")


async def make_token(
    connection: Connection, token: NewToken, by: Act, until: float
) -> None:
    """Make a link; an earlier one of its kind, mail and account ends."""
    values = {"mail": token.mail, "kind": token.kind.value, "account": token.account_id}
    await connection.execute(FORGET, {"now": by.at})
    await connection.execute(END_EARLIER, values)
    row = {"hash": token.hash, "role": token.role, "by": token.made_by}
    await connection.execute(MAKE, {**values, **row, "now": by.at, "until": until})
    if token.kind is TokenKind.INVITATION:
        where = (
            f"account {token.account_id}" if token.account_id else "the installation"
        )
        act = f"invited {token.mail} as {token.role} of {where}"
    else:
        act = f"made a link for a new password of {token.mail}"
    await record_act(connection, by, act)


async def find_token(
    connection: Connection, digest: str, kind: TokenKind, now: float
) -> Token | None:
    """Find a link that works still."""
    values = {"hash": digest, "kind": kind.value, "now": now}
    row = await connection.row(FIND, values)
    return None if row is None else struct(Token, row)


async def invitations(
    connection: Connection, account_id: int, now: float
) -> list[Token]:
    """List an account's invitations that work still, by mail address."""
    rows = await connection.rows(INVITATIONS, {"account": account_id, "now": now})
    return [struct(Token, row) for row in rows]


async def cancel_invitation(
    connection: Connection, token_id: int, account_id: int, by: Act
) -> bool:
    """End an invitation; ``False``: the account has none such."""
    values = {"token": token_id, "account": account_id}
    mail = await connection.value(CANCEL, values)
    if mail is not None:
        act = f"cancelled the invitation of {mail} to account {account_id}"
        await record_act(connection, by, act)
    return mail is not None


async def accept_invitation(
    connection: Connection, digest: str, user: NewUser | None, now: float
) -> int | None:
    """
    Use an invitation: create the user, or give it to the one that is there.

    The last administrator of an account stays one: an older invitation to a lesser role
    changes nothing.
    """
    token = await find_token(connection, digest, TokenKind.INVITATION, now)
    if token is None:
        return None
    known = await user_by_mail(connection, token.mail)
    if (user is None) == (known is None):
        return None
    if not await connection.execute(USE, {"token": token.id, "now": now}):
        return None
    if user is not None:
        new = msgspec.structs.replace(user, mail=token.mail)
        user_id = await create_user(connection, new, Act(token.mail, now))
    else:
        user_id = known.id if known is not None else None
    if user_id is None:
        return None
    if not await keeps_last(connection, user_id, token.account_id, token.role):
        await write_role(connection, user_id, token.account_id, token.role)
    where = f"account {token.account}" if token.account_id else "the installation"
    act = f"accepted the invitation as {token.role} of {where}"
    await record_act(connection, Act(token.mail, now), act)
    return user_id


async def reset_password(
    connection: Connection, digest: str, password: str, now: float
) -> int | None:
    """Use a link for a new password; all sessions end. Returns the user's id."""
    token = await find_token(connection, digest, TokenKind.PASSWORD, now)
    user = token and await user_by_mail(connection, token.mail)
    if token is None or user is None:
        return None
    if not await connection.execute(USE, {"token": token.id, "now": now}):
        return None
    await set_password(connection, user.id, password, "", Act(token.mail, now))
    return user.id

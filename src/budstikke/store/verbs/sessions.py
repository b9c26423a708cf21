"""Sessions of the console, and attempts to sign in: ``store.contract.users``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.user import (
    FAILURES_COUNT,
    IDLE,
    lock_seconds,
    session_end,
)
from budstikke.store.contract.users import NewSession, Session, User, Visitor
from budstikke.store.verbs.pages import struct
from budstikke.store.verbs.statement import statement
from budstikke.store.verbs.users import USER_COLUMNS, roles_of

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection

SESSION_COLUMNS = """s.id, s.user_id, s.stage, s.account_id, s.created_at, s.seen_at,
    s.expires_at, s.address, s.agent"""

ATTEMPT = statement(
    lambda e: (
        f"""
SELECT failures, at, locked_until FROM sign_in_attempt WHERE subject = :subject
{e.lock}"""
    )
)

COUNT_ATTEMPT = statement("""
INSERT INTO sign_in_attempt (subject, failures, at, locked_until)
VALUES (:subject, :failures, :now, :until)
ON CONFLICT (subject) DO UPDATE
SET failures = excluded.failures, at = excluded.at, locked_until = excluded.locked_until
""")

CLEAR_ATTEMPTS = statement("DELETE FROM sign_in_attempt WHERE subject = :subject")

FORGET_ATTEMPTS = statement("DELETE FROM sign_in_attempt WHERE at < :before")

OPEN = statement("""
INSERT INTO console_session (hash, user_id, stage, account_id, created_at, seen_at,
    expires_at, address, agent)
VALUES (:hash, :user, :stage, :account, :now, :now, :until, :address, :agent)""")

END_BY_HASH = statement(
    "DELETE FROM console_session WHERE hash = :hash RETURNING user_id, account_id"
)

FORGET_SESSIONS = statement("DELETE FROM console_session WHERE expires_at < :now")

VISITOR = statement(f"""
SELECT {SESSION_COLUMNS}, {USER_COLUMNS}
FROM console_session s JOIN console_user u ON u.id = s.user_id
WHERE s.hash = :hash AND s.expires_at > :now AND s.seen_at > :seen
    AND u.state = 'active'""")

TOUCH = statement("UPDATE console_session SET seen_at = :now WHERE id = :session")

CHOOSE = statement(
    "UPDATE console_session SET account_id = :account WHERE id = :session"
)

SESSIONS = statement(f"""
SELECT {SESSION_COLUMNS} FROM console_session s
WHERE s.user_id = :user AND s.expires_at > :now AND s.seen_at > :seen
ORDER BY s.id DESC""")

END = statement("DELETE FROM console_session WHERE user_id = :user AND id = :session")


async def count_attempt(connection: Connection, subject: str, now: float) -> bool:
    """Count an attempt to sign in; ``False``: it is locked, and may not be made."""
    row = await connection.row(ATTEMPT, {"subject": subject})
    before = 0
    if row is not None:
        failures, at, locked_until = row
        if locked_until > now:
            return False
        before = failures if at > now - FAILURES_COUNT else 0
    await connection.execute(FORGET_ATTEMPTS, {"before": now - FAILURES_COUNT})
    until = now + lock_seconds(before + 1)
    values = {"subject": subject, "failures": before + 1, "now": now, "until": until}
    await connection.execute(COUNT_ATTEMPT, values)
    return True


async def clear_attempts(connection: Connection, subject: str) -> None:
    """Forget the attempts: one succeeded."""
    await connection.execute(CLEAR_ATTEMPTS, {"subject": subject})


async def open_session(
    connection: Connection, session: NewSession, instead: str, now: float
) -> None:
    """Open a session; that with the hash ``instead`` ends, and those over do."""
    row = await connection.row(END_BY_HASH, {"hash": instead})
    account = row[1] if row is not None and row[0] == session.user_id else 0
    await connection.execute(FORGET_SESSIONS, {"now": now})
    values = {
        "hash": session.hash,
        "user": session.user_id,
        "stage": session.stage.value,
        "account": account,
        "now": now,
        "until": session_end(session.stage, now),
        "address": session.address,
        "agent": session.agent,
    }
    await connection.execute(OPEN, values)


async def visitor(connection: Connection, digest: str, now: float) -> Visitor | None:
    """Find who has a session that is not over, and is not disabled."""
    values = {"hash": digest, "now": now, "seen": now - IDLE}
    row = await connection.row(VISITOR, values)
    if row is None:
        return None
    columns, width = tuple(row), len(Session.__struct_fields__)
    session = struct(Session, columns[:width])
    roles = await roles_of(connection, session.user_id)
    return Visitor(session, struct(User, columns[width:]), roles)


async def touch_session(connection: Connection, session_id: int, now: float) -> None:
    """Note that a session was used."""
    await connection.execute(TOUCH, {"session": session_id, "now": now})


async def choose_account(
    connection: Connection, session_id: int, account_id: int
) -> None:
    """Note which account a session shows."""
    await connection.execute(CHOOSE, {"session": session_id, "account": account_id})


async def sessions(connection: Connection, user_id: int, now: float) -> list[Session]:
    """List a user's sessions that are not over, the newest first."""
    values = {"user": user_id, "now": now, "seen": now - IDLE}
    rows = await connection.rows(SESSIONS, values)
    return [struct(Session, row) for row in rows]


async def end_session(connection: Connection, user_id: int, session_id: int) -> bool:
    """End a session of a user; ``False``: the user has none such."""
    return await connection.execute(END, {"user": user_id, "session": session_id}) == 1

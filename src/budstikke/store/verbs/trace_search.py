"""Finds messages to trace, and the messages that orphans are probably about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.orphan import TAIL, Candidate, Orphan
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.pages import struct
from budstikke.store.verbs.statement import Fragments, statement

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection

LOOKED_AT = 200_000
"""Messages that a search looks through: no index leads from a phone to its messages."""

ACCOUNT = statement("SELECT id FROM account WHERE name = :name")

BY_REF = statement("""
SELECT id FROM message WHERE ref = :ref AND account_id = :account
ORDER BY id DESC LIMIT :limit""")

BY_RECIPIENT = statement("""
SELECT id FROM (
    SELECT id, recipient FROM message ORDER BY id DESC LIMIT :look) m
WHERE recipient = :recipient ORDER BY id DESC LIMIT :limit""")

BY_RECIPIENT_OF_ACCOUNT = statement("""
SELECT id FROM (
    SELECT id, recipient FROM message WHERE account_id = :account
    ORDER BY id DESC LIMIT :look) m
WHERE recipient = :recipient ORDER BY id DESC LIMIT :limit""")

OLDER = statement("""
SELECT accepted_at FROM message ORDER BY id DESC LIMIT 1 OFFSET :look""")

OLDER_OF_ACCOUNT = statement("""
SELECT accepted_at FROM message WHERE account_id = :account
ORDER BY id DESC LIMIT 1 OFFSET :look""")

ORPHANS = statement("""
SELECT o.id, o.carrier_id, coalesce(c.name, 'carrier ' || o.carrier_id), o.smsc_id,
    o.state, o.reason, o.raw, o.at, o.recipient, o.came_at, o.kept_until
FROM orphan o LEFT JOIN carrier c ON c.id = o.carrier_id
ORDER BY o.id DESC LIMIT :limit""")


def _tail(e: Fragments) -> str:
    """Write the last digits of the recipient."""
    return e.only(
        sqlite=f"substr(m.recipient, -{TAIL})", postgres=f"right(m.recipient, {TAIL})"
    )


# By the last digits of the recipients; each message with its parts.
CANDIDATES = statement(
    lambda e: (
        f"""
SELECT m.id, m.recipient, p.carrier_id, m.accepted_at, p.state, p.smsc_id,
    coalesce(a.name, ''), coalesce(a.privacy, 'masked')
FROM (SELECT id, account_id, recipient, accepted_at FROM message
    ORDER BY id DESC LIMIT :look) m
{e.join} part p ON p.id BETWEEN m.id * 256 AND m.id * 256 + 255
LEFT JOIN account a ON a.id = m.account_id
WHERE {_tail(e)} IN (
    SELECT j.value FROM {e.text_rows(":tails")})"""
    )
)


class Found(msgspec.Struct, frozen=True):
    """
    The ids of messages, newest first.

    ``before``: there are older messages that were not looked at, accepted before this
    time, Unix seconds; ``None``: there are none.
    """

    ids: tuple[int, ...]
    before: float | None = None


async def find_by_ref(
    connection: Connection, account: str, ref: str, limit: int
) -> Found | None:
    """Find an account's messages with a reference; ``None``: no such account."""
    account_id = await connection.value(ACCOUNT, {"name": account})
    if account_id is None:
        return None
    values = {"ref": ref, "account": account_id, "limit": limit}
    return Found(tuple(row[0] for row in await connection.rows(BY_REF, values)))


async def find_by_recipient(
    connection: Connection, account: str, recipient: str, limit: int
) -> Found | None:
    """
    Find messages to a phone (E.164 with ``+``), within an account (empty: in all).

    ``None``: no such account.
    """
    search, older = BY_RECIPIENT, OLDER
    values: dict[str, object] = {"recipient": recipient, "limit": limit}
    values["look"] = LOOKED_AT
    if account:
        search, older = BY_RECIPIENT_OF_ACCOUNT, OLDER_OF_ACCOUNT
        values["account"] = await connection.value(ACCOUNT, {"name": account})
        if values["account"] is None:
            return None
    ids = tuple(row[0] for row in await connection.rows(search, values))
    return Found(ids, await connection.value(older, values))


async def list_orphans(
    connection: Connection, limit: int
) -> tuple[list[Orphan], list[Candidate]]:
    """List orphans, newest first, and the messages that they may be about."""
    rows = await connection.rows(ORPHANS, {"limit": limit})
    orphans = [struct(Orphan, row) for row in rows]
    tails = sorted({each.recipient[-TAIL:] for each in orphans if each.recipient})
    if not tails:
        return orphans, []
    values = {"tails": text(tails), "look": LOOKED_AT}
    found = await connection.rows(CANDIDATES, values)
    return orphans, [struct(Candidate, row) for row in found]

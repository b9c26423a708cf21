"""What customers change of what is kept: records, contacts, opt-outs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.listing import (
    Change,
    Changed,
    DatedChange,
    DropContactAsk,
    DropOptOutAsk,
    EraseAnswer,
    EraseAsk,
    EraseInboundAsk,
    ListingAnswer,
    PutContactAsk,
    PutOptOutAsk,
    RenameAsk,
)
from budstikke.store.engines.sqlite import callback_listing, inbound_listing
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.engines.sqlite.listing import CONTACT
from budstikke.store.verbs.account_data import TOUCH
from budstikke.store.verbs.groups import required

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

# What is still to be sent, or may be sent again, needs its text; so does an MMS of
# which an SMS is to be sent. Later receipts count, but nobody is told of them.
ERASE = """
UPDATE message SET deleted = 1, recipient = '', tell = 0, duplicate_key = NULL,
    duplicate_until = NULL
WHERE id = :id AND account_id = :account
    AND state <> 'scheduled' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN message.id * 256 AND message.id * 256 + 255
        AND p.state IN ('queued', 'sending', 'unsure'))
    AND NOT EXISTS (SELECT 1 FROM callback c
        WHERE c.message_id = message.id AND c.state IN ('due', 'queued')
        AND c.event LIKE '["send"%')
RETURNING order_id"""

ERASE_PARTS = "UPDATE part SET text = '' WHERE id BETWEEN :id * 256 AND :id * 256 + 255"

ERASE_MMS = """
UPDATE mms SET text = '', files = '[]', subject = '', fallback = NULL,
    read_at = coalesce(read_at, 0)
WHERE message_id = :id"""

ERASE_INBOUND = """
DELETE FROM inbound WHERE id = :id AND account_id = :account
    AND NOT EXISTS (SELECT 1 FROM callback c
        WHERE c.message_id = inbound.id AND c.state IN ('due', 'queued'))
RETURNING originator, recipient"""

OWNS_INBOUND = "SELECT 1 FROM inbound WHERE id = :id AND account_id = :account"

# What its parts were, of which those that are given again are told.
FORGET_PARTS = """
DELETE FROM inbound_part
WHERE state = 'done' AND originator = :originator AND recipient = :recipient"""

# What was told of a message either way, how often it was tried, and its files.
FORGET = (
    """
DELETE FROM attempt WHERE callback_id IN (
    SELECT id FROM callback WHERE message_id = :id)""",
    "DELETE FROM callback WHERE message_id = :id",
    "DELETE FROM media WHERE message_id = :id",
)

# The messages of a large order are made from it; then nobody needs it.
ERASE_BULK = """
UPDATE bulk SET content = '{}', recipients = '[]'
WHERE id = :order AND (done >= total OR cancelled)"""

OWNS = "SELECT 1 FROM message WHERE id = :id AND account_id = :account"

RENAME = """
UPDATE OR IGNORE contact_group SET name = :name WHERE id = :group"""

PUT_CONTACT = """
INSERT INTO contact (account_id, number, name, active)
VALUES (:account, :number, :name, :active)
ON CONFLICT (account_id, number) DO UPDATE SET name = :name, active = :active"""

LEAVE_ALL = """
DELETE FROM membership WHERE contact_id IN (
    SELECT id FROM contact WHERE account_id = :account AND number = :number)"""

DROP_CONTACT = "DELETE FROM contact WHERE account_id = :account AND number = :number"

PUT_OPT_OUT = """
INSERT INTO suppression (number, account_id, reason)
VALUES (:number, :account, :reason)
ON CONFLICT (number, account_id) DO NOTHING"""

DROP_OPT_OUT = (
    "DELETE FROM suppression WHERE number = :number AND account_id = :account"
)


def change(
    connection: sqlite3.Connection, asked: Change, account: int, now: float
) -> ListingAnswer:
    """Change something, in a transaction; raises Refusal for what must be there."""
    if isinstance(asked, DatedChange):
        return DATED[type(asked)](connection, asked, account, now)
    return CHANGES[type(asked)](connection, asked, account)


def _erase(
    connection: sqlite3.Connection, asked: EraseAsk, account: int
) -> EraseAnswer:
    values = {"id": asked.message_id, "account": account}
    row = connection.execute(ERASE, values).fetchone()
    if row is None:
        found = connection.execute(OWNS, values).fetchone() is not None
        return EraseAnswer(found, erased=False)
    for statement in (ERASE_PARTS, ERASE_MMS, *FORGET):
        connection.execute(statement, values)
    connection.execute(ERASE_BULK, {"order": row[0]})
    return EraseAnswer(found=True, erased=True)


def _erase_inbound(
    connection: sqlite3.Connection, asked: EraseInboundAsk, account: int
) -> EraseAnswer:
    values = {"id": asked.message_id, "account": account}
    row = connection.execute(ERASE_INBOUND, values).fetchone()
    if row is None:
        found = connection.execute(OWNS_INBOUND, values).fetchone() is not None
        return EraseAnswer(found, erased=False)
    for statement in FORGET:
        connection.execute(statement, values)
    whose = {"originator": row[0], "recipient": row[1]}
    connection.execute(FORGET_PARTS, whose)
    return EraseAnswer(found=True, erased=True)


def _rename(connection: sqlite3.Connection, asked: RenameAsk, account: int) -> Changed:
    group = finish(required(Connection(connection), account, asked.group))
    values = {"group": group, "name": asked.name}
    return Changed(connection.execute(RENAME, values).rowcount == 1)


def _put_contact(
    connection: sqlite3.Connection, asked: PutContactAsk, account: int
) -> Changed:
    values = {"account": account, "number": asked.contact.number}
    new = connection.execute(CONTACT, values).fetchone() is None
    contact = msgspec.structs.asdict(asked.contact)
    connection.execute(PUT_CONTACT, {**contact, "account": account})
    return Changed(new)


def _drop_contact(
    connection: sqlite3.Connection, asked: DropContactAsk, account: int
) -> Changed:
    values = {"account": account, "number": asked.number}
    connection.execute(LEAVE_ALL, values)
    return Changed(connection.execute(DROP_CONTACT, values).rowcount == 1)


def _put_opt_out(
    connection: sqlite3.Connection, asked: PutOptOutAsk, account: int
) -> Changed:
    values = {**msgspec.structs.asdict(asked.opt_out), "account": account}
    return _touched(connection, connection.execute(PUT_OPT_OUT, values).rowcount)


def _drop_opt_out(
    connection: sqlite3.Connection, asked: DropOptOutAsk, account: int
) -> Changed:
    values = {"number": asked.number, "account": account}
    return _touched(connection, connection.execute(DROP_OPT_OUT, values).rowcount)


def _touched(connection: sqlite3.Connection, rows: int) -> Changed:
    if rows == 1:
        connection.execute(TOUCH.sqlite)
    return Changed(rows == 1)


CHANGES: Mapping[type, Callable[[sqlite3.Connection, Any, int], ListingAnswer]] = {
    EraseAsk: _erase,
    EraseInboundAsk: _erase_inbound,
    RenameAsk: _rename,
    PutContactAsk: _put_contact,
    DropContactAsk: _drop_contact,
    PutOptOutAsk: _put_opt_out,
    DropOptOutAsk: _drop_opt_out,
}

DATED = {**inbound_listing.CHANGES, **callback_listing.CHANGES}

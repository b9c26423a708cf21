"""What customers change: erasure of messages, groups, contacts, opt-outs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.history import HistoryKind, of_message
from budstikke.domain.listing import (
    Changed,
    DatedChange,
    DropContactCommand,
    DropOptOutCommand,
    EraseAnswer,
    EraseCommand,
    EraseInboundCommand,
    ListingAnswer,
    ListingCommand,
    PutContactCommand,
    PutOptOutCommand,
    RenameCommand,
)
from budstikke.store.verbs import callback_listing, inbound_listing
from budstikke.store.verbs.groups import required
from budstikke.store.verbs.history import record_history
from budstikke.store.verbs.listing import CONTACT
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from budstikke.store.verbs.connection import Connection

# A message keeps its text while it may be sent, or sent again; an MMS also while an SMS
# may follow it. Later delivery reports are counted, without callbacks.
ERASE = statement("""
UPDATE message SET deleted = 1, recipient = '', notify_on = 0, callback_url = NULL,
    duplicate_key = NULL, duplicate_until = NULL
WHERE id = :id AND account_id = :account
    AND state <> 'scheduled' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN message.id * 256 AND message.id * 256 + 255
        AND p.state IN ('queued', 'sending', 'unsure'))
    AND NOT EXISTS (SELECT 1 FROM callback c
        WHERE c.message_id = message.id AND c.state IN ('due', 'queued')
        AND c.event LIKE '["send"%')
RETURNING order_id""")

ERASE_PARTS = statement("""
UPDATE part SET text = ''
WHERE id BETWEEN :id::bigint * 256 AND :id::bigint * 256 + 255""")

# An operator's words may repeat a number or a text.
ERASE_HISTORY = statement("""
UPDATE part_history SET raw = ''
WHERE part_id BETWEEN :id::bigint * 256 AND :id::bigint * 256 + 255""")

ERASE_MMS = statement("""
UPDATE mms SET text = '', files = '[]', subject = '', fallback = NULL,
    read_at = coalesce(read_at, 0)
WHERE message_id = :id""")

ERASE_INBOUND = statement("""
DELETE FROM inbound WHERE id = :id AND account_id = :account
    AND NOT EXISTS (SELECT 1 FROM callback c
        WHERE c.message_id = inbound.id AND c.state IN ('due', 'queued'))
RETURNING originator, recipient""")

OWNS_INBOUND = statement(
    "SELECT 1 FROM inbound WHERE id = :id AND account_id = :account"
)

# The parts of an inbound text, which are kept in case the operator delivers them again.
FORGET_PARTS = statement("""
DELETE FROM inbound_part
WHERE state <> 'held' AND originator = :originator AND recipient = :recipient""")

FORGET_ATTEMPTS = statement("""
DELETE FROM attempt WHERE callback_id IN (
    SELECT id FROM callback WHERE message_id = :id)""")

FORGET_CALLBACKS = statement("DELETE FROM callback WHERE message_id = :id")

FORGET_MEDIA = statement("DELETE FROM media WHERE message_id = :id")

_FORGET = (FORGET_ATTEMPTS, FORGET_CALLBACKS, FORGET_MEDIA)
"""In this order; for outbound and inbound messages."""

# An order that is expanded or cancelled no longer needs its recipients and text.
ERASE_BULK = statement("""
UPDATE bulk SET content = '{}', recipients = '[]'
WHERE id = :order AND (done >= total OR cancelled)""")

OWNS = statement("SELECT 1 FROM message WHERE id = :id AND account_id = :account")

RENAME = statement("""
UPDATE contact_group AS g SET name = :name WHERE id = :group AND NOT EXISTS (
    SELECT 1 FROM contact_group o
    WHERE o.account_id = g.account_id AND o.name = :name AND o.id <> g.id)""")

PUT_CONTACT = statement("""
INSERT INTO contact (account_id, number, name, active)
VALUES (:account, :number, :name, :active)
ON CONFLICT (account_id, number) DO UPDATE SET name = :name, active = :active""")

LEAVE_ALL = statement("""
DELETE FROM membership WHERE contact_id IN (
    SELECT id FROM contact WHERE account_id = :account AND number = :number)""")

DROP_CONTACT = statement(
    "DELETE FROM contact WHERE account_id = :account AND number = :number"
)

PUT_OPT_OUT = statement("""
INSERT INTO suppression (number, account_id, reason)
VALUES (:number, :account, :reason)
ON CONFLICT (number, account_id) DO NOTHING""")

DROP_OPT_OUT = statement(
    "DELETE FROM suppression WHERE number = :number AND account_id = :account"
)

# Opt-outs are part of the directory, so that nodes have to read it again.
TOUCH = statement("""
UPDATE meta SET value = (value::bigint + 1)::text WHERE key = 'revision'""")


async def change(
    connection: Connection, command: ListingCommand, account: int, now: float
) -> ListingAnswer:
    """Carry out a command in a transaction; raises Refusal for an unknown group."""
    if isinstance(command, DatedChange | EraseCommand):
        return await DATED[type(command)](connection, command, account, now)
    return await CHANGES[type(command)](connection, command, account)


async def _erase(
    connection: Connection, command: EraseCommand, account: int, now: float
) -> EraseAnswer:
    values = {"id": command.message_id, "account": account}
    row = await connection.row(ERASE, values)
    if row is None:
        found = await connection.row(OWNS, values) is not None
        return EraseAnswer(found, erased=False)
    for erasure in (ERASE_PARTS, ERASE_HISTORY, ERASE_MMS, *_FORGET):
        await connection.execute(erasure, values)
    await connection.execute(ERASE_BULK, {"order": row[0]})
    deleted = of_message(command.message_id, HistoryKind.DELETED, 0, now)
    await record_history(connection, [deleted], now)
    return EraseAnswer(found=True, erased=True)


async def _erase_inbound(
    connection: Connection, command: EraseInboundCommand, account: int
) -> EraseAnswer:
    values = {"id": command.message_id, "account": account}
    row = await connection.row(ERASE_INBOUND, values)
    if row is None:
        found = await connection.row(OWNS_INBOUND, values) is not None
        return EraseAnswer(found, erased=False)
    for erasure in _FORGET:
        await connection.execute(erasure, values)
    numbers = {"originator": row[0], "recipient": row[1]}
    await connection.execute(FORGET_PARTS, numbers)
    return EraseAnswer(found=True, erased=True)


async def _rename(
    connection: Connection, command: RenameCommand, account: int
) -> Changed:
    group = await required(connection, account, command.group)
    values = {"group": group, "name": command.name}
    return Changed(await connection.execute(RENAME, values) == 1)


async def _put_contact(
    connection: Connection, command: PutContactCommand, account: int
) -> Changed:
    values = {"account": account, "number": command.contact.number}
    new = await connection.row(CONTACT, values) is None
    contact = msgspec.structs.asdict(command.contact)
    await connection.execute(PUT_CONTACT, {**contact, "account": account})
    return Changed(new)


async def _drop_contact(
    connection: Connection, command: DropContactCommand, account: int
) -> Changed:
    values = {"account": account, "number": command.number}
    await connection.execute(LEAVE_ALL, values)
    return Changed(await connection.execute(DROP_CONTACT, values) == 1)


async def _put_opt_out(
    connection: Connection, command: PutOptOutCommand, account: int
) -> Changed:
    values = {**msgspec.structs.asdict(command.opt_out), "account": account}
    return await _touched(connection, await connection.execute(PUT_OPT_OUT, values))


async def _drop_opt_out(
    connection: Connection, command: DropOptOutCommand, account: int
) -> Changed:
    values = {"number": command.number, "account": account}
    return await _touched(connection, await connection.execute(DROP_OPT_OUT, values))


async def _touched(connection: Connection, rows: int) -> Changed:
    if rows == 1:
        await connection.execute(TOUCH)
    return Changed(rows == 1)


CHANGES: Mapping[type, Callable[[Connection, Any, int], Awaitable[ListingAnswer]]] = {
    EraseInboundCommand: _erase_inbound,
    RenameCommand: _rename,
    PutContactCommand: _put_contact,
    DropContactCommand: _drop_contact,
    PutOptOutCommand: _put_opt_out,
    DropOptOutCommand: _drop_opt_out,
}

DATED = {
    EraseCommand: _erase,
    **inbound_listing.CHANGES,
    **callback_listing.CHANGES,
}

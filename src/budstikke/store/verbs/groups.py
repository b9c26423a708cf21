"""Groups of contacts: an account's own, small, and never on the message path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.queries import GroupAnswer, GroupCommand, GroupVerb, Member
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from budstikke.store.verbs.connection import Connection

LIST = statement("SELECT name FROM contact_group WHERE account_id = $1 ORDER BY name")

FIND = statement("SELECT id FROM contact_group WHERE account_id = $1 AND name = $2")

ADD = statement("""
INSERT INTO contact_group (account_id, name) VALUES ($1, $2)
ON CONFLICT DO NOTHING""")

MEMBERS = statement("""
SELECT c.name, c.number, c.active
FROM membership m JOIN contact c ON c.id = m.contact_id
WHERE m.group_id = $1 ORDER BY m.id""")

PUT_CONTACT = statement("""
INSERT INTO contact (account_id, number, name, active) VALUES ($1, $2, $3::text, $4)
ON CONFLICT (account_id, number) DO UPDATE SET
    name = CASE WHEN $3 = '' THEN contact.name ELSE $3 END, active = $4
RETURNING id""")

JOIN = statement("""
INSERT INTO membership (group_id, contact_id) VALUES ($1, $2)
ON CONFLICT DO NOTHING""")

JOIN_KNOWN = statement("""
INSERT INTO membership (group_id, contact_id)
SELECT $1, id FROM contact WHERE account_id = $2 AND number = $3
ON CONFLICT DO NOTHING""")

COPY = statement("""
INSERT INTO membership (group_id, contact_id)
SELECT $2, contact_id FROM membership WHERE group_id = $1 ORDER BY id
ON CONFLICT DO NOTHING""")

EMPTY = statement("DELETE FROM membership WHERE group_id = $1")

DELETE = statement("DELETE FROM contact_group WHERE id = $1")

LEAVE = statement("""
DELETE FROM membership WHERE group_id = $1 AND contact_id IN (
    SELECT id FROM contact WHERE account_id = $2 AND number = $3)""")

ACTIVE = statement(
    lambda e: (
        f"""
SELECT g.name, c.number FROM {e.text_rows("$2")}
JOIN contact_group g ON g.account_id = $1 AND g.name = j.value
JOIN membership m ON m.group_id = g.id
JOIN contact c ON c.id = m.contact_id AND c.active
ORDER BY j.key, m.id"""
    )
)


async def answer_group(
    connection: Connection, command: GroupCommand, account_id: int
) -> GroupAnswer:
    """Carry out a command about groups; raises Refusal with ``UNKNOWN_GROUP``."""
    return await VERBS[command.verb](connection, command, account_id)


async def active_members(
    connection: Connection, account_id: int, groups: str
) -> dict[str, list[str]]:
    """Find the active numbers of groups (a JSON list of names)."""
    found: dict[str, list[str]] = {}
    for name, number in await connection.rows(ACTIVE, account_id, groups):
        found.setdefault(name, []).append(number)
    return found


async def _find(connection: Connection, account_id: int, name: str) -> int | None:
    row = await connection.row(FIND, account_id, name)
    return row[0] if row else None


async def required(connection: Connection, account_id: int, name: str) -> int:
    """Return a group's id; raises Refusal with ``UNKNOWN_GROUP``."""
    found = await _find(connection, account_id, name)
    if found is None:
        raise Refusal(RefusalCode.UNKNOWN_GROUP, field="group", value=name)
    return found


async def _list(connection: Connection, _: GroupCommand, account: int) -> GroupAnswer:
    rows = await connection.rows(LIST, account)
    return GroupAnswer(tuple(row[0] for row in rows))


async def _add(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    await connection.execute(ADD, account, command.group)
    return GroupAnswer()


async def _delete(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    group = await _find(connection, account, command.group)
    if group is not None:
        await connection.execute(EMPTY, group)
        await connection.execute(DELETE, group)
    return GroupAnswer()


async def _move(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    source = await required(connection, account, command.group)
    target = await required(connection, account, command.new_group)
    if source != target:
        await connection.execute(COPY, source, target)
        await connection.execute(EMPTY, source)
    return GroupAnswer()


async def _members(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    group = await required(connection, account, command.group)
    rows = await connection.rows(MEMBERS, group)
    members = (Member(name, number, bool(active)) for name, number, active in rows)
    return GroupAnswer(members=tuple(members))


async def _add_member(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    group = await required(connection, account, command.group)
    values = (account, command.number, command.name, command.active)
    (contact,) = await connection.row(PUT_CONTACT, *values)
    await connection.execute(JOIN, group, contact)
    return GroupAnswer()


async def _move_member(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    source = await required(connection, account, command.group)
    target = await required(connection, account, command.new_group)
    left = await connection.execute(LEAVE, source, account, command.number)
    if left:
        await connection.execute(JOIN_KNOWN, target, account, command.number)
    return GroupAnswer()


async def _delete_member(
    connection: Connection, command: GroupCommand, account: int
) -> GroupAnswer:
    group = await required(connection, account, command.group)
    await connection.execute(LEAVE, group, account, command.number)
    return GroupAnswer()


VERBS: Mapping[
    GroupVerb, Callable[[Connection, GroupCommand, int], Awaitable[GroupAnswer]]
] = {
    GroupVerb.LIST: _list,
    GroupVerb.ADD: _add,
    GroupVerb.DELETE: _delete,
    GroupVerb.MOVE: _move,
    GroupVerb.MEMBERS: _members,
    GroupVerb.ADD_MEMBER: _add_member,
    GroupVerb.MOVE_MEMBER: _move_member,
    GroupVerb.DELETE_MEMBER: _delete_member,
}

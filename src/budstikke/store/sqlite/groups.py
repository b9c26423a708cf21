"""Groups and contacts: one account's own, small, and never on the message path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.ask import GroupAnswer, GroupAsk, GroupVerb, Member
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

LIST = "SELECT name FROM contact_group WHERE account_id = ? ORDER BY name"

FIND = "SELECT id FROM contact_group WHERE account_id = ? AND name = ?"

ADD = (
    "INSERT INTO contact_group (account_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
)

MEMBERS = """
SELECT c.name, c.number, c.active
FROM membership m JOIN contact c ON c.id = m.contact_id
WHERE m.group_id = ? ORDER BY m.id"""

PUT_CONTACT = """
INSERT INTO contact (account_id, number, name, active) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (account_id, number) DO UPDATE SET
    name = iif(?3 = '', name, ?3), active = ?4
RETURNING id"""

JOIN = (
    "INSERT INTO membership (group_id, contact_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
)

JOIN_KNOWN = """
INSERT INTO membership (group_id, contact_id)
SELECT ?1, id FROM contact WHERE account_id = ?2 AND number = ?3
ON CONFLICT DO NOTHING"""

COPY = """
INSERT INTO membership (group_id, contact_id)
SELECT ?2, contact_id FROM membership WHERE group_id = ?1 ORDER BY id
ON CONFLICT DO NOTHING"""

EMPTY = "DELETE FROM membership WHERE group_id = ?"

DELETE = "DELETE FROM contact_group WHERE id = ?"

LEAVE = """
DELETE FROM membership WHERE group_id = ?1 AND contact_id IN (
    SELECT id FROM contact WHERE account_id = ?2 AND number = ?3)"""

ACTIVE = """
SELECT g.name, c.number FROM json_each(?2) j
JOIN contact_group g ON g.account_id = ?1 AND g.name = j.value
JOIN membership m ON m.group_id = g.id
JOIN contact c ON c.id = m.contact_id AND c.active
ORDER BY j.key, m.id"""


def answer_group(
    connection: sqlite3.Connection, asked: GroupAsk, account_id: int
) -> GroupAnswer:
    """Do what is asked of groups; raises Refusal with ``UNKNOWN_GROUP``."""
    return VERBS[asked.verb](connection, asked, account_id)


def active_members(
    connection: sqlite3.Connection, account_id: int, groups: str
) -> dict[str, list[str]]:
    """Find the active numbers of groups (a JSON list of names)."""
    found: dict[str, list[str]] = {}
    for name, number in connection.execute(ACTIVE, (account_id, groups)):
        found.setdefault(name, []).append(number)
    return found


def _find(connection: sqlite3.Connection, account_id: int, name: str) -> int | None:
    row = connection.execute(FIND, (account_id, name)).fetchone()
    return row[0] if row else None


def required(connection: sqlite3.Connection, account_id: int, name: str) -> int:
    """Find a group's key; raises Refusal with ``UNKNOWN_GROUP``."""
    found = _find(connection, account_id, name)
    if found is None:
        raise Refusal(RefusalCode.UNKNOWN_GROUP, field="group", value=name)
    return found


def _list(connection: sqlite3.Connection, _: GroupAsk, account: int) -> GroupAnswer:
    rows = connection.execute(LIST, (account,)).fetchall()
    return GroupAnswer(tuple(row[0] for row in rows))


def _add(connection: sqlite3.Connection, asked: GroupAsk, account: int) -> GroupAnswer:
    connection.execute(ADD, (account, asked.group))
    return GroupAnswer()


def _delete(
    connection: sqlite3.Connection, asked: GroupAsk, account: int
) -> GroupAnswer:
    group = _find(connection, account, asked.group)
    if group is not None:
        connection.execute(EMPTY, (group,))
        connection.execute(DELETE, (group,))
    return GroupAnswer()


def _move(connection: sqlite3.Connection, asked: GroupAsk, account: int) -> GroupAnswer:
    source = required(connection, account, asked.group)
    target = required(connection, account, asked.new_group)
    if source != target:
        connection.execute(COPY, (source, target))
        connection.execute(EMPTY, (source,))
    return GroupAnswer()


def _members(
    connection: sqlite3.Connection, asked: GroupAsk, account: int
) -> GroupAnswer:
    group = required(connection, account, asked.group)
    rows = connection.execute(MEMBERS, (group,)).fetchall()
    members = (Member(name, number, bool(active)) for name, number, active in rows)
    return GroupAnswer(members=tuple(members))


def _add_member(
    connection: sqlite3.Connection, asked: GroupAsk, account: int
) -> GroupAnswer:
    group = required(connection, account, asked.group)
    values = (account, asked.number, asked.name, asked.active)
    (contact,) = connection.execute(PUT_CONTACT, values).fetchone()
    connection.execute(JOIN, (group, contact))
    return GroupAnswer()


def _move_member(
    connection: sqlite3.Connection, asked: GroupAsk, account: int
) -> GroupAnswer:
    source = required(connection, account, asked.group)
    target = required(connection, account, asked.new_group)
    left = connection.execute(LEAVE, (source, account, asked.number)).rowcount
    if left:
        connection.execute(JOIN_KNOWN, (target, account, asked.number))
    return GroupAnswer()


def _delete_member(
    connection: sqlite3.Connection, asked: GroupAsk, account: int
) -> GroupAnswer:
    group = required(connection, account, asked.group)
    connection.execute(LEAVE, (group, account, asked.number))
    return GroupAnswer()


VERBS: Mapping[
    GroupVerb, Callable[[sqlite3.Connection, GroupAsk, int], GroupAnswer]
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

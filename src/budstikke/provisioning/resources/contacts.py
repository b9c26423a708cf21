"""Groups of contacts, suppressions, and opt-outs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta
from sqlalchemy import (
    Boolean,
    Connection,
    String,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from budstikke.provisioning.present import Reading, slices
from budstikke.provisioning.resource import (
    KEY,
    Draft,
    Entry,
    Resource,
    Section,
    Source,
    Stored,
    of,
)
from budstikke.provisioning.values import E164, Name
from budstikke.store import schema
from budstikke.store.schema.base import Id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from budstikke.provisioning.changes import Change
    from budstikke.provisioning.resource import Key

ContactName = Annotated[str, Meta(max_length=100)]


class MemberEntry(Entry, kw_only=True):
    """``[[account.group.member]]``: a contact in a group."""

    number: Annotated[E164, KEY, "E.164 with `+`."]
    name: Annotated[
        ContactName | None, Stored(literal=True), "Default: the name that it has."
    ] = None
    active: Annotated[bool, "Gets messages to the groups that it is in."] = True
    remove: Annotated[bool, "Remove it from the group; it stays a contact."] = False


class GroupEntry(Entry, kw_only=True):
    """``[[account.group]]``: contacts that get messages by one name."""

    name: Annotated[Name, KEY, "The name that orders use."]
    member: list[MemberEntry] = []
    remove: Annotated[bool, "Remove it; its members stay contacts."] = False


Member = tuple[str | None, bool]
"""Name (``None``: the contact's), and whether it is active."""


def _check_group(entry: GroupEntry, _: Source) -> Iterator[str]:
    numbers = Counter(member.number for member in entry.member)
    for number, count in numbers.items():
        if count > 1:
            yield f"member {number} is there twice"


def contact_faults(groups: Iterable[GroupEntry]) -> Iterator[str]:
    """Find contacts that differ between groups."""
    known: dict[str, Member] = {}
    for group in groups:
        for member in group.member:
            pair = member.name, member.active
            if not member.remove and known.setdefault(member.number, pair) != pair:
                yield f"group {group.name}: member {member.number}: differs elsewhere"


def _complete_group(draft: Draft[GroupEntry]) -> Iterator[str]:
    """Add and remove members; others stay."""
    present: dict[str, Member] = draft.there["members"] if draft.there else {}
    members = dict(present)
    for entry in draft.entry.member:
        name, active = present.get(entry.number, (None, entry.active))
        if "active" in entry.given.keys:
            active = entry.active
        members[entry.number] = entry.name or name, active
        if entry.remove:
            del members[entry.number]
    draft.row["members"] = members
    return iter(())


def _read_groups(reading: Reading) -> dict[Key, dict[str, Any]]:
    """Read the groups that the file names, with their members."""
    (section,) = GROUP.sections
    named = {section.key(*each) for each in section.entries(reading.file)}
    every = reading.rows(GROUP) if named else {}
    rows = {key: row | {"members": {}} for key, row in every.items() if key in named}
    by_id = {row["id"]: key for key, row in rows.items()}
    contact, member = schema.contact.c, schema.membership.c
    columns = member.group_id, contact.number, contact.name, contact.active
    for some in slices(list(by_id)):
        members = (
            select(*columns)
            .join(schema.contact, member.contact_id == contact.id)
            .where(member.group_id.in_(some))
            .order_by(member.id)
        )
        for group_id, number, name, active in reading.connection.execute(members):
            rows[by_id[group_id]]["members"][number] = (name, active)
    return rows


def _write_members(connection: Connection, changes: list[tuple[int, Change]]) -> None:
    put: list[dict[str, Any]] = []
    out: list[dict[str, Any]] = []
    for group_id, change in changes:
        before = change.there["members"] if change.there else {}
        after = change.values["members"]
        put += (
            {"group": group_id, "to": number, "called": name, "gets": active}
            for number, (name, active) in after.items()
            if before.get(number) != (name, active)
        )
        out += ({"group": group_id, "to": each} for each in before.keys() - after)
    for statement in (CHANGE_CONTACT, ADD_CONTACT, JOIN) if put else ():
        connection.execute(statement, put)
    if out:
        connection.execute(LEAVE, out)


_contact, _member, _group = (
    schema.contact.c,
    schema.membership.c,
    schema.contact_group.c,
)
_to = bindparam("to", type_=String)
_called, _gets = bindparam("called", type_=String), bindparam("gets", type_=Boolean)
_in_group = bindparam("group", type_=Id)
_account = select(_group.account_id).where(_group.id == _in_group).scalar_subquery()
_this = (_contact.account_id == _account, _contact.number == _to)
_its_id = select(_contact.id).where(*_this)
_joined = select(_member.id).where(
    _member.group_id == _in_group, _member.contact_id == _contact.id
)

CHANGE_CONTACT = (
    update(schema.contact)
    .where(*_this)
    .values(name=func.coalesce(_called, _contact.name), active=_gets)
)
ADD_CONTACT = insert(schema.contact).from_select(
    ["account_id", "number", "name", "active"],
    select(_account, _to, func.coalesce(_called, ""), _gets).where(~_its_id.exists()),
)
JOIN = insert(schema.membership).from_select(
    ["group_id", "contact_id"],
    select(_in_group, _contact.id).where(*_this, ~_joined.exists()),
)
LEAVE = delete(schema.membership).where(
    _member.group_id == _in_group, _member.contact_id.in_(_its_id)
)


def _remove_members(connection: Connection, changes: list[Change]) -> None:
    """Remove all members of groups that are removed; they stay contacts."""
    member = schema.membership
    connection.execute(
        delete(member).where(member.c.group_id == bindparam("of")),
        [{"of": (change.there or {})["id"]} for change in changes],
    )


GROUP = Resource(
    table=schema.contact_group,
    key=("account_id", "name"),
    label=lambda key: f"group {key[1]}{of(key[0])}",
    sections=(
        Section(
            path="account.group",
            entry=GroupEntry,
            of_account=True,
            check=_check_group,
            complete=_complete_group,
        ),
    ),
    derived={"members": None},
    read=_read_groups,
    before_removal=_remove_members,
    write_below=_write_members,
)


class SuppressionEntry(Entry, kw_only=True):
    """``[[suppression]]``: a number that no account may send to."""

    number: Annotated[E164, KEY, "E.164 with `+`."]
    reason: Annotated[Name, "A note for people; the gateway does not use it."] = (
        "blacklist"
    )


class OptOutEntry(Entry, kw_only=True):
    """``[[account.opt_out]]``: a phone that opted out of one account's messages."""

    number: Annotated[E164, KEY, "E.164 with `+`."]
    reason: Annotated[Name, "A note for people; the gateway does not use it."] = (
        "opted out"
    )


def _read_suppressions(reading: Reading) -> dict[Key, dict[str, Any]]:
    """Read the suppressions that the file names: there may be millions of others."""
    numbers = {
        entry.number
        for section in SUPPRESSION.sections
        for _, entry in section.entries(reading.file)
    }
    found: dict[Key, dict[str, Any]] = {}
    for some in slices(sorted(numbers)):
        found |= reading.rows(SUPPRESSION, schema.suppression.c.number.in_(some))
    return found


def _suppression_label(key: tuple[str | None, str]) -> str:
    return f"opt_out {key[1]}{of(key[0])}" if key[0] else f"suppression {key[1]}"


SUPPRESSION = Resource(
    table=schema.suppression,
    key=("account_id", "number"),
    label=_suppression_label,
    sections=(
        Section(
            path="suppression",
            entry=SuppressionEntry,
            of_account=True,
        ),
        Section(
            path="account.opt_out",
            entry=OptOutEntry,
            of_account=True,
        ),
    ),
    read=_read_suppressions,
)

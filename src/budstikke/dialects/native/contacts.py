"""Groups, their members, contacts, and opt-outs."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.native import cursors
from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.shapes import (
    Contact,
    ContactList,
    Group,
    GroupList,
    OptOut,
    OptOutList,
)
from budstikke.domain import listing
from budstikke.domain.listing import (
    Changed,
    ContactQuery,
    ContactsPage,
    ContactsQuery,
    DropContactCommand,
    DropOptOutCommand,
    GroupsPage,
    GroupsQuery,
    MembersQuery,
    OptOutQuery,
    OptOutsPage,
    OptOutsQuery,
    PutContactCommand,
    PutOptOutCommand,
    RenameCommand,
)
from budstikke.domain.queries import GroupAnswer, GroupCommand, GroupVerb
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.dialects.native.exchange import Exchange, Work
    from budstikke.dialects.native.shapes import (
        ContactBody,
        GroupBody,
        OptOutBody,
        PageQuery,
    )


_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search

# Groups


def list_groups(exchange: Exchange) -> Work[Reply]:
    """List groups, in the order of their names."""
    query: PageQuery = exchange.query
    asked = GroupsQuery(limit=query.limit, after=cursors.read(query.cursor))
    page = yield from ask(asked, GroupsPage)
    data = [Group(name=name) for name in page.names]
    return Reply(GroupList(data=data, next_cursor=cursors.write(page.next)))


def put_group(exchange: Exchange) -> Work[Reply]:
    """Create a group; if it exists, nothing changes."""
    asked = GroupCommand(verb=GroupVerb.ADD, group=exchange.path.name)
    yield from ask(asked, GroupAnswer)
    return Reply(Group(name=exchange.path.name))


def rename_group(exchange: Exchange) -> Work[Reply]:
    """Rename a group."""
    body: GroupBody = exchange.body
    checked_name(body.name)
    with _group_is_found():
        asked = RenameCommand(exchange.path.name, body.name)
        answer = yield from ask(asked, Changed)
    if not answer.changed:
        raise Problem(Fault.NAME_TAKEN, param="name")
    return Reply(Group(name=body.name))


def delete_group(exchange: Exchange) -> Work[Reply]:
    """Delete a group; its contacts stay."""
    asked = GroupCommand(verb=GroupVerb.DELETE, group=exchange.path.name)
    yield from ask(asked, GroupAnswer)
    return Reply(status=204)


def list_members(exchange: Exchange) -> Work[Reply]:
    """List the members of a group."""
    query: PageQuery = exchange.query
    asked = MembersQuery(
        group=exchange.path.name,
        limit=query.limit,
        after=cursors.read_id(query.cursor) or 0,
    )
    with _group_is_found():
        page = yield from ask(asked, ContactsPage)
    return Reply(_contact_list(page))


def put_member(exchange: Exchange) -> Work[Reply]:
    """Add a number to a group."""
    body: ContactBody = exchange.body
    asked = GroupCommand(
        verb=GroupVerb.ADD_MEMBER,
        group=exchange.path.name,
        number=exchange.path.number,
        name=_clean(body.name),
        active=body.active,
    )
    with _group_is_found():
        yield from ask(asked, GroupAnswer)
    return (yield from get_contact(exchange))


def delete_member(exchange: Exchange) -> Work[Reply]:
    """Remove a number from a group; its contact stays."""
    asked = GroupCommand(
        verb=GroupVerb.DELETE_MEMBER,
        group=exchange.path.name,
        number=exchange.path.number,
    )
    with _group_is_found():
        yield from ask(asked, GroupAnswer)
    return Reply(status=204)


# Contacts


def list_contacts(exchange: Exchange) -> Work[Reply]:
    """List contacts, in the order of their numbers."""
    query: PageQuery = exchange.query
    asked = ContactsQuery(limit=query.limit, after=cursors.read(query.cursor))
    return Reply(_contact_list((yield from ask(asked, ContactsPage))))


def get_contact(exchange: Exchange) -> Work[Reply]:
    """Show a contact."""
    page = yield from ask(ContactQuery(exchange.path.number), ContactsPage)
    if not page.contacts:
        raise Problem(Fault.NOT_FOUND)
    return Reply(_contact(page.contacts[0]))


def put_contact(exchange: Exchange) -> Work[Reply]:
    """Create or change a contact."""
    body: ContactBody = exchange.body
    number = exchange.path.number
    contact = listing.Contact(number, _clean(body.name), body.active)
    answer = yield from ask(PutContactCommand(contact), Changed)
    return Reply(_contact(contact), 201 if answer.changed else 200)


def delete_contact(exchange: Exchange) -> Work[Reply]:
    """Delete a contact, and remove it from its groups."""
    yield from ask(DropContactCommand(exchange.path.number), Changed)
    return Reply(status=204)


# Opt-outs


def list_opt_outs(exchange: Exchange) -> Work[Reply]:
    """List the numbers that have opted out of the account's messages."""
    query: PageQuery = exchange.query
    asked = OptOutsQuery(limit=query.limit, after=cursors.read(query.cursor))
    page = yield from ask(asked, OptOutsPage)
    data = [_opt_out(found) for found in page.opt_outs]
    return Reply(OptOutList(data=data, next_cursor=cursors.write(page.next)))


def get_opt_out(exchange: Exchange) -> Work[Reply]:
    """Show whether a number has opted out."""
    page = yield from ask(OptOutQuery(exchange.path.number), OptOutsPage)
    if not page.opt_outs:
        raise Problem(Fault.NOT_FOUND)
    return Reply(_opt_out(page.opt_outs[0]))


def put_opt_out(exchange: Exchange) -> Work[Reply]:
    """Add an opt-out: the account may not send to the number any more."""
    body: OptOutBody = exchange.body
    opt_out = listing.OptOut(exchange.path.number, _clean(body.reason, "reason"))
    answer = yield from ask(PutOptOutCommand(opt_out), Changed)
    if answer.changed:
        return Reply(_opt_out(opt_out), 201)
    return (yield from get_opt_out(exchange))


def delete_opt_out(exchange: Exchange) -> Work[Reply]:
    """Remove an opt-out: the account may send to the number again."""
    yield from ask(DropOptOutCommand(exchange.path.number), Changed)
    return Reply(status=204)


def checked_name(name: str) -> str:
    """Refuse a group's name that could not be shown; raises Problem."""
    if not 0 < len(name) <= 100 or not name.strip() or _control(name):
        detail = "1 to 100 characters, without control characters"
        raise Problem(RefusalCode.BAD_FIELD, detail=detail, param="name")
    return name


def _clean(text: str, param: str = "name") -> str:
    if "\0" in text:
        detail = "It has a NUL character"
        raise Problem(RefusalCode.BAD_FIELD, detail=detail, param=param)
    return text


@contextmanager
def _group_is_found() -> Iterator[None]:
    """Answer 404 if the path names an unknown group."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code is RefusalCode.UNKNOWN_GROUP:
            raise Problem(Fault.NOT_FOUND, param="name") from refusal
        raise


def _contact_list(page: ContactsPage) -> ContactList:
    data = [_contact(contact) for contact in page.contacts]
    return ContactList(data=data, next_cursor=cursors.write(page.next))


def _contact(contact: listing.Contact) -> Contact:
    return Contact(**msgspec.structs.asdict(contact))


def _opt_out(opt_out: listing.OptOut) -> OptOut:
    return OptOut(number=opt_out.number, reason=opt_out.reason)

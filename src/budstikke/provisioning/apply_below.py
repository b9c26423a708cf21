"""What ``apply`` writes below its entries: prices, members, openings, belongings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from budstikke.domain.key_identifier import is_keyed, is_made_here, keyed
from budstikke.store import schema
from budstikke.store.admin import read_salt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from budstikke.provisioning.apply_entries import File

    Id = int | None
    """Never ``None``; as it is looked up."""


def find_by_keys(connection: Connection, file: File, alone: Collection[str]) -> None:
    """
    Give accesses whose key people chose the identifiers that they are found by.

    ``alone``: the dialects in which a key is all that a caller gives.
    """
    salt, access = read_salt(connection), schema.access.c
    for _, entry in file.accesses:
        if not salt or entry.dialect not in alone or is_keyed(entry.id or ""):
            continue
        if entry.password is not None and is_made_here(entry.password):
            continue
        made = keyed(salt, entry.id or "")
        there = select(access.id).where(
            access.dialect == entry.dialect, access.identifier == made
        )
        if entry.password or connection.scalar(there) is not None:
            entry.id = made


def write_prices(connection: Connection, list_id: Id, rows: Sequence[Any]) -> None:
    """Make a list's prices these: (prefix, from, until or -1.0, micros, MMS or -1)."""
    price = schema.price
    connection.execute(delete(price).where(price.c.price_list_id == list_id))
    if not rows:
        return
    connection.execute(
        insert(price),
        [
            {
                "price_list_id": list_id,
                "prefix": prefix,
                "valid_from": since,
                "valid_until": None if until < 0 else until,
                "amount": amount,
                "mms": None if mms < 0 else mms,
            }
            for prefix, since, until, amount, mms in rows
        ],
    )


def open_ledgers(
    connection: Connection, openings: Sequence[tuple[Id, str, int]], now: float
) -> None:
    """Write the first entries of new accounts: (account, kind, micros)."""
    account = schema.account
    for account_id, kind, amount in openings:
        entry = {"account_id": account_id, "at": now, "kind": kind}
        amounts = {"amount": amount, "balance": amount, "note": "opening balance"}
        connection.execute(insert(schema.ledger), {**entry, **amounts})
        connection.execute(
            update(account).where(account.c.id == account_id).values(balance=amount)
        )


def write_members(
    connection: Connection,
    account_id: Id,
    group: str,
    members: Sequence[tuple[str, str | None, bool, bool]],
) -> None:
    """Put members into a group, or take them out: (number, name, active, remove)."""
    stay = [
        (number, name, active) for number, name, active, gone in members if not gone
    ]
    for number, name, active in stay:
        _put_contact(connection, account_id, number, name, active=active)
    group_id = _group_id(connection, account_id, group)
    contact, member = schema.contact.c, schema.membership.c
    mine = select(contact.id).where(
        contact.account_id == account_id, contact.number == bindparam("of")
    )
    if gone := [{"of": number} for number, _, _, gone in members if gone]:
        connection.execute(
            delete(schema.membership).where(
                member.group_id == group_id, member.contact_id.in_(mine)
            ),
            gone,
        )
    for number, _, _ in stay:
        contact_id = connection.scalar(mine, {"of": number})
        row = {"group_id": group_id, "contact_id": contact_id}
        there = select(member.id).filter_by(**row)
        if connection.scalar(there) is None:
            connection.execute(insert(schema.membership), row)


def _put_contact(
    connection: Connection,
    account_id: Id,
    number: str,
    name: str | None,
    *,
    active: bool,
) -> None:
    key = {"account_id": account_id, "number": number}
    values = {"active": active} | ({} if name is None else {"name": name})
    changed = update(schema.contact).filter_by(**key).values(**values)
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(schema.contact), {**key, "name": "", **values})


def _group_id(connection: Connection, account_id: Id, name: str) -> int | None:
    group = schema.contact_group.c
    return connection.scalar(
        select(group.id).where(group.account_id == account_id, group.name == name)
    )


def leave_group(connection: Connection, account_id: Id, name: str) -> None:
    """Take all members out of a group that is removed; they stay contacts."""
    group_id = _group_id(connection, account_id, name)
    member = schema.membership
    connection.execute(delete(member).where(member.c.group_id == group_id))


def _empty_price_list(connection: Connection, list_id: Id) -> None:
    write_prices(connection, list_id, ())


def _empty_account(connection: Connection, account_id: Id) -> None:
    """Delete what an account has, but for its accesses and routes."""
    groups = select(schema.contact_group.c.id).filter_by(account_id=account_id)
    member = schema.membership
    connection.execute(delete(member).where(member.c.group_id.in_(groups)))
    for table in (
        schema.contact_group,
        schema.contact,
        schema.fee,
        schema.credit_order,
        schema.number_request,
        schema.suppression,
    ):
        connection.execute(delete(table).where(table.c.account_id == account_id))


BELONGINGS: Mapping[str, Callable[[Connection, Id], None]] = {
    "price_list": _empty_price_list,
    "account": _empty_account,
}
"""What goes with a row that is removed."""

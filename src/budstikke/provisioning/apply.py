"""
``budstikke apply``: accounts and all they have, carriers, routes, prices from a file.

The plan is made from a state that was read without holding anybody up, since hashing
passwords takes long; it is carried out in one transaction if that is still the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from budstikke.domain.fees import day_of, midnight
from budstikke.provisioning.apply_below import (
    BELONGINGS,
    find_by_keys,
    leave_group,
    open_ledgers,
    write_members,
    write_prices,
)
from budstikke.provisioning.apply_entries import ApplyError
from budstikke.provisioning.apply_plan import NO_DIALECTS, Secrets, make_plan
from budstikke.provisioning.apply_read import JSON, read_state
from budstikke.provisioning.apply_state import Change, Plan, Verb
from budstikke.store import schema
from budstikke.store.admin import announce_directory, immediate, read_revision

if TYPE_CHECKING:
    from budstikke.provisioning.apply_entries import File

__all__ = ["ApplyError", "Plan", "Secrets", "apply"]

ATTEMPTS = 3
"""How often a plan is made anew because somebody else changed something meanwhile."""


def apply(
    engine: Engine,
    file: File,
    secrets: Secrets,
    *,
    actor: str,
    now: float,
    dry_run: bool = False,
    dialects: Mapping[str, type[msgspec.Struct]] = NO_DIALECTS,
) -> Plan:
    """
    Make the database say what a file says, all of it or nothing.

    Args:
        engine: From ``store.admin.open_engine``.
        file: From ``provisioning.apply_file.read_file``.
        secrets: How passwords are stored.
        actor: Who does it, for the audit.
        now: Unix seconds.
        dry_run: Plan only.
        dialects: The settings of an access, by dialect.

    Returns:
        What was done, or would be.

    Raises:
        ApplyError: The file does not fit what is there.

    """
    for _ in range(ATTEMPTS):
        with engine.connect() as connection:
            find_by_keys(connection, file, secrets.alone)
            state = read_state(connection, file)
        plan = make_plan(file, state, secrets, dialects)
        if dry_run or not plan.effective:
            return plan
        with immediate(engine) as connection:
            if read_revision(connection) == plan.revision:
                _write(connection, plan, actor, now)
                return plan
    raise ApplyError("somebody else keeps changing the same things: try again")


ORDER = (
    *("carrier", "price_list", "account", "ledger", "access", "route", "number"),
    *("keyword", "fee", "contact_group", "suppression"),
)
"""Each refers to those before it only."""


def _write(connection: Connection, plan: Plan, actor: str, now: float) -> None:
    changes = plan.effective
    for table in reversed(ORDER):
        _remove(connection, table, _those(changes, table, Verb.REMOVED))
    for table in ORDER:
        _change(connection, table, _those(changes, table, Verb.CHANGED), now)
        _add(connection, table, _those(changes, table, Verb.ADDED), now)
    acts = [
        {"at": now, "actor": actor, "act": f"{change.verb} {change}"}
        for change in changes
    ]
    connection.execute(insert(schema.audit), acts)
    connection.execute(
        update(schema.meta)
        .where(schema.meta.c.key == "revision")
        .values(value=str(plan.revision + 1))
    )
    announce_directory(connection)


def _those(changes: list[Change], table: str, verb: Verb) -> list[Change]:
    return [c for c in changes if c.table == table and c.verb is verb]


def _remove(connection: Connection, name: str, changes: list[Change]) -> None:
    if not changes:
        return
    ids = _ids(connection)
    for change in changes:
        if name == "carrier":
            _refuse_while_sending(connection, change, ids)
        elif name in BELONGINGS:
            BELONGINGS[name](connection, ids[name, change.key])
        elif name == "contact_group":
            account_id = ids["account", change.key[0]]
            leave_group(connection, account_id, change.key[1])
    connection.execute(
        delete(schema.metadata.tables[name]).where(*_same(name)),
        [_marked(_key(change, ids)) for change in changes],
    )


def _change(
    connection: Connection, name: str, changes: list[Change], now: float
) -> None:
    if not changes:
        return
    ids = _ids(connection)
    rows = [_columns(c, ids, now) | _marked(_key(c, ids)) for c in changes]
    if rows[0].keys() > {f"key_{key}" for key in KEYS[name]}:
        table = schema.metadata.tables[name]
        for row in rows:  # not all change the same columns
            connection.execute(update(table).where(*_same(name)), row)
    _write_below(connection, changes, ids)


def _add(connection: Connection, name: str, changes: list[Change], now: float) -> None:
    if not changes:
        return
    ids = _ids(connection)
    if name == "ledger":
        open_ledgers(connection, _openings(changes, ids), now)
        return
    connection.execute(
        insert(schema.metadata.tables[name]),
        [_columns(change, ids, now) | _key(change, ids) for change in changes],
    )
    _write_below(connection, changes, ids)


def _write_below(connection: Connection, changes: list[Change], ids: Ids) -> None:
    """Write rows of other tables that are a part of these: prices, members."""
    for change in changes:
        if change.table == "price_list":
            list_id = _ids(connection)["price_list", change.key]
            write_prices(connection, list_id, change.values["prices"])
        elif change.table == "contact_group":
            account_id = ids["account", change.key[0]]
            members = change.values["members"]
            write_members(connection, account_id, change.key[1], members)


def _openings(changes: list[Change], ids: Ids) -> list[tuple[int | None, str, int]]:
    return [
        (ids["account", change.key[0]], change.key[1], change.values["amount"])
        for change in changes
    ]


KEYS = {
    "carrier": ("name",),
    "price_list": ("name",),
    "account": ("name",),
    "access": ("dialect", "identifier"),
    "route": ("account_id", "prefix"),
    "number": ("value",),
    "keyword": ("number_id", "word"),
    "fee": ("account_id", "name"),
    "contact_group": ("account_id", "name"),
    "suppression": ("account_id", "number"),
}
"""Columns that tell a row from others."""


def _same(name: str) -> list[ColumnElement[bool]]:
    """Find a row by its key; no account is an account here, too."""
    columns = schema.metadata.tables[name].c
    return [
        columns[key].is_not_distinct_from(bindparam(f"key_{key}")) for key in KEYS[name]
    ]


def _marked(key: Mapping[str, Any]) -> dict[str, Any]:
    return {f"key_{name}": value for name, value in key.items()}


Ids = Mapping[tuple[str, Any], int | None]
"""From (table, name) to id; accesses are named by (dialect, identifier)."""


def _ids(connection: Connection) -> Ids:
    found: dict[tuple[str, Any], int | None] = {
        ("account", None): None,
        ("price_list", None): None,
        ("access", None): None,
    }
    access, number = schema.access.c, schema.number.c
    ways = select(access.dialect, access.identifier, access.id)
    for dialect, identifier, id_ in connection.execute(ways):
        found["access", (dialect, identifier)] = id_
    for value, id_ in connection.execute(select(number.value, number.id)):
        found["number", value] = id_
    for table in (schema.account, schema.carrier, schema.price_list):
        rows = connection.execute(select(table.c.name, table.c.id))
        found |= {(table.name, row.name): row.id for row in rows}
    return found


def _key(change: Change, ids: Ids) -> dict[str, Any]:
    match change.table, change.key:
        case "route" | "fee" | "contact_group", (account, name):
            values: tuple[Any, ...] = (ids["account", account], name)
        case "suppression", (account, number):
            values = (ids["account", account] or 0, number)  # 0: everybody's
        case "keyword", (number, word):
            values = (ids["number", number], word)
        case "access", (dialect, identifier):
            values = (dialect, identifier)
        case _, name:
            values = (name,)
    return dict(zip(KEYS[change.table], values, strict=True))


def _columns(change: Change, ids: Ids, now: float) -> dict[str, Any]:
    """Write names as ids, and lists and tables as JSON."""
    found = {
        key: value for key, value in change.values.items() if key not in NO_COLUMNS
    }
    if "account" in found:
        found["account_id"] = ids["account", found.pop("account")]
    if "access" in found:
        found["access_id"] = ids["access", found.pop("access")]
    if "price_list" in found:
        found["price_list_id"] = ids["price_list", found.pop("price_list")]
    if "carriers" in found:
        found["carriers"] = [ids["carrier", name] for name in found["carriers"]]
    if "since" in change.values:
        since = change.values["since"] or day_of(now)
        found |= {"next_at": midnight(since), "day": since.day}
    return {
        name: msgspec.json.encode(value).decode() if name in JSON else value
        for name, value in found.items()
    }


NO_COLUMNS = frozenset({"prices", "members", "since"})
"""Values that stand in rows of other tables, or have to be worked out."""


def _refuse_while_sending(connection: Connection, change: Change, ids: Ids) -> None:
    """Keep a carrier that has messages to send; the indexes find them."""
    part = schema.part.c
    carrier = ids["carrier", change.key]
    for waiting in (
        (part.state == "queued", part.due_at.is_(None)),
        (part.due_at.is_not(None),),
        (part.state == "sending",),
        (part.state == "unsure",),
    ):
        here = select(part.id).where(part.carrier_id == carrier, *waiting).limit(1)
        if connection.scalar(here) is not None:
            raise ApplyError(
                f"{change}: has messages to send; take its routes first, then wait"
            )

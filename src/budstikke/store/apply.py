"""
``budstikke apply``: accounts, accesses, carriers, routes and suppressions from a file.

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

from budstikke.store import schema
from budstikke.store.admin import immediate, read_revision
from budstikke.store.apply_file import ApplyError
from budstikke.store.apply_plan import (
    Change,
    Plan,
    Secrets,
    State,
    Verb,
    make_plan,
)

if TYPE_CHECKING:
    from budstikke.store.apply_file import File

__all__ = ["ApplyError", "Plan", "Secrets", "apply"]

ATTEMPTS = 3
"""How often a plan is made anew because somebody else changed something meanwhile."""

AT_A_TIME = 500
"""Suppressions looked up by one statement."""


def apply(
    engine: Engine,
    file: File,
    secrets: Secrets,
    *,
    actor: str,
    now: float,
    dry_run: bool = False,
) -> Plan:
    """
    Make the database say what a file says, all of it or nothing.

    Args:
        engine: From ``store.admin.open_engine``.
        file: From ``store.apply_file.read_file``.
        secrets: How passwords are stored.
        actor: Who does it, for the audit.
        now: Unix seconds.
        dry_run: Plan only.

    Returns:
        What was done, or would be.

    Raises:
        ApplyError: The file does not fit what is there.

    """
    for _ in range(ATTEMPTS):
        with engine.connect() as connection:
            state = _read(connection, file)
        plan = make_plan(file, state, secrets)
        if dry_run or not plan.effective:
            return plan
        with immediate(engine) as connection:
            if read_revision(connection) == plan.revision:
                _write(connection, plan, actor, now)
                return plan
    raise ApplyError("somebody else keeps changing the same things: try again")


def _read(connection: Connection, file: File) -> State:
    accounts = connection.execute(select(schema.account)).all()
    carriers = connection.execute(select(schema.carrier)).all()
    owner = {row.id: row.name for row in accounts}
    link = {row.id: row.name for row in carriers}
    return State(
        revision=read_revision(connection),
        carrier={row.name: _values(row) for row in carriers},
        account={row.name: _values(row) for row in accounts},
        access={
            (row.dialect, row.identifier): {
                **_values(row),
                "account": owner[row.account_id],
            }
            for row in connection.execute(select(schema.access))
        },
        route={
            (owner.get(row.account_id), row.prefix): _route_values(row, owner, link)
            for row in connection.execute(select(schema.route))
        },
        suppression=_suppressions(connection, file),
    )


JSON = frozenset({"grants", "networks", "settings", "carriers"})
"""Columns that hold JSON."""


def _values(row: Any) -> dict[str, Any]:
    return {
        column: msgspec.json.decode(value) if column in JSON else value
        for column, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy's API
    }


def _route_values(
    row: Any, owner: Mapping[int, str], link: Mapping[int, str]
) -> dict[str, Any]:
    ids = msgspec.json.decode(row.carriers)
    return {
        "account": owner.get(row.account_id),
        "carriers": [link.get(id_, f"no. {id_}") for id_ in ids],
    }


def _suppressions(connection: Connection, file: File) -> dict[str, dict[str, Any]]:
    """Read those that the file names: there may be millions of others."""
    table = schema.suppression.c
    numbers = [entry.number for entry in file.suppression]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(numbers), AT_A_TIME):
        some = numbers[start : start + AT_A_TIME]
        rows = connection.execute(
            select(table.number, table.reason).where(
                table.account_id == 0, table.number.in_(some)
            )
        )
        found |= {row.number: {"reason": row.reason} for row in rows}
    return found


ORDER = ("carrier", "account", "access", "route", "suppression")
"""Each refers to those before it only."""


def _write(connection: Connection, plan: Plan, actor: str, now: float) -> None:
    changes = plan.effective
    for table in reversed(ORDER):
        _remove(connection, table, _those(changes, table, Verb.REMOVED))
    for table in ORDER:
        _change(connection, table, _those(changes, table, Verb.CHANGED))
        _add(connection, table, _those(changes, table, Verb.ADDED))
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


def _those(changes: list[Change], table: str, verb: Verb) -> list[Change]:
    return [c for c in changes if c.table == table and c.verb is verb]


def _remove(connection: Connection, name: str, changes: list[Change]) -> None:
    if not changes:
        return
    ids = _ids(connection)
    if name == "carrier":
        for change in changes:
            _refuse_while_sending(connection, change, ids)
    connection.execute(
        delete(schema.metadata.tables[name]).where(*_same(name)),
        [_marked(_key(change, ids)) for change in changes],
    )


def _change(connection: Connection, name: str, changes: list[Change]) -> None:
    if not changes:
        return
    ids = _ids(connection)
    connection.execute(
        update(schema.metadata.tables[name]).where(*_same(name)),
        [_columns(c, ids) | _marked(_key(c, ids)) for c in changes],
    )


def _add(connection: Connection, name: str, changes: list[Change]) -> None:
    if not changes:
        return
    ids = _ids(connection)
    connection.execute(
        insert(schema.metadata.tables[name]),
        [_columns(change, ids) | _key(change, ids) for change in changes],
    )


KEYS = {
    "carrier": ("name",),
    "account": ("name",),
    "access": ("dialect", "identifier"),
    "route": ("account_id", "prefix"),
    "suppression": ("number", "account_id"),
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


Ids = Mapping[tuple[str, str | None], int | None]
"""From (table, name) to id."""


def _ids(connection: Connection) -> Ids:
    found: dict[tuple[str, str | None], int | None] = {("account", None): None}
    for table in (schema.account, schema.carrier):
        rows = connection.execute(select(table.c.name, table.c.id))
        found |= {(table.name, row.name): row.id for row in rows}
    return found


def _key(change: Change, ids: Ids) -> dict[str, Any]:
    match change.table, change.key:
        case "route", (account, prefix):
            values: tuple[Any, ...] = (ids["account", account], prefix)
        case "suppression", number:
            values = (number, 0)  # everybody's
        case "access", (dialect, identifier):
            values = (dialect, identifier)
        case _, name:
            values = (name,)
    return dict(zip(KEYS[change.table], values, strict=True))


def _columns(change: Change, ids: Ids) -> dict[str, Any]:
    """Write names as ids, and lists and tables as JSON."""
    found = dict(change.values)
    if "account" in found:
        found["account_id"] = ids["account", found.pop("account")]
    if "carriers" in found:
        found["carriers"] = [ids["carrier", name] for name in found["carriers"]]
    return {
        name: msgspec.json.encode(value).decode() if name in JSON else value
        for name, value in found.items()
    }


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

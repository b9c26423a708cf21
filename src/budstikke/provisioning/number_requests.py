"""
Customers' requests for numbers, series and keywords, which administrators decide.

Everything here blocks, and is never on the message path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from budstikke.domain.number_inventory import NumberKind, overlapping_series
from budstikke.domain.text.word_matching import folded
from budstikke.provisioning.acts import AdminError, touch_directory, write_audit
from budstikke.provisioning.resources.accesses import is_two_way
from budstikke.store import schema
from budstikke.store.admin import immediate

if TYPE_CHECKING:
    from collections.abc import Mapping

    Dialects = Mapping[str, type[msgspec.Struct]]

SHORTEST, LONGEST = 3, 15
"""Digits of a number (E.164 has at most 15)."""

SERIES = range(5, 14)
"""Digits that the numbers of a series begin with; they have 14."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that waits; the number is for ``access`` (``dialect:identifier``)."""

    id: int
    at: float
    account: str
    access: str
    kind: str
    number: str
    word: str
    note: str


def waiting_requests(engine: Engine) -> list[Request]:
    """List the requests that wait, oldest first."""
    table, account, access = schema.number_request, schema.account, schema.access
    of = access.c.dialect + ":" + access.c.identifier
    with engine.connect() as connection:
        rows = connection.execute(
            select(
                *(table.c.id, table.c.at, account.c.name, of, table.c.kind),
                *(table.c.number, table.c.word, table.c.note),
            )
            .join(account, account.c.id == table.c.account_id)
            .outerjoin(access, access.c.id == table.c.access_id)
            .where(table.c.state == "waiting")
            .order_by(table.c.id)
        )
        return [Request(*row[:3], row[3] or "(gone)", *row[4:]) for row in rows]


def refuse(
    engine: Engine, request_id: int, *, answer: str, actor: str, now: float
) -> None:
    """Refuse a request; raises AdminError if it does not wait."""
    with immediate(engine) as connection:
        _waiting(connection, request_id)
        _decide(connection, request_id, "refused", answer, now)
        write_audit(connection, actor, [f"refused request {request_id}"], now)


def approve(
    engine: Engine,
    request_id: int,
    *,
    number: str = "",
    answer: str = "",
    dialects: Dialects,
    actor: str,
    now: float,
) -> str:
    """
    Approve a request, and give the account its number, series or keyword.

    Args:
        engine: The database.
        request_id: Of a request that waits.
        number: The number to give, or the shared number of the keyword; empty: the
            requested one.
        answer: For the customer; empty: a sentence that names the number given.
        dialects: The settings of an access, by dialect.
        actor: Who does it, for the audit.
        now: Unix seconds.

    Returns:
        What was given, in words.

    Raises:
        AdminError: The request does not wait, or its number or keyword is taken or
            cannot be given.

    """
    with immediate(engine) as connection:
        found = _waiting(connection, request_id)
        access = _access(connection, found.access_id, dialects)
        value = (number or found.number).removeprefix("+")
        if not value:
            raise AdminError(
                f"request {request_id}: the customer takes any number: name one"
            )
        if found.kind == "keyword":
            _give_keyword(connection, value, found)
            given = f"keyword {found.word} on {value}"
        else:
            _give_number(connection, value, found)
            given = f"{found.kind} {value}"
        _decide(connection, request_id, "approved", answer or given, now)
        act = f"approved request {request_id}: {given} for {access}"
        write_audit(connection, actor, [act], now)
        touch_directory(connection)
    return f"{given} for {access}"


def _waiting(connection: Connection, request_id: int) -> Any:
    table = schema.number_request
    row = connection.execute(
        select(table).where(table.c.id == request_id, table.c.state == "waiting")
    ).one_or_none()
    if row is None:
        raise AdminError(f"no request {request_id} is waiting")
    return row


def _access(connection: Connection, access_id: int, dialects: Dialects) -> str:
    """Describe the access that gets the number; raises AdminError if it may not."""
    table = schema.access
    row = connection.execute(select(table).where(table.c.id == access_id)).one_or_none()
    if row is None:
        raise AdminError("the access that it is for is gone")
    name = f"{row.dialect}:{row.identifier}"
    if not is_two_way(row.dialect, msgspec.json.decode(row.settings), dialects):
        raise AdminError(f"access {name} is not two_way")
    return name


def _give_keyword(connection: Connection, value: str, request: Any) -> None:
    number, keyword = schema.number, schema.keyword
    found = connection.execute(
        select(number).where(number.c.value == value)
    ).one_or_none()
    if found is None or found.kind != NumberKind.SHARED:
        raise AdminError(f"there is no shared number {value}")
    wanted = folded(request.word)
    for row in connection.execute(
        select(keyword).where(keyword.c.number_id == found.id)
    ):
        spellings = (row.word, *msgspec.json.decode(row.aliases))
        if wanted in map(folded, spellings):
            raise AdminError(f"{request.word} on {value} is taken: keyword {row.word}")
    values = {
        "number_id": found.id,
        "word": request.word,
        "access_id": request.access_id,
    }
    connection.execute(insert(keyword), {**values, "aliases": "[]"})


def _give_number(connection: Connection, value: str, request: Any) -> None:
    kind = NumberKind.SERIES if request.kind == "series" else NumberKind.OWNED
    lengths = SERIES if kind is NumberKind.SERIES else range(SHORTEST, LONGEST + 1)
    if not (value.isascii() and value.isdigit() and len(value) in lengths):
        raise AdminError(f"{value} is no {request.kind}")
    number = schema.number
    found = connection.execute(
        select(number).where(number.c.value == value)
    ).one_or_none()
    if found is not None and (found.access_id is not None or found.kind != kind):
        raise AdminError(f"number {value} is taken")
    if kind is NumberKind.SERIES:
        _refuse_overlap(connection, value, request.account_id)
    if found is None:
        row = {"value": value, "kind": kind.value, "access_id": request.access_id}
        connection.execute(insert(number), row)
    else:
        taken = update(number).where(number.c.id == found.id)
        connection.execute(taken.values(access_id=request.access_id))


def _refuse_overlap(connection: Connection, value: str, account_id: int) -> None:
    """Refuse a series that has numbers in common with another account's."""
    number, access = schema.number, schema.access
    rows = connection.execute(
        select(number.c.value, access.c.account_id)
        .join(access, access.c.id == number.c.access_id)
        .where(number.c.kind == NumberKind.SERIES.value)
    )
    owners = {row.value: row.account_id for row in rows} | {value: account_id}
    for pair in overlapping_series(owners):
        if value in pair:
            other = pair[0] if pair[1] == value else pair[1]
            raise AdminError(f"series {value} overlaps {other}, which is taken")


def _decide(
    connection: Connection, request_id: int, state: str, answer: str, now: float
) -> None:
    table = schema.number_request
    connection.execute(
        update(table)
        .where(table.c.id == request_id)
        .values(state=state, answer=answer, decided_at=now)
    )

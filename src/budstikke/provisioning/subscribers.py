"""
The number directory in the database, for administrators.

Each slice of rows is a transaction, so that a gateway can work meanwhile.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Engine, delete, insert, select

from budstikke.store import schema
from budstikke.store.admin import immediate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SLICE = 500
"""Rows in one transaction, and numbers in one statement."""


def put_subscribers(
    engine: Engine, rows: Mapping[str, tuple[str, str]], *, replace: bool = False
) -> int:
    """
    Write name and address by number (E.164 with ``+``); return how many were deleted.

    Known numbers get the new name and address. With ``replace`` all others are deleted.
    """
    names = iter(rows.items())
    while some := list(islice(names, SLICE)):
        with immediate(engine) as connection:
            numbers = [number for number, _ in some]
            connection.execute(
                delete(schema.subscriber).where(schema.subscriber.c.number.in_(numbers))
            )
            connection.execute(
                insert(schema.subscriber),
                [
                    {"number": number, "name": name, "address": address}
                    for number, (name, address) in some
                ],
            )
    return _delete_others(engine, rows) if replace else 0


def _delete_others(engine: Engine, rows: Mapping[str, tuple[str, str]]) -> int:
    deleted, last = 0, ""
    column = schema.subscriber.c.number
    while True:
        page = select(column).where(column > last).order_by(column).limit(SLICE)
        with immediate(engine) as connection:
            numbers: Sequence[str] = connection.scalars(page).all()
            gone = [number for number in numbers if number not in rows]
            connection.execute(delete(schema.subscriber).where(column.in_(gone)))
        deleted += len(gone)
        if len(numbers) < SLICE:
            return deleted
        last = numbers[-1]

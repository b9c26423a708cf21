"""
Keys that people chose are found by a slow and salted identifier.

They were found by the beginning of their SHA-256, which undid the slow hash beside it.
Programs at schema 0009 would not find them any more, so none runs beside this one.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from budstikke.domain.key_identifier import keyed

revision = "0010"
down_revision = "0009"

FOUND = sa.text(
    "SELECT id, identifier FROM access WHERE dialect IN ('native', 'reseller') "
    "AND secret LIKE '$argon2%'"
)
CHANGED = sa.text("UPDATE access SET identifier = :identifier WHERE id = :id")


def upgrade() -> None:
    connection = op.get_bind()
    salt = secrets.token_hex(16)
    noted = sa.text("INSERT INTO meta (key, value) VALUES ('salt', :salt)")
    connection.execute(noted, {"salt": salt})
    for key, identifier in connection.execute(FOUND).all():
        values = {"id": key, "identifier": keyed(salt, identifier)}
        connection.execute(CHANGED, values)
    op.execute("UPDATE meta SET value = '0010' WHERE key = 'compatible'")

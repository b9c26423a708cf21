"""Who holds a link to an operator; programs at schema 0006 run beside this one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("carrier_id", ID, autoincrement=False, nullable=False),
        sa.Column("node_id", ID, autoincrement=False, nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("carrier_id", "node_id"),
    )
    op.execute("INSERT INTO meta (key, value) VALUES ('compatible', '0006')")

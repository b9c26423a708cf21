"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("grants", sa.Text(), nullable=False),
        sa.Column("unsure", sa.String(), nullable=False),
        sa.Column("unsure_after", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "bulk",
        sa.Column("id", Id, nullable=False),
        sa.Column("access_id", Id, nullable=False),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("first_id", Id, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("node_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "bulk_open",
        "bulk",
        ["node_id"],
        sqlite_where=sa.text("done < total"),
        postgresql_where=sa.text("done < total"),
    )

    op.create_table(
        "callback",
        sa.Column("id", Id, nullable=False),
        sa.Column("access_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("node_id", Id, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "callback_due",
        "callback",
        ["due_at"],
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )

    op.create_table(
        "carrier",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbound",
        sa.Column("id", Id, nullable=False),
        sa.Column("carrier_id", Id, nullable=False),
        sa.Column("originator", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("data_coding", sa.Integer(), nullable=False),
        sa.Column("udhi", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("tlvs", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "message",
        sa.Column("id", Id, nullable=False),
        sa.Column("order_id", Id, nullable=False),
        sa.Column("access_id", Id, nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("originator", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("flash", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("tell", sa.Integer(), nullable=False),
        sa.Column("duplicate_key", Id, nullable=True),
        sa.Column("duplicate_until", sa.Float(), nullable=True),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("final_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "node",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "orphan",
        sa.Column("id", Id, nullable=False),
        sa.Column("carrier_id", Id, nullable=False),
        sa.Column("smsc_id", sa.String(), nullable=False),
        sa.Column("smsc_key", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("came_at", sa.Float(), nullable=False),
        sa.Column("kept_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("orphan_kept_until", "orphan", ["kept_until"])
    op.create_index("orphan_recipient", "orphan", ["recipient"])
    op.create_index("orphan_smsc_id", "orphan", ["smsc_id"])
    op.create_index("orphan_smsc_key", "orphan", ["smsc_key"])

    op.create_table(
        "part",
        sa.Column("id", Id, nullable=False),
        sa.Column("carrier_id", Id, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tables", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("node_id", Id, nullable=True),
        sa.Column("smsc_id", sa.String(), nullable=True),
        sa.Column("smsc_key", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "part_due",
        "part",
        ["state", "due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "part_queued",
        "part",
        ["carrier_id", sa.text("priority DESC"), "id"],
        sqlite_where=sa.text("state = 'queued' AND due_at IS NULL"),
        postgresql_where=sa.text("state = 'queued' AND due_at IS NULL"),
    )
    op.create_index(
        "part_sending",
        "part",
        ["node_id"],
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "part_smsc_id",
        "part",
        ["smsc_id", "carrier_id"],
        sqlite_where=sa.text("smsc_id IS NOT NULL"),
        postgresql_where=sa.text("smsc_id IS NOT NULL"),
    )
    op.create_index(
        "part_smsc_key",
        "part",
        ["smsc_key", "carrier_id"],
        sqlite_where=sa.text("smsc_key IS NOT NULL"),
        postgresql_where=sa.text("smsc_key IS NOT NULL"),
    )
    op.create_index(
        "part_waiting",
        "part",
        ["id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "part_unsure",
        "part",
        ["id"],
        sqlite_where=sa.text("state = 'unsure'"),
        postgresql_where=sa.text("state = 'unsure'"),
    )

    op.create_table(
        "suppression",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", "account_id"),
    )
    op.create_table(
        "access",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=True),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("require_https", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dialect", "identifier"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "route",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("carriers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO meta (key, value) VALUES ('revision', '0')")
    op.execute("INSERT INTO meta (key, value) VALUES ('next_id', '1001')")

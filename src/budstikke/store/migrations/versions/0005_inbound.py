"""Inbound messages, queues of callbacks, MMS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", ID, nullable=False),
        sa.Column("callback_id", ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("took", sa.Float(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index("attempt_callback", ["callback_id"], unique=False)

    op.create_table(
        "inbound_part",
        sa.Column("id", ID, nullable=False),
        sa.Column("carrier_id", ID, nullable=False),
        sa.Column("originator", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("data_coding", sa.Integer(), nullable=False),
        sa.Column("udhi", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("tlvs", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "originator", "recipient", "reference", "total", "number", "digest"
        ),
    )
    with op.batch_alter_table("inbound_part", schema=None) as batch_op:
        batch_op.create_index(
            "inbound_part_done",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'done'"),
            postgresql_where=sa.text("state = 'done'"),
        )
        batch_op.create_index(
            "inbound_part_held",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        )

    op.create_table(
        "media",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("media", schema=None) as batch_op:
        batch_op.create_index("media_message", ["message_id", "place"], unique=False)

    op.create_table(
        "queue",
        sa.Column("id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("node_id", ID, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.Float(), nullable=True),
        sa.Column("alert", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("access_id"),
    )
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.create_index(
            "queue_alert",
            ["id"],
            unique=False,
            sqlite_where=sa.text("alert"),
            postgresql_where=sa.text("alert"),
        )
        batch_op.create_index(
            "queue_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'due'"),
            postgresql_where=sa.text("state = 'due'"),
        )
        batch_op.create_index(
            "queue_paused",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'paused'"),
            postgresql_where=sa.text("state = 'paused'"),
        )
        batch_op.create_index(
            "queue_token",
            ["token"],
            unique=True,
            sqlite_where=sa.text("token IS NOT NULL"),
            postgresql_where=sa.text("token IS NOT NULL"),
        )

    op.create_table(
        "subscriber",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "number_request",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("number_request", schema=None) as batch_op:
        batch_op.create_index(
            "number_request_account", ["account_id", "id"], unique=False
        )
        batch_op.create_index(
            "number_request_waiting",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.create_table(
        "number",
        sa.Column("id", ID, nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("access_id", ID, nullable=True),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["access_id"],
            ["access.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("value"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "keyword",
        sa.Column("id", ID, nullable=False),
        sa.Column("number_id", ID, nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("receipt", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["access_id"],
            ["access.id"],
        ),
        sa.ForeignKeyConstraint(
            ["number_id"],
            ["number.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number_id", "word"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("stop", sa.Text(), server_default="[]", nullable=False)
        )
        batch_op.add_column(
            sa.Column("stop_reply", sa.Text(), server_default="", nullable=False)
        )

    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.add_column(sa.Column("queue_id", ID, nullable=True))
        batch_op.add_column(sa.Column("status", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("took", sa.Float(), nullable=True))
        batch_op.create_index("callback_access", ["access_id", "id"], unique=False)
        batch_op.create_index("callback_message", ["message_id"], unique=False)
        batch_op.create_index(
            "callback_queued",
            ["queue_id", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )

    _inbound()

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(
            "message_reply",
            ["originator", "recipient", "id"],
            unique=False,
            sqlite_where=sa.text("length(originator) = 14"),
            postgresql_where=sa.text("length(originator) = 14"),
        )

    with op.batch_alter_table("mms", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("subject", sa.Text(), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("fallback", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("fallback_id", ID, nullable=True))
        batch_op.add_column(sa.Column("read_at", sa.Float(), nullable=True))

    with op.batch_alter_table("recurring", schema=None) as batch_op:
        batch_op.create_index(
            "recurring_ended",
            ["first_at"],
            unique=False,
            sqlite_where=sa.text("next_at IS NULL"),
            postgresql_where=sa.text("next_at IS NULL"),
        )

    with op.batch_alter_table("price", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mms", ID, nullable=True))

    with op.batch_alter_table("suppression", schema=None) as batch_op:
        batch_op.add_column(sa.Column("at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("inbound_id", ID, nullable=True))

    # An event says now what kind of event it is.
    op.execute("UPDATE callback SET event = '[\"status\",' || substr(event, 2)")


def _inbound() -> None:
    """Make the new table; what was kept in the old one is held, to be worked now."""
    # Reference and digest are of each alone: nothing is joined with it.
    op.execute(
        """
        INSERT INTO inbound_part (carrier_id, originator, recipient, data_coding, udhi,
            payload, tlvs, at, reference, total, number, digest, state, due_at)
        SELECT carrier_id, originator, recipient, data_coding, udhi, payload, tlvs, at,
            'kept ' || id, 1, 1, '', 'held', 0 FROM inbound"""
    )
    op.drop_table("inbound")
    op.create_table(
        "inbound",
        sa.Column("id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=True),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("carrier_id", ID, nullable=False),
        sa.Column("number_id", ID, nullable=True),
        sa.Column("keyword_id", ID, nullable=True),
        sa.Column("originator", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("keyword", sa.String(), nullable=False),
        sa.Column("reply_to", ID, nullable=True),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("opt_out", sa.Boolean(), nullable=False),
        sa.Column("sent_at", sa.Float(), nullable=False),
        sa.Column("came_at", sa.Float(), nullable=False),
        sa.Column("assign_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index("inbound_account", ["account_id", "id"], unique=False)
        batch_op.create_index(
            "inbound_unrouted",
            ["id"],
            unique=False,
            sqlite_where=sa.text("access_id IS NULL"),
            postgresql_where=sa.text("access_id IS NULL"),
        )
        batch_op.create_index(
            "inbound_assigned",
            ["id"],
            unique=False,
            sqlite_where=sa.text("access_id IS NULL AND assign_id IS NOT NULL"),
            postgresql_where=sa.text("access_id IS NULL AND assign_id IS NOT NULL"),
        )

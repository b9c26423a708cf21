"""
The first schema, on both engines; ``store.schema`` says what its tables hold.

On PostgreSQL the tables of messages, their parts and callbacks are partitioned by
their ids from the beginning; ``store.engines.postgres.layout`` says how.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FIRST_ID = 1001
"""Of messages and orders."""

FIRST_PARTITION = 16 * 262_144
"""Ids that the first partition takes before the next one begins."""


def where(condition: str) -> dict[str, Any]:
    """Make an index partial on both engines."""
    return {
        "sqlite_where": sa.text(condition),
        "postgresql_where": sa.text(condition),
    }


def upgrade() -> None:
    _add_accounts()
    _add_messages()
    _add_inbound()
    _add_meta()
    if op.get_bind().dialect.name == "postgresql":
        _add_partitions("message", FIRST_ID + FIRST_PARTITION, 1)
        _add_partitions("part", FIRST_ID + FIRST_PARTITION, 256)
        _add_partitions("callback", 1 + FIRST_PARTITION, 1)


def _add_accounts() -> None:
    """Add nodes, accounts, what they may do and what it costs."""
    op.create_table(
        "account",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("grants", sa.Text(), nullable=False),
        sa.Column("unsure", sa.String(), nullable=False),
        sa.Column("unsure_after", sa.Float(), nullable=False),
        sa.Column("currency", sa.String(), server_default="", nullable=False),
        sa.Column("prepaid", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("trial", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("balance", ID, server_default="0", nullable=False),
        sa.Column("credit_limit", ID, server_default="0", nullable=False),
        sa.Column("price_list_id", ID, nullable=True),
        sa.Column("pays_for", sa.String(), server_default="sent", nullable=False),
        sa.Column("premium", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("home", sa.String(), server_default="+47", nullable=False),
        sa.Column("reply_number", sa.String(), server_default="", nullable=False),
        sa.Column("order_ceiling", ID, server_default="0", nullable=False),
        sa.Column("alert_below", ID, nullable=True),
        sa.Column("alert_mail", sa.String(), server_default="", nullable=False),
        sa.Column("alerted", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("stop", sa.Text(), server_default="[]", nullable=False),
        sa.Column("stop_reply", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "account_alert", "account", ["id"], **where("alert_below IS NOT NULL")
    )
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "bind_lease",
        sa.Column("carrier_id", ID, autoincrement=False, nullable=False),
        sa.Column("node_id", ID, autoincrement=False, nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("carrier_id", "node_id"),
    )
    op.create_table(
        "carrier",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "node",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "price_list",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "suppression",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("inbound_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("number", "account_id"),
    )
    op.create_index("suppression_account", "suppression", ["account_id", "number"])
    op.create_table(
        "access",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
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
        "contact",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "number"),
    )
    op.create_table(
        "contact_group",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "name"),
    )
    op.create_table(
        "credit_order",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount", ID, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("credit_order_account", "credit_order", ["account_id", "at"])
    op.create_index(
        "credit_order_waiting", "credit_order", ["id"], **where("state = 'waiting'")
    )
    op.create_table(
        "fee",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("amount", ID, nullable=False),
        sa.Column("monthly", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=True),
        sa.Column("day", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "name"),
    )
    op.create_index("fee_due", "fee", ["next_at"], **where("next_at IS NOT NULL"))
    op.create_table(
        "ledger",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", ID, nullable=False),
        sa.Column("balance", ID, nullable=False),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("messages", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ledger_account", "ledger", ["account_id", "at"])
    op.create_table(
        "price",
        sa.Column("price_list_id", ID, nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Float(), nullable=False),
        sa.Column("valid_until", sa.Float(), nullable=True),
        sa.Column("amount", ID, nullable=False),
        sa.Column("mms", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["price_list_id"],
            ["price_list.id"],
        ),
        sa.PrimaryKeyConstraint("price_list_id", "prefix", "valid_from"),
    )
    op.create_table(
        "route",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("carriers", sa.Text(), nullable=False),
        sa.Column("requires", sa.Text(), server_default="[]", nullable=False),
        sa.Column("senders", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "membership",
        sa.Column("id", ID, nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["contact_group.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("group_id", "contact_id"),
    )
    op.create_index("membership_contact", "membership", ["contact_id"])


def _add_messages() -> None:
    """Add outbound messages, their parts, delivery reports and callbacks."""
    op.create_table(
        "bulk",
        sa.Column("id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("first_id", ID, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("node_id", ID, nullable=False),
        sa.Column("cancelled", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bulk_open", "bulk", ["node_id"], **where("done < total"))
    op.create_table(
        "callback",
        sa.Column("id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("node_id", ID, nullable=True),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took", sa.Float(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("callback_access", "callback", ["access_id", "id"])
    op.create_index("callback_due", "callback", ["due_at"], **where("state = 'due'"))
    op.create_index("callback_message", "callback", ["message_id"])
    op.create_index(
        "callback_queued", "callback", ["queue_id", "id"], **where("state = 'queued'")
    )
    op.create_table(
        "duplicate",
        sa.Column("key", ID, autoincrement=False, nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("duplicate_until", "duplicate", ["until"])
    op.create_table(
        "idempotency",
        sa.Column("access_id", ID, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("kept_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("access_id", "key"),
    )
    op.create_index("idempotency_kept_until", "idempotency", ["kept_until"])
    op.create_table(
        "message",
        sa.Column("id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("originator", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("flash", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("notify_on", sa.Integer(), nullable=False),
        sa.Column("duplicate_key", ID, nullable=True),
        sa.Column("duplicate_until", sa.Float(), nullable=True),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("final_at", sa.Float(), nullable=True),
        sa.Column("account_id", ID, server_default="0", nullable=False),
        sa.Column("price", ID, server_default="0", nullable=False),
        sa.Column("refund", sa.Integer(), server_default="1", nullable=False),
        sa.Column("premium", sa.Integer(), server_default="0", nullable=False),
        sa.Column("send_at", sa.Float(), nullable=True),
        sa.Column("deleted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("message_account", "message", ["account_id", "id"])
    op.create_index("message_order", "message", ["order_id"], **where("order_id <> id"))
    op.create_index(
        "message_ref", "message", ["ref", "recipient"], **where("ref IS NOT NULL")
    )
    op.create_index(
        "message_reply",
        "message",
        ["originator", "recipient", "id"],
        **where("length(originator) = 14"),
    )
    op.create_table(
        "mms",
        sa.Column("message_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.Column("fallback_id", ID, nullable=True),
        sa.Column("read_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_table(
        "orphan",
        sa.Column("id", ID, nullable=False),
        sa.Column("carrier_id", ID, nullable=False),
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
        sa.Column("id", ID, nullable=False),
        sa.Column("carrier_id", ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tables", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("node_id", ID, nullable=True),
        sa.Column("smsc_id", sa.String(), nullable=True),
        sa.Column("smsc_key", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        "part_due", "part", ["state", "due_at"], **where("due_at IS NOT NULL")
    )
    op.create_index("part_sending", "part", ["node_id"], **where("state = 'sending'"))
    op.create_index(
        "part_smsc_id",
        "part",
        ["smsc_id", "carrier_id"],
        **where("smsc_id IS NOT NULL"),
    )
    op.create_index(
        "part_smsc_key",
        "part",
        ["smsc_key", "carrier_id"],
        **where("smsc_key IS NOT NULL"),
    )
    op.create_index("part_unsure", "part", ["id"], **where("state = 'unsure'"))
    op.create_index("part_waiting", "part", ["id"], **where("state = 'queued'"))
    op.create_table(
        "recurring",
        sa.Column("id", ID, nullable=False),
        sa.Column("access_id", ID, nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "recurring_due", "recurring", ["next_at"], **where("next_at IS NOT NULL")
    )
    op.create_index(
        "recurring_ended", "recurring", ["first_at"], **where("next_at IS NULL")
    )
    op.create_index(
        "part_queued",
        "part",
        ["carrier_id", sa.text("priority DESC"), "id"],
        **where("state = 'queued' AND due_at IS NULL"),
    )


def _add_inbound() -> None:
    """Add numbers, inbound messages, and the queues and attempts of callbacks."""
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
    op.create_index("attempt_callback", "attempt", ["callback_id"])
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
    op.create_index("inbound_account", "inbound", ["account_id", "id"])
    op.create_index(
        "inbound_assigned",
        "inbound",
        ["id"],
        **where("access_id IS NULL AND assign_id IS NOT NULL"),
    )
    op.create_index("inbound_unrouted", "inbound", ["id"], **where("access_id IS NULL"))
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
        sa.Column("equal_id", ID, nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "originator",
            "recipient",
            "reference",
            "total",
            "number",
            "digest",
            "equal_id",
            "copy",
        ),
    )
    op.create_index(
        "inbound_part_done", "inbound_part", ["due_at"], **where("state <> 'held'")
    )
    op.create_index(
        "inbound_part_held", "inbound_part", ["id"], **where("state = 'held'")
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
    op.create_index("media_message", "media", ["message_id", "place"])
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
    op.create_index("queue_alert", "queue", ["id"], **where("alert"))
    op.create_index("queue_due", "queue", ["due_at"], **where("state = 'due'"))
    op.create_index("queue_paused", "queue", ["id"], **where("state = 'paused'"))
    op.create_index(
        "queue_token", "queue", ["token"], unique=True, **where("token IS NOT NULL")
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
    op.create_index("number_request_account", "number_request", ["account_id", "id"])
    op.create_index(
        "number_request_waiting", "number_request", ["id"], **where("state = 'waiting'")
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


def _add_meta() -> None:
    """Add what a gateway counts with, and the salt of the identifiers of keys."""
    rows = {
        "revision": "0",
        "next_id": str(FIRST_ID),
        "salt": secrets.token_hex(16),
        "compatible": revision,
    }
    statement = sa.text("INSERT INTO meta (key, value) VALUES (:key, :value)")
    for key, value in rows.items():
        op.get_bind().execute(statement, {"key": key, "value": value})


def _add_partitions(table: str, end: int, factor: int) -> None:
    """
    Add the partition in use, an empty one below it, and the last one, without end.

    ``end`` is the first id, times ``factor``, that the last one takes.
    """
    low, high = factor, end * factor
    for number, first, last in (
        (0, "MINVALUE", low),
        (1, low, high),
        (2, high, "MAXVALUE"),
    ):
        op.execute(
            f"CREATE TABLE {table}_{number} PARTITION OF {table}"
            f" FOR VALUES FROM ({first}) TO ({last})"
        )

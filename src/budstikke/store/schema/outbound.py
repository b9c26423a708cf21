"""Outbound messages: orders, parts, delivery reports and callbacks."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from budstikke.store.schema.base import Id, metadata, partial_index

mms = Table(
    "mms",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("text", Text, nullable=False),
    Column("files", Text, nullable=False),  # JSON list of [name, type, base64]
    Column("subject", Text, nullable=False, default="", server_default=""),
    Column("fallback", Text),  # SMS for phones without MMS; NULL: none
    Column("fallback_id", Id),  # the callback that sends it; NULL: none yet
    Column("read_at", Float),
)
"""Contents of outbound MMS; their messages have encoding ``mms`` and one part."""


recurring = Table(
    "recurring",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False),
    Column("order", Text, nullable=False),  # JSON: domain.message.Order
    Column("first_at", Float, nullable=False),
    Column("done", Integer, nullable=False),  # number of its last occurrence
    Column("next_at", Float),  # NULL: it has ended
    partial_index("recurring_due", "next_at", where="next_at IS NOT NULL"),
    partial_index("recurring_ended", "first_at", where="next_at IS NULL"),
)


idempotency = Table(
    "idempotency",
    metadata,
    Column("access_id", Id, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),  # of the request
    Column("answer", Text, nullable=False),  # JSON: domain.message.Accepted
    Column("kept_until", Float, nullable=False),
    Index("idempotency_kept_until", "kept_until"),
)


bulk = Table(
    "bulk",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False),
    Column("accepted_at", Float, nullable=False),
    Column("first_id", Id, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("content", Text, nullable=False),  # JSON: domain.staging.OrderContext
    Column("recipients", Text, nullable=False),  # JSON list of E.164 numbers
    Column("node_id", Id, nullable=False),
    Column("cancelled", Boolean, nullable=False, default=False, server_default="0"),
    partial_index("bulk_open", "node_id", where="done < total"),
)
"""Bulk orders: expanded in slices, unless cancelled."""


message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("order_id", Id, nullable=False),
    Column("access_id", Id, nullable=False),
    Column("recipient", String, nullable=False),
    Column("originator", String, nullable=False),
    Column("ref", String),
    Column("encoding", String, nullable=False),
    Column("segments", Integer, nullable=False),  # charged
    Column("parts", Integer, nullable=False),  # rows of part; 1 if the SMSC splits
    Column("flash", Integer, nullable=False),
    Column("protocol_id", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("notify_on", Integer, nullable=False),  # domain.message.NotifyOn
    Column("duplicate_key", Id),  # with duplicate_until: the duplicate lock
    Column("duplicate_until", Float),
    Column("accepted_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False, default=""),
    Column("raw", Text, nullable=False, default=""),
    Column("final_at", Float),
    Column("account_id", Id, nullable=False, default=0, server_default="0"),
    Column("price", Id, nullable=False, default=0, server_default="0"),  # micros
    Column("refund", Integer, nullable=False, default=1, server_default="1"),
    Column("premium", Integer, nullable=False, default=0, server_default="0"),  # øre
    Column("send_at", Float),
    Column("deleted", Integer, nullable=False, default=0, server_default="0"),
    Column("callback_url", Text),  # of the order; NULL: the access's own
    Index("message_account", "account_id", "id"),
    partial_index("message_ref", "ref", "recipient", where="ref IS NOT NULL"),
    partial_index("message_order", "order_id", where="order_id <> id"),
    partial_index(
        "message_reply",  # messages from reply numbers
        "originator",
        "recipient",
        "id",
        where="length(originator) = 14",
    ),
    postgresql_partition_by="RANGE (id)",
)


part = Table(
    "part",
    metadata,
    Column("id", Id, primary_key=True),  # message id * 256 + number
    Column("carrier_id", Id, nullable=False),
    Column("state", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("tables", Integer, nullable=False),  # locking * 256 + single shift
    Column("priority", Integer, nullable=False),  # the message's, for the index
    Column("due_at", Float),  # queued, unsure: not before; NULL: now
    Column("tries", Integer, nullable=False, default=0),
    Column("node_id", Id),  # the node that claimed it
    Column("smsc_id", String),
    Column("smsc_key", String),
    Column("reason", String, nullable=False, default=""),
    Column("raw", Text, nullable=False, default=""),
    Column("at", Float),  # time of its state
    Column("claimed_at", Float),  # when a node last took it to send it
    Column("sent_at", Float),  # when the operator took it; NULL: ``at`` of ``sent``
    Column("tried", String, nullable=False, default="", server_default=""),
    partial_index(
        "part_queued",
        "carrier_id",
        text("priority DESC"),
        "id",
        where="state = 'queued' AND due_at IS NULL",
    ),
    partial_index("part_waiting", "id", where="state = 'queued'"),  # for expiry
    partial_index("part_due", "state", "due_at", where="due_at IS NOT NULL"),
    partial_index("part_unsure", "id", where="state = 'unsure'"),
    partial_index("part_sending", "node_id", where="state = 'sending'"),
    partial_index("part_smsc_id", "smsc_id", "carrier_id", where="smsc_id IS NOT NULL"),
    partial_index(
        "part_smsc_key", "smsc_key", "carrier_id", where="smsc_key IS NOT NULL"
    ),
    postgresql_partition_by="RANGE (id)",
)


part_history = Table(
    "part_history",
    metadata,
    # A part, or a message as a whole: message id * 256.
    Column("part_id", Id, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 0: throttled
    Column("kind", String, nullable=False),  # domain.history.HistoryKind
    Column("at", Float, nullable=False),
    Column("carrier_id", Id, nullable=False, default=0),
    Column("smsc_id", String),
    Column("reason", String, nullable=False, default=""),
    Column("raw", Text, nullable=False, default=""),
    Column("due_at", Float),  # of a retry
    Column("other_id", Id),  # the next carrier, or the access
    Column("times", Integer, nullable=False, default=1),
    Column("until", Float),  # of several times: the last
    partial_index(
        "part_history_smsc_id",
        "smsc_id",
        where="kind = 'moved' AND smsc_id IS NOT NULL",
    ),
)
"""
What happened to a part and is in no other row: retries, moves, reports that settle
nothing. Usual messages have no row.
"""


orphan = Table(
    "orphan",
    metadata,
    Column("id", Id, primary_key=True),
    Column("carrier_id", Id, nullable=False),
    Column("smsc_id", String, nullable=False),
    Column("smsc_key", String),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("raw", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("recipient", String, nullable=False),
    Column("came_at", Float, nullable=False),  # our clock; ``at``: the operator's
    Column("kept_until", Float, nullable=False),
    Index("orphan_smsc_id", "smsc_id"),
    Index("orphan_smsc_key", "smsc_key"),
    Index("orphan_recipient", "recipient"),
    Index("orphan_kept_until", "kept_until"),
)
"""Delivery reports without a part."""


callback = Table(
    "callback",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False),
    Column("message_id", Id, nullable=False),  # of ``message`` or ``inbound``
    Column("event", Text, nullable=False),  # JSON: domain.callback.Event
    Column("state", String, nullable=False),  # domain.callback.CallbackState
    Column(
        "due_at", Float
    ),  # not before; with a node: end of its lease; NULL: see lease_parked
    Column("node_id", Id),  # the node with its lease
    Column("queue_id", Id),  # the queue in which it waits
    Column("tries", Integer, nullable=False, default=0),
    Column("answer", Text, nullable=False, default=""),
    Column("status", Integer),  # HTTP status
    Column("took", Float),  # seconds, of the last attempt
    Column("at", Float, nullable=False),
    partial_index("callback_due", "due_at", where="state = 'due'"),
    partial_index(
        "callback_parked", "access_id", "id", where="state = 'due' AND node_id IS NULL"
    ),
    partial_index("callback_queued", "queue_id", "id", where="state = 'queued'"),
    Index("callback_access", "access_id", "id"),
    Index("callback_message", "message_id"),
    postgresql_partition_by="RANGE (id)",
)

duplicate = Table(
    "duplicate",
    metadata,
    Column("key", Id, primary_key=True, autoincrement=False),
    Column("until", Float, nullable=False),
    Index("duplicate_until", "until"),
)
"""Duplicate locks on PostgreSQL, for all nodes; SQLite's are in memory."""

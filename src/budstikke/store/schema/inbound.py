"""Inbound messages, our numbers, and queues of callbacks."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from budstikke.store.schema.base import Id, metadata, partial_index

number = Table(
    "number",
    metadata,
    Column("id", Id, primary_key=True),
    Column("value", String, nullable=False),  # digits; of a series, its beginning
    Column("kind", String, nullable=False),  # domain.number_inventory.NumberKind
    Column("access_id", Id, ForeignKey("access.id")),  # NULL: shared, or unassigned
    Column("url", Text, nullable=False, default="", server_default=""),
    UniqueConstraint("value"),
    sqlite_autoincrement=True,
)
"""Numbers of ours that phones write to."""

keyword = Table(
    "keyword",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number_id", Id, ForeignKey("number.id"), nullable=False),
    Column("word", String, nullable=False),  # as reported; empty: the default
    Column("aliases", Text, nullable=False, default="[]"),  # JSON list
    Column("access_id", Id, ForeignKey("access.id"), nullable=False),
    Column("url", Text, nullable=False, default="", server_default=""),
    Column("receipt", Text, nullable=False, default="", server_default=""),
    UniqueConstraint("number_id", "word"),
    sqlite_autoincrement=True,
)

number_request = Table(
    "number_request",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("access_id", Id, nullable=False),  # the access that is to get it
    Column("kind", String, nullable=False),  # keyword, number, series
    Column("number", String, nullable=False, default=""),  # empty: any
    Column("word", String, nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    Column("state", String, nullable=False),  # waiting, approved, refused
    Column("at", Float, nullable=False),
    Column("decided_at", Float),
    Column("answer", Text, nullable=False, default=""),  # for the customer
    Index("number_request_account", "account_id", "id"),
    partial_index("number_request_waiting", "id", where="state = 'waiting'"),
)
"""Customers' requests for numbers and keywords."""

inbound_part = Table(
    "inbound_part",
    metadata,
    Column("id", Id, primary_key=True),
    Column("carrier_id", Id, nullable=False),
    Column("originator", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("data_coding", Integer, nullable=False),
    Column("udhi", Integer, nullable=False),
    Column("payload", Text, nullable=False),  # hexadecimal
    Column("tlvs", Text, nullable=False),  # JSON object, hexadecimal values
    Column("at", Float, nullable=False),
    Column("reference", String, nullable=False),  # what the parts of one text share
    Column("total", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String, nullable=False),  # of data_coding and payload
    Column("equal_id", Id, nullable=False),  # the newest equal part then; 0: none
    Column("copy", Integer, nullable=False),  # store.contract.Copy
    Column("state", String, nullable=False),  # held, copy, done
    Column("due_at", Float, nullable=False),  # held: end of the wait; else: deletion
    UniqueConstraint(
        *("originator", "recipient", "reference", "total", "number", "digest"),
        *("equal_id", "copy"),
    ),
    partial_index("inbound_part_held", "id", where="state = 'held'"),
    partial_index("inbound_part_done", "due_at", where="state <> 'held'"),
)
"""
Parts of long inbound texts, until their text is complete.

They stay for a while after that, since operators deliver parts again.
"""

inbound = Table(
    "inbound",
    metadata,
    Column("id", Id, primary_key=True),  # from the same blocks as messages
    Column("access_id", Id),  # NULL: unrouted
    Column("account_id", Id),
    Column("carrier_id", Id, nullable=False),
    Column("number_id", Id),
    Column("keyword_id", Id),
    Column("originator", String, nullable=False),  # E.164 with +, or as written
    Column("recipient", String, nullable=False),  # digits
    Column("kind", String, nullable=False),  # domain.inbound.Kind
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False, default=""),  # hexadecimal, if binary
    Column("subject", Text, nullable=False, default=""),
    Column("keyword", String, nullable=False, default=""),  # as registered
    Column("reply_to", Id),  # the message it answers
    Column("missing", Integer, nullable=False, default=0),  # parts that never came
    Column("opt_out", Boolean, nullable=False, default=False),
    Column("sent_at", Float, nullable=False),
    Column("came_at", Float, nullable=False),
    Column("assign_id", Id),  # the access to which an administrator assigned it
    Index("inbound_account", "account_id", "id"),
    partial_index("inbound_unrouted", "id", where="access_id IS NULL"),
    partial_index(
        "inbound_assigned", "id", where="access_id IS NULL AND assign_id IS NOT NULL"
    ),
)
"""Inbound messages, reassembled."""

media = Table(
    "media",
    metadata,
    Column("id", String, primary_key=True),  # 20 random digits
    Column("message_id", Id, nullable=False),  # of ``inbound`` or ``message``
    Column("place", Integer, nullable=False),  # 1, 2, … within the message
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("size", Integer, nullable=False),  # octets
    Column("data", LargeBinary, nullable=False),
    Index("media_message", "message_id", "place"),
)
"""Files of inbound MMS, and of outbound MMS that a phone gets as a web link."""

queue = Table(
    "queue",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False, unique=True),
    Column("state", String, nullable=False),  # domain.callback.QueueState
    Column("due_at", Float),  # not before; with a node: end of its lease
    Column("node_id", Id),  # the node with its lease; paused: that sends the alert
    Column("tries", Integer, nullable=False, default=0),  # of its first callback
    Column("counter", Integer, nullable=False, default=0),  # the last event's
    Column("why", Text, nullable=False, default=""),  # why it is paused
    Column("paused_at", Float),
    Column("alert", Boolean, nullable=False, default=False),  # an alert is to be sent
    Column("token", String),  # SHA-256 of the token in the alert's link
    partial_index("queue_due", "due_at", where="state = 'due'"),
    partial_index("queue_alert", "id", where="alert"),
    partial_index("queue_paused", "id", where="state = 'paused'"),
    partial_index("queue_token", "token", unique=True, where="token IS NOT NULL"),
)
"""Queues of callbacks that go one after another; each may be paused."""

attempt = Table(
    "attempt",
    metadata,
    Column("id", Id, primary_key=True),
    Column("callback_id", Id, nullable=False),
    Column("at", Float, nullable=False),
    Column("took", Float, nullable=False),  # seconds
    Column("request", Text, nullable=False),  # cut, secrets masked
    Column("status", Integer),  # HTTP status; NULL: no answer
    Column("answer", Text, nullable=False),
    Index("attempt_callback", "callback_id"),
)
"""
Failed attempts of callbacks, and repeats.

The callback's own row has its last attempt.
"""

subscriber = Table(
    "subscriber",
    metadata,
    Column("number", String, primary_key=True),  # E.164 with +
    Column("name", String, nullable=False, default=""),
    Column("address", String, nullable=False, default=""),
)
"""The imported number directory."""

"""
The tables, for both engines.

Times are Unix seconds (UTC); closed vocabularies are the enumerations of ``domain``.
Work that is due is found through partial indexes, which history does not lengthen.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives a table's rowid to ``INTEGER PRIMARY KEY`` only."""

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)
"""``revision`` (of the directory), ``next_id`` (end of the blocks handed out)."""

node = Table(
    "node",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False),
    Column("lease_until", Float, nullable=False),
)
"""Processes that hold work; one whose lease is over holds nothing."""

account = Table(
    "account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("grants", Text, nullable=False, default="[]"),  # JSON list
    Column("unsure", String, nullable=False, default="fail"),
    Column("unsure_after", Float, nullable=False, default=3600.0),
    Column("currency", String, nullable=False, default="", server_default=""),
    Column("prepaid", Boolean, nullable=False, default=True, server_default="1"),
    Column("trial", Boolean, nullable=False, default=False, server_default="0"),
    Column("balance", Id, nullable=False, default=0, server_default="0"),
    Column("credit_limit", Id, nullable=False, default=0, server_default="0"),
    Column("price_list_id", Id),
    Column("pays_for", String, nullable=False, default="sent", server_default="sent"),
    Column("premium", Boolean, nullable=False, default=False, server_default="0"),
    Column("home", String, nullable=False, default="+47", server_default="+47"),
    Column("reply_number", String, nullable=False, default="", server_default=""),
    Column("order_ceiling", Id, nullable=False, default=50000, server_default="50000"),
    Column("alert_below", Id),  # micros; NULL: no alert
    Column("alert_mail", String, nullable=False, default="", server_default=""),
    Column("alerted", Boolean, nullable=False, default=False, server_default="0"),
    Index("account_alert", "id", sqlite_where=text("alert_below IS NOT NULL")),
    sqlite_autoincrement=True,  # the id of one that was removed is never given again
)

access = Table(
    "access",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("dialect", String, nullable=False),
    Column("identifier", String, nullable=False),
    Column("secret", String),
    Column("networks", Text, nullable=False, default="[]"),  # JSON list
    Column("require_https", Boolean, nullable=False, default=True),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("settings", Text, nullable=False, default="{}"),  # JSON object
    UniqueConstraint("dialect", "identifier"),
    sqlite_autoincrement=True,  # or its messages would be told to a stranger
)

carrier = Table(
    "carrier",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("settings", Text, nullable=False, default="{}"),  # JSON object
    sqlite_autoincrement=True,
)

route = Table(
    "route",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id")),
    Column("prefix", String, nullable=False),
    Column("carriers", Text, nullable=False),  # JSON list of carrier ids, in order
    Column("requires", Text, nullable=False, default="[]", server_default="[]"),
    Column("senders", Text, nullable=False, default="{}", server_default="{}"),
)

mms = Table(
    "mms",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("text", Text, nullable=False),
    Column("files", Text, nullable=False),  # JSON list of [name, type, base64]
)
"""What an MMS holds; its message has the encoding ``mms`` and one part."""

price_list = Table(
    "price_list",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("currency", String, nullable=False),
)

price = Table(
    "price",
    metadata,
    Column("price_list_id", Id, ForeignKey("price_list.id"), primary_key=True),
    Column("prefix", String, primary_key=True),
    Column("valid_from", Float, primary_key=True, default=0.0),
    Column("valid_until", Float),
    Column("amount", Id, nullable=False),  # micros a segment
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),  # domain.ledger.Kind
    Column("amount", Id, nullable=False),  # micros; what the account got, signed
    Column("balance", Id, nullable=False),  # after it
    Column("order_id", Id),
    Column("message_id", Id),
    Column("note", Text, nullable=False, default="", server_default=""),
    Column("messages", Integer, nullable=False, default=0, server_default="0"),
    Index("ledger_account", "account_id", "at"),
)
"""Append-only: an account's amounts always sum to its balance; ``messages`` counts."""

credit_order = Table(
    "credit_order",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("count", Integer, nullable=False),  # SMS
    Column("state", String, nullable=False),  # credited, waiting, refused
    Column("amount", Id, nullable=False, default=0, server_default="0"),  # micros
    Index("credit_order_account", "account_id", "at"),
    Index("credit_order_waiting", "id", sqlite_where=text("state = 'waiting'")),
)

fee = Table(
    "fee",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("amount", Id, nullable=False),  # micros, positive
    Column("monthly", Boolean, nullable=False),
    Column("next_at", Float),  # NULL: taken, and once only
    Column("day", Integer, nullable=False, default=1, server_default="1"),  # of month
    UniqueConstraint("account_id", "name"),
    Index("fee_due", "next_at", sqlite_where=text("next_at IS NOT NULL")),
)

contact_group = Table(
    "contact_group",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("name", String, nullable=False),
    UniqueConstraint("account_id", "name"),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("number", String, nullable=False),  # E.164 with +
    Column("name", String, nullable=False, default=""),
    Column("active", Boolean, nullable=False, default=True),
    UniqueConstraint("account_id", "number"),
)

membership = Table(
    "membership",
    metadata,
    Column("id", Id, primary_key=True),  # in the order they were added
    Column("group_id", Id, ForeignKey("contact_group.id"), nullable=False),
    Column("contact_id", Id, ForeignKey("contact.id"), nullable=False),
    UniqueConstraint("group_id", "contact_id"),
    Index("membership_contact", "contact_id"),
)

recurring = Table(
    "recurring",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False),
    Column("order", Text, nullable=False),  # JSON: domain.message.Order
    Column("first_at", Float, nullable=False),
    Column("done", Integer, nullable=False),  # number of the last time it went
    Column("next_at", Float),  # NULL: it has ended
    Index("recurring_due", "next_at", sqlite_where=text("next_at IS NOT NULL")),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("access_id", Id, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),  # of what was asked
    Column("answer", Text, nullable=False),  # JSON: domain.message.Accepted
    Column("kept_until", Float, nullable=False),
    Index("idempotency_kept_until", "kept_until"),
)

suppression = Table(
    "suppression",
    metadata,
    Column("number", String, primary_key=True),
    Column("account_id", Id, primary_key=True, default=0),  # 0: everybody's
    Column("reason", String, nullable=False, default="blacklist"),
    Index("suppression_account", "account_id", "number"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("act", Text, nullable=False),
)
"""What administrators did; never secrets."""

bulk = Table(
    "bulk",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False),
    Column("accepted_at", Float, nullable=False),
    Column("first_id", Id, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("content", Text, nullable=False),  # JSON: what its messages share
    Column("recipients", Text, nullable=False),  # JSON list of E.164 numbers
    Column("node_id", Id, nullable=False),
    Column("cancelled", Boolean, nullable=False, default=False, server_default="0"),
    Index("bulk_open", "node_id", sqlite_where=text("done < total")),
)
"""An order too large for one transaction: made in slices, unless it is cancelled."""

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
    Column("segments", Integer, nullable=False),  # what is charged
    Column("parts", Integer, nullable=False),  # rows of part; 1 where the SMSC splits
    Column("flash", Integer, nullable=False),
    Column("protocol_id", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("tell", Integer, nullable=False),  # domain.message.Tell
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
    Index("message_account", "account_id", "id"),
    Index("message_ref", "ref", "recipient", sqlite_where=text("ref IS NOT NULL")),
    Index("message_order", "order_id", sqlite_where=text("order_id <> id")),
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
    Column("node_id", Id),  # who is sending it
    Column("smsc_id", String),
    Column("smsc_key", String),
    Column("reason", String, nullable=False, default=""),
    Column("raw", Text, nullable=False, default=""),
    Column("at", Float),  # when it took its state
    Index(
        "part_queued",
        "carrier_id",
        text("priority DESC"),
        "id",
        sqlite_where=text("state = 'queued' AND due_at IS NULL"),
    ),
    Index("part_waiting", "id", sqlite_where=text("state = 'queued'")),  # for expiry
    Index("part_due", "state", "due_at", sqlite_where=text("due_at IS NOT NULL")),
    Index("part_unsure", "id", sqlite_where=text("state = 'unsure'")),
    Index("part_sending", "node_id", sqlite_where=text("state = 'sending'")),
    Index(
        "part_smsc_id",
        "smsc_id",
        "carrier_id",
        sqlite_where=text("smsc_id IS NOT NULL"),
    ),
    Index(
        "part_smsc_key",
        "smsc_key",
        "carrier_id",
        sqlite_where=text("smsc_key IS NOT NULL"),
    ),
)

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
    Column("came_at", Float, nullable=False),  # ours; ``at`` is the operator's clock
    Column("kept_until", Float, nullable=False),
    Index("orphan_smsc_id", "smsc_id"),
    Index("orphan_smsc_key", "smsc_key"),
    Index("orphan_recipient", "recipient"),
    Index("orphan_kept_until", "kept_until"),
)
"""Receipts that match nothing yet."""

callback = Table(
    "callback",
    metadata,
    Column("id", Id, primary_key=True),
    Column("access_id", Id, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("event", Text, nullable=False),  # JSON
    Column("state", String, nullable=False),  # due, done, failed
    Column("due_at", Float),  # the end of a lease while it is being told
    Column("node_id", Id),  # who is telling it
    Column("tries", Integer, nullable=False, default=0),
    Column("answer", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
    Index("callback_due", "due_at", sqlite_where=text("state = 'due'")),
)

inbound = Table(
    "inbound",
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
    Column("state", String, nullable=False, default="new"),
)
"""Messages from phones as the carrier gave them, before they are joined and routed."""

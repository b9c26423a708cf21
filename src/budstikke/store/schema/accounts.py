"""Accounts with their rights, prices and contacts. Seldom written."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from budstikke.store.schema.base import Id, metadata, partial_index

account = Table(
    "account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("grants", Text, nullable=False, default="[]"),  # JSON list
    Column("unsure", String, nullable=False, default="fail"),
    Column("unsure_after", Float, nullable=False, default=3600.0),
    Column("no_receipt", String, nullable=False, default="wait", server_default="wait"),
    Column(
        "no_receipt_after", Float, nullable=False, default=600.0, server_default="600"
    ),
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
    Column("order_ceiling", Id, nullable=False, default=0, server_default="0"),
    Column("alert_below", Id),  # micros; NULL: no alert
    Column("alert_mail", String, nullable=False, default="", server_default=""),
    Column("alerted", Boolean, nullable=False, default=False, server_default="0"),
    Column("stop", Text, nullable=False, default="[]", server_default="[]"),
    Column("stop_reply", Text, nullable=False, default="", server_default=""),
    Column(
        "privacy", String, nullable=False, default="masked", server_default="masked"
    ),
    partial_index("account_alert", "id", where="alert_below IS NOT NULL"),
    sqlite_autoincrement=True,  # the id of a removed account is not used again
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
    sqlite_autoincrement=True,  # or another access would get its callbacks
)


carrier = Table(
    "carrier",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("settings", Text, nullable=False, default="{}"),  # JSON object
    Column("down_after", Float, nullable=False, default=60.0, server_default="60"),
    Column("costs", Text, nullable=False, default="{}", server_default="{}"),
    Column("switch", String, nullable=False, default="on", server_default="on"),
    sqlite_autoincrement=True,
)
"""
Carriers; ``costs`` is a JSON object: micros of a segment by prefix. ``switch`` is a
``domain.directory.Switch``: ``on``, ``paused`` or ``drained``.
"""


route = Table(
    "route",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id")),
    Column("prefix", String, nullable=False),
    Column("carriers", Text, nullable=False),  # JSON list of carrier ids, in order
    Column("requires", Text, nullable=False, default="[]", server_default="[]"),
    Column("senders", Text, nullable=False, default="{}", server_default="{}"),
    Column("operator", String, nullable=False, default="", server_default=""),
    Column("sender", String, nullable=False, default="", server_default=""),
    Column("kind", String, nullable=False, default="", server_default=""),
    Column("hours", String, nullable=False, default="", server_default=""),
    Column("weights", Text, nullable=False, default="[]", server_default="[]"),
    Column("least_cost", Boolean, nullable=False, default=False, server_default="0"),
)


operator = Table(
    "operator",
    metadata,
    Column("id", Id, primary_key=True),
    Column("code", String, nullable=False, unique=True),
    Column("prefixes", Text, nullable=False, default="[]"),  # JSON list
)
"""Whose numbers begin how: for routes that ask for the operator."""


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
    Column("mms", Id),  # micros an MMS; NULL: not sold
)


ledger = Table(
    "ledger",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),  # domain.ledger.Kind
    Column("amount", Id, nullable=False),  # micros; negative: a charge
    Column("balance", Id, nullable=False),  # after it
    Column("order_id", Id),
    Column("message_id", Id),
    Column("note", Text, nullable=False, default="", server_default=""),
    Column("messages", Integer, nullable=False, default=0, server_default="0"),
    Index("ledger_account", "account_id", "at"),
    partial_index("ledger_message", "message_id", where="message_id IS NOT NULL"),
)
"""Append-only: an account's amounts sum to its balance; ``messages``: a count."""


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
    partial_index("credit_order_waiting", "id", where="state = 'waiting'"),
)


fee = Table(
    "fee",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("amount", Id, nullable=False),  # micros, positive
    Column("monthly", Boolean, nullable=False),
    Column("next_at", Float),  # NULL: a set-up fee that was charged
    Column("day", Integer, nullable=False, default=1, server_default="1"),  # of month
    UniqueConstraint("account_id", "name"),
    partial_index("fee_due", "next_at", where="next_at IS NOT NULL"),
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
    Column("id", Id, primary_key=True),  # in order of addition
    Column("group_id", Id, ForeignKey("contact_group.id"), nullable=False),
    Column("contact_id", Id, ForeignKey("contact.id"), nullable=False),
    UniqueConstraint("group_id", "contact_id"),
    Index("membership_contact", "contact_id"),
)


suppression = Table(
    "suppression",
    metadata,
    Column("number", String, primary_key=True),
    Column("account_id", Id, primary_key=True, default=0),  # 0: of all accounts
    Column("reason", String, nullable=False, default="blacklist"),
    Column("at", Float),
    Column("inbound_id", Id),  # the inbound message of the opt-out
    Index("suppression_account", "account_id", "number"),
)
"""Opt-outs, and numbers that an administrator blocks."""


audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("act", Text, nullable=False),
)
"""Acts of administrators, without secrets."""

"""
The tables, for both engines.

Times are Unix seconds (UTC); amounts are micros (millionths of a currency); ``state``,
``kind`` and ``reason`` have the values of enumerations in ``domain``. Partial indexes
find rows that are due: they do not grow with the rows that are done.
"""

from __future__ import annotations

from budstikke.store.schema.accounts import (
    access,
    account,
    audit,
    carrier,
    contact,
    contact_group,
    credit_order,
    fee,
    ledger,
    membership,
    operator,
    price,
    price_list,
    route,
    suppression,
)
from budstikke.store.schema.base import Id, metadata
from budstikke.store.schema.inbound import (
    attempt,
    inbound,
    inbound_part,
    keyword,
    media,
    number,
    number_request,
    queue,
    subscriber,
)
from budstikke.store.schema.nodes import bind_lease, carrier_status, meta, node
from budstikke.store.schema.outbound import (
    bulk,
    callback,
    duplicate,
    idempotency,
    message,
    mms,
    orphan,
    part,
    part_history,
    recurring,
)
from budstikke.store.schema.users import (
    account_role,
    console_session,
    console_user,
    recovery_code,
    sign_in_attempt,
    user_token,
)

__all__ = [
    "Id",
    "access",
    "account",
    "account_role",
    "attempt",
    "audit",
    "bind_lease",
    "bulk",
    "callback",
    "carrier",
    "carrier_status",
    "console_session",
    "console_user",
    "contact",
    "contact_group",
    "credit_order",
    "duplicate",
    "fee",
    "idempotency",
    "inbound",
    "inbound_part",
    "keyword",
    "ledger",
    "media",
    "membership",
    "message",
    "meta",
    "metadata",
    "mms",
    "node",
    "number",
    "number_request",
    "operator",
    "orphan",
    "part",
    "part_history",
    "price",
    "price_list",
    "queue",
    "recovery_code",
    "recurring",
    "route",
    "sign_in_attempt",
    "subscriber",
    "suppression",
    "user_token",
]

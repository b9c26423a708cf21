"""
The tables, for both engines.

Times are Unix seconds (UTC); closed vocabularies are the enumerations of ``domain``.
Work that is due is found through partial indexes, which history does not lengthen.
"""

from __future__ import annotations

from budstikke.store.schema.base import Id, metadata
from budstikke.store.schema.business import (
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
    meta,
    node,
    price,
    price_list,
    route,
    suppression,
)
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
from budstikke.store.schema.nodes import link
from budstikke.store.schema.outbound import (
    bulk,
    callback,
    duplicate,
    idempotency,
    message,
    mms,
    orphan,
    part,
    recurring,
)

__all__ = [
    "Id",
    "access",
    "account",
    "attempt",
    "audit",
    "bulk",
    "callback",
    "carrier",
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
    "link",
    "media",
    "membership",
    "message",
    "meta",
    "metadata",
    "mms",
    "node",
    "number",
    "number_request",
    "orphan",
    "part",
    "price",
    "price_list",
    "queue",
    "recurring",
    "route",
    "subscriber",
    "suppression",
]

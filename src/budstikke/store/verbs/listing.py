"""
Pages of an account's messages, ledger, contacts and opt-outs.

The engine runs a verb of this file in one snapshot of the database.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from budstikke.domain.listing import (
    Contact,
    ContactQuery,
    ContactsPage,
    ContactsQuery,
    GroupsPage,
    GroupsQuery,
    LedgerEntry,
    LedgerPage,
    LedgerQuery,
    ListingAnswer,
    ListingQuery,
    MembersQuery,
    OptOut,
    OptOutQuery,
    OptOutsPage,
    OptOutsQuery,
    OrderRecord,
    OrderRecordAnswer,
    OrderRecordQuery,
    Record,
    RecordQuery,
    RecordsPage,
    RecordsQuery,
)
from budstikke.domain.states import MessageState
from budstikke.domain.trace import TraceQuery
from budstikke.store.verbs import callback_listing, inbound_listing
from budstikke.store.verbs.groups import required
from budstikke.store.verbs.message_state import OF_ORDER, message_state
from budstikke.store.verbs.pages import LAST, LOOKED_AT, struct
from budstikke.store.verbs.statement import statement
from budstikke.store.verbs.trace import answer_trace
from budstikke.store.verbs.unexpanded_bulk import unexpanded_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from budstikke.domain.queries import MessageAnswer
    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Fragments, Statement

    Row = tuple[Any, ...]


def _record_columns(e: Fragments) -> str:
    """Write the columns of Record, of a message ``m`` and its account ``a``."""
    return f"""m.id, m.order_id, m.originator, m.recipient, m.ref,
    CASE WHEN m.deleted = 0 THEN (SELECT {e.concatenation("text")} FROM (
        SELECT text FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 ORDER BY p.id) t) END,
    m.encoding, m.segments, {message_state()}, m.reason, m.raw, m.price,
    coalesce(a.currency, ''), m.flash, m.priority, m.accepted_at, m.send_at,
    m.final_at, m.deleted"""


RECORD = statement(
    lambda e: (
        f"""
SELECT {_record_columns(e)} FROM message m LEFT JOIN account a ON a.id = m.account_id
WHERE m.id = :id AND m.account_id = :account"""
    )
)


def _records(ids: Callable[[Fragments], str]) -> Statement:
    """
    Make the statement of a page of records, by the source of their ids.

    Its first two columns say how far the page has read; without a match the others are
    NULL.
    """
    return statement(
        lambda e: (
            f"""
WITH looked AS MATERIALIZED (
    {ids(e)}
    ORDER BY id DESC LIMIT :look)
SELECT e.lowest, e.count, r.* FROM (
    SELECT min(id) AS lowest, count(*) AS count FROM looked) e
LEFT JOIN (SELECT {_record_columns(e)} FROM looked
    {e.join} message m ON m.id = looked.id LEFT JOIN account a ON a.id = m.account_id
    WHERE m.deleted = 0 AND (:state::text IS NULL OR {message_state()} = :state)
        AND (:recipient::text IS NULL OR m.recipient = :recipient)
        AND (:ref::text IS NULL OR m.ref = :ref)
        AND (:since::float8 IS NULL OR m.accepted_at >= :since)
        AND (:until::float8 IS NULL OR m.accepted_at < :until)
    ORDER BY m.id DESC LIMIT :limit) r ON true
ORDER BY r.id DESC"""
        )
    )


ALL_RECORDS = _records(
    lambda _: "SELECT id FROM message WHERE account_id = :account AND id < :before"
)

RECORDS_BY_REF = _records(
    lambda e: (
        f"""SELECT id FROM message {e.only(sqlite="INDEXED BY message_ref")}
    WHERE ref = :ref AND account_id = :account AND id < :before"""
    )
)

RECORDS_OF_ORDER = _records(
    lambda _: f"SELECT id FROM {OF_ORDER} WHERE account_id = :account AND id < :before"
)

ORDER = statement(f"""
SELECT {message_state()}, count(*), sum(m.segments)::bigint, sum(m.price)::bigint,
    min(m.accepted_at), min(m.send_at), coalesce(a.currency, '')
FROM {OF_ORDER} LEFT JOIN account a ON a.id = m.account_id
WHERE m.account_id = :account
GROUP BY 1, a.currency""")

UNEXPANDED = statement("""
SELECT b.cancelled, b.total - b.done, b.accepted_at,
    (b.content::json->'order'->>'send_at')::float8, a.currency
FROM bulk b JOIN access x ON x.id = b.access_id JOIN account a ON a.id = x.account_id
WHERE b.id = :order AND x.account_id = :account AND b.done < b.total""")

REPEATS = statement("""
SELECT r.done + 1, r.next_at FROM recurring r JOIN access x ON x.id = r.access_id
WHERE r.id = :order AND x.account_id = :account""")

LEDGER = statement("""
SELECT id, at, kind, amount, balance, order_id, message_id, note FROM ledger
WHERE account_id = :account AND (:before::bigint IS NULL OR (at, id) < (
    SELECT at, id FROM ledger WHERE id = :before AND account_id = :account))
ORDER BY at DESC, id DESC LIMIT :limit""")

GROUPS = statement("""
SELECT name FROM contact_group WHERE account_id = :account AND name > :after
ORDER BY name LIMIT :limit""")

MEMBERS = statement("""
SELECT c.number, c.name, c.active, c.id FROM membership m
JOIN contact c ON c.id = m.contact_id
WHERE m.group_id = :group AND m.contact_id > :after
ORDER BY m.contact_id LIMIT :limit""")

CONTACTS = statement("""
SELECT number, name, active FROM contact
WHERE account_id = :account AND number > :after ORDER BY number LIMIT :limit""")

CONTACT = statement("""
SELECT number, name, active FROM contact
WHERE account_id = :account AND number = :number""")

OPT_OUTS = statement("""
SELECT number, reason FROM suppression
WHERE account_id = :account AND number > :after ORDER BY number LIMIT :limit""")

OPT_OUT = statement("""
SELECT number, reason FROM suppression
WHERE account_id = :account AND number = :number""")


async def look(
    connection: Connection, query: ListingQuery, account: int
) -> ListingAnswer:
    """Answer a query that changes nothing; raises Refusal for an unknown group."""
    return await LOOKS[type(query)](connection, query, account)


async def _record(
    connection: Connection, query: RecordQuery, account: int
) -> RecordsPage:
    values = {"id": query.message_id, "account": account}
    row = await connection.row(RECORD, values)
    if row is not None:
        return RecordsPage((struct(Record, row),))
    messages = await unexpanded_message(connection, query.message_id, account)
    return RecordsPage(tuple(map(_unexpanded, messages)))


def _unexpanded(message: MessageAnswer) -> Record:
    """Show a message of a bulk order that is not expanded: it has no segments yet."""
    return Record(
        id=message.id,
        order_id=message.order_id,
        originator="",
        recipient=message.recipient,
        ref=message.ref,
        text=None,
        encoding="",
        segments=message.segments,
        state=message.state,
        reason=message.reason,
        raw=message.raw,
        price=message.price,
        currency=message.currency,
        flash=False,
        priority=1,
        accepted_at=message.accepted_at,
        send_at=message.send_at,
        final_at=message.final_at,
        deleted=False,
    )


async def _page(
    connection: Connection, query: RecordsQuery, account: int
) -> RecordsPage:
    page = ALL_RECORDS if query.ref is None else RECORDS_BY_REF
    page = page if query.order_id is None else RECORDS_OF_ORDER
    some = query.state is not None or query.recipient is not None
    some = some or query.since is not None or query.until is not None
    some = some or (query.ref is not None and query.order_id is not None)
    at_once = LOOKED_AT if some else query.limit + 1
    values = {
        "account": account,
        "before": LAST if query.before is None else query.before,
        "state": query.state,
        "ref": query.ref,
        "since": query.since,
        "until": query.until,
        "recipient": query.recipient,
        "order": query.order_id,
        "look": at_once,
        "limit": query.limit + 1,
    }
    rows = await connection.rows(page, values)
    lowest, count = rows[0][:2]
    records = tuple(struct(Record, row[2:]) for row in rows if row[2] is not None)
    if len(records) > query.limit:
        records = records[: query.limit]
        return RecordsPage(records, records[-1].id)
    return RecordsPage(records, lowest if count == at_once else None)


async def _order(
    connection: Connection, query: OrderRecordQuery, account: int
) -> OrderRecordAnswer:
    values = {"order": query.order_id, "account": account}
    rows = await connection.rows(ORDER, values)
    unexpanded = await connection.row(UNEXPANDED, values)
    times, next_at = await connection.row(REPEATS, values) or (0, None)
    if not rows and unexpanded is None:
        return OrderRecordAnswer(None)
    accepted_at, send_at, currency = rows[0][4:] if rows else unexpanded[2:]
    states = Counter({MessageState(row[0]): row[1] for row in rows})
    cancelled, rest = unexpanded[:2] if unexpanded else (False, 0)
    if cancelled:
        states[MessageState.CANCELLED] += rest
    return OrderRecordAnswer(
        OrderRecord(
            id=query.order_id,
            states=states,
            pending=0 if cancelled else rest,
            segments=sum(row[2] for row in rows),
            price=sum(row[3] for row in rows),
            currency=currency,
            accepted_at=accepted_at,
            send_at=send_at,
            times=times,
            next_at=next_at,
        )
    )


async def _ledger(
    connection: Connection, query: LedgerQuery, account: int
) -> LedgerPage:
    values = {"account": account, "before": query.before, "limit": query.limit + 1}
    rows = await connection.rows(LEDGER, values)
    entries = tuple(struct(LedgerEntry, row) for row in rows[: query.limit])
    return LedgerPage(entries, entries[-1].id if len(rows) > query.limit else None)


async def _groups(
    connection: Connection, query: GroupsQuery, account: int
) -> GroupsPage:
    values = {"account": account, "after": query.after, "limit": query.limit + 1}
    names = [row[0] for row in await connection.rows(GROUPS, values)]
    page = tuple(names[: query.limit])
    return GroupsPage(page, page[-1] if len(names) > query.limit else None)


async def _members(
    connection: Connection, query: MembersQuery, account: int
) -> ContactsPage:
    group = await required(connection, account, query.group)
    values = {"group": group, "after": query.after, "limit": query.limit + 1}
    rows = await connection.rows(MEMBERS, values)
    page = rows[: query.limit]
    contacts = tuple(struct(Contact, row[:3]) for row in page)
    return ContactsPage(contacts, page[-1][3] if len(rows) > query.limit else None)


async def _contacts(
    connection: Connection, query: ContactsQuery, account: int
) -> ContactsPage:
    values = {"account": account, "after": query.after, "limit": query.limit + 1}
    rows = await connection.rows(CONTACTS, values)
    page = tuple(struct(Contact, row) for row in rows[: query.limit])
    return ContactsPage(page, page[-1].number if len(rows) > query.limit else None)


async def _contact(
    connection: Connection, query: ContactQuery, account: int
) -> ContactsPage:
    values = {"account": account, "number": query.number}
    rows = await connection.rows(CONTACT, values)
    return ContactsPage(tuple(struct(Contact, row) for row in rows))


async def _opt_outs(
    connection: Connection, query: OptOutsQuery, account: int
) -> OptOutsPage:
    values = {"account": account, "after": query.after, "limit": query.limit + 1}
    rows = await connection.rows(OPT_OUTS, values)
    page = tuple(OptOut(*row) for row in rows[: query.limit])
    return OptOutsPage(page, page[-1].number if len(rows) > query.limit else None)


async def _opt_out(
    connection: Connection, query: OptOutQuery, account: int
) -> OptOutsPage:
    values = {"account": account, "number": query.number}
    rows = await connection.rows(OPT_OUT, values)
    return OptOutsPage(tuple(OptOut(*row) for row in rows))


LOOKS: Mapping[type, Callable[[Connection, Any, int], Awaitable[ListingAnswer]]] = {
    RecordQuery: _record,
    RecordsQuery: _page,
    OrderRecordQuery: _order,
    TraceQuery: answer_trace,
    LedgerQuery: _ledger,
    GroupsQuery: _groups,
    MembersQuery: _members,
    ContactsQuery: _contacts,
    ContactQuery: _contact,
    OptOutsQuery: _opt_outs,
    OptOutQuery: _opt_out,
    **inbound_listing.LOOKS,
    **callback_listing.LOOKS,
}

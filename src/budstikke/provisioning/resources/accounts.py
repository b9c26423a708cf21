"""Accounts, their prices and their fees."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, field
from sqlalchemy import Connection, delete, select

from budstikke.domain.fees import day_of, midnight
from budstikke.domain.money import MICROS, SMS
from budstikke.domain.originator import read_grants
from budstikke.domain.stop import LANGUAGES
from budstikke.provisioning.changes import Change, Verb
from budstikke.provisioning.resource import (
    KEY,
    ONCE,
    Draft,
    Entry,
    PlanView,
    Resource,
    Section,
    Source,
    Stored,
    of,
)
from budstikke.provisioning.resources.accesses import AccessEntry
from budstikke.provisioning.resources.contacts import (
    GroupEntry,
    OptOutEntry,
    contact_faults,
)
from budstikke.provisioning.resources.numbers import (
    KeywordEntry,
    NumberEntry,
    SeriesEntry,
)
from budstikke.provisioning.values import (
    Address,
    Amount,
    Currency,
    FeeAmount,
    HomePrefix,
    Name,
    Reply,
    ReplyNumber,
    SignedAmount,
)
from budstikke.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.provisioning.present import Reading

TRIAL = 25 * MICROS
"""First balance of a trial account: 25 SMS."""


class FeeEntry(Entry, kw_only=True):
    """``[[account.fee]]``: a set-up or monthly fee."""

    name: Annotated[Name, KEY, "Its name on statements."]
    amount: Annotated[
        FeeAmount | None, "A number as text. Required, except with `remove`."
    ] = None
    monthly: Annotated[
        bool, "`true`: charged on the same day of each month; `false`: charged once."
    ] = True
    since: Annotated[
        date | None,
        ONCE,
        "The first day of a new fee. Default: the day of `apply`.",
    ] = field(default=None, name="from")


class AccountEntry(Entry, kw_only=True):
    """``[[account]]``: a customer."""

    name: Annotated[Name, KEY, "A name that you choose; customers do not see it."]
    originators: Annotated[
        list[str],
        Stored("grants"),
        "Senders that it may use: texts, numbers, series (`26114*`: all numbers that "
        "begin so; `26114/9`: those with nine more digits), or `*`: any valid sender.",
    ] = []
    home: Annotated[HomePrefix, "Country code of its home country."] = "+47"
    reply_number: Annotated[
        ReplyNumber,
        "Short number of five digits that its reply numbers begin with. Empty: it has "
        "no reply numbers.",
    ] = ""
    premium: Annotated[bool, "May send premium messages."] = False
    currency: Annotated[Currency, "ISO 4217, or `SMS`. Empty: it pays nothing."] = ""
    price_list: Annotated[
        Name | None,
        Stored("price_list_id"),
        "Its price list. Without one, an account in `SMS` pays 1 for a segment to its "
        "home country, and cannot send to other countries.",
    ] = None
    prepaid: Annotated[bool, "`true`: it pays in advance. `false`: you invoice it."] = (
        True
    )
    credit_limit: Annotated[
        Amount | None,
        Stored(convert=lambda limit: limit or 0),
        "How far the balance of an invoiced account may go below zero.",
    ] = None
    pays_for: Annotated[
        Literal["accepted", "sent", "delivered"],
        "Which messages it pays for; the gateway refunds the others. `accepted`: all "
        "except cancelled ones; `sent`: those that an operator took; `delivered`: "
        "those that were delivered.",
    ] = "sent"
    balance: Annotated[
        Amount | None,
        ONCE,
        "Balance of a new account.",
    ] = None
    trial: Annotated[bool, "A new account in `SMS` that gets 25 SMS for free."] = False
    order_ceiling: Annotated[
        int,
        Meta(ge=0),
        "SMS that it may order in 24 hours without asking. Larger orders wait until an "
        "administrator approves them. 0: every order waits.",
    ] = 0
    alert_below: Annotated[
        SignedAmount | None,
        "The gateway sends a mail when the balance falls below this.",
    ] = None
    alert_mail: Annotated[
        list[Address], Stored(convert=", ".join), "Addresses for that mail."
    ] = []
    unsure: Annotated[
        Literal["fail", "resend", "elsewhere"],
        "If an operator does not answer, nobody knows whether it has the message. "
        "`fail`: report it as failed; `resend`: send it again, perhaps twice; "
        "`elsewhere`: likewise, by another carrier of its route.",
    ] = "fail"
    unsure_after: Annotated[
        float, Meta(gt=0), "Seconds to wait for a delivery report before doing so."
    ] = 3600.0
    no_receipt: Annotated[
        Literal["wait", "elsewhere"],
        "If an operator took a message, and no delivery report comes. `wait`: nothing; "
        "`elsewhere`: send it again by another carrier of its route, perhaps twice.",
    ] = "wait"
    no_receipt_after: Annotated[
        float, Meta(gt=0), "Seconds to wait for a delivery report before doing so."
    ] = 600.0
    stop: Annotated[
        list[str],
        "Languages (`nb`, `sv`, `en`, …) of the words for STOP. A phone that writes "
        "one gets no more messages. Empty: no words.",
    ] = []
    stop_reply: Annotated[Reply, "The answer to such a phone. Empty: no answer."] = ""
    privacy: Annotated[
        Literal["full", "masked"],
        "What administrators see of its messages in `budstikke trace` and `budstikke "
        "orphans`. `masked`: only the ends of phone numbers, and no texts, references "
        "or answers of its servers; `full`: all of it.",
    ] = "masked"
    blocked: Annotated[bool, "Refuse every request."] = False
    access: list[AccessEntry] = []
    number: list[NumberEntry] = []
    series: list[SeriesEntry] = []
    keyword: list[KeywordEntry] = []
    fee: list[FeeEntry] = []
    group: list[GroupEntry] = []
    opt_out: list[OptOutEntry] = []
    remove: Annotated[
        bool, "Remove it with everything in it. Not possible if it has ledger entries."
    ] = False


def _check(entry: AccountEntry, _: Source) -> Iterator[str]:
    try:
        read_grants(tuple(entry.originators))
    except ValueError as error:
        yield f"originators: {error}"
    for language in entry.stop:
        if language not in LANGUAGES:
            yield f"stop: there is no {language!r}, only {', '.join(LANGUAGES)}"
    yield from contact_faults(entry.group)


def _allow(draft: Draft[AccountEntry]) -> Iterator[str]:
    """Refuse to remove an account with a ledger."""
    if draft.entry.remove and draft.there and draft.there["has_ledger"]:
        yield "has a ledger: set blocked = true"


def _complete(draft: Draft[AccountEntry]) -> Iterator[str]:
    row, there = draft.row, draft.there
    if row["trial"]:
        row["currency"] = row["currency"] or SMS
    yield from _currency_faults(draft.entry, row)
    yield from _credit_limit(draft)
    if (row["alert_below"] is None) != (not row["alert_mail"]):
        yield "alert_below and alert_mail need each other"
    if there is None:
        row["balance"] = _opening(draft.entry)[1]
        return
    if row["currency"] != there["currency"] and there["has_ledger"]:
        yield f"currency: its ledger is in {there['currency']}; make another"
    if row["trial"] and not there["trial"]:
        yield "trial: only a new account can be one"
    if row["alert_below"] != there["alert_below"]:
        row["alerted"] = False  # a new threshold gets a new alert


def _currency_faults(entry: AccountEntry, row: dict[str, Any]) -> Iterator[str]:
    currency = row["currency"]
    if row["trial"] and (currency != SMS or not row["prepaid"] or entry.balance):
        yield "trial: must be prepaid and in SMS, without a balance"
    if currency not in ("", SMS) and row["price_list"] is None:
        yield "price_list is missing: without prices it cannot send"
    charged = {**row, "balance": entry.balance, "fee": entry.fee}
    for key in ("price_list", "credit_limit", "balance", "alert_below", "fee"):
        if charged[key] and not currency:
            yield f"{key}: needs a currency"


def _credit_limit(draft: Draft[AccountEntry]) -> Iterator[str]:
    entry, there = draft.entry, draft.there
    if draft.row["prepaid"]:
        draft.row["credit_limit"] = 0  # an invoiced account's limit ends
        if entry.credit_limit is not None:
            yield "credit_limit: only with prepaid = false"
    elif entry.credit_limit is None:
        stays = "credit_limit" not in entry.given.keys
        if not (stays and there and not there["prepaid"]):
            yield "credit_limit is missing: an invoiced account needs it"


def _opening(entry: AccountEntry) -> tuple[str, int]:
    """Return a new account's first (kind of ledger entry, micros)."""
    return ("trial", TRIAL) if entry.trial else ("payment", entry.balance or 0)


def _open_ledger(draft: Draft[AccountEntry]) -> Iterator[Change]:
    kind, amount = _opening(draft.entry)
    if amount:
        key, now = (draft.key, kind), draft.planning.now
        values: dict[str, Any] = {"amount": amount, "balance": amount, "at": now}
        values["note"] = "opening balance"
        yield Change(Verb.ADDED, LEDGER.name, key, LEDGER.label(key), None, values)


def _read(reading: Reading) -> dict[str, dict[str, Any]]:
    """Read accounts, and whether they have a ledger."""
    account, ledger = schema.account.c, schema.ledger.c
    entry = select(ledger.id).where(ledger.account_id == account.id).exists()
    kept = set(reading.connection.scalars(select(account.name).where(entry)))
    rows = reading.rows(ACCOUNT)
    return {name: row | {"has_ledger": name in kept} for name, row in rows.items()}


def _remove_belongings(connection: Connection, changes: list[Change]) -> None:
    """Delete what accounts have, except rows with a change of their own."""
    group, member = schema.contact_group.c, schema.membership
    for change in changes:
        account_id = (change.there or {})["id"]
        groups = select(group.id).where(group.account_id == account_id)
        connection.execute(delete(member).where(member.c.group_id.in_(groups)))
        for table in (
            schema.contact_group,
            schema.contact,
            schema.fee,
            schema.credit_order,
            schema.number_request,
            schema.suppression,
        ):
            connection.execute(delete(table).where(table.c.account_id == account_id))


def _price_list_faults(planning: PlanView) -> Iterator[tuple[str, str]]:
    lists = planning.future["price_list"]
    for name, row in planning.future["account"].items():
        priced = lists.get(row["price_list"])
        if priced is not None and priced["currency"] != row["currency"]:
            yield name, f"price_list: {row['price_list']} is in another currency"


ACCOUNT = Resource(
    table=schema.account,
    key=("name",),
    label=lambda name: f"account {name}",
    sections=(
        Section(
            path="account",
            entry=AccountEntry,
            check=_check,
            allow=_allow,
            complete=_complete,
            along=_open_ledger,
        ),
    ),
    read=_read,
    whole=_price_list_faults,
    before_removal=_remove_belongings,
)

LEDGER = Resource(
    table=schema.ledger,
    key=("account_id", "kind"),
    label=lambda key: f"{key[1]}{of(key[0])}",
    read=lambda _: {},
)
"""Writes only first entries of new accounts."""


def _complete_fee(draft: Draft[FeeEntry]) -> Iterator[str]:
    row, there = draft.row, draft.there
    if row["amount"] is None:
        yield "amount is missing"
    if there is None:
        first = draft.entry.since or day_of(draft.planning.now)
        row |= {"next_at": midnight(first), "day": first.day}
    elif row["monthly"] != there["monthly"]:
        yield "monthly: cannot change; remove it, make another"


FEE = Resource(
    table=schema.fee,
    key=("account_id", "name"),
    label=lambda key: f"fee {key[1]}{of(key[0])}",
    sections=(
        Section(
            path="account.fee",
            entry=FeeEntry,
            of_account=True,
            complete=_complete_fee,
        ),
    ),
)

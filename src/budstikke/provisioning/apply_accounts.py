"""What a file changes of accounts and of what they have, but for their accesses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.money import decimal
from budstikke.provisioning import apply_money
from budstikke.provisioning.apply_entries import ApplyError
from budstikke.provisioning.apply_state import Change, Row, State, Verb, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.provisioning.apply_entries import (
        AccountEntry,
        FeeEntry,
        File,
        GroupEntry,
    )
    from budstikke.provisioning.apply_parse import Faults


def plan_accounts(file: File, state: State, faults: Faults) -> list[Change]:
    """Compare accounts; what is only read when they are new is an entry of a ledger."""
    changes: list[Change] = []
    for entry in file.account:
        with faults.at(entry.said.line):
            if entry.remove:
                _check_gone(entry, state)
                changes.append(compare("account", entry.name, state.account, None))
                changes += _belongings(entry.name, state, file)
            else:
                changes += _plan_account(entry, state)
    return changes


def _plan_account(entry: AccountEntry, state: State) -> list[Change]:
    there = state.account.get(entry.name)
    wanted = _account(entry if there is None else with_kept(entry, there))
    if there is not None:
        _check_kept(entry, there, wanted, state)
    change = compare("account", entry.name, state.account, wanted)
    if "alert_below" in change.fields:  # whoever was told is told anew
        change = replace(change, values={**change.values, "alerted": False})
    begin = apply_money.opening(entry) if there is None else None
    if begin is None:
        return [change]
    key = (entry.name, begin[0])
    return [change, Change(Verb.ADDED, "ledger", key, {"amount": begin[1]})]


def with_kept(entry: AccountEntry, there: Row) -> AccountEntry:
    """Fill in what an entry leaves out as the account has it."""
    below = there["alert_below"]
    now: dict[str, Any] = {
        **{name: there[name] for name in SAME},
        "originators": list(there["grants"]),
        "currency": there["currency"] or None,
        "credit_limit": None if there["prepaid"] else decimal(there["credit_limit"]),
        "alert_below": None if below is None else decimal(below),
        "alert_mail": there["alert_mail"].split(", ") if there["alert_mail"] else [],
    }
    left = {name: value for name, value in now.items() if name not in entry.said.keys}
    if entry.prepaid and "prepaid" in entry.said.keys:
        left.pop("credit_limit", None)  # of when it was invoiced
    return msgspec.structs.replace(entry, **left)


SAME = (
    *("blocked", "unsure", "unsure_after", "stop", "stop_reply", "prepaid", "trial"),
    *("price_list", "pays_for", "premium", "home", "reply_number", "order_ceiling"),
)
"""Columns that an entry has under their name, and as they are."""


def _account(entry: AccountEntry) -> dict[str, Any]:
    return {
        "blocked": entry.blocked,
        "grants": entry.originators,
        "unsure": entry.unsure,
        "unsure_after": entry.unsure_after,
        "stop": entry.stop,
        "stop_reply": entry.stop_reply,
        **apply_money.account(entry),
    }


def _check_gone(entry: AccountEntry, state: State) -> None:
    """Keep an account whose ledger tells what was paid."""
    if entry.name in state.kept:
        raise ApplyError(f"account {entry.name}: has a ledger: set blocked = true")


def _check_kept(entry: AccountEntry, there: Row, wanted: Row, state: State) -> None:
    """Keep what cannot change: the currency of a ledger; once paying, no trial."""
    label = f"account {entry.name}"
    if wanted["currency"] != there["currency"] and entry.name in state.kept:
        kept = there["currency"]
        raise ApplyError(f"{label}: currency: its ledger is in {kept}; make another")
    if wanted["trial"] and not there["trial"]:
        raise ApplyError(f"{label}: trial: only a new account can be one")


def _belongings(account: str, state: State, file: File) -> list[Change]:
    """Remove what a removed account has, but for what the file names itself."""
    named = {access.key for _, access in file.accesses} | {r.key for r in file.route}
    return [
        Change(Verb.REMOVED, table, key, {})
        for table, rows in (("access", state.access), ("route", state.route))
        for key, row in rows.items()
        if row["account"] == account and key not in named
    ]


def plan_fees(file: File, state: State, faults: Faults) -> list[Change]:
    """Compare fees; when a new one is first taken is in ``since``."""
    changes = []
    for owner in file.account:
        for entry in owner.fee:
            with faults.at(entry.said.line):
                changes.append(_fee(owner.name, entry, state))
    return changes


def _fee(owner: str, entry: FeeEntry, state: State) -> Change:
    key = (owner, entry.name)
    there = state.fee.get(key)
    wanted = None if entry.remove else apply_money.fee(owner, entry, there)
    change = compare("fee", key, state.fee, wanted)
    if "monthly" in change.fields:
        raise ApplyError(f"{change}: cannot change; remove it, make another")
    if change.verb is Verb.ADDED:
        change = replace(change, values={**change.values, "since": entry.since})
    return change


def plan_groups(file: File, state: State) -> list[Change]:
    """Compare groups; ``members`` are those that change."""
    changes = []
    for owner in file.account:
        for entry in owner.group:
            key = (owner.name, entry.name)
            there = state.contact_group.get(key)
            if entry.remove:
                verb = Verb.UNCHANGED if there is None else Verb.REMOVED
                changes.append(Change(verb, "contact_group", key, {}))
                continue
            changes.append(_group(key, entry, there))
    return changes


def _group(
    key: tuple[str, str],
    entry: GroupEntry,
    there: Mapping[str, tuple[str, bool]] | None,
) -> Change:
    """Compare a group with what is wanted of it; members that are not named stay."""
    now = there or {}
    differing = []
    for each in entry.member:
        is_there = each.number in now
        name, active = each.name, each.active
        if is_there and "active" not in each.said.keys:
            active = now[each.number][1]
        same = is_there and (name or now[each.number][0], active) == now[each.number]
        if is_there == each.remove or not (each.remove or same):
            differing.append((each.number, name, active, each.remove))
    values = {"members": differing}
    if there is None:
        return Change(Verb.ADDED, "contact_group", key, values)
    if not differing:
        return Change(Verb.UNCHANGED, "contact_group", key, values)
    return Change(Verb.CHANGED, "contact_group", key, values, ("members",))

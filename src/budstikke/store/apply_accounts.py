"""What a file changes of accounts and of what they have, but for their accesses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from budstikke.store import apply_money
from budstikke.store.apply_entries import ApplyError
from budstikke.store.apply_state import Change, Row, State, Verb, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.store.apply_entries import AccountEntry, File, GroupEntry


def plan_accounts(file: File, state: State) -> list[Change]:
    """Compare accounts; what is only read when they are new is an entry of a ledger."""
    changes = []
    for entry in file.account:
        there = state.account.get(entry.name)
        if entry.remove:
            _check_gone(entry, state)
            changes.append(compare("account", entry.name, state.account, None))
            changes += _belongings(entry.name, state, file)
            continue
        wanted = _account(entry)
        if there is not None:
            _check_kept(entry, there, wanted, state)
        change = compare("account", entry.name, state.account, wanted)
        if "alert_below" in change.fields:  # whoever was told is told anew
            change = replace(change, values={**change.values, "alerted": False})
        changes.append(change)
        begin = apply_money.opening(entry) if there is None else None
        if begin is not None:
            key = (entry.name, begin[0])
            changes.append(Change(Verb.ADDED, "ledger", key, {"amount": begin[1]}))
    return changes


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


def plan_fees(file: File, state: State) -> list[Change]:
    """Compare fees; when a new one is first taken is in ``since``."""
    changes = []
    for owner in file.account:
        for entry in owner.fee:
            key = (owner.name, entry.name)
            wanted = None if entry.remove else apply_money.fee(owner.name, entry)
            change = compare("fee", key, state.fee, wanted)
            if "monthly" in change.fields:
                raise ApplyError(f"{change}: cannot change; remove it, make another")
            if change.verb is Verb.ADDED:
                since = {"since": entry.since}
                change = replace(change, values={**change.values, **since})
            changes.append(change)
    return changes


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
    differing = [
        member
        for member in entry.member
        if (member.number in now) == member.remove
        or (
            not member.remove
            and (member.name or now[member.number][0], member.active)
            != now[member.number]
        )
    ]
    values = {
        "members": [(m.number, m.name, m.active, m.remove) for m in differing],
    }
    if there is None:
        return Change(Verb.ADDED, "contact_group", key, values)
    if not differing:
        return Change(Verb.UNCHANGED, "contact_group", key, values)
    return Change(Verb.CHANGED, "contact_group", key, values, ("members",))

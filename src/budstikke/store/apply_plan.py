"""
What a file changes: the rows that are there against the rows that it wants.

Rows refer to each other by name here; ``store.apply`` turns names into ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store import apply_money
from budstikke.store.apply_accounts import plan_accounts, plan_fees, plan_groups
from budstikke.store.apply_entries import ApplyError, access_label, route_label
from budstikke.store.apply_numbers import check_inventory, plan_numbers
from budstikke.store.apply_state import Change, Plan, Row, State, after, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.store.apply_entries import AccessEntry, AccountEntry, File


@dataclass(frozen=True, slots=True)
class Secrets:
    """How secrets are stored: ``servers.auth`` has both."""

    hash: Callable[[str], str]
    verify: Callable[[str, str], bool]


NO_DIALECTS: Mapping[str, type[msgspec.Struct]] = {}


def make_plan(
    file: File,
    state: State,
    secrets: Secrets,
    dialects: Mapping[str, type[msgspec.Struct]] = NO_DIALECTS,
) -> Plan:
    """
    Compare a file with what is there.

    What the file does not name stays. An entry that it names becomes as it says,
    with defaults for what it leaves out; but a password that it leaves out stays.
    ``dialects`` are the settings of an access, by dialect.

    Raises ApplyError when an entry refers to what there will not be.
    """
    changes = [
        *_carriers(file, state),
        *_price_lists(file, state),
        *plan_accounts(file, state),
        *_accesses(file, state, secrets),
    ]
    accesses = after("access", state.access, changes)
    changes += [
        *_routes(file, state),
        *plan_numbers(file, state, accesses),
        *plan_fees(file, state),
        *plan_groups(file, state),
        *_suppressions(file, state),
    ]
    _check_references(changes, state)
    check_inventory(changes, state, accesses, dialects)
    return Plan(state.revision, tuple(changes))


def _carriers(file: File, state: State) -> list[Change]:
    return [
        compare(
            "carrier",
            entry.name,
            state.carrier,
            None
            if entry.remove
            else {"kind": entry.kind, "settings": _plain(entry.settings)},
        )
        for entry in file.carrier
    ]


def _price_lists(file: File, state: State) -> list[Change]:
    return [
        compare(
            "price_list",
            entry.name,
            state.price_list,
            None if entry.remove else apply_money.price_list(entry),
        )
        for entry in file.price_list
    ]


def _accesses(file: File, state: State, secrets: Secrets) -> list[Change]:
    changes = []
    for owner, entry in file.accesses:
        label = access_label(entry.key)
        there = state.access.get(entry.key)
        if there and there["account"] != owner.name:
            raise ApplyError(f"{label}: is of account {there['account']}")
        wanted = None if entry.remove else _access(owner, entry, there, secrets)
        if wanted and not wanted["secret"] and not wanted["networks"]:
            raise ApplyError(f"{label}: needs password, password_env or allow_from")
        changes.append(compare("access", entry.key, state.access, wanted))
    return changes


def _access(
    owner: AccountEntry, entry: AccessEntry, there: Row | None, secrets: Secrets
) -> dict[str, Any]:
    stored = there["secret"] if there else None
    if entry.password == "":
        stored = None
    elif entry.password and not (stored and secrets.verify(entry.password, stored)):
        stored = secrets.hash(entry.password)
    return {
        "account": owner.name,
        "secret": stored,
        "networks": entry.allow_from,
        "require_https": entry.require_https,
        "blocked": entry.blocked,
        "settings": _plain(entry.settings),
    }


def _plain(settings: dict[str, Any]) -> Any:
    """Turn settings into what JSON has: TOML has dates."""
    return msgspec.json.decode(msgspec.json.encode(settings))


def _routes(file: File, state: State) -> list[Change]:
    return [
        compare(
            "route",
            entry.key,
            state.route,
            None
            if entry.remove
            else {
                "account": entry.account,
                "carriers": entry.carriers,
                "requires": sorted(entry.requires),
                "senders": entry.senders,
            },
        )
        for entry in file.route
    ]


def _suppressions(file: File, state: State) -> list[Change]:
    return [
        compare(
            "suppression",
            (owner, entry.number),
            state.suppression,
            None if entry.remove else {"reason": entry.reason},
        )
        for owner, entry in file.suppressed
    ]


def _check_references(changes: list[Change], state: State) -> None:
    """Refuse what would refer to something that there will not be."""
    carriers = after("carrier", state.carrier, changes)
    accounts = after("account", state.account, changes)
    lists = after("price_list", state.price_list, changes)
    for key, values in after("route", state.route, changes).items():
        for name in values["carriers"]:
            if name not in carriers:
                raise ApplyError(f"{route_label(key)}: there is no carrier {name}")
        if key[0] is not None and key[0] not in accounts:
            raise ApplyError(f"{route_label(key)}: there is no account {key[0]}")
    for name, values in accounts.items():
        wanted = values["price_list"]
        if wanted is None:
            continue
        label = f"account {name}: price_list"
        if wanted not in lists:
            raise ApplyError(f"{label}: there is no {wanted}")
        if lists[wanted]["currency"] != values["currency"]:
            raise ApplyError(f"{label}: {wanted} is in another currency")

"""
What a file changes: the rows that are there against the rows that it wants.

Rows refer to each other by name here; ``provisioning.apply`` turns names into ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from budstikke.provisioning import apply_money
from budstikke.provisioning.apply_accounts import plan_accounts, plan_fees, plan_groups
from budstikke.provisioning.apply_entries import ApplyError, access_label, route_label
from budstikke.provisioning.apply_numbers import check_inventory, plan_numbers
from budstikke.provisioning.apply_parse import Faults
from budstikke.provisioning.apply_settings import check_kind, check_whole, merged
from budstikke.provisioning.apply_state import (
    Change,
    Plan,
    Row,
    State,
    after,
    compare,
    kept,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import msgspec

    from budstikke.provisioning.apply_entries import (
        AccessEntry,
        AccountEntry,
        CarrierEntry,
        File,
        RouteEntry,
    )


@dataclass(frozen=True, slots=True)
class Secrets:
    """
    How secrets are stored: ``servers.auth`` has both.

    ``alone`` are the dialects in which a key is all that a caller gives.
    """

    hash: Callable[[str], str]
    verify: Callable[[str, str], bool]
    alone: Collection[str] = ()


NO_DIALECTS: Mapping[str, type[msgspec.Struct]] = {}


def make_plan(
    file: File,
    state: State,
    secrets: Secrets,
    dialects: Mapping[str, type[msgspec.Struct]] = NO_DIALECTS,
) -> Plan:
    """
    Compare a file with what is there.

    What the file does not name stays, and what an entry leaves out; a new entry has
    defaults for it. ``dialects`` are the settings of an access, by dialect.

    Raises ApplyError when entries are not whole, or refer to what there will not be:
    all of them.
    """
    faults = Faults()
    changes = [
        *_carriers(file, state, faults),
        *_price_lists(file, state, faults),
        *plan_accounts(file, state, faults),
        *_accesses(file, state, secrets, faults),
    ]
    accesses = after("access", state.access, changes)
    changes += [
        *_routes(file, state, faults),
        *plan_numbers(file, state, accesses, faults),
        *plan_fees(file, state, faults),
        *plan_groups(file, state),
        *_suppressions(file, state),
    ]
    _check_references(changes, state, file, faults)
    faults.check()
    check_inventory(changes, state, accesses, dialects)
    return Plan(state.revision, tuple(changes))


def _carriers(file: File, state: State, faults: Faults) -> list[Change]:
    changes = []
    for entry in file.carrier:
        with faults.at(entry.said.line):
            wanted = None if entry.remove else _carrier(entry, file, state)
            changes.append(compare("carrier", entry.name, state.carrier, wanted))
    return changes


def _carrier(entry: CarrierEntry, file: File, state: State) -> Row:
    label = f"carrier {entry.name}"
    there = state.carrier.get(entry.name)
    kind = kept({"kind": entry.kind}, there, entry.said)["kind"]
    same = there is not None and there["kind"] == kind
    settings = there["settings"] if there and same else {}
    settings = merged(settings, entry.settings, entry.said)
    if file.kinds is not None:
        check_kind(label, "kind", kind, file.kinds.carriers)
        check_whole(label, settings, file.kinds.carriers[kind])
    return {"kind": kind, "settings": settings}


def _price_lists(file: File, state: State, faults: Faults) -> list[Change]:
    changes = []
    for entry in file.price_list:
        there = state.price_list.get(entry.name)
        with faults.at(entry.said.line):
            wanted = None if entry.remove else apply_money.price_list(entry, there)
            changes.append(compare("price_list", entry.name, state.price_list, wanted))
    return changes


def _accesses(
    file: File, state: State, secrets: Secrets, faults: Faults
) -> list[Change]:
    changes = []
    for owner, entry in file.accesses:
        with faults.at(entry.said.line):
            label = access_label(entry.key)
            there = state.access.get(entry.key)
            if there and there["account"] != owner.name:
                raise ApplyError(f"{label}: is of account {there['account']}")
            wanted = None
            if not entry.remove:
                wanted = _access(owner, entry, there, secrets)
                if not wanted["secret"] and not wanted["networks"]:
                    needs = "needs password, password_env or allow_from"
                    raise ApplyError(f"{label}: {needs}")
                if file.kinds is not None:
                    kind = file.kinds.dialects[entry.dialect]
                    check_whole(label, wanted["settings"], kind)
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
    said = {
        "networks": entry.allow_from,
        "require_https": entry.require_https,
        "blocked": entry.blocked,
    }
    settings = there["settings"] if there else {}
    return {
        "account": owner.name,
        "secret": stored,
        **kept(said, there, entry.said),
        "settings": merged(settings, entry.settings, entry.said),
    }


def _routes(file: File, state: State, faults: Faults) -> list[Change]:
    changes = []
    for entry in file.route:
        with faults.at(entry.said.line):
            wanted = None if entry.remove else _route(entry, state)
            changes.append(compare("route", entry.key, state.route, wanted))
    return changes


def _route(entry: RouteEntry, state: State) -> Row:
    label = route_label(entry.key)
    said = {
        "carriers": entry.carriers,
        "requires": sorted(entry.requires),
        "senders": entry.senders,
    }
    found = kept(said, state.route.get(entry.key), entry.said)
    if not found["carriers"]:
        raise ApplyError(f"{label}: carriers is missing")
    if found["senders"] and "sender" not in found["requires"]:
        raise ApplyError(f'{label}: senders: needs requires = ["sender"]')
    return {"account": entry.account, **found}


def _suppressions(file: File, state: State) -> list[Change]:
    return [
        compare(
            "suppression",
            (owner, entry.number),
            state.suppression,
            None
            if entry.remove
            else kept(
                {"reason": entry.reason},
                state.suppression.get((owner, entry.number)),
                entry.said,
            ),
        )
        for owner, entry in file.suppressed
    ]


def _check_references(
    changes: list[Change], state: State, file: File, faults: Faults
) -> None:
    """Note what would refer to something that there will not be."""
    carriers = after("carrier", state.carrier, changes)
    accounts = after("account", state.account, changes)
    lists = after("price_list", state.price_list, changes)
    lines: dict[Any, int] = {entry.key: entry.said.line for entry in file.route}
    for key, values in after("route", state.route, changes).items():
        label, line = route_label(key), lines.get(key, 0)
        for name in values["carriers"]:
            if name not in carriers and not _faulty(f"carrier {name}", faults):
                faults.add(line, f"{label}: there is no carrier {name}")
        if key[0] is not None and key[0] not in accounts:
            faults.add(line, f"{label}: there is no account {key[0]}")
    lines = {entry.name: entry.said.line for entry in file.account}
    for name, values in accounts.items():
        wanted = values["price_list"]
        label, line = f"account {name}: price_list", lines.get(name, 0)
        if wanted is None or _faulty(f"price_list {wanted}", faults):
            continue
        if wanted not in lists:
            faults.add(line, f"{label}: there is no {wanted}")
        elif lists[wanted]["currency"] != values["currency"]:
            faults.add(line, f"{label}: {wanted} is in another currency")


def _faulty(label: str, faults: Faults) -> bool:
    """Tell whether something is not there because it has faults of its own."""
    return any(what.startswith(f"{label}: ") for _, what in faults.found)

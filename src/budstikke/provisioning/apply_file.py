"""
The file of ``budstikke apply``: how it is read, and what is wrong with it.

Everything that a file alone can say is checked here, before the database is asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, get_args

from msgspec import NODEFAULT, Meta, Struct, structs

from budstikke.domain.originator import classify, read_grants
from budstikke.domain.stop import LANGUAGES
from budstikke.domain.template import TEXTS
from budstikke.provisioning import apply_money
from budstikke.provisioning.apply_entries import (
    TABLES,
    File,
    Kinds,
    access_label,
    route_label,
    suppression_label,
)
from budstikke.provisioning.apply_numbers import check_numbers
from budstikke.provisioning.apply_parse import Parser
from budstikke.provisioning.apply_settings import check_given, check_kind, check_valid
from budstikke.provisioning.apply_values import DEFAULT, ApplyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.provisioning.apply_entries import (
        AccessEntry,
        AccountEntry,
        CarrierEntry,
        PriceListEntry,
        RouteEntry,
    )
    from budstikke.provisioning.apply_parse import Faults
    from budstikke.provisioning.apply_values import Said

__all__ = ["ApplyError", "File", "read_file", "table"]

Identify = Callable[[str], str]
"""Makes the id of an access from its password."""

NONE: Mapping[str, Identify] = {}


def read_file(
    text: str,
    dialects: Mapping[str, type[Struct]],
    carriers: Mapping[str, type[Struct]],
    environ: Mapping[str, str],
    identify: Mapping[str, Identify] = NONE,
) -> File:
    """
    Read a TOML file and check it.

    Passwords named by ``password_env`` are filled in, and the ids of accesses that
    are known by their password alone.

    Args:
        text: The file.
        dialects: The settings of an access, by dialect.
        carriers: The settings of a carrier, by kind.
        environ: Where ``password_env`` is looked up.
        identify: By dialect, what makes an id of a password.

    Raises:
        ApplyError: It is no TOML, keys are unknown, or values do not fit: all of them.

    """
    parser = Parser(text)
    file, faults = parser.read(File), parser.faults
    file.kinds = Kinds(dialects, carriers)
    for carrier in file.carrier:
        with faults.at(carrier.said.line):
            _check_carrier(carrier, carriers)
    for route in file.route:
        with faults.at(route.said.line):
            _check_route(route)
    for prices in file.price_list:
        with faults.at(prices.said.line):
            _check_prices(prices)
    for account in file.account:
        with faults.at(account.said.line):
            _check_account(account)
    for owner, access in file.accesses:
        for check in (_check_dialect, _check_networks):
            with faults.at(access.said.line):
                check(access, dialects)
        with faults.at(access.said.line):
            _fill_password(access, environ)
            _fill_id(owner, access, identify.get(access.dialect))
    _check_twice(file, faults)
    check_numbers(file, faults)
    faults.check()
    return file


def _check_carrier(entry: CarrierEntry, kinds: Mapping[str, type[Struct]]) -> None:
    label = f"carrier {entry.name}"
    if not entry.remove and (entry.kind or "kind" in entry.said.keys):
        check_kind(label, "kind", entry.kind, kinds)
        check_given(label, entry.settings, kinds[entry.kind])


def _check_prices(entry: PriceListEntry) -> None:
    if entry.name == DEFAULT:
        raise ApplyError(
            f'price_list {DEFAULT}: choose another name: "{DEFAULT}" resets a key'
        )
    if not entry.remove:
        apply_money.price_rows(entry)


def _check_route(entry: RouteEntry) -> None:
    label = route_label(entry.key)
    if entry.remove:
        return
    if not entry.carriers and "carriers" in entry.said.keys:
        raise ApplyError(f"{label}: carriers is missing")
    for kind, sender in entry.senders.items():
        if kind not in TEXTS:
            known = ", ".join(TEXTS)
            raise ApplyError(f"{label}: senders: there is no {kind!r}, only {known}")
        if classify(sender) is None:
            raise ApplyError(f"{label}: senders: {kind}: is no originator: {sender!r}")


def _check_account(entry: AccountEntry) -> None:
    label = f"account {entry.name}"
    if entry.remove:
        if entry.access or entry.fee or entry.group or entry.opt_out:
            raise ApplyError(f"{label}: is removed with all that it has: list nothing")
        return
    check_valid(f"{label}: originators", read_grants, tuple(entry.originators))
    for language in entry.stop:
        if language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise ApplyError(f"{label}: stop: there is no {language!r}, only {known}")
    _check_contacts(entry)


def _check_contacts(entry: AccountEntry) -> None:
    """Refuse a contact of several groups that is not the same in all of them."""
    known: dict[str, tuple[str | None, bool]] = {}
    for group in entry.group:
        label = f"group {group.name} of {entry.name}"
        if group.remove and group.member:
            raise ApplyError(f"{label}: is removed with its members: list none")
        numbers = [member.number for member in group.member]
        for number, count in Counter(numbers).items():
            if count > 1:
                raise ApplyError(f"{label}: member {number} is there twice")
        for member in group.member:
            said = member.name, member.active
            if not member.remove and known.setdefault(member.number, said) != said:
                raise ApplyError(f"{label}: member {member.number}: differs elsewhere")


def _check_dialect(entry: AccessEntry, kinds: Mapping[str, type[Struct]]) -> None:
    if not entry.remove:
        label = access_label(entry.key)
        check_kind(label, "dialect", entry.dialect, kinds)
        check_given(label, entry.settings, kinds[entry.dialect])


def _check_networks(entry: AccessEntry, _kinds: Mapping[str, type[Struct]]) -> None:
    label, faults = access_label(entry.key), []
    for network in entry.allow_from:
        try:
            check_valid(f"{label}: allow_from", ip_network, network)
        except ApplyError as error:
            faults.append(str(error))
    if faults:
        raise ApplyError("\n".join(faults))


def _fill_password(entry: AccessEntry, environ: Mapping[str, str]) -> None:
    label = access_label(entry.key)
    if entry.password_env is None:
        return
    if entry.password is not None:
        raise ApplyError(f"{label}: give password or password_env, not both")
    entry.password = environ.get(entry.password_env)
    if not entry.password:
        raise ApplyError(f"{label}: password_env: {entry.password_env} is not set")


def _fill_id(
    owner: AccountEntry, entry: AccessEntry, identify: Identify | None
) -> None:
    """Make the id of an access that its password alone tells from others."""
    label = f"account {owner.name}: {access_label(entry.key)}"
    if identify is None:
        if entry.id is None:
            raise ApplyError(f"{label}: id is missing")
        return
    if entry.password == "":
        raise ApplyError(f"{label}: password: nobody is known without it")
    if entry.password is None:
        if entry.id is None:
            raise ApplyError(f"{label}: needs password, password_env or its id")
        return
    made = identify(entry.password)
    if entry.id not in (None, made):
        raise ApplyError(f"{label}: id: is not that of the password; leave it out")
    entry.id = made


def _check_twice(file: File, faults: Faults) -> None:
    """Note entries that are there twice."""
    accesses = [access for _, access in file.accesses]
    for what, keys, label in (
        ("carrier", [(e.said, e.name) for e in file.carrier], str),
        ("account", [(e.said, e.name) for e in file.account], str),
        ("", [(e.said, e.key) for e in accesses], access_label),
        ("", [(e.said, e.key) for e in file.route], route_label),
        ("price_list", [(e.said, e.name) for e in file.price_list], str),
        ("", [(e.said, (o, e.number)) for o, e in file.suppressed], suppression_label),
    ):
        _once(what, keys, label, faults)
    for account in file.account:
        owner = f"account {account.name}"
        _once(f"{owner}: fee", [(e.said, e.name) for e in account.fee], str, faults)
        groups = [(e.said, e.name) for e in account.group]
        _once(f"{owner}: group", groups, str, faults)


def _once(
    what: str,
    entries: Iterable[tuple[Said, Any]],
    label: Callable[[Any], str],
    faults: Faults,
) -> None:
    seen: set[Any] = set()
    for said, key in entries:
        if key in seen:
            faults.add(said.line, f"{what} {label(key)} is there twice".lstrip())
        seen.add(key)


def table() -> str:
    """Write the keys of the file as a Markdown table, for docs/configure.md."""
    lines = ["| entry | key | default | what it is |", "|---|---|---|---|"]
    for entry, kind in TABLES:
        for field in structs.fields(kind):
            described = [
                meta.description
                for meta in get_args(field.type)[1:]
                if isinstance(meta, Meta) and meta.description
            ]
            if described:
                default = _default(field)
                name = f"`{field.encode_name}`"
                cells = (f"`{entry}`", name, default, described[-1])
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _default(field: structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is NODEFAULT else field.default
    return "" if value is None else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")

"""
The file of ``budstikke apply``: how it is read, and what is wrong with it.

Everything that a file alone can say is checked here, before the database is asked.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

from budstikke.domain.originator import classify, read_grants
from budstikke.domain.stop import LANGUAGES
from budstikke.domain.template import TEXTS
from budstikke.store import apply_money
from budstikke.store.apply_entries import (
    TABLES,
    File,
    access_label,
    route_label,
    suppression_label,
)
from budstikke.store.apply_numbers import check_numbers
from budstikke.store.apply_values import ApplyError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from budstikke.store.apply_entries import (
        AccessEntry,
        AccountEntry,
        CarrierEntry,
        RouteEntry,
    )

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
        ApplyError: It is no TOML, a key is unknown, or a value does not fit.

    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ApplyError(str(error)) from error
    try:
        file = msgspec.convert(tree, File)
    except msgspec.ValidationError as error:
        raise ApplyError(_placed(str(error), tree)) from error
    for carrier in file.carrier:
        _check_carrier(carrier, carriers)
    for route in file.route:
        _check_route(route)
    for prices in file.price_list:
        if not prices.remove:
            apply_money.price_list(prices)
    for account in file.account:
        _check_account(account)
    for owner, access in file.accesses:
        _check_access(access, dialects)
        _fill_password(access, environ)
        _fill_id(owner, access, identify.get(access.dialect))
    _check_twice(file)
    check_numbers(file)
    return file


def _check_carrier(entry: CarrierEntry, kinds: Mapping[str, type[Struct]]) -> None:
    label = f"carrier {entry.name}"
    if not entry.remove:
        _check_settings(label, "kind", entry.kind, entry.settings, kinds)


def _check_route(entry: RouteEntry) -> None:
    label = route_label(entry.key)
    if entry.remove:
        return
    if not entry.carriers:
        raise ApplyError(f"{label}: carriers is missing")
    if entry.senders and "sender" not in entry.requires:
        raise ApplyError(f'{label}: senders: needs requires = ["sender"]')
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
    _valid(f"{label}: originators", read_grants, tuple(entry.originators))
    for language in entry.stop:
        if language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise ApplyError(f"{label}: stop: there is no {language!r}, only {known}")
    apply_money.account(entry)
    apply_money.opening(entry)
    for fee in entry.fee:
        if not fee.remove:
            apply_money.fee(entry.name, fee)
    _check_contacts(entry)


def _check_contacts(entry: AccountEntry) -> None:
    """Refuse a contact of several groups that is not the same in all of them."""
    known: dict[str, tuple[str | None, bool]] = {}
    for group in entry.group:
        label = f"group {group.name} of {entry.name}"
        if group.remove and group.member:
            raise ApplyError(f"{label}: is removed with its members: list none")
        _once(f"{label}: member", (member.number for member in group.member), str)
        for member in group.member:
            said = member.name, member.active
            if not member.remove and known.setdefault(member.number, said) != said:
                raise ApplyError(f"{label}: member {member.number}: differs elsewhere")


def _check_access(entry: AccessEntry, kinds: Mapping[str, type[Struct]]) -> None:
    label = access_label(entry.key)
    if entry.remove:
        return
    _check_settings(label, "dialect", entry.dialect, entry.settings, kinds)
    for network in entry.allow_from:
        _valid(f"{label}: allow_from", ip_network, network)


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


def _check_settings(
    label: str,
    key: str,
    kind: str,
    settings: dict[str, Any],
    kinds: Mapping[str, type[Struct]],
) -> None:
    if kind not in kinds:
        known = ", ".join(sorted(kinds))
        raise ApplyError(f"{label}: {key}: there is no {kind!r}, only {known}")
    try:
        msgspec.convert(settings, kinds[kind])
    except msgspec.ValidationError as error:
        raise ApplyError(f"{label}: settings: {_placed(str(error), {})}") from error


def _check_twice(file: File) -> None:
    """Refuse an entry that is there twice."""
    accesses = [access for _, access in file.accesses]
    _once("carrier", (entry.name for entry in file.carrier), str)
    _once("account", (entry.name for entry in file.account), str)
    _once("", (entry.key for entry in accesses), access_label)
    _once("", (entry.key for entry in file.route), route_label)
    _once("price_list", (entry.name for entry in file.price_list), str)
    numbers = ((owner, entry.number) for owner, entry in file.suppressed)
    _once("", numbers, suppression_label)
    for account in file.account:
        label = f"account {account.name}"
        _once(f"{label}: fee", (entry.name for entry in account.fee), str)
        _once(f"{label}: group", (entry.name for entry in account.group), str)


Key = TypeVar("Key", bound="Hashable")
Given = TypeVar("Given")


def _once(what: str, keys: Iterable[Key], label: Callable[[Key], str]) -> None:
    seen: set[Key] = set()
    for key in keys:
        if key in seen:
            raise ApplyError(f"{what} {label(key)} is there twice".lstrip())
        seen.add(key)


def _valid(label: str, read: Callable[[Given], object], value: Given) -> None:
    try:
        read(value)
    except ValueError as error:
        raise ApplyError(f"{label}: {error}") from error


_steps = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\.\.\.\]").finditer


def _placed(fault: str, tree: object) -> str:
    """
    Put the place of a fault first, with names for numbers.

    From ``Object contains unknown field `x` - at `$.account[0].access[1]``` to
    ``account acme: access 1234: object contains unknown field `x```.
    """
    what, _, path = fault.partition(" - at `$")
    what = what[:1].lower() + what[1:]
    words: list[str] = []
    for step in _steps(path):
        if step[2] is None:
            tree = tree.get(step[1]) if isinstance(tree, dict) else None
            words.append(step[1] or "")
        elif isinstance(tree, list):
            tree = tree[int(step[2])]
            words[-1] += f" {_name(tree, int(step[2]))}"
    return ": ".join([*filter(None, words), what])


def _name(entry: object, place: int) -> str:
    if isinstance(entry, dict):
        for key in ("name", "id", "prefix", "number", "value"):
            if isinstance(entry.get(key), str):
                return str(entry[key])
    return f"no. {place + 1}"


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

"""
The file of ``budstikke apply``: its entries, and what is wrong with them.

Everything that a file alone can say is checked here, before the database is asked.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

from budstikke.domain.originator import read_grants

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

Name = Annotated[str, Meta(min_length=1, max_length=100)]
E164 = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
Prefix = Annotated[str, Meta(pattern=r"^(\+([1-9][0-9]{0,14})?)?$")]


Identify = Callable[[str], str]
"""Makes the id of an access from its password."""

NONE: Mapping[str, Identify] = {}


class ApplyError(Exception):
    """A file that cannot be applied; the message says which entry, never a secret."""


Remove = Annotated[bool, Meta(description="Take it away.")]


class CarrierEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[carrier]]``: a link to an operator."""

    name: Annotated[Name, Meta(description="Ours; routes and metrics use it.")]
    kind: Annotated[
        str, Meta(description="What it speaks; needed but for `remove`.")
    ] = ""
    settings: Annotated[
        dict[str, Any], Meta(description="Those of its kind: docs/carriers/.")
    ] = {}
    remove: Remove = False


class RouteEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[route]]``: the carriers of recipients that begin with ``prefix``."""

    prefix: Annotated[
        Prefix, Meta(description="`+` and digits; `+` alone is everybody.")
    ]
    carriers: Annotated[
        list[Name], Meta(description="Names, in the order they are tried.")
    ] = []
    account: Annotated[
        Name | None, Meta(description="Whose it is; without: everybody's.")
    ] = None
    remove: Remove = False

    @property
    def key(self) -> tuple[str | None, str]:
        """Whose it is, and its prefix; ``+`` alone is everything, as ``""`` is."""
        return self.account, "" if self.prefix == "+" else self.prefix


class AccessEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.access]]``: one way an account logs in."""

    dialect: Annotated[str, Meta(description="The API it speaks.")]
    id: Annotated[
        Name | None,
        Meta(
            description="Who is calling, in that API's words; not needed where the "
            "password is all that a caller gives."
        ),
    ] = None
    password: Annotated[
        str | None, Meta(description='Only a hash is kept; `""` takes it away.')
    ] = None
    password_env: Annotated[
        Name | None, Meta(description="The variable that holds the password.")
    ] = None
    allow_from: Annotated[
        list[str], Meta(description="Addresses and networks; none: from anywhere.")
    ] = []
    require_https: Annotated[bool, Meta(description="Refuse plain http.")] = True
    blocked: Annotated[bool, Meta(description="Refuse every request.")] = False
    settings: Annotated[
        dict[str, Any], Meta(description="Those of its dialect: docs/dialects/.")
    ] = {}
    remove: Remove = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells one access from another."""
        return self.dialect, self.id or ""


class AccountEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account]]``: a customer."""

    name: Annotated[Name, Meta(description="Ours; no customer sees it.")]
    originators: Annotated[
        list[str],
        Meta(
            description="Senders it may use: texts, numbers, series (`26114*` or, "
            "with nine digits more, `26114/9`), or `*` for any well-formed one."
        ),
    ] = []
    unsure: Annotated[
        Literal["fail", "resend"],
        Meta(
            description="When nobody knows whether an operator has a message: report "
            "it failed, or send it again and accept a double."
        ),
    ] = "fail"
    unsure_after: Annotated[
        float, Meta(gt=0, description="Seconds to wait for a receipt before that.")
    ] = 3600.0
    blocked: Annotated[bool, Meta(description="Refuse every request.")] = False
    access: list[AccessEntry] = []
    remove: Annotated[
        bool, Meta(description="Take it away with its accesses and routes.")
    ] = False


class SuppressionEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[suppression]]``: a number that nobody may send to."""

    number: Annotated[E164, Meta(description="E.164 with `+`.")]
    reason: Annotated[Name, Meta(description="For people.")] = "blacklist"
    remove: Remove = False


class File(Struct, kw_only=True, forbid_unknown_fields=True):
    """All of it."""

    carrier: list[CarrierEntry] = []
    route: list[RouteEntry] = []
    account: list[AccountEntry] = []
    suppression: list[SuppressionEntry] = []

    @property
    def accesses(self) -> list[tuple[AccountEntry, AccessEntry]]:
        """Every access with its account."""
        return [(owner, entry) for owner in self.account for entry in owner.access]


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
        if not route.carriers and not route.remove:
            raise ApplyError(f"{route_label(route.key)}: carriers is missing")
    for account in file.account:
        _check_account(account)
    for owner, access in file.accesses:
        _check_access(access, dialects)
        _fill_password(access, environ)
        _fill_id(owner, access, identify.get(access.dialect))
    _check_twice(file)
    return file


def access_label(key: tuple[str, str]) -> str:
    """Name an access in messages."""
    return f"access {key[0]} {key[1]}".rstrip()


def route_label(key: tuple[str | None, str]) -> str:
    """Name a route in messages."""
    owner = f" of {key[0]}" if key[0] else ""
    return f"route {key[1] or '+'}{owner}"


def _check_carrier(entry: CarrierEntry, kinds: Mapping[str, type[Struct]]) -> None:
    label = f"carrier {entry.name}"
    if not entry.remove:
        _check_settings(label, "kind", entry.kind, entry.settings, kinds)


def _check_account(entry: AccountEntry) -> None:
    label = f"account {entry.name}"
    if entry.remove and entry.access:
        raise ApplyError(f"{label}: is removed with all of its accesses: list none")
    _valid(f"{label}: originators", read_grants, tuple(entry.originators))


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
    _once("suppression", (entry.number for entry in file.suppression), str)


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
        for key in ("name", "id", "prefix", "number"):
            if isinstance(entry.get(key), str):
                return str(entry[key])
    return f"no. {place + 1}"


def table() -> str:
    """Write the keys of the file as a Markdown table, for docs/configure.md."""
    lines = ["| entry | key | default | what it is |", "|---|---|---|---|"]
    for entry, kind in (
        ("[[carrier]]", CarrierEntry),
        ("[[route]]", RouteEntry),
        ("[[account]]", AccountEntry),
        ("[[account.access]]", AccessEntry),
        ("[[suppression]]", SuppressionEntry),
    ):
        for field in structs.fields(kind):
            described = [
                meta.description
                for meta in get_args(field.type)[1:]
                if isinstance(meta, Meta) and meta.description
            ]
            if described:
                default = _default(field)
                cells = (f"`{entry}`", f"`{field.name}`", default, described[-1])
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

"""Accesses: the logins of accounts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from sqlalchemy import Connection, select

from budstikke.domain.key_identifier import is_keyed, is_made_here, keyed
from budstikke.provisioning.resource import (
    KEY,
    SETTINGS,
    Draft,
    Entry,
    Resource,
    Section,
    Source,
    Stored,
)
from budstikke.provisioning.settings import (
    fill_from_environment,
    given_faults,
    kind_faults,
    whole_faults,
)
from budstikke.provisioning.values import Name
from budstikke.store import schema
from budstikke.store.admin import read_salt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from budstikke.provisioning.resources import File


class AccessEntry(Entry, kw_only=True):
    """``[[account.access]]``: one login of an account to one API."""

    dialect: Annotated[str, KEY, "The API."]
    id: Annotated[
        Name | None,
        replace(KEY, convert=lambda identifier: identifier or ""),
        "The user name in that API. Not needed if the API has only a password (an API "
        "key).",
    ] = None
    password: Annotated[
        str | None,
        Stored("secret", secret=True, literal=True),
        'The database has only a hash of it. `""` removes it.',
    ] = None
    password_env: Annotated[
        Name | None,
        Stored(kept=False, literal=True),
        "The environment variable with the password.",
    ] = None
    allow_from: Annotated[
        list[str],
        Stored("networks"),
        "Addresses and networks that may use this access. Empty: all.",
    ] = []
    require_https: Annotated[bool, "Refuse requests over plain http."] = True
    blocked: Annotated[bool, "Refuse every request."] = False
    settings: Annotated[
        dict[str, Any],
        SETTINGS,
        "Settings of this API: docs/dialects/. `NAME_env` takes the setting `NAME` "
        "from an environment variable, or from a list of them.",
    ] = {}


def fill_secrets(entry: AccessEntry, source: Source) -> Iterator[str]:
    """Fill in secrets from variables, and the id that comes from the password."""
    if not entry.remove:
        kind = source.dialects.get(entry.dialect)
        yield from fill_from_environment(entry.settings, kind, source.environ)
    yield from _fill_password(entry, source)


def _fill_password(entry: AccessEntry, source: Source) -> Iterator[str]:
    if entry.password_env is not None:
        if entry.password is not None:
            yield "give password or password_env, not both"
            return
        entry.password = source.environ.get(entry.password_env)
        if not entry.password:
            yield f"password_env: {entry.password_env} is not set"
            return
    identify = source.identify.get(entry.dialect)
    if identify is None:
        if entry.id is None:
            yield "id is missing"
    elif entry.password == "":
        yield "password: cannot be removed; this API has no other login"
    elif entry.password is None:
        if entry.id is None:
            yield "needs password, password_env or its id"
    else:
        made = identify(entry.password)
        if entry.id not in (None, made):
            yield "id: does not belong to the password; leave it out"
        entry.id = made


def _check(entry: AccessEntry, source: Source) -> Iterator[str]:
    yield from kind_faults("dialect", entry.dialect, source.dialects)
    yield from given_faults(entry.settings, source.dialects.get(entry.dialect))
    for network in entry.allow_from:
        try:
            ip_network(network)
        except ValueError as error:
            yield f"allow_from: {error}"


def find_by_keys(connection: Connection, file: File, alone: Collection[str]) -> None:
    """
    Set the ids of accesses with keys that people chose: ``domain.key_identifier``.

    ``alone``: the dialects whose callers give nothing but a key.
    """
    salt, access = read_salt(connection), schema.access.c
    for account in file.account:
        for entry in account.access:
            if not salt or entry.dialect not in alone or is_keyed(entry.id or ""):
                continue
            if entry.password is not None and is_made_here(entry.password):
                continue
            made = keyed(salt, entry.id or "")
            there = select(access.id).where(
                access.dialect == entry.dialect, access.identifier == made
            )
            if entry.password or connection.scalar(there) is not None:
                entry.id = made


def _allow(draft: Draft[AccessEntry]) -> Iterator[str]:
    there = draft.there
    if there is not None and there["account"] != draft.owner:
        yield f"belongs to account {there['account']}, not {draft.owner}"


def _complete(draft: Draft[AccessEntry]) -> Iterator[str]:
    row = draft.row
    row["account"] = draft.owner
    if not row["password"] and not row["allow_from"]:
        yield "needs password, password_env or allow_from"
    kind = draft.planning.source.dialects.get(draft.entry.dialect)
    yield from whole_faults(row["settings"], kind)


ACCESS = Resource(
    table=schema.access,
    key=("dialect", "identifier"),
    label=lambda key: f"access {key[0]} {key[1]}".rstrip(),
    sections=(
        Section(
            path="account.access",
            entry=AccessEntry,
            fill=fill_secrets,
            check=_check,
            allow=_allow,
            complete=_complete,
        ),
    ),
    derived={"account": "account_id"},
    goes_with=lambda _key, row, _planning: [("account", row["account"])],
)


def is_two_way(
    dialect: str,
    settings: Mapping[str, Any],
    dialects: Mapping[str, type[msgspec.Struct]],
) -> bool:
    """Whether an access may get inbound messages, by its settings as JSON."""
    kind = dialects.get(dialect)
    if kind is None:
        return bool(settings.get("two_way", True))
    try:
        return bool(getattr(msgspec.convert(settings, kind), "two_way", True))
    except msgspec.ValidationError:  # no gateway can use this access
        return False

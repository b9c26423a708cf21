"""Carriers, and routes to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from sqlalchemy import Connection, select

from budstikke.domain.originator import classify
from budstikke.domain.template import TEXTS
from budstikke.provisioning.resource import (
    KEY,
    SETTINGS,
    Draft,
    Entry,
    Resource,
    Section,
    Source,
    Stored,
    of,
)
from budstikke.provisioning.settings import (
    fill_from_environment,
    given_faults,
    kind_faults,
    merged,
    whole_faults,
)
from budstikke.provisioning.values import ApplyError, Name, Prefix
from budstikke.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.provisioning.changes import Change


class CarrierEntry(Entry, kw_only=True):
    """``[[carrier]]``: the configuration of one way to an operator."""

    name: Annotated[Name, KEY, "A name that you choose; routes and metrics use it."]
    kind: Annotated[
        str,
        "The protocol: see docs/carriers/. Required, except with `remove`.",
    ] = ""
    settings: Annotated[
        dict[str, Any],
        SETTINGS,
        "Settings of this kind: docs/carriers/. `NAME_env` takes the setting `NAME` "
        "from an environment variable, or from a list of them.",
    ] = {}


def _fill_carrier(entry: CarrierEntry, source: Source) -> Iterator[str]:
    if not entry.remove:
        kind = source.carriers.get(entry.kind)
        yield from fill_from_environment(entry.settings, kind, source.environ)


def _check_carrier(entry: CarrierEntry, source: Source) -> Iterator[str]:
    if entry.kind or "kind" in entry.given.keys:
        yield from kind_faults("kind", entry.kind, source.carriers)
        yield from given_faults(entry.settings, source.carriers.get(entry.kind))


def _complete_carrier(draft: Draft[CarrierEntry]) -> Iterator[str]:
    row, source = draft.row, draft.planning.source
    if draft.there and draft.there["kind"] != row["kind"]:
        row["settings"] = merged({}, draft.entry.settings, draft.entry.given)
    yield from kind_faults("kind", row["kind"], source.carriers)
    yield from whole_faults(row["settings"], source.carriers.get(row["kind"]))


def _refuse_while_sending(connection: Connection, changes: list[Change]) -> None:
    """Refuse to remove a carrier that has messages to send."""
    part = schema.part.c
    for change in changes:
        for waiting in (
            (part.state == "queued", part.due_at.is_(None)),
            (part.due_at.is_not(None),),
            (part.state == "sending",),
            (part.state == "unsure",),
        ):
            of_it = part.carrier_id == (change.there or {})["id"]
            here = select(part.id).where(of_it, *waiting).limit(1)
            if connection.scalar(here) is not None:
                raise ApplyError(
                    f"{change}: has messages to send; remove its routes first, then "
                    "wait"
                )


CARRIER = Resource(
    table=schema.carrier,
    key=("name",),
    label=lambda name: f"carrier {name}",
    sections=(
        Section(
            path="carrier",
            entry=CarrierEntry,
            fill=_fill_carrier,
            check=_check_carrier,
            complete=_complete_carrier,
        ),
    ),
    before_removal=_refuse_while_sending,
)


class RouteEntry(Entry, kw_only=True):
    """``[[route]]``: the carriers for recipients that begin with ``prefix``."""

    account: Annotated[
        Name | None,
        replace(KEY, literal=False),
        "The account whose messages take this route. Default: all accounts.",
    ] = None
    prefix: Annotated[
        Prefix,
        replace(KEY, convert=lambda prefix: prefix.removesuffix("+")),
        "What the recipient's number begins with: `+` and digits. `+`: any number.",
    ]
    carriers: Annotated[
        list[Name],
        Stored(each="carrier"),
        "Names of carriers. The gateway tries them in this order.",
    ] = []
    requires: Annotated[
        list[Literal["sender", "template"]],
        Stored(convert=sorted),
        "What the operator must have approved: the message's `sender`, its `template`, "
        "or both.",
    ] = []
    senders: Annotated[
        dict[str, str], 'The approved sender for each template: `{ otp = "MyOTP" }`.'
    ] = {}


def _check_route(entry: RouteEntry, _: Source) -> Iterator[str]:
    if not entry.carriers and "carriers" in entry.given.keys:
        yield "carriers is missing"
    for kind, sender in entry.senders.items():
        if kind not in TEXTS:
            yield f"senders: there is no {kind!r}, only {', '.join(TEXTS)}"
        elif classify(sender) is None:
            yield f"senders: {kind}: is not a valid sender: {sender!r}"


def _complete_route(draft: Draft[RouteEntry]) -> Iterator[str]:
    if not draft.row["carriers"]:
        yield "carriers is missing"
    if draft.row["senders"] and "sender" not in draft.row["requires"]:
        yield 'senders: needs requires = ["sender"]'


ROUTE = Resource(
    table=schema.route,
    key=("account_id", "prefix"),
    label=lambda key: f"route {key[1] or '+'}{of(key[0])}",
    sections=(
        Section(
            path="route",
            entry=RouteEntry,
            check=_check_route,
            complete=_complete_route,
        ),
    ),
    goes_with=lambda key, _row, _planning: [("account", key[0])],
)

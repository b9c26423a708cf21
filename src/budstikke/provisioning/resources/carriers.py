"""Carriers, and routes to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta
from sqlalchemy import Connection, select

from budstikke.domain.originator import classify
from budstikke.domain.routing import Route, described
from budstikke.domain.template import TEXTS
from budstikke.provisioning.resource import (
    KEY,
    SETTINGS,
    Draft,
    Entry,
    PlanView,
    Resource,
    Section,
    Source,
    Stored,
)
from budstikke.provisioning.settings import (
    fill_from_environment,
    given_faults,
    kind_faults,
    merged,
    whole_faults,
)
from budstikke.provisioning.values import (
    Amount,
    ApplyError,
    E164Prefix,
    HoursText,
    Name,
    Prefix,
)
from budstikke.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.provisioning.changes import Change


def _by_prefix(costs: dict[str, int]) -> dict[str, int]:
    return {prefix.removesuffix("+"): int(cost) for prefix, cost in costs.items()}


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
    down_after: Annotated[
        float,
        Meta(ge=0),
        "Seconds that queued messages wait for this carrier while it is down. Then "
        "they go by another carrier of their route that is up. 0: they wait.",
    ] = 60.0
    costs: Annotated[
        dict[Prefix, Amount],
        Stored(convert=_by_prefix),
        "What the operator charges you for a segment, by prefix of the recipient, for "
        'routes with `least_cost`: `{ "+47" = "0.21", "+" = "0.60" }`. All carriers in '
        "the same currency.",
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


class OperatorEntry(Entry, kw_only=True):
    """``[[operator]]``: an operator, and whose numbers begin how."""

    code: Annotated[Name, KEY, "A code that you choose; routes name it."]
    prefixes: Annotated[
        list[E164Prefix],
        Stored(convert=sorted),
        "What the numbers of its subscribers begin with; a ported number as a whole.",
    ] = []


def _each_prefix_once(planning: PlanView) -> Iterator[tuple[str, str]]:
    owners: dict[str, str] = {}
    for code, row in planning.future["operator"].items():
        for prefix in row["prefixes"]:
            other = owners.setdefault(prefix, code)
            if other != code:
                yield code, f"prefixes: {prefix} is one of operator {other}"


OPERATOR = Resource(
    table=schema.operator,
    key=("code",),
    label=lambda code: f"operator {code}",
    sections=(Section(path="operator", entry=OperatorEntry),),
    whole=_each_prefix_once,
)


class RouteEntry(Entry, kw_only=True):
    """``[[route]]``: a rule, and the carriers of the messages that it applies to."""

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
    operator: Annotated[
        str,
        replace(KEY, literal=False),
        "The recipient's operator: a code of your [number portability]"
        "(#number-portability). Empty: any.",
    ] = ""
    sender: Annotated[
        str,
        replace(KEY, literal=False),
        "The message's sender, or a series (`26114*`: all numbers that begin so). "
        "Empty: any.",
    ] = ""
    kind: Annotated[
        Literal["", "sms", "mms", "flash", "premium"],
        replace(KEY, literal=False),
        "`sms`, `mms`, `flash` or `premium`. Empty: any.",
    ] = ""
    hours: Annotated[
        HoursText,
        replace(KEY, literal=False),
        "The time of day at which the message is due, Central European Time: "
        "`08:00-16:00`, or over midnight `22:00-06:00`. Empty: any.",
    ] = ""
    carriers: Annotated[
        list[Name],
        Stored(each="carrier"),
        "Names of carriers. The gateway tries them in this order.",
    ] = []
    weights: Annotated[
        list[Annotated[int, Meta(ge=0)]],
        "A number for each of `carriers`: its share of the messages that it is tried "
        "first for. 0: only if others fail. Empty: the first is always tried first.",
    ] = []
    least_cost: Annotated[
        bool,
        "Try the carrier first that costs least for the recipient, by `costs` of the "
        "carriers.",
    ] = False
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
    if entry.sender and not entry.sender.removesuffix("*").isdigit():
        classified = classify(entry.sender)
        if classified is None or classified.value != entry.sender:
            yield f"sender: write it as phones show it, or `26114*`: {entry.sender!r}"
    for kind, sender in entry.senders.items():
        if kind not in TEXTS:
            yield f"senders: there is no {kind!r}, only {', '.join(TEXTS)}"
        elif classify(sender) is None:
            yield f"senders: {kind}: is not a valid sender: {sender!r}"


def _complete_route(draft: Draft[RouteEntry]) -> Iterator[str]:
    if not draft.row["carriers"]:
        yield "carriers is missing"
    weights = draft.row["weights"]
    if weights and len(weights) != len(draft.row["carriers"]):
        yield "weights: needs a number for each of carriers"
    if weights and draft.row["least_cost"]:
        yield "weights: not together with least_cost"
    if weights and not any(weights):
        yield "weights: one must be above 0"
    if draft.row["senders"] and "sender" not in draft.row["requires"]:
        yield 'senders: needs requires = ["sender"]'


def _label(key: tuple[str | None, str, str, str, str, str]) -> str:
    account, prefix, operator, sender, kind, hours = key
    route = Route(
        prefix=prefix,
        carriers=(),
        operator=operator,
        sender=sender,
        kind=kind,
        hours=hours,
    )
    return described(route, account or "")


ROUTE = Resource(
    table=schema.route,
    key=("account_id", "prefix", "operator", "sender", "kind", "hours"),
    label=_label,
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

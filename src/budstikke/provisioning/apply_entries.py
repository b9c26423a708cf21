"""
The entries of ``budstikke apply``'s file: their keys, defaults and descriptions.

The descriptions are what docs/configure.md says (``python -m
budstikke.provisioning.apply_file``); a test compares the two.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct, field

from budstikke.provisioning.apply_number_entries import (
    KeywordEntry,
    NumberEntry,
    OwnNumberEntry,
    SeriesEntry,
)
from budstikke.provisioning.apply_values import (
    E164,
    NOTHING,
    SAID,
    Address,
    Amount,
    ApplyError,
    Currency,
    Name,
    Prefix,
    Remove,
    Said,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ApplyError"]


class CarrierEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[carrier]]``: a link to an operator."""

    said: Said = field(default=NOTHING, name=SAID)
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

    said: Said = field(default=NOTHING, name=SAID)
    prefix: Annotated[
        Prefix, Meta(description="`+` and digits; `+` alone is everybody.")
    ]
    carriers: Annotated[
        list[Name], Meta(description="Names, in the order they are tried.")
    ] = []
    account: Annotated[
        Name | None, Meta(description="Whose it is; without: everybody's.")
    ] = None
    requires: Annotated[
        list[Literal["sender", "template"]],
        Meta(description="What must be approved there: `sender`, `template`, or both."),
    ] = []
    senders: Annotated[
        dict[str, str],
        Meta(description='The approved sender of each template: `{ otp = "MyOTP" }`.'),
    ] = {}
    remove: Remove = False

    @property
    def key(self) -> tuple[str | None, str]:
        """Whose it is, and its prefix; ``+`` alone is everything, as ``""`` is."""
        return self.account, "" if self.prefix == "+" else self.prefix


class PriceEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[price_list.price]]``: what a segment costs to some numbers."""

    prefix: Annotated[
        Prefix, Meta(description="`+` and digits; the longest that fits counts.")
    ]
    amount: Annotated[
        Amount, Meta(description='For a segment: a number as text, `"0.05"`.')
    ]
    since: Annotated[
        date | None,
        Meta(description="First day it counts, `2026-01-01`; without: always did."),
    ] = field(default=None, name="from")
    until: Annotated[
        date | None, Meta(description="Last day it counts; without: no end.")
    ] = None
    mms: Annotated[
        Amount | None, Meta(description="For an MMS; without: none is sold.")
    ] = None


class PriceListEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[price_list]]``: prices that accounts refer to."""

    said: Said = field(default=NOTHING, name=SAID)
    name: Annotated[Name, Meta(description="Ours; accounts use it.")]
    currency: Annotated[
        Currency | None,
        Meta(description="ISO 4217, or `SMS`; needed but for `remove`."),
    ] = None
    price: list[PriceEntry] = []
    remove: Remove = False


class AccessEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.access]]``: one way an account logs in."""

    said: Said = field(default=NOTHING, name=SAID)
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


class FeeEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.fee]]``: a set-up or monthly fee."""

    said: Said = field(default=NOTHING, name=SAID)
    name: Annotated[Name, Meta(description="What statements call it.")]
    amount: Annotated[
        Amount | None,
        Meta(description="A number as text; needed but for `remove`."),
    ] = None
    monthly: Annotated[
        bool, Meta(description="Taken on the same day each month; `false`: once.")
    ] = True
    since: Annotated[
        date | None,
        Meta(description="The first day, only read when it is new; without: that day."),
    ] = field(default=None, name="from")
    remove: Remove = False


class MemberEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.group.member]]``: a contact that is in a group."""

    said: Said = field(default=NOTHING, name=SAID)
    number: Annotated[E164, Meta(description="E.164 with `+`.")]
    name: Annotated[
        Annotated[str, Meta(max_length=100)] | None,
        Meta(description="Without: the one it has."),
    ] = None
    active: Annotated[
        bool, Meta(description="Gets what is sent to any group it is in.")
    ] = True
    remove: Annotated[
        bool, Meta(description="Take it out of the group; it stays a contact.")
    ] = False


class GroupEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.group]]``: contacts that can be sent to by one name."""

    said: Said = field(default=NOTHING, name=SAID)
    name: Annotated[Name, Meta(description="What orders call it.")]
    member: list[MemberEntry] = []
    remove: Annotated[
        bool, Meta(description="Take it away; its members stay contacts.")
    ] = False


class SuppressionEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[suppression]]``: a number that nobody may send to."""

    said: Said = field(default=NOTHING, name=SAID)
    number: Annotated[E164, Meta(description="E.164 with `+`.")]
    reason: Annotated[Name, Meta(description="For people.")] = "blacklist"
    remove: Remove = False


class OptOutEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.opt_out]]``: a number that wants nothing from one account."""

    said: Said = field(default=NOTHING, name=SAID)
    number: Annotated[E164, Meta(description="E.164 with `+`.")]
    reason: Annotated[Name, Meta(description="For people.")] = "opted out"
    remove: Remove = False


class AccountEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account]]``: a customer."""

    said: Said = field(default=NOTHING, name=SAID)
    name: Annotated[Name, Meta(description="Ours; no customer sees it.")]
    originators: Annotated[
        list[str],
        Meta(
            description="Senders it may use: texts, numbers, series (`26114*` or, "
            "with nine digits more, `26114/9`), or `*` for any well-formed one."
        ),
    ] = []
    home: Annotated[
        Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{0,3}\Z")],
        Meta(description="Prefix of its home country."),
    ] = "+47"
    reply_number: Annotated[
        Annotated[str, Meta(pattern=r"^([1-9][0-9]{4})?\Z")],
        Meta(
            description="Short number of five digits that its reply numbers begin "
            "with; empty: it has none."
        ),
    ] = ""
    premium: Annotated[bool, Meta(description="May send premium messages.")] = False
    currency: Annotated[
        Currency | None,
        Meta(description="ISO 4217, or `SMS`; without: nothing is charged."),
    ] = None
    price_list: Annotated[
        Name | None,
        Meta(
            description="What it pays. Without one an account in `SMS` pays 1 for a "
            "segment to its home country, and can send to no other."
        ),
    ] = None
    prepaid: Annotated[bool, Meta(description="`false`: it is invoiced.")] = True
    credit_limit: Annotated[
        Amount | None,
        Meta(description="How far below zero an invoiced account may go."),
    ] = None
    pays_for: Annotated[
        Literal["accepted", "sent", "delivered"],
        Meta(
            description="The messages it pays for; others are refunded. `accepted`: "
            "all but cancelled ones; `sent`: those that an operator has taken."
        ),
    ] = "sent"
    balance: Annotated[
        Amount | None,
        Meta(description="What it begins with, only read when the account is new."),
    ] = None
    trial: Annotated[
        bool,
        Meta(description="A new account in `SMS` that begins with 25 for nothing."),
    ] = False
    order_ceiling: Annotated[
        int,
        Meta(
            ge=0,
            description="SMS that it may order in a day and have at once; what is more "
            "waits until an administrator approves it. 0: every order waits.",
        ),
    ] = 0
    alert_below: Annotated[
        Amount | None,
        Meta(description="A mail is sent when the balance falls below this."),
    ] = None
    alert_mail: Annotated[list[Address], Meta(description="To whom.")] = []
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
    stop: Annotated[
        list[str],
        Meta(
            description="Languages (`nb`, `sv`, `en`, …) whose words for STOP make a "
            "phone that writes one get nothing more; none: no word does."
        ),
    ] = []
    stop_reply: Annotated[
        Annotated[str, Meta(max_length=1530)],
        Meta(description="What such a phone is answered; empty: nothing."),
    ] = ""
    blocked: Annotated[bool, Meta(description="Refuse every request.")] = False
    access: list[AccessEntry] = []
    number: list[OwnNumberEntry] = []
    series: list[SeriesEntry] = []
    keyword: list[KeywordEntry] = []
    fee: list[FeeEntry] = []
    group: list[GroupEntry] = []
    opt_out: list[OptOutEntry] = []
    remove: Annotated[
        bool,
        Meta(description="Take it away with all it has; not if it has a ledger."),
    ] = False


class Kinds(NamedTuple):
    """The settings of an access by dialect, and of a carrier by kind."""

    dialects: Mapping[str, type[Struct]]
    carriers: Mapping[str, type[Struct]]


class File(Struct, kw_only=True, forbid_unknown_fields=True):
    """All of it; ``kinds`` are what its settings are read by."""

    kinds: Kinds | None = field(default=None, name=SAID)

    carrier: list[CarrierEntry] = []
    route: list[RouteEntry] = []
    price_list: list[PriceListEntry] = []
    account: list[AccountEntry] = []
    number: list[NumberEntry] = []
    suppression: list[SuppressionEntry] = []

    @property
    def accesses(self) -> list[tuple[AccountEntry, AccessEntry]]:
        """Every access with its account."""
        return [(owner, entry) for owner in self.account for entry in owner.access]

    @property
    def suppressed(
        self,
    ) -> list[tuple[str | None, SuppressionEntry | OptOutEntry]]:
        """Every suppression, and whose it is; ``None``: everybody's."""
        common = [(None, entry) for entry in self.suppression]
        own = [(a.name, entry) for a in self.account for entry in a.opt_out]
        return [*common, *own]


TABLES: tuple[tuple[str, type[Struct]], ...] = (
    ("[[carrier]]", CarrierEntry),
    ("[[route]]", RouteEntry),
    ("[[price_list]]", PriceListEntry),
    ("[[price_list.price]]", PriceEntry),
    ("[[account]]", AccountEntry),
    ("[[account.access]]", AccessEntry),
    ("[[account.number]]", OwnNumberEntry),
    ("[[account.series]]", SeriesEntry),
    ("[[account.keyword]]", KeywordEntry),
    ("[[account.fee]]", FeeEntry),
    ("[[account.group]]", GroupEntry),
    ("[[account.group.member]]", MemberEntry),
    ("[[account.opt_out]]", OptOutEntry),
    ("[[number]]", NumberEntry),
    ("[[suppression]]", SuppressionEntry),
)
"""As TOML writes them, in the order of the docs."""


def access_label(key: tuple[str, str]) -> str:
    """Name an access in messages."""
    return f"access {key[0]} {key[1]}".rstrip()


def route_label(key: tuple[str | None, str]) -> str:
    """Name a route in messages."""
    return f"route {key[1] or '+'}{of(key[0])}"


def suppression_label(key: tuple[str | None, str]) -> str:
    """Name a suppression in messages."""
    return f"opt_out {key[1]}{of(key[0])}" if key[0] else f"suppression {key[1]}"


def of(account: str | None) -> str:
    """Say whose something is."""
    return f" of {account}" if account else ""

"""
Reads an order from the body of a request.

The OpenAPI description is made from the struct. Rules that it cannot express are
checked here.
"""

from __future__ import annotations

import re
from datetime import datetime
from sys import getsizeof
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from budstikke.dialects.native.problems import Problem
from budstikke.dialects.native.templates import TemplateUse, read_template
from budstikke.domain.message import Order, Recurrence, TextMode, Unit
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from budstikke.dialects.native.settings import Settings

LONGEST_GSM, LONGEST_UCS2 = 1530, 670
"""Septets and UTF-16 units of ten segments."""

DAY = 86_400
LONGEST_VALIDITY = 7 * DAY

KEEP_KEYS = DAY
"""Seconds that the store keeps an idempotency key."""

LONGEST_WAIT = 366 * DAY
"""Seconds ahead that a message may be scheduled at most."""

MOST_RECIPIENTS = 100_000
"""Numbers, recipients or members of groups of one order at most."""

MOST_FIELDS = 100
"""Fields of one recipient."""

LONGEST_TEXT = 1600
"""Characters; ten segments have fewer, but some consist of several."""

MOST_OCTETS = 64 * 1024 * 1024
"""Octets of memory of all filled-in texts of an order at most."""

LAST_ID = 2**53 - 1
"""No id is above it: JSON integers are exact up to here (RFC 8259 § 6)."""

Number = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        description="`+` or `00`, a country code, and the number.",
        examples=["+4799999999"],
        extra_json_schema={"format": "phone"},
    ),
]

Moment = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339, with its offset.",
        examples=["2030-01-31T19:15:00Z"],
    ),
]

Fields = Annotated[
    dict[
        Annotated[str, Meta(max_length=64)],
        Annotated[str, Meta(max_length=LONGEST_TEXT)],
    ],
    Meta(max_length=MOST_FIELDS),
]


Groups = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=100)]],
    Meta(min_length=1, max_length=100),
]


class Recipient(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A recipient with a text of its own."""

    to: Number
    fields: Annotated[
        Fields,
        Meta(
            description="The value of each `{name}` in the text.",
            examples=[{"name": "Kari"}],
        ),
    ] = {}


class Repeat(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How an order repeats after its first time."""

    every: Annotated[
        int, Meta(ge=1, le=1000, description="How many units between two times.")
    ]
    unit: Annotated[
        Unit,
        Meta(
            description="Hours are elapsed time; longer ones keep the wall clock of "
            "`zone`."
        ),
    ]
    zone: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="IANA time zone.",
            examples=["Europe/Oslo"],
        ),
    ] = "UTC"
    count: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="How many times in all, with the first."),
    ] = None
    until: Annotated[Moment | None, Meta(description="The last possible time.")] = None


class SendBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A text and its recipients: `to`, `recipients` or `groups`."""

    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_TEXT,
            description="At most ten segments: 1530 septets in GSM 03.38, 670 UTF-16 "
            "units otherwise.",
            examples=["Your code is 123456"],
        ),
    ]
    from_: Annotated[
        Annotated[str, Meta(min_length=1, max_length=40)] | UnsetType,
        Meta(
            description="The sender: a text of at most 11 characters, or a number. "
            "Needed, but for `reply` and `reply_to`.",
            examples=["Budstikke"],
            extra_json_schema={"format": "sender"},
        ),
    ] = msgspec.field(name="from", default=UNSET)
    to: Annotated[
        Number
        | Annotated[list[Number], Meta(min_length=1, max_length=MOST_RECIPIENTS)]
        | UnsetType,
        Meta(description="One number or many.", examples=["+4799999999"]),
    ] = UNSET
    recipients: Annotated[
        Annotated[list[Recipient], Meta(min_length=1, max_length=MOST_RECIPIENTS)]
        | UnsetType,
        Meta(
            description="Instead of `to`: recipients with values for each `{name}` "
            "in the text."
        ),
    ] = UNSET
    groups: Annotated[
        Groups | UnsetType,
        Meta(description="Each active member gets the message once."),
    ] = UNSET
    encoding: Annotated[
        Literal["auto", "gsm", "gsm_only"],
        Meta(
            description="`auto`: GSM 03.38 if it has all characters, else UCS-2. "
            "`gsm`: others are replaced. `gsm_only`: others are refused."
        ),
    ] = "auto"
    send_at: Annotated[
        Moment | None,
        Meta(
            description="When; at most a year ahead. A time that has passed is now, "
            "but for one more than a day ago."
        ),
    ] = None
    recur: Annotated[Repeat | None, Meta(description="Repeat the order.")] = None
    validity: Annotated[
        int,
        Meta(
            ge=60,
            le=LONGEST_VALIDITY,
            description="Seconds during which it may be delivered.",
        ),
    ] = LONGEST_VALIDITY
    flash: Annotated[
        bool,
        Meta(description="The phone shows the text at once and does not store it."),
    ] = False
    priority: Annotated[
        int, Meta(ge=1, le=3, description="Higher ones are sent first.")
    ] = 1
    ref: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None,
        Meta(
            description="Your reference: you can list messages by it; webhooks have it."
        ),
    ] = None
    reply: Annotated[
        bool,
        Meta(
            description="Send from a reply number, which links answers to this message."
        ),
    ] = False
    reply_to: Annotated[
        Annotated[int, Meta(ge=1, le=LAST_ID)] | None,
        Meta(description="An earlier message with `reply`: send from its number."),
    ] = None
    test: Annotated[
        bool,
        Meta(description="Check and answer as usual, but send and charge nothing."),
    ] = False
    template: Annotated[
        TemplateUse | None,
        Meta(description="For operators that take only pre-approved texts."),
    ] = None


RULES: Mapping[str, object] = {
    "allOf": [
        {"anyOf": [{"required": [name]} for name in ("to", "recipients", "groups")]},
        {"anyOf": [{"required": [name]} for name in ("from", "reply", "reply_to")]},
    ],
    "not": {"required": ["to", "recipients"]},
}
"""Rules of the struct for JSON Schema, besides its types."""

BATCH, NAMES = 1000, 10
"""Texts of a batch; so many names in a text take as long as the rest of it."""

_named = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_order(
    body: SendBody, texts: Sequence[str], settings: Settings, key: str, now: float
) -> Order:
    """
    Make the order; raises Problem, and Refusal for a template.

    Args:
        body: The request's.
        texts: From a ``Filler``, for each recipient with fields.
        settings: The access's.
        key: The idempotency key; empty: none.
        now: Unix seconds.

    """
    template = body.template
    return Order(
        recipients=_recipients(body),
        text=_clean("text", body.text),
        originator=_originator(body),
        mode=TextMode.CONVERT if body.encoding == "gsm" else TextMode(body.encoding),
        max_septets=LONGEST_GSM,
        max_utf16=LONGEST_UCS2,
        ref=None if body.ref is None else _clean("ref", body.ref),
        send_at=_send_at(body, now),
        validity=body.validity,
        flash=body.flash,
        priority=body.priority,
        report=True,  # events are stored, with or without a URL
        interim=settings.status_interim,
        texts=texts,
        groups=[_clean("groups", name) for name in body.groups or ()],
        reply=body.reply,
        reply_to=body.reply_to,
        recurrence=None if body.recur is None else _recurrence(body.recur),
        template=read_template(template, settings.approved_domains)
        if template
        else None,
        test=body.test,
        key=key,
    )


def _recipients(body: SendBody) -> Sequence[str]:
    if body.recipients:
        if body.to:
            raise _bad("to", "Give to or recipients, not both")
        return [recipient.to for recipient in body.recipients]
    if not body.to and not body.groups:
        raise Problem(RefusalCode.MISSING_FIELD, param="to")
    return (body.to,) if isinstance(body.to, str) else body.to or ()


def _originator(body: SendBody) -> str:
    if not body.from_ and not body.reply and body.reply_to is None:
        raise Problem(RefusalCode.MISSING_FIELD, param="from")
    return body.from_ or ""


def _clean(param: str, text: str) -> str:
    """Refuse NUL, which phones do not show and databases refuse."""
    if "\0" in text:
        raise _bad(param, "It has a NUL character")
    return text


def _bad(param: str, detail: str) -> Problem:
    return Problem(RefusalCode.BAD_FIELD, detail=detail, param=param)


def _send_at(body: SendBody, now: float) -> float | None:
    if body.send_at is None:
        return None
    at = body.send_at.timestamp()
    if at < now - KEEP_KEYS:
        raise _bad("send_at", "It is more than a day ago")
    if at > now + LONGEST_WAIT:
        raise _bad("send_at", "It is more than a year ahead")
    return at


def _recurrence(rule: Repeat) -> Recurrence:
    until = None if rule.until is None else rule.until.timestamp()
    return Recurrence(
        value=rule.every,
        unit=rule.unit,
        zone=rule.zone,
        count=rule.count,
        until=until,
    )


def has_fields(body: SendBody) -> bool:
    """Whether recipients have their own texts; raises Problem with groups."""
    if not body.recipients or not _named.search(body.text):
        return False
    if body.groups:
        raise _bad("groups", "Members of groups have no fields for the text")
    return True


class Filler:
    """
    Fills in a text for recipients with fields.

    Args:
        text: It has a ``{name}`` for each value.
    """

    def __init__(self, text: str) -> None:
        self._pieces = _named.split(text)  # every second one is a name
        names = len(self._pieces) // 2
        self._at_a_time = max(1, BATCH * NAMES // (NAMES + names))
        self._octets = 0

    def batches(
        self, recipients: Sequence[Recipient], start: int
    ) -> Iterator[list[str]]:
        """
        Fill in the text for recipients, of which the first has the index ``start``.

        Yields texts in batches that take a few milliseconds each. Raises Problem: a
        ``{name}`` without a field of the recipient (``MISSING_FIELD``), a text that is
        too long for any message, or more than ``MOST_OCTETS`` (``TOO_LARGE``).
        """
        for at in range(0, len(recipients), self._at_a_time):
            some = recipients[at : at + self._at_a_time]
            texts = [
                self._fill(recipient.fields, f"recipients[{number}].fields")
                for number, recipient in enumerate(some, start + at)
            ]
            self._octets += sum(map(getsizeof, texts))
            if self._octets > MOST_OCTETS:
                detail = "The texts of this order are too large together: split it"
                raise Problem(RefusalCode.TOO_LARGE, detail=detail, param="recipients")
            yield texts

    def _fill(self, fields: Mapping[str, str], param: str) -> str:
        pieces = self._pieces.copy()
        try:
            pieces[1::2] = [fields[name] for name in pieces[1::2]]
        except KeyError as error:
            missing = f"{param}.{error.args[0]}"
            raise Problem(RefusalCode.MISSING_FIELD, param=missing) from error
        if sum(map(len, pieces)) > LONGEST_TEXT:
            detail = f"It has more than {LONGEST_TEXT} characters when it is filled in"
            raise Problem(RefusalCode.TEXT_TOO_LONG, detail=detail, param=param)
        return _clean(param, "".join(pieces))


def too_many(param: str) -> Problem:
    """Make the problem of an order with too many recipients."""
    return _bad(param, f"At most {MOST_RECIPIENTS} recipients")

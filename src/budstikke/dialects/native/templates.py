"""The kinds of pre-approved templates, and their parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import Meta

from budstikke.dialects.front.template import read_template as read_values
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.template import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.domain.message import Template


class TemplateKind(StrEnum):
    """What a template is for."""

    OTP = "otp"
    ORDER_CONFIRMATION = "order_confirmation"
    ORDER_READY = "order_ready"
    CONF_BOOKING = "conf_booking"
    CONF_REMINDER = "conf_reminder"


class Parameters(NamedTuple):
    """Names of a template's parameters, and one set of values as an example."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    example: Mapping[str, str]


_VISIT = {"sendername": "Firmanavn AS", "pax": "4", "datetime": "2030-01-31T19:15"}
_WHEN = ("pax", "date", "time", "datetime")

KINDS: Mapping[TemplateKind, Parameters] = {
    TemplateKind.OTP: Parameters(
        ("code",),
        ("username", "sendername"),
        {"code": "123456", "sendername": "Firmanavn AS"},
    ),
    TemplateKind.ORDER_CONFIRMATION: Parameters(
        ("sendername",),
        ("orderno", "amount", "currency", "orderurl"),
        {
            "sendername": "Firmanavn AS",
            "orderno": "123456789",
            "amount": "1,234.59",
            "currency": "NOK",
            "orderurl": "firmanavn.no/123456789",
        },
    ),
    TemplateKind.ORDER_READY: Parameters(
        ("sendername",),
        ("orderno",),
        {"sendername": "Firmanavn AS", "orderno": "123456789"},
    ),
    TemplateKind.CONF_BOOKING: Parameters(("sendername",), _WHEN, _VISIT),
    TemplateKind.CONF_REMINDER: Parameters(("sendername",), _WHEN, _VISIT),
}


class TemplateUse(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A pre-approved text, used only where the recipient's route needs one."""

    kind: TemplateKind
    values: Annotated[
        dict[str, Annotated[str, Meta(max_length=255)]],
        Meta(
            max_length=20,
            description="Its parameters: see the list of templates.",
            examples=[{"code": "123456"}],
        ),
    ] = {}


def read_template(use: TemplateUse, approved: Sequence[str]) -> Template:
    """
    Check a template's values; raises Refusal.

    ``approved``: the domains that orderurl may point to.
    """
    kind = KINDS[use.kind]
    known = {*kind.required, *kind.optional}
    for name in use.values:
        if name not in known:
            raise Refusal(RefusalCode.BAD_FIELD, field=f"template.values.{name}")
    try:
        template = read_values({**use.values, "type": use.kind.value}, approved)
        assert template is not None  # noqa: S101 - it has a type
        text_of(template)
    except Refusal as refusal:
        field = f"template.values.{refusal.field}"
        raise Refusal(refusal.code, field=field, value=refusal.value) from refusal
    return template

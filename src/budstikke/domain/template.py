"""
The texts of pre-approved templates, filled in (Front v3.05 § 2.1.3).

What belongs to a missing parameter is left out whole. Dates are written in English, as
in the approved texts; times have no seconds. No zone is converted. ``flow`` decides
whether a route needs a template.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, TypeVar

from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.domain.message import Template

    Values = Mapping[str, str]

Kind = TypeVar("Kind")

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)


def text_of(template: Template) -> str:
    """
    Write the text of a template.

    Raises Refusal: ``MISSING_FIELD`` without ``code`` (otp) or ``sendername`` (all
    others), ``BAD_FIELD`` for an unknown kind, or a bad date or time.
    """
    write = TEXTS.get(template.kind)
    if write is None:
        raise Refusal(RefusalCode.BAD_FIELD, field="type", value=template.kind)
    return write(template.values)


def _otp(values: Values) -> str:
    text = f"Your code is {_needed(values, 'code')}"
    if username := values.get("username"):
        text += f"\nUsername: {username}"
    if sender := values.get("sendername"):
        text += f"\n\nRegards {sender}"
    return text


def _order_confirmation(values: Values) -> str:
    sender = _needed(values, "sendername")
    text = f"Order{_if(' {}', values, 'orderno')} received."
    if amount := values.get("amount"):
        text += f" Total {_if('{} ', values, 'currency')}{amount}."
    text += _if(" Link: {}", values, "orderurl")
    return f"{text}\nThank you from {sender}"


def _order_ready(values: Values) -> str:
    sender = _needed(values, "sendername")
    order = f"Your order{_if(' {}', values, 'orderno')} is ready for pick up."
    return f"Hello! {order} Best regards, {sender}."


def _conf_booking(values: Values) -> str:
    sender = _needed(values, "sendername")
    party = _if(" for {}", values, "pax")
    return f"Your reservation{party} at {sender}{_when(values)} is confirmed. Welcome!"


def _conf_reminder(values: Values) -> str:
    sender = _needed(values, "sendername")
    party = _if("your party of {}", values, "pax") or "you"
    return (
        f"We look forward to seeing {party}{_when(values)}. "
        f"Please contact us if there are changes. See you at {sender}!"
    )


TEXTS: Mapping[str, Callable[[Values], str]] = {
    "otp": _otp,
    "order_confirmation": _order_confirmation,
    "order_ready": _order_ready,
    "conf_booking": _conf_booking,
    "conf_reminder": _conf_reminder,
}
"""By kind: the function that writes its text."""


def _needed(values: Values, name: str) -> str:
    value = values.get(name)
    if not value:
        raise Refusal(RefusalCode.MISSING_FIELD, field=name)
    return value


def _if(segment: str, values: Values, name: str) -> str:
    """Write a segment with a parameter, or nothing without it."""
    value = values.get(name)
    return segment.format(value) if value else ""


def _when(values: Values) -> str:
    """Write `` on 31 January 2030 at 19:15``; ``datetime`` wins over the other two."""
    day, clock = _moment(values)
    text = ""
    if day is not None:
        text += f" on {day.day} {MONTHS[day.month - 1]} {day.year}"
    if clock is not None:
        text += f" at {clock:%H:%M}"
    return text


def _moment(values: Values) -> tuple[date | None, time | None]:
    if both := values.get("datetime"):
        moment = _read(datetime.fromisoformat, "datetime", both)
        return moment.date(), moment.time()
    day, clock = values.get("date"), values.get("time")
    return (
        _read(date.fromisoformat, "date", day) if day else None,
        _read(time.fromisoformat, "time", clock) if clock else None,
    )


def _read(read: Callable[[str], Kind], name: str, value: str) -> Kind:
    try:
        return read(value)
    except ValueError as error:
        raise Refusal(RefusalCode.BAD_FIELD, field=name, value=value) from error

"""
Reads and checks the parameters of pre-approved templates.

Front v3.05 § 2.1.3 has their meaning, ``domain.template`` their texts. The route
decides whether a template is used; a bad value is refused on any route, so that a fault
shows before the first message to such a country.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from budstikke.dialects.front.values import bad, given, moment
from budstikke.domain.message import Template
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.template import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.dialects.front.values import Fields

_code = re.compile(r"[A-Za-z0-9!@#$%&*_-]{4,15}").fullmatch
_orderno = re.compile(r"[A-Za-z0-9_-]{1,50}").fullmatch
_amount = re.compile(r"[0-9,._ -]{1,50}").fullmatch
_pax = re.compile(r"[0-9,. ]{1,10}").fullmatch
_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_time = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?").fullmatch
_url = re.compile(
    r"(?:https?://)?([^\s/?#@:\\]++)(?::[0-9]+)?(?:[/?#]\S*)?", re.IGNORECASE
).fullmatch
"""Finds the host; ``_host`` checks its dots, which would take quadratic time here."""


def _is_date(text: str) -> bool:
    if not _date(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _host(url: str) -> str:
    """Return the host of a URL if it has a dot; empty: it is no such URL."""
    found = _url(url)
    return found[1].lower() if found and "." in found[1][1:-1] else ""


def _is_username(text: str) -> bool:
    lower = text.lower()
    return len(text) <= 255 and "http://" not in lower and "https://" not in lower


SHAPES: dict[str, Callable[[str], object]] = {
    "code": _code,
    "sendername": lambda text: len(text) <= 50,
    "orderno": _orderno,
    "amount": _amount,
    "currency": lambda text: len(text) <= 10,
    "orderurl": _host,
    "pax": _pax,
    "date": _is_date,
    "time": _time,
    "datetime": moment,
    "username": _is_username,
}
"""By parameter: the check of its value, in the order of their codes, 29 to 39."""

TEMPLATE_NAMES = frozenset({"type", *SHAPES})


def read_template(fields: Fields, approved: Sequence[str]) -> Template | None:
    """
    Read the template parameters; ``None`` without ``type``.

    ``approved``: the domains to which orderurl may lead. Raises Refusal for the first
    bad parameter, with or without ``type``.
    """
    kind = given(fields, "type")
    if kind is not None and kind not in TEXTS:
        raise bad("type", kind)
    if kind == "otp" and given(fields, "code") is None:
        raise Refusal(RefusalCode.MISSING_FIELD, field="code")
    values: dict[str, str] = {}
    for name, shape in SHAPES.items():
        text = given(fields, name)
        if text is None:
            continue
        if not shape(text) or (name == "orderurl" and not is_approved(text, approved)):
            raise bad(name, text)
        values[name] = text
    if kind is None:
        return None
    if "datetime" in values:
        values["datetime"] = _local(values["datetime"])
    return Template(kind=kind, values=values)


def _local(text: str) -> str:
    """Write a datetime in one form: its own clock, without a zone."""
    when = moment(text)
    assert when is not None  # noqa: S101 - its form was checked
    return when.replace(tzinfo=None).isoformat()


def is_approved(url: str, approved: Sequence[str]) -> bool:
    """Whether a URL leads to one of these domains or their subdomains."""
    host = _host(url)
    return any(
        host == domain.lower() or host.endswith("." + domain.lower())
        for domain in approved
    )

"""
Reads an order from a request's fields.

The order of the checks is part of the contract, since only the first error is returned.
Here: 9, 10, 11, then 19, 20, 22 to 27, then 28 to 39. The login checks 8, and
acceptance the later ones (1, 3, 4 ...).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.dialects.bounds import MOST_RECIPIENTS, too_large
from budstikke.dialects.front.request import (
    BULK,
    OPTION_NAMES,
    PUSH,
    check_encoding,
)
from budstikke.dialects.front.template import TEMPLATE_NAMES, read_template
from budstikke.dialects.front.values import (
    as_text,
    bad,
    flag,
    given,
    integer,
    is_blank,
    moment,
    required,
)
from budstikke.domain.message import Order, TextMode
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.front.settings import Settings
    from budstikke.dialects.front.values import Fields
    from budstikke.domain.message import Template

LONGEST = {"3.05": 1530, "2.25": 1024}
"""Longest text by version: septets in GSM, UTF-16 units in UCS-2."""

DUPLICATE_SECONDS = 120
LONGEST_REF = 100
DEFAULT_VALIDITY = 7 * 86400
LONGEST_VALIDITY = 63 * 7 * 86400
"""Seconds: the longest validity that SMS can express (3GPP TS 23.040 § 9.2.3.12.1)."""

BAD_PRICE = -1
"""The order's price if it cannot be read: other errors have to be answered first."""


class Options(NamedTuple):
    """The parameters that only v3.05 has, in the order of their checks."""

    flash: bool = False
    protocol_id: int = 0
    validity: int = DEFAULT_VALIDITY
    ref: str | None = None
    send_at: float | None = None
    groups: tuple[str, ...] = ()
    template: Template | None = None


_NO_OPTIONS = Options()


def read_order(fields: Fields, operation: str, settings: Settings, now: float) -> Order:
    """Read an order; raises Refusal for the first error in that order."""
    bulk = operation == BULK
    recipients = _many(fields, settings) if bulk else (required(fields, "phoneno"),)
    text = required(fields, "txt")
    originator = required(fields, "fromid")
    if operation == PUSH and "encoding" in fields:
        check_encoding(fields)
    unicode = flag(fields, "unicode")
    options = _read_newer(fields, settings, now, bulk=bulk)
    if recipients is None:
        raise Refusal(RefusalCode.BAD_RECIPIENT, field="phoneno")
    longest = LONGEST[settings.api_version]
    report = bool(settings.status_url) and (not bulk or options.ref is not None)
    return Order(
        recipients=recipients,
        text=text,
        originator=originator,
        mode=_mode(unicode=unicode, bulk=bulk),
        max_septets=longest,
        max_utf16=longest,
        ref=options.ref,
        send_at=options.send_at,
        validity=options.validity,
        flash=options.flash,
        protocol_id=options.protocol_id,
        report=report,
        interim=report and settings.status_interim,
        bulk=bulk,
        duplicate_lock=DUPLICATE_SECONDS if settings.duplicate_lock else 0,
        price=0 if bulk else _price(fields),
        groups=options.groups,
        template=options.template,
    )


def _many(fields: Fields, settings: Settings) -> Sequence[str] | None:
    """
    Read the recipients of a bulk order, as written.

    An element that is no text stays as JSON, and will be an invalid number. ``None``:
    it is no array, which is refused after all other errors of the request.
    """
    numbers = fields.get("phoneno")
    if numbers == [] or is_blank(numbers):
        if settings.api_version == "2.25" or is_blank(fields.get("group")):
            raise Refusal(RefusalCode.MISSING_FIELD, field="phoneno")
        return ()
    if not isinstance(numbers, list):
        return None
    if len(numbers) > MOST_RECIPIENTS:
        raise too_large("phoneno")
    if all(type(number) is str for number in numbers):
        return numbers
    return [_as_written(number) for number in numbers]


def _as_written(number: object) -> str:
    text = as_text(number)
    return msgspec.json.encode(number).decode() if text is None else text


def _mode(*, unicode: bool, bulk: bool) -> TextMode:
    if unicode:
        return TextMode.AUTO
    return TextMode.GSM_ONLY if bulk else TextMode.CONVERT


def _price(fields: Fields) -> int:
    """Read øre in whole kroner, 1 to 200 kroner; otherwise ``BAD_PRICE``."""
    value = fields.get("price")
    if value is None or value == "":
        return 0
    text = as_text(value)
    if text is not None and not text.strip():
        return 0
    price = None if text is None else integer(text)
    if price == 0:
        return 0
    if price is None or price % 100 or not 100 <= price <= 20000:
        return BAD_PRICE
    return price


def _read_newer(
    fields: Fields, settings: Settings, now: float, *, bulk: bool
) -> Options:
    """Read the parameters of v3.05, which v2.25 ignores."""
    if settings.api_version == "2.25":
        return _NO_OPTIONS
    options = _NO_OPTIONS
    if not OPTION_NAMES.isdisjoint(fields):
        options = Options(
            flash=flag(fields, "flash"),
            protocol_id=_protocol_id(fields),
            validity=_validity(fields),
            ref=_ref(fields),
            send_at=_scheduled(fields, now),
        )
    if bulk:
        group = given(fields, "group")
        return options if group is None else options._replace(groups=(group,))
    if TEMPLATE_NAMES.isdisjoint(fields):
        return options
    template = read_template(fields, settings.approved_domains)
    return options._replace(template=template)


def _protocol_id(fields: Fields) -> int:
    text = given(fields, "protocolid")
    if text is None:
        return 0
    value = integer(text)
    if value is None or value > 255:
        raise bad("protocolid", text)
    return value


def _validity(fields: Fields) -> int:
    """Read minutes as seconds; cut to the longest validity, never refused."""
    text = given(fields, "validity")
    if text is None:
        return DEFAULT_VALIDITY
    minutes = integer(text)
    if not minutes:
        raise bad("validity", text)
    return min(minutes * 60, LONGEST_VALIDITY)


def _ref(fields: Fields) -> str | None:
    text = given(fields, "ref")
    if text is not None and len(text) > LONGEST_REF:
        raise bad("ref", text)
    return text


def _scheduled(fields: Fields, now: float) -> float | None:
    text = given(fields, "scheduled")
    if text is None:
        return None
    when = moment(text)
    if when is None or when.timestamp() <= now:
        raise bad("scheduled", text)
    return when.timestamp()

"""Reads orders: one text to some recipients, or many texts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from budstikke.dialects.bounds import (
    MOST_GROUPS,
    MOST_MESSAGES,
    MOST_RECIPIENTS,
    cut,
    too_large,
)
from budstikke.dialects.document import Reader, begins
from budstikke.dialects.sveve.moments import read_date_time, read_recurrence
from budstikke.dialects.sveve.request import MANY, PARAMETERS
from budstikke.dialects.sveve.targets import read_targets
from budstikke.dialects.sveve.values import bad, flag, given, integer, required
from budstikke.domain.message import Order, TextMode
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.contract import Call
    from budstikke.dialects.sveve.settings import Settings
    from budstikke.dialects.sveve.targets import Target
    from budstikke.dialects.sveve.values import Fields

HOME = "NO"
"""The country whose national numbers are accepted."""

LONGEST_GSM = 1071
"""Septets: seven segments of 153."""

LONGEST_UCS2 = 469
"""UTF-16 units: seven segments of 67."""

LONGEST_REF = 36
ID_DIGITS = 18
"""Digits that a 64-bit integer always holds."""

NATIONAL_DIGITS = 8
BAD_PRICE = -1
"""The order's price if it cannot be read: other errors are answered first."""

NOT_IN_NAMES = frozenset("æøåÆØÅ")

_one = Reader(PARAMETERS)
_several = msgspec.json.Decoder(list[msgspec.Raw])


class Read(NamedTuple):
    """One of many messages: its recipients, and its order or refusal."""

    targets: Sequence[Target]
    asked: Order | Refusal


def read_orders(call: Call, settings: Settings, now: float) -> Order | list[Order]:
    """
    Read what to send; raises Refusal for the first error.

    Of many messages bad ones are left out, unless all are bad; ``call.fields`` keeps
    the result of each for the answer.
    """
    fields = call.fields or {}
    many = _messages(fields)
    if many is None:
        return _order(fields, targets_of(fields), settings, now)
    common = {name: fields[name] for name in PARAMETERS & fields.keys()}
    came: list[Read] = []
    recipients = 0
    for message in many:
        read = _read_one(common, message, settings, now)
        recipients += len(read.targets)
        if recipients > MOST_RECIPIENTS:
            raise too_large("to")
        came.append(read)
    orders = [read.asked for read in came if isinstance(read.asked, Order)]
    if not orders:
        refusals = (read.asked for read in came if isinstance(read.asked, Refusal))
        raise next(refusals, Refusal(RefusalCode.MISSING_FIELD, field="to"))
    call.fields = {**common, MANY: came}
    return orders


def _messages(fields: Fields) -> list[Any] | None:
    """
    Return many messages, each as written or as read; ``None``: there is just one.

    Raises Refusal (``TOO_LARGE``).
    """
    many = fields.get(MANY)
    if isinstance(many, msgspec.Raw):
        if not begins(many, b"["):
            return None
        many = _several.decode(many)
    if isinstance(many, list) and len(many) > MOST_MESSAGES:
        raise too_large(MANY)
    return many if isinstance(many, list) else None


def targets_of(fields: Fields) -> list[Target]:
    """Read the recipients of a message; raises Refusal."""
    written = required(fields, "to")
    if written.count(",") > MOST_RECIPIENTS:
        raise too_large("to")
    targets = read_targets(written)
    if not targets:
        raise Refusal(RefusalCode.MISSING_FIELD, field="to")
    return targets


def _read_one(common: Fields, message: Any, settings: Settings, now: float) -> Read:
    """Read one of many; parameters that it lacks come from the request."""
    targets: Sequence[Target] = ()
    asked: Order | Refusal
    try:
        fields = {**common, **_object(message)}
        targets = targets_of(fields)
        asked = _order(fields, targets, settings, now)
    except Refusal as refusal:
        asked = refusal.with_traceback(None)  # a traceback keeps all local values
    return Read(targets, asked)


def _object(message: Any) -> Fields:
    """Read one message; raises Refusal (``MALFORMED``) if it is no object."""
    if isinstance(message, msgspec.Raw):
        return _one.read(message)
    if isinstance(message, dict):
        return message
    raise Refusal(RefusalCode.MALFORMED)


def _order(
    fields: Fields, targets: Sequence[Target], settings: Settings, now: float
) -> Order:
    """Check, in this order, msg, groups, reply_id, from, date_time, recurrence, ref."""
    text = cut(required(fields, "msg"))
    groups = tuple(dict.fromkeys(it.text for it in targets if it.group))
    if len(groups) > MOST_GROUPS:
        raise too_large("to")
    reply, reply_to = flag(fields, "reply"), _reply_to(fields)
    originator = given(fields, "from") or settings.originator
    price = _price(fields)
    if not (reply or price) and reply_to is None:  # otherwise the sender is our number
        originator = _checked(originator)
    send_at = read_date_time(fields, now)
    first = now if send_at is None else send_at
    return Order(
        recipients=[target.text for target in targets if not target.group],
        groups=groups,
        country=HOME,
        text=text,
        originator=originator,
        mode=TextMode.AUTO,
        max_septets=LONGEST_GSM,
        max_utf16=LONGEST_UCS2,
        reply=reply,
        reply_to=reply_to,
        send_at=send_at,
        recurrence=read_recurrence(fields, first),
        ref=_ref(fields),
        report=bool(settings.status_url),
        price=price,
        test=flag(fields, "test"),
    )


def _checked(originator: str) -> str:
    """
    Give a Norwegian national number its country code.

    Raises Refusal for a name with æ, ø or å in it.
    """
    if not NOT_IN_NAMES.isdisjoint(originator):
        raise Refusal(RefusalCode.BAD_ORIGINATOR, field="from", value=originator)
    dense = "".join(originator.split())
    if len(dense) == NATIONAL_DIGITS and dense.isascii() and dense.isdigit():
        return "+47" + dense
    return originator


def _reply_to(fields: Fields) -> int | None:
    name = "reply_id" if given(fields, "reply_id") is not None else "reply_to"
    text = given(fields, name)
    if text is None:
        return None
    number = integer(text, ID_DIGITS)
    if number is None:
        raise bad(name, text)
    return number


def _ref(fields: Fields) -> str | None:
    text = given(fields, "ref")
    if text is not None and len(text) > LONGEST_REF:
        raise bad("ref", text)
    return text


def _price(fields: Fields) -> int:
    """Read øre in whole kroner; ``BAD_PRICE`` if it is none."""
    text = given(fields, "price")
    if text is None:
        return 0
    price = integer(text)
    return BAD_PRICE if price is None or price % 100 else price

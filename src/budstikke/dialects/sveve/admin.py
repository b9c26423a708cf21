"""Writes the answers of AccountAdm and RecipientAdm, in plain text or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from budstikke.dialects.sveve.request import fields_of, wants_json
from budstikke.dialects.sveve.words import OUR_FAULT, PREPAID_ONLY, WAITING, of_request
from budstikke.domain.queries import BalanceAnswer, CreditAnswer, GroupAnswer
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call, TaskResult

JSON = "application/json"
DONE = "OK"

ONE_SMS = 1_000_000
"""Micros of one SMS, in an account with SMS."""

_json = msgspec.json.Encoder().encode


class Said(NamedTuple):
    """An answer in both forms."""

    text: str
    document: Mapping[str, Any]


def render(call: Call, answer: TaskResult) -> WireResponse:
    """Write the answer, as ``f`` wants it."""
    fields = fields_of(call)
    words = _say(call, answer, str(fields.get("cmd")).strip().lower())
    status = 200
    if isinstance(answer, Refusal) and answer.code is RefusalCode.TOO_MANY_REQUESTS:
        status = 429
    if wants_json(fields):
        return WireResponse(status, _json({"response": words.document}), JSON)
    return WireResponse(status, words.text.encode())


def _say(call: Call, answer: TaskResult, command: str) -> Said:
    if isinstance(answer, Refusal):
        return _fatal(of_request(call, answer))
    if isinstance(answer, BalanceAnswer):
        return _balance(answer)
    if isinstance(answer, CreditAnswer):
        return _credit(answer)
    if isinstance(answer, GroupAnswer) and command == "list_groups":
        return Said("\n".join(map(_line, answer.groups)), {"groups": answer.groups})
    if isinstance(answer, GroupAnswer) and command == "list_recipients":
        return _members(answer)
    return Said(DONE, {"status": DONE})


def _fatal(words: str) -> Said:
    return Said(words, {"fatalError": words})


def _balance(answer: BalanceAnswer) -> Said:
    """Write the number of SMS left: segments to the home country, rounded down."""
    if not answer.prepaid or not answer.currency:
        return _fatal(PREPAID_ONLY)
    price = answer.home_price or (ONE_SMS if answer.currency == "SMS" else 0)
    return _left(answer.balance, price)


def _credit(answer: CreditAnswer) -> Said:
    if answer.waiting:
        return Said(WAITING, {"status": WAITING})
    left = _left(answer.balance, answer.home_price)
    return Said(DONE, left.document if answer.home_price else {"status": DONE})


def _left(balance: int, price: int) -> Said:
    if not price:
        return _fatal(OUR_FAULT)  # sold by a price that nobody has set
    count = max(0, balance // price)
    return Said(str(count), {"sms_count": count})


def _members(answer: GroupAnswer) -> Said:
    """List members, Norwegian numbers without their country code."""
    rows = [(it.name, it.number.removeprefix("+47")) for it in answer.members]
    return Said(
        "\n".join(f"{_line(name)};{number}" for name, number in rows),
        {"recipients": [{"name": name, "number": number} for name, number in rows]},
    )


def _line(name: str) -> str:
    """Write a name in one line."""
    return " ".join(name.splitlines())

"""Reads queries and commands of AccountAdm and RecipientAdm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.sveve.order import HOME
from budstikke.dialects.sveve.request import ACCOUNT
from budstikke.dialects.sveve.values import bad, given, integer, required
from budstikke.domain.number import international, why_not
from budstikke.domain.queries import (
    BalanceQuery,
    CreditCommand,
    GroupCommand,
    GroupVerb,
)
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.sveve.values import Fields

FEWEST, MOST = 500, 50_000
"""Fewest and most SMS of one order of credit."""

_V = GroupVerb

COMMANDS: Mapping[str, tuple[GroupVerb, tuple[str, ...]]] = {
    "add_group": (_V.ADD, ("group",)),
    "move_group": (_V.MOVE, ("group", "new_group")),
    "delete_group": (_V.DELETE, ("group",)),
    "list_groups": (_V.LIST, ()),
    "list_recipients": (_V.MEMBERS, ("group",)),
    "add_recipient": (_V.ADD_MEMBER, ("group",)),
    "move_recipient": (_V.MOVE_MEMBER, ("group", "new_group")),
    "delete_recipient": (_V.DELETE_MEMBER, ("group",)),
}
"""By command of RecipientAdm: the verb, and the parameters of its groups."""

OF_MEMBERS = frozenset({_V.ADD_MEMBER, _V.MOVE_MEMBER, _V.DELETE_MEMBER})
"""Verbs that need a number."""


def read_ask(
    fields: Fields, operation: str
) -> BalanceQuery | CreditCommand | GroupCommand:
    """Read a query or command; raises Refusal."""
    command = required(fields, "cmd").strip().lower()
    if operation == ACCOUNT:
        if command == "sms_count":
            return BalanceQuery()
        if command == "order_sms":
            return CreditCommand(_count(fields))
        raise bad("cmd", command)
    if command not in COMMANDS:
        raise bad("cmd", command)
    verb, groups = COMMANDS[command]
    has = {name: required(fields, name).strip() for name in groups}
    number, fault = _number(fields) if verb in OF_MEMBERS else ("", None)
    return GroupCommand(
        verb=verb,
        group=has.get("group", ""),
        new_group=has.get("new_group", ""),
        number=number,
        name=(given(fields, "name") or "").strip() if verb is _V.ADD_MEMBER else "",
        fault=fault,
    )


def _count(fields: Fields) -> int:
    text = required(fields, "count")
    count = integer(text)
    if count is None or not FEWEST <= count <= MOST:
        raise bad("count", text)
    return count


def _number(fields: Fields) -> tuple[str, RefusalCode | None]:
    """Read a number, or its fault: groups are checked before it."""
    written = (given(fields, "number") or "").strip()
    if not written:
        return "", RefusalCode.MISSING_FIELD
    number = international(written, HOME)
    if number is not None:
        return number, None
    return written, why_not(written, HOME) or RefusalCode.BAD_RECIPIENT

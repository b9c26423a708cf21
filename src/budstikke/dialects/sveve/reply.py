"""
Writes the answer to SendMessage, in XML or JSON.

Clients depend on its form: ``response`` is the first child of ``sms``; ``ids`` comes
before ``errors``. JSON has ``ids`` unless all failed for one reason, and ``fatalError``
only then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import msgspec

from budstikke.dialects.bounds import shown
from budstikke.dialects.sveve.order import HOME, Read, targets_of
from budstikke.dialects.sveve.request import MANY, fields_of, wants_json
from budstikke.dialects.sveve.words import (
    OF_RECIPIENTS,
    no_group,
    of_recipient,
    of_request,
)
from budstikke.domain.message import Accepted
from budstikke.domain.number import international
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from budstikke.dialects.contract import Call
    from budstikke.dialects.sveve.targets import Target

XML = "text/xml; charset=ISO-8859-1"
JSON = "application/json"
TOO_MANY = 429
"""The only HTTP status besides 200."""

_json = msgspec.json.Encoder().encode
_not_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Tally:
    """An answer: ids, and (number, reason) of those refused, or one fatal error."""

    ids: list[int] = field(default_factory=list)
    segments: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    fatal: str | None = None


def render(
    call: Call, answer: Accepted | Refusal | Sequence[Accepted | Refusal]
) -> WireResponse:
    """Write the answer in the format of ``f``."""
    if isinstance(answer, Accepted):
        tally = _accepted(call, answer)
    elif isinstance(answer, Refusal):
        tally = _refused(call, _targets(call), answer)
    else:
        tally = _several(call, answer)
    status = 200
    if isinstance(answer, Refusal) and answer.code is RefusalCode.TOO_MANY_REQUESTS:
        status = TOO_MANY
    if wants_json(fields_of(call)):
        return WireResponse(status, _in_json(tally), JSON)
    return WireResponse(status, _in_xml(tally), XML)


def _targets(call: Call) -> Sequence[Target]:
    try:
        return targets_of(fields_of(call))
    except Refusal:
        return ()


def _accepted(call: Call, accepted: Accepted) -> Tally:
    ids = [became for became in accepted.ids if type(became) is int]
    if not accepted.members and len(ids) == len(accepted.ids):
        return Tally(ids, accepted.segments)  # the usual case
    targets = _targets(call)
    if _no_group_is_there(targets, accepted):
        return _unknown_groups(name for name, _ in accepted.members)
    tally = Tally()
    _add(tally, accepted, targets)
    return tally


def _no_group_is_there(targets: Sequence[Target], accepted: Accepted) -> bool:
    """Whether the order has only groups, and none of them exists."""
    return all(target.group for target in targets) and all(
        became is RefusalCode.UNKNOWN_GROUP for _, became in accepted.members
    )


def _unknown_groups(names: Iterable[str]) -> Tally:
    """Answer for groups that do not exist, if the order has nothing else."""
    return Tally(fatal=no_group(", ".join(dict.fromkeys(names))))


def _add(tally: Tally, accepted: Accepted, targets: Sequence[Target]) -> None:
    """Add the result of an order."""
    tally.segments += accepted.segments
    for written, became in _in_order(targets, accepted):
        if isinstance(became, RefusalCode):
            tally.errors.append((written, of_recipient(became, written)))
        else:
            tally.ids.append(became)


def _in_order(
    targets: Sequence[Target], accepted: Accepted
) -> Iterator[tuple[str, int | RefusalCode]]:
    """List each recipient's result, with members in the place of their group."""
    ids, members = iter(accepted.ids), iter(accepted.members)
    sizes = iter(accepted.group_sizes or (len(accepted.members),))
    groups: set[str] = set()
    for target in targets:
        if not target.group:
            yield from ((target.text, became) for became in islice(ids, 1))
        elif target.text not in groups:
            groups.add(target.text)
            for name, became in islice(members, next(sizes, 0)):
                yield name.removeprefix("+"), became
    yield from (("", became) for became in ids)
    yield from members


def _refused(call: Call, targets: Sequence[Target], refusal: Refusal) -> Tally:
    """
    Answer a refusal of the whole: by recipient, if it is about them.

    An unknown group is refused so if the order has nothing else.
    """
    code = refusal.code
    if code is RefusalCode.UNKNOWN_GROUP:
        names = [target.text for target in targets if target.group]
        return _unknown_groups(names or [refusal.value])
    if code not in OF_RECIPIENTS:
        return Tally(fatal=of_request(call, refusal))
    invalid = frozenset(refusal.invalid)
    written = [it.text for it in targets if _is_meant(it, refusal, invalid)]
    if not written:
        written = [target.text for target in targets] or [refusal.value]
    return Tally(errors=[(it, of_recipient(code, it)) for it in written])


def _is_meant(target: Target, refusal: Refusal, invalid: frozenset[str]) -> bool:
    if target.text in invalid or target.text == refusal.value:
        return True
    if target.group or not refusal.value:
        return False
    return international(target.text, HOME) == refusal.value


def _several(call: Call, answers: Sequence[Accepted | Refusal]) -> Tally:
    """
    Answer for many messages together.

    A message's refusal is that of its recipients; one that all messages have is fatal.
    """
    waiting = iter(answers)
    tally = Tally()
    faults: set[str | None] = set()
    for targets, asked in _kept(call):
        answer = asked if isinstance(asked, Refusal) else next(waiting)
        if isinstance(answer, Accepted):
            faults.add(None)
            _add(tally, answer, targets)
            continue
        refused = _refused(call, targets, answer)
        faults.add(refused.fatal)
        written = [target.text for target in targets] or [""]
        why = refused.fatal or ""
        tally.errors += refused.errors or [(it, why) for it in written]
    if len(faults) == 1:
        (tally.fatal,) = faults
    return tally


def _kept(call: Call) -> Sequence[Read]:
    """Return what ``read_orders`` kept of many messages."""
    kept = fields_of(call).get(MANY) or ()
    return [read for read in kept if isinstance(read, Read)]


def _in_json(tally: Tally) -> bytes:
    said: dict[str, Any] = {
        "msgOkCount": len(tally.ids),
        "stdSMSCount": tally.segments,
    }
    if tally.fatal is None:
        said["ids"] = tally.ids
        if tally.errors:
            said["errors"] = [
                {"number": shown(number), "message": message}
                for number, message in tally.errors
            ]
    else:
        said["fatalError"] = tally.fatal
    return _json({"response": said})


def _in_xml(tally: Tally) -> bytes:
    """Write it as the source prints it, with its white space (Sveve, examples 1-3)."""
    lines = [
        '<?xml version="1.0" encoding="ISO-8859-1" ?>',
        "<sms>",
        "<response>",
        f"  <msg_ok_count>{len(tally.ids)}</msg_ok_count>",
        f"  <std_sms_count>{tally.segments}</std_sms_count>",
    ]
    if tally.ids:
        lines += ["  <ids>", *(f"    <id>{it}</id>" for it in tally.ids), "  </ids>"]
    if tally.fatal is not None:
        fatal = f"    <fatal>{_xml(tally.fatal)}</fatal>"
        lines += ["  <errors>", fatal, "  </errors>"]
    elif tally.errors:
        lines.append("  <errors>")
        for number, message in tally.errors:
            lines += [
                "    <error>",
                f"     <number>{_xml(shown(number))}</number>",
                f"      <message>{_xml(message)}</message>",
                "    </error>",
            ]
        lines.append("</errors>")
    lines += ["</response>", "</sms>"]
    return "\n".join(lines).encode("latin-1", "xmlcharrefreplace")


def _xml(text: str) -> str:
    """Escape a text, without characters that XML forbids."""
    return escape(_not_xml.sub("?", text), {"\r": "&#13;"})

"""
Writes answers: a bare number, an XML element, or a SOAP envelope.

A refused order or query is a code in an ordinary answer, HTTP 200. A SOAP fault (HTTP
503 in the HTTP bindings) answers only an envelope without a known operation, and a
look-up that fails by our fault, as does a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.ip1.codes import describe, refused, status
from budstikke.dialects.ip1.envelope import (
    CONTENT_TYPES,
    NAMESPACE,
    Fault,
    FaultCode,
    write_fault,
    write_result,
    xml,
)
from budstikke.dialects.ip1.operations import Action, Binding
from budstikke.dialects.ip1.order import OPERATIONS, WSDL
from budstikke.dialects.ip1.page import HTML, write_page
from budstikke.dialects.ip1.request import ParsedRequest, parsed_request
from budstikke.dialects.ip1.wsdl import write_wsdl
from budstikke.domain.cet import to_wall
from budstikke.domain.message import Accepted
from budstikke.domain.money import decimal
from budstikke.domain.queries import (
    BalanceAnswer,
    CancelAnswer,
    MessagesAnswer,
    MmsAnswer,
    Page,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.contract import Call, TaskResult

NOTHING = 110
"""The code of an unknown message or bundle, or of one with nothing to cancel."""

NOT_SCHEDULED = "0"
PLAIN, XML = "text/plain; charset=utf-8", "text/xml; charset=utf-8"
HUNDREDTH = 10_000
"""Micros: balances are rounded down to it."""

UNAVAILABLE = "Temporarily unavailable, try again later"
LOOK_UPS = frozenset({Action.STATUS, Action.STATUS_BUNDLE, Action.TIME})
OUR_FAULTS = frozenset(
    {RefusalCode.STORAGE_DOWN, RefusalCode.INTERNAL, RefusalCode.TOO_MANY_REQUESTS}
)

Pairs = list[tuple[int, int]]
"""The SMS of a bundle with their codes."""


def render(call: Call, answer: TaskResult) -> WireResponse:
    """Write an answer in the form of the request."""
    parsed = parsed_request(call)
    if isinstance(answer, Page) and answer.name in (WSDL, OPERATIONS):
        return _page(call, parsed, answer.name)
    if parsed.binding in CONTENT_TYPES and parsed.operation is None:
        return _fault(parsed, answer)
    if _says_nothing(parsed, answer):
        return _unavailable(parsed, answer)
    result = _result(parsed, answer)
    if parsed.binding is Binding.BARE or parsed.operation is None:
        return WireResponse(200, str(result).encode(), PLAIN)
    if parsed.binding is Binding.XML:
        return WireResponse(200, _element(result), XML)
    content = xml(result) if isinstance(result, str) else _listed(result)
    body = write_result(parsed.binding, parsed.operation.name, content)
    return WireResponse(200, body, CONTENT_TYPES[parsed.binding])


def _page(call: Call, parsed: ParsedRequest, name: str) -> WireResponse:
    if name == WSDL:
        return WireResponse(200, write_wsdl(parsed.service, call.request), XML)
    headers = {
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"
    }
    return WireResponse(200, write_page(parsed.service, call.request), HTML, headers)


def _says_nothing(parsed: ParsedRequest, answer: TaskResult) -> bool:
    """
    Whether a page or a look-up failed by our fault.

    A look-up's code for that, 42, would read as the message's state.
    """
    if not isinstance(answer, Refusal) or answer.code not in OUR_FAULTS:
        return False
    return parsed.binding is Binding.PAGE or bool(
        parsed.operation and parsed.operation.action in LOOK_UPS
    )


def _unavailable(parsed: ParsedRequest, answer: TaskResult) -> WireResponse:
    if parsed.binding in CONTENT_TYPES:
        return _fault(parsed, answer)
    return WireResponse(503, UNAVAILABLE.encode(), PLAIN)


def _fault(parsed: ParsedRequest, answer: TaskResult) -> WireResponse:
    """Answer a request without a result: no operation, no envelope, or a failure."""
    code = answer.code if isinstance(answer, Refusal) else RefusalCode.INTERNAL
    if parsed.fault and code not in OUR_FAULTS:
        fault = parsed.fault
    elif code in OUR_FAULTS:
        fault = Fault(FaultCode.RECEIVER, UNAVAILABLE)
    elif code is RefusalCode.TOO_LARGE:
        fault = Fault(FaultCode.SENDER, "The request is too large")
    else:
        fault = Fault(FaultCode.SENDER, "The request cannot be read")
    return WireResponse(
        500, write_fault(parsed.binding, fault), CONTENT_TYPES[parsed.binding]
    )


def _result(parsed: ParsedRequest, answer: TaskResult) -> str | Pairs:
    """Return the result in the original's words."""
    service = parsed.service.name
    bundle = (
        parsed.operation is not None and parsed.operation.action is Action.STATUS_BUNDLE
    )
    if isinstance(answer, Refusal):
        code = refused(service, answer)
        return [(0, code)] if bundle else str(code)
    if isinstance(answer, Accepted):
        return str(_id(service, answer))
    if isinstance(answer, MessagesAnswer):
        return _messages(parsed, answer, bundle=bundle)
    if isinstance(answer, BalanceAnswer):
        return decimal(answer.balance // HUNDREDTH * HUNDREDTH)
    if isinstance(answer, CancelAnswer):
        return "0" if answer.cancelled else str(NOTHING)
    if isinstance(answer, MmsAnswer):
        return str(answer.message_id)
    assert isinstance(answer, Page)  # noqa: S101 - there are no others
    return describe(parsed.given("id"))


def _id(service: str, answer: Accepted) -> int:
    """Return the id of a message or a bundle, or the code of its refusal."""
    ids: Sequence[int | RefusalCode] = answer.ids
    first = next((one for one in ids if not isinstance(one, RefusalCode)), None)
    if first is None:
        code = ids[0] if ids else RefusalCode.INTERNAL
        assert isinstance(code, RefusalCode)  # noqa: S101 - there is no id
        return refused(service, Refusal(code))
    return first if len(ids) == 1 else answer.order_id


def _messages(
    parsed: ParsedRequest, answer: MessagesAnswer, *, bundle: bool
) -> str | Pairs:
    service, messages = parsed.service.name, answer.messages
    if bundle:
        return [(message.id, status(service, message)) for message in messages]
    time = parsed.operation is not None and parsed.operation.action is Action.TIME
    if not messages:
        missing = Refusal(RefusalCode.BAD_FIELD)
        return NOT_SCHEDULED if time else str(refused(service, missing))
    message = messages[0]
    if not time:
        return str(status(service, message))
    if message.state is not MessageState.SCHEDULED or message.send_at is None:
        return NOT_SCHEDULED
    return f"{to_wall(message.send_at):%Y-%m-%d %H:%M:%S}"


def _listed(pairs: Pairs) -> str:
    return "".join(
        f"<SmsStatus><smsId>{number}</smsId><status>{code}</status></SmsStatus>"
        for number, code in pairs
    )


def _element(result: str | Pairs) -> bytes:
    """Write a result for the HTTP bindings: an element named by its type."""
    if isinstance(result, str):
        name, content = "string", xml(result)
    else:
        name, content = "ArrayOfSmsStatus", _listed(result)
    element = f'<{name} xmlns="{NAMESPACE}">{content}</{name}>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{element}'.encode()

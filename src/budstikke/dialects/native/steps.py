"""A request of the REST API in steps: read, asked of the gateway, answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.contract import Done
from budstikke.dialects.native.bodies import Reader
from budstikke.dialects.native.exchange import Exchange, PathValues
from budstikke.dialects.native.operations import OPERATIONS
from budstikke.dialects.native.problems import Problem, render
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import AccessView, Call, Steps
    from budstikke.dialects.native.exchange import Reply, Work
    from budstikke.dialects.native.operation import Operation
    from budstikke.dialects.native.settings import Settings

JSON = "application/json"

BY_NAME: Mapping[str, Operation] = {each.name: each for each in OPERATIONS}

_reader = Reader(OPERATIONS)
_encode = msgspec.json.Encoder().encode


def steps(
    call: Call, path: PathValues, access: AccessView[Settings], now: float
) -> Steps:
    """Work a request to its end; raises Refusal as the gateway does."""
    exchange = Exchange(access=access, now=now, headers=call.request.headers, path=path)
    try:
        reply = yield from _operate(call, exchange)
    except Problem as problem:
        return refused(problem)
    return Done(_response(reply))


def refused(problem: Problem) -> Done:
    """Answer with a problem."""
    return Done(render(problem), problem.code.value)


def _operate(call: Call, exchange: Exchange) -> Work[Reply]:
    operation = BY_NAME[call.operation]
    exchange.query = _reader.query(operation, call.request)
    exchange.body = yield from _reader.body(operation, call.request)
    return (yield from operation.handler(exchange))


def _response(reply: Reply) -> WireResponse:
    headers = {"cache-control": "no-store", **reply.headers}
    if reply.body is None:
        return WireResponse(reply.status, b"", JSON, headers)
    if reply.media_type and isinstance(reply.body, bytes):
        return WireResponse(reply.status, reply.body, reply.media_type, headers)
    return WireResponse(reply.status, _encode(reply.body), JSON, headers)

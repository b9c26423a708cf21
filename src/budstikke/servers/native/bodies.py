"""
Queries and bodies, read into the structs of their operations.

What does not fit is said with the parameter at fault, and broken JSON with the place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from budstikke.dialects.native.problems import Fault, Problem
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.servers.native.operation import Operation
    from budstikke.wire import WireRequest

JSON = "application/json"
MOST_PARAMETERS = 50

_path = re.compile(r" - at `(?:key in )?\$\.?(.*)`$").search
_field = re.compile(r"(unknown|missing required) field `(.*?)`").search


class Reader:
    """Reads what requests bring along; one decoder an operation."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._decoders = {
            operation.name: msgspec.json.Decoder(operation.body)
            for operation in operations
            if operation.body is not None
        }

    def body(self, operation: Operation, request: WireRequest) -> Any:
        """Read the body; ``None``: the operation has none. Raises Problem."""
        if operation.body is None:
            return None
        if not request.body and operation.body_optional:
            return operation.body()
        kind = request.headers.get("content-type", JSON)
        media = kind.partition(";")[0].strip().lower()
        if media != JSON:
            raise Problem(Fault.UNSUPPORTED_MEDIA_TYPE, detail=f"It is {media[:100]}")
        try:
            return self._decoders[operation.name].decode(request.body)
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from error
        except UnicodeDecodeError as error:
            raise Problem(
                RefusalCode.MALFORMED, detail="The body is not UTF-8"
            ) from error
        except msgspec.DecodeError as error:
            raise _broken(str(error), len(request.body)) from error

    def query(self, operation: Operation, request: WireRequest) -> Any:
        """Read the query; ``None``: the operation has none. Raises Problem."""
        if not request.query and operation.query is None:
            return None
        given = _pairs(request.query)
        if operation.query is None:
            raise _unknown(next(iter(given), ""))
        try:
            return msgspec.convert(given, operation.query, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from error


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=MOST_PARAMETERS,
            errors="strict",
        )
    except ValueError as error:
        detail = "The query cannot be read as UTF-8"
        raise Problem(RefusalCode.MALFORMED, detail=detail) from error
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise Problem(RefusalCode.BAD_FIELD, detail="Given twice", param=name)
        given[name] = value
    return given


def _unknown(name: str) -> Problem:
    return Problem(RefusalCode.BAD_FIELD, detail="There is no such field", param=name)


def invalid(fault: str) -> Problem:
    """
    Say what a value that does not fit is, from what msgspec says of it.

    ``Object contains unknown field `x` - at `$.recipients[0]``` becomes ``bad_field``
    with the parameter ``recipients[0].x``.
    """
    found = _path(fault)
    where = found[1] if found else ""
    what = fault[: found.start()] if found else fault
    field = _field(what)
    if field is None:
        return Problem(RefusalCode.BAD_FIELD, detail=what, param=where)
    param = f"{where}.{field[2]}".lstrip(".")
    if field[1] == "unknown":
        return _unknown(param)
    return Problem(RefusalCode.MISSING_FIELD, detail="It is needed", param=param)


def _broken(fault: str, size: int) -> Problem:
    """Say where JSON ends to be JSON."""
    if fault == "Input data was truncated":
        fault = f"It ends too early (byte {size})"
    detail = fault.removeprefix("JSON is malformed: ")
    return Problem(RefusalCode.MALFORMED, detail=f"Not JSON: {detail}")

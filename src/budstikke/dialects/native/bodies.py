"""
Reads queries and bodies into the structs of their operations.

A bad value is a problem with its parameter, and broken JSON one with its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from budstikke.dialects.native.faults import faults_of, invalid, unknown
from budstikke.dialects.native.large import LARGE, read_large
from budstikke.dialects.native.mms import MmsBody, check_size
from budstikke.dialects.native.order import SendBody
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from budstikke.dialects.native.exchange import Work
    from budstikke.dialects.native.operation import Operation
    from budstikke.wire import WireRequest

JSON_TYPES = frozenset({"json", "x-json"})
"""Subtypes that are JSON, beside those that end in ``+json`` (RFC 6839 § 3.1)."""

MOST_PARAMETERS = 50

BOM = b"\xef\xbb\xbf"
"""Some programs write it; it is no part of JSON (RFC 8259 § 8.1)."""


class Reader:
    """Reads requests; it has one decoder for each operation."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._decoders = {
            operation.name: msgspec.json.Decoder(operation.body)
            for operation in operations
            if operation.body is not None
        }

    def body(self, operation: Operation, request: WireRequest) -> Work[Any]:
        """
        Read the body; ``None``: the operation has none. Raises Problem.

        A large order is read in slices, as a ``LargeOrder``. The octets are removed
        from the request, so that they do not stay in memory.
        """
        if operation.body is None:
            return None
        body, request.body = request.body.removeprefix(BOM), b""
        if operation.body_optional and not body.strip():
            return operation.body()
        _check_type(request.headers.get("content-type", ""))
        decode: Callable[[bytes], Any] = self._decoders[operation.name].decode
        with faults_of(body):
            if operation.body is SendBody and len(body) > LARGE:
                return (yield from read_large(body, decode)) or decode(body)
            if operation.body is MmsBody:
                check_size(body)
            return decode(body)

    def query(self, operation: Operation, request: WireRequest) -> Any:
        """Read the query; ``None``: the operation has none. Raises Problem."""
        if not request.query and operation.query is None:
            return None
        given = _pairs(request.query)
        if operation.query is None:
            raise unknown(next(iter(given), ""))
        try:
            return msgspec.convert(given, operation.query, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from error


def _check_type(header: str) -> None:
    """Refuse a body of another declared type; without a type it is JSON."""
    media = header.partition(";")[0].partition(",")[0].strip().lower()
    subtype = media.rpartition("/")[2]
    if media and subtype not in JSON_TYPES and not subtype.endswith("+json"):
        raise Problem(Fault.UNSUPPORTED_MEDIA_TYPE, detail=f"It is {media[:100]}")


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

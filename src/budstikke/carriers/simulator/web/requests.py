"""Requests to the simulated phones: their origin, parameters and bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect

from budstikke.carriers.simulator.web.mms import read_form, read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from budstikke.carriers.simulator.web.mms import Composed

MAX_BODY: Final = 1024 * 1024
"""Octets of the largest body: an MMS in base64."""

MOST_PARAMETERS: Final = 50
"""Parameters of a query at most."""

Body = TypeVar("Body")


class Problem(Exception):  # noqa: N818 - an answer, not an error of ours
    """An error to answer: HTTP status, stable code, sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def is_from_elsewhere(request: Request) -> bool:
    """
    Whether a page of another site made a browser send this request.

    Browsers say so (Fetch Metadata), except to a plain http address of another machine;
    then the Origin header says it (RFC 6454 § 7).
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None or origin is None:
        return site == "cross-site"
    return origin.rpartition("://")[2] != request.headers.get("host")


def parameters_of(request: Request) -> QueryParams:
    """Read the query; one with thousands of parameters would take 20 ms."""
    if request.scope["query_string"].count(b"&") > MOST_PARAMETERS:
        raise Problem(400, "bad_field", f"over {MOST_PARAMETERS} parameters")
    return request.query_params


async def read_message(request: Request) -> Composed:
    """Read a message from a phone: JSON, or a form with files."""
    body = await _read_body(request)
    kind = request.headers.get("content-type", "")
    try:
        if kind.lower().startswith("multipart/form-data"):
            return read_form(kind, body)
        return _decoded(lambda: read_json(body))
    except ValueError as error:
        raise Problem(400, "bad_field", str(error)) from error


async def read_json_body(request: Request, form: type[Body]) -> Body:
    """Read a JSON body, whatever its Content-Type is."""
    body = await _read_body(request)
    return _decoded(lambda: msgspec.json.decode(body, type=form))


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Problem(413, "too_large", f"the body has over {MAX_BODY} octets")
    except ClientDisconnect as error:
        raise Problem(400, "malformed", "the body was cut short") from error
    return bytes(body)


def _decoded(decode: Callable[[], Body]) -> Body:
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise Problem(400, "bad_field", str(error)) from error
    except RecursionError as error:
        raise Problem(400, "malformed", "the body is too deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "malformed", f"the body is not JSON: {error}") from error

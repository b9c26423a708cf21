"""
The REST API over HTTP: requests in, problems or answers out.

On plain ASGI, since sending is as much on the message path here as it is for the
other dialects; docs/why/rest.md has the figures.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.contract import Call
from budstikke.dialects.native import Native
from budstikke.dialects.native.bodies import Reader
from budstikke.dialects.native.exchange import Exchange
from budstikke.dialects.native.openapi import describe
from budstikke.dialects.native.operations import OPERATIONS
from budstikke.dialects.native.page import POLICY, write_page
from budstikke.dialects.native.problems import Problem, problem_of, render
from budstikke.dialects.native.router import Router
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.asgi import Tally, read_body, read_head, send_response
from budstikke.servers.auth import Caller
from budstikke.servers.limits import Busy
from budstikke.store.contract import StoreUnavailable
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.dialects.native.exchange import Parts, PathValues, Reply
    from budstikke.dialects.native.operation import Operation
    from budstikke.domain.directory import Access, Directory
    from budstikke.servers.addresses import Network
    from budstikke.servers.asgi import App, Receive, Scope, Send
    from budstikke.servers.auth import Authenticator
    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.http")

PREFIX = "/v1"
JSON = "application/json"

SMALL = 64 * 1024
"""Octets of a body that neither sends nor quotes."""

_encode = msgspec.json.Encoder().encode


class NativeServer:
    """
    The ASGI application of everything below ``/v1``.

    Args:
        parts: What does the work.
        directory: Gives the directory as it is now.
        authenticator: Decides who may.
        rest: The application for all other paths.
        max_body: Octets of a request's body.
        trusted: Networks of proxies that are believed.
        version: Ours, for the description.

    """

    def __init__(
        self,
        *,
        parts: Parts,
        directory: Callable[[], Directory],
        authenticator: Authenticator,
        rest: App,
        max_body: int,
        trusted: tuple[Network, ...],
        version: str,
    ) -> None:
        self._dialect = Native()
        self._parts = parts
        self._directory = directory
        self._authenticator = authenticator
        self._rest = rest
        self._max_body = max_body
        self._trusted = trusted
        self._router = Router(OPERATIONS, PREFIX)
        self._reader = Reader(OPERATIONS)
        self._busy = Busy()
        self._tally = Tally()
        self._pages = _pages(version)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Work one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(f"{PREFIX}/"):
            await self._rest(scope, receive, send)
            return
        page = self._pages.get(path)
        if page is not None and scope["method"] == "GET":
            await send_response(send, page)
            return
        started = time.perf_counter()
        response, result = await self._work(scope, receive)
        self._tally.count("native", result, time.perf_counter() - started)
        await send_response(send, response)

    async def _work(self, scope: Scope, receive: Receive) -> tuple[WireResponse, str]:
        """Take a request to its operation; never raises."""
        try:
            reply = await self._answer(scope, receive)
            return _response(reply), "accepted"
        except Problem as found:
            problem = found
        except Refusal as refusal:
            problem = problem_of(refusal)
        except StoreUnavailable as error:
            log.warning("refused, nothing can be stored: %s", error)
            problem = Problem(RefusalCode.STORAGE_DOWN)
        except Exception:
            log.exception("bug in native")
            problem = Problem(RefusalCode.INTERNAL)
        log.debug("refused: %s", problem, extra={"dialect": "native"})
        return render(problem), problem.code.value

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        raw = scope.get("raw_path") or scope["path"].encode()
        found = self._router.find(scope["method"], raw.decode("latin-1"))
        request = read_head(scope, self._trusted)
        access = await self._check(request)
        most = access.settings.concurrency
        if most is None:
            return await self._operate(*found, request, access, receive)
        with self._busy.one(access.id, most):
            return await self._operate(*found, request, access, receive)

    async def _check(self, request: WireRequest) -> Access:
        """Find who calls; raises Refusal."""
        login = self._dialect.login(Call(request, ""))
        directory = self._directory()
        caller = Caller(request.client, request.secure, "native")
        access = await self._authenticator.find(directory, login, caller)
        if not self._authenticator.check_now(access, login.secret, caller):
            await self._authenticator.check(access, login.secret, caller)
        assert access is not None  # noqa: S101 - check refuses it
        return access

    async def _operate(
        self,
        operation: Operation,
        path: PathValues,
        request: WireRequest,
        access: Access,
        receive: Receive,
    ) -> Reply:
        exchange = Exchange(
            parts=self._parts, access=access, headers=request.headers, path=path
        )
        if operation.body is not None:
            most = self._max_body
            if not operation.large:
                most = min(most, SMALL)
            request.body = await read_body(receive, most)
        exchange.query = self._reader.query(operation, request)
        exchange.body = await self._reader.body(operation, request)
        return await operation.handler(exchange)


def _response(reply: Reply) -> WireResponse:
    headers = {"cache-control": "no-store", **reply.headers}
    if reply.body is None:
        return WireResponse(reply.status, b"", JSON, headers)
    if reply.media_type and isinstance(reply.body, bytes):
        return WireResponse(reply.status, reply.body, reply.media_type, headers)
    return WireResponse(reply.status, _encode(reply.body), JSON, headers)


def _pages(version: str) -> dict[str, WireResponse]:
    """Make what is served to anybody: the description, for programs and for people."""
    description = describe(OPERATIONS, version)
    document = msgspec.json.format(_encode(description), indent=2)
    page = write_page(OPERATIONS, description).encode()
    headers = {
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    html = "text/html; charset=utf-8"
    return {
        f"{PREFIX}/openapi.json": WireResponse(200, document, JSON, headers),
        f"{PREFIX}/docs": WireResponse(200, page, html, headers),
    }

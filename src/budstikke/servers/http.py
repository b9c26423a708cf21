"""
HTTP in: a request to its dialect, through the path, and the answer back.

The routes of dialects are looked up in a table and worked on plain ASGI, since they
read the query's bytes themselves; everything else is Starlette's.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

import msgspec

from budstikke.dialects.contract import (
    Call,
    Done,
    Identifying,
    Prepares,
    Roomy,
    Stepwise,
)
from budstikke.domain.message import Accepted, Order
from budstikke.domain.queries import Page
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.pace import Pace, in_thread
from budstikke.servers import bounds
from budstikke.servers.asgi import Tally, read_body, read_head, send_response
from budstikke.servers.auth import Caller
from budstikke.servers.limits import ConcurrencyLimit
from budstikke.servers.routes import Routed, Routes
from budstikke.store.contract import StoreUnavailable
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.dialects.contract import (
        HttpDialect,
        Step,
        StepAnswer,
        Steps,
        Task,
        TaskResult,
    )
    from budstikke.domain.directory import Access, Directory
    from budstikke.servers.addresses import Network
    from budstikke.servers.asgi import App, Receive, Scope, Send
    from budstikke.servers.contract import (
        Authenticates,
        GivesLookups,
        HandlesQueries,
        TakesOrders,
    )
    from budstikke.wire import WireRequest

    Refused = Callable[[HttpDialect, Call, Access | None, Refusal], None]

log = logging.getLogger("budstikke.http")


class HttpServer:
    """
    The ASGI application of a gateway.

    Args:
        dialects: Those that are served.
        directory: Gives the directory as it is now.
        authenticator: Decides who may.
        acceptor: Takes orders.
        query_handler: Answers queries and commands.
        lookups: Answers those who do not log in.
        rest: The application for all other paths.
        max_body: Octets of a request's body.
        trusted: Networks of proxies that are believed.
        clock: Unix seconds.
        refused: Hears of every refusal: dialect, call, access if it is known.
        limit: Limits the requests of an access that are under way.

    Attributes:
        get_routes: Those of GET without parameters, by path in lower case.
        trusted: As given.

    """

    def __init__(
        self,
        *,
        dialects: Mapping[str, HttpDialect],
        directory: Callable[[], Directory],
        authenticator: Authenticates,
        acceptor: TakesOrders,
        query_handler: HandlesQueries,
        lookups: GivesLookups,
        rest: App,
        max_body: int,
        trusted: tuple[Network, ...],
        clock: Callable[[], float],
        refused: Refused | None = None,
        limit: ConcurrencyLimit | None = None,
    ) -> None:
        self._refused = refused
        self._routes = Routes(dialects.values())
        self.get_routes = self._routes.gets
        self._stepwise = frozenset(
            name for name, each in dialects.items() if isinstance(each, Stepwise)
        )
        self._keyed = frozenset(
            name for name, each in dialects.items() if isinstance(each, Identifying)
        )
        self._rooms = {
            (name, operation): min(octets, max_body)
            for name, each in dialects.items()
            if isinstance(each, Roomy)
            for operation, octets in each.room.items()
        }
        self._directory = directory
        self._authenticator = authenticator
        self._acceptor = acceptor
        self._query_handler = query_handler
        self._limit = limit or ConcurrencyLimit()
        self._lookups = lookups
        self._rest = rest
        self._max_body = max_body
        self.trusted = trusted
        self._clock = clock
        self._tally = Tally()
        for each in dialects.values():
            if isinstance(each, Prepares):
                each.prepare()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI request."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        raw = (scope.get("raw_path") or path.encode()).decode("latin-1")
        routed = self._routes.find(method, path, raw)
        if isinstance(routed, Routed):
            request = read_head(scope, self.trusted)
            body = None if method == "GET" else receive
            await send_response(send, await self.answer(routed, request, body))
        elif routed is None:
            await self._rest(scope, receive, send)
        else:
            await send_response(send, _not_allowed(routed))

    async def answer(
        self, routed: Routed, request: WireRequest, receive: Receive | None = None
    ) -> WireResponse:
        """
        Answer a request of a dialect; never raises.

        ``receive`` brings its body; ``None``: it has none.
        """
        started = time.perf_counter()
        response, result = await self._work(routed, request, receive)
        self._tally.count(routed.dialect.name, result, time.perf_counter() - started)
        return response

    async def _work(
        self, routed: Routed, request: WireRequest, receive: Receive | None
    ) -> tuple[WireResponse, str]:
        """Take a request through its dialect; never raises."""
        dialect, operation, parameters, allowed = routed
        call = Call(request, operation, path=parameters, allowed=allowed)
        answer: TaskResult | Done
        try:
            if receive is not None and dialect.name not in self._stepwise:
                await self._read(dialect, call, receive)
                receive = None
            answer = await self._ask(dialect, call, receive)
            result = answer.result if isinstance(answer, Done) else "accepted"
        except Refusal as refusal:
            answer, result = refusal, refusal.code.value
        except StoreUnavailable as error:
            log.warning("refused a request, the database is unavailable: %s", error)
            answer = Refusal(RefusalCode.STORAGE_DOWN)
            result = answer.code.value
        except Exception:
            log.exception("request failed: internal error in %s", dialect.name)
            answer = Refusal(RefusalCode.INTERNAL)
            result = answer.code.value
        if self._refused is not None and isinstance(answer, Refusal):
            access = cast("Access | None", call.access)  # which ``_ask`` put there
            self._refused(dialect, call, access, answer)
        if log.isEnabledFor(logging.DEBUG):
            _log_answer(dialect, answer, result)
        try:
            if isinstance(answer, Done):
                return answer.response, result
            return await self._render(dialect, call, answer), result
        except Exception:
            log.exception("request failed: internal error in %s", dialect.name)
            return self._render_fault(dialect, call), RefusalCode.INTERNAL.value

    def _render_fault(self, dialect: HttpDialect, call: Call) -> WireResponse:
        """Answer after a bug: in the words of the dialect, or else in ours."""
        try:
            refusal = Refusal(RefusalCode.INTERNAL)
            return dialect.render(call, refusal, self._clock())
        except Exception:
            log.exception("%s cannot write its own refusal", dialect.name)
            return WireResponse(500, b"Internal error\n")

    async def _read(self, dialect: HttpDialect, call: Call, receive: Receive) -> None:
        """Read a body; raises Refusal when it is larger than the operation's may be."""
        most = self._rooms.get((dialect.name, call.operation), self._max_body)
        if most:
            said = call.request.headers.get("content-length", "")
            call.request.body = await read_body(receive, most, said)

    async def _ask(
        self, dialect: HttpDialect, call: Call, receive: Receive | None
    ) -> TaskResult | Done:
        """Authenticate a request and answer it; ``receive``: read the body from it."""
        large = len(call.request.body) > bounds.OFF_LOOP
        login = await in_thread(dialect.login, call) if large else dialect.login(call)
        if login is None:
            asked = await self._parse(dialect, call, None)
            if isinstance(asked, Page | Done):
                return asked
            assert isinstance(asked, msgspec.Struct)  # noqa: S101 - the contract
            assert not isinstance(asked, Order)  # noqa: S101 - likewise
            return await self._lookups.look_up(asked, dialect.name, call.request.client)
        directory, request = self._directory(), call.request
        alone = dialect.name in self._keyed
        said = "" if alone else login.identifier
        caller = Caller(request.client, request.secure, dialect.name, said)
        access = directory.login(dialect.name, login.identifier)
        if access is None and alone:
            access = await self._authenticator.find(directory, login, caller)
        call.access = access
        if not self._authenticator.check_now(access, login.secret, caller):
            await self._authenticator.check(access, login.secret, caller)
        assert access is not None  # noqa: S101 - check refuses it
        self._lookups.logged_in(dialect.name, request.client)
        most = getattr(access.settings, "concurrency", None)
        if most is None:
            return await self._answer(dialect, call, access, receive)
        with self._limit.one(access.id, most):
            return await self._answer(dialect, call, access, receive)

    async def _answer(
        self, dialect: HttpDialect, call: Call, access: Access, receive: Receive | None
    ) -> TaskResult | Done:
        if receive is not None:
            await self._read(dialect, call, receive)
        asked = await self._parse(dialect, call, access)
        if isinstance(asked, Order):
            return await self._acceptor.accept(asked, access)
        if isinstance(asked, list):
            return await self._accept_all(asked, access)
        if isinstance(asked, Done):
            return asked
        if not isinstance(asked, msgspec.Struct):
            return await self._take_steps(asked, access)
        return await self._query_handler.handle(asked, access)

    async def _take_steps(self, steps: Steps, access: Access) -> Done:
        """Do the steps of a request, one after the other."""
        pace: Pace | None = None
        step = _next(steps.send, None)
        while not isinstance(step, Done):
            answer: StepAnswer = None
            try:
                if step is None:
                    pace = pace or Pace()
                    await pace.rest()
                elif isinstance(step, Order):
                    answer = await self._acceptor.accept(step, access)
                else:
                    answer = await self._query_handler.handle(step, access)
            except Refusal as refusal:
                step = _next(steps.throw, refusal)
            else:
                step = _next(steps.send, answer)
        return step

    async def _accept_all(
        self, orders: list[Order], access: Access
    ) -> list[Accepted | Refusal]:
        """Accept one by one; others have their turn between those answered at once."""
        pace = Pace()
        answers = []
        for order in orders:
            answers.append(await self._accept_one(order, access))
            await pace.rest()
        return answers

    async def _parse(
        self, dialect: HttpDialect, call: Call, access: Access | None
    ) -> Task:
        now = self._clock()
        large = len(call.request.body) > bounds.OFF_LOOP
        if large and dialect.name not in self._stepwise:
            return await in_thread(dialect.parse, call, access, now)
        return dialect.parse(call, access, now)

    async def _render(
        self, dialect: HttpDialect, call: Call, answer: TaskResult
    ) -> WireResponse:
        """Write an answer; one that may name thousands of recipients in a thread."""
        now = self._clock()
        if len(call.request.body) <= bounds.OFF_LOOP:
            return dialect.render(call, answer, now)
        return await in_thread(dialect.render, call, answer, now)

    async def _accept_one(self, order: Order, access: Access) -> Accepted | Refusal:
        try:
            return await self._acceptor.accept(order, access)
        except Refusal as refusal:
            return refusal.with_traceback(None)  # which holds all that was read of it
        except StoreUnavailable as error:  # those before it are accepted all the same
            log.warning("refused a request, the database is unavailable: %s", error)
            return Refusal(RefusalCode.STORAGE_DOWN)


def _next(resume: Callable[[Any], Step], value: object) -> Step | Done:
    """Resume steps; gives the next one, or what they came to."""
    try:
        return resume(value)
    except StopIteration as end:
        done: Done = end.value
        return done


def _not_allowed(methods: frozenset[str]) -> WireResponse:
    allowed = ", ".join(sorted(methods))
    return WireResponse(405, b"Method not allowed\n", headers={"allow": allowed})


def _log_answer(dialect: HttpDialect, answer: TaskResult | Done, result: str) -> None:
    extra: dict[str, Any] = {"dialect": dialect.name, "result": result}
    if isinstance(answer, Accepted):
        extra["message_id"] = answer.order_id
        extra["messages"] = len(answer.ids)
    elif isinstance(answer, Refusal):
        extra["field"] = answer.field
    log.debug("answered", extra=extra)

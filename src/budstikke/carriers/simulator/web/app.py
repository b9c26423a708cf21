"""
The simulated phones over HTTP: read their messages, send from them, watch them.

Test suites of other projects use the API, so errors say what is wrong, and the ``+`` in
a path may be escaped or not. There is no authentication: it belongs on a demo or test
installation. It refuses requests that a browser makes for another site.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from budstikke.carriers.simulator.web.json_rows import (
    composed_row,
    message_row,
    summary_row,
)
from budstikke.carriers.simulator.web.page import (
    POLICY,
    STATIC,
    Row,
    list_page,
    phone_page,
)
from budstikke.carriers.simulator.web.requests import (
    Problem,
    is_from_elsewhere,
    parameters_of,
    read_json_body,
    read_message,
)
from budstikke.domain.text import first_outside, grapheme_at
from budstikke.servers.bounds import whole
from budstikke.servers.media_headers import shown_as

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request

    from budstikke.domain.inbound import MediaPart

MAX_TEXT: Final = 5_000
"""Characters of the longest text from a phone."""

STREAM_SECONDS: Final = 30.0
"""Seconds of one event stream; browsers connect again by themselves."""

BREATH: Final = 0.25
"""Seconds between two events of a stream, at least."""


class Phones(Protocol):
    """What this uses of ``carriers.simulator.phones.Phones``; rows are structs."""

    def fault_switches(self) -> Mapping[str, object]:
        """Return the operator's faults by name."""

    def switch_faults(self, changes: Mapping[str, object] | None) -> None:
        """Switch faults; ``None``: all off. Raises ValueError."""

    def number(self, written: str) -> str:
        """Return a number as E.164 with ``+``; raises ValueError."""

    def messages(self, number: str, after: int = 0) -> Sequence[msgspec.Struct]:
        """List the messages that a phone received, oldest first."""

    def sent(self, number: str) -> Sequence[msgspec.Struct]:
        """List the messages that a phone sent, oldest first."""

    def summaries(self, limit: int = 1000) -> Sequence[msgspec.Struct]:
        """List phones, the one used last first."""

    def summary(self, number: str) -> msgspec.Struct:
        """Describe one phone."""

    def empty(self, number: str) -> int:
        """Delete a phone's messages; return how many it had received."""

    def is_on(self, number: str) -> bool:
        """Whether a phone is on."""

    def switch(self, number: str, *, on: bool) -> None:
        """Switch a phone on or off."""

    def media(self, message_id: int) -> Sequence[MediaPart]:
        """Return the parts of an MMS."""

    def compose(
        self,
        number: str,
        to: str,
        text: str,
        at: float,
        mms: tuple[str, tuple[MediaPart, ...]] | None = None,
    ) -> msgspec.Struct | None:
        """Send a text or an MMS from a phone; ``None``: the queue is full."""

    def watch(self, watcher: Callable[[str], None]) -> Callable[[], None]:
        """Call ``watcher`` with a phone's number at any change."""


class _Switching(msgspec.Struct):
    """The body of a PUT of a phone."""

    on: bool


Handler = Callable[["Request"], Awaitable[Response]]


class _Screen:
    """The handlers, and what they need."""

    def __init__(
        self,
        phones: Phones,
        fates: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._phones = phones
        self._fates = fates
        self._clock = clock

    # For test suites

    async def show_faults(self, _request: Request) -> Response:
        return _json(self._phones.fault_switches())

    async def switch_faults(self, request: Request) -> Response:
        changes = await read_json_body(request, dict[str, bool | float | str])
        try:
            self._phones.switch_faults(changes)
        except ValueError as error:
            raise Problem(400, "bad_field", str(error)) from error
        return _json(self._phones.fault_switches())

    async def reset_faults(self, _request: Request) -> Response:
        self._phones.switch_faults(None)
        return _json(self._phones.fault_switches())

    async def list_phones(self, _request: Request) -> Response:
        return _json([summary_row(each) for each in self._phones.summaries()])

    async def show_phone(self, request: Request) -> Response:
        return _json(summary_row(self._phones.summary(self._number(request))))

    async def switch_phone(self, request: Request) -> Response:
        number = self._number(request)
        switching = await read_json_body(request, _Switching)
        self._phones.switch(number, on=switching.on)
        return _json(summary_row(self._phones.summary(number)))

    async def list_messages(self, request: Request) -> Response:
        after = parameters_of(request).get("after", "0")
        last_id = whole(after)
        if last_id is None:
            raise Problem(400, "bad_field", "after is the id of a message")
        return _json(self._received(self._number(request), last_id))

    async def send_message(self, request: Request) -> Response:
        number = self._number(request)
        composing = await read_message(request)
        to = composing.to.replace(" ", "")
        if not 2 <= len(to.removeprefix("+")) <= 20 or not to.strip("+").isalnum():
            raise Problem(400, "bad_field", "to is a short number or a phone number")
        if not composing.text and composing.mms is None:
            raise Problem(400, "bad_field", "text is empty")
        if len(composing.text) > MAX_TEXT:
            raise Problem(413, "too_large", f"text has over {MAX_TEXT} characters")
        if not self._phones.is_on(number):
            raise Problem(409, "phone_off", f"{number} is switched off")
        text, mms = composing.text, composing.mms
        sent = self._phones.compose(number, to, text, self._clock(), mms)
        if sent is None:
            raise Problem(503, "queue_full", "no carrier fetches what phones send")
        return _json(composed_row(sent, number), 201)

    async def empty_phone(self, request: Request) -> Response:
        return _json({"deleted": self._phones.empty(self._number(request))})

    async def show_part(self, request: Request) -> Response:
        self._number(request)
        message_id = whole(request.path_params["id"])
        place = whole(request.path_params["place"])
        parts = () if message_id is None else self._phones.media(message_id)
        if place is None or not 1 <= place <= len(parts):
            raise Problem(404, "not_found", "there is no such part, or not any more")
        part = parts[place - 1]
        kind, headers = shown_as(part.type)
        return Response(part.data, 200, {**_HEADERS, **headers}, kind)

    def _received(self, number: str, after: int = 0) -> list[Row]:
        messages = self._phones.messages(number, after)
        return [message_row(each, number) for each in messages]

    def _number(self, request: Request) -> str:
        try:
            return self._phones.number(request.path_params["number"])
        except ValueError as error:
            raise Problem(400, "bad_number", str(error)) from error

    # For people

    async def page(self, request: Request) -> Response:
        asked = parameters_of(request).get("phone")
        if asked is None:
            phones = [summary_row(each) for each in self._phones.summaries(limit=200)]
            return _html(list_page(phones, self._fates))
        try:
            number = self._phones.number(asked)
        except ValueError as error:
            raise Problem(400, "bad_number", str(error)) from error
        received = self._received(number)
        for row in received:
            ucs2 = row["encoding"] == "ucs2"
            row["forced_ucs2"] = _outside_gsm(row["text"]) if ucs2 else ""
        sent = [composed_row(each, number) for each in self._phones.sent(number)]
        phone = summary_row(self._phones.summary(number))
        return _html(phone_page(phone, received, sent))

    async def static(self, request: Request) -> Response:
        file = STATIC.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        media_type, octets = file
        return Response(octets, media_type=media_type, headers=_HEADERS)

    async def phone_events(self, request: Request) -> Response:
        return _stream(self._changes(self._number(request)))

    async def events(self, _request: Request) -> Response:
        return _stream(self._changes(None))

    async def _changes(self, number: str | None) -> AsyncIterator[str]:
        """Yield an event now, and whenever something changes."""
        loop = asyncio.get_running_loop()
        end = loop.time() + STREAM_SECONDS
        changed = asyncio.Event()
        changed.set()

        def hear(whose: str) -> None:
            if number is None or whose == number:
                changed.set()

        stop = self._phones.watch(hear)
        try:
            yield "retry: 1000\n\n"
            while (left := end - loop.time()) > 0:
                try:
                    async with asyncio.timeout(left):
                        await changed.wait()
                except TimeoutError:
                    return
                changed.clear()
                yield "data: changed\n\n"
                await asyncio.sleep(BREATH)
        finally:
            stop()


def simulator_app(
    phones: Phones,
    *,
    fates: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """
    Make the HTTP application; its paths begin with ``/simulator``.

    Args:
        phones: A ``carriers.simulator.phones.Phones``.
        fates: Last digits of numbers, and how a message to them ends.
        clock: Unix seconds.

    """
    screen = _Screen(phones, fates or {}, clock)
    phone = "/simulator/phones/{number}"
    routes = [
        _route("/simulator", screen.page, "GET"),
        _route("/simulator/events", screen.events, "GET"),
        _route("/simulator/faults", screen.show_faults, "GET"),
        _route("/simulator/faults", screen.switch_faults, "PUT"),
        _route("/simulator/faults", screen.reset_faults, "DELETE"),
        _route("/simulator/static/{name}", screen.static, "GET"),
        _route("/simulator/phones", screen.list_phones, "GET"),
        _route(phone, screen.show_phone, "GET"),
        _route(phone, screen.switch_phone, "PUT"),
        _route(f"{phone}/events", screen.phone_events, "GET"),
        _route(f"{phone}/messages", screen.list_messages, "GET"),
        _route(f"{phone}/messages", screen.send_message, "POST"),
        _route(f"{phone}/messages", screen.empty_phone, "DELETE"),
        _route(f"{phone}/messages/{{id}}/parts/{{place}}", screen.show_part, "GET"),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _answer_http_exception,
            Problem: _answer_problem,
        },
    )


def _route(path: str, handler: Handler, method: str) -> Route:
    async def guarded(request: Request) -> Response:
        if method != "GET" and is_from_elsewhere(request):
            raise Problem(403, "cross_site", "not from a page of another site")
        return await handler(request)

    return Route(path, guarded, methods=[method])


async def _answer_problem(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - it is registered for no other
    return _json({"error": problem.code, "message": str(problem)}, problem.status)


async def _answer_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
    answer = _json({"error": code, "message": error.detail}, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def _outside_gsm(text: str) -> str:
    """Find the first character that the GSM alphabet has not."""
    index = first_outside(text)
    return grapheme_at(text, index) if index >= 0 else ""


_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, _HEADERS, "application/json")


def _html(page: str) -> Response:
    return Response(page, 200, _HEADERS, "text/html; charset=utf-8")


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, 200, _HEADERS, "text/event-stream")

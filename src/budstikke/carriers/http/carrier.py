"""
The HTTP carrier: sends messages to an operator whose HTTP API its settings describe.

A message is one request: the operator cuts a long text into segments itself.
``HttpSubmissions`` decides when to send; requests and answers are those of the
description.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from budstikke.carriers.http.document import read
from budstikke.carriers.http.incoming import Incoming
from budstikke.carriers.http.request import RequestWriter
from budstikke.carriers.http.template import in_header, unique
from budstikke.carriers.http.verdicts import outcome, wait
from budstikke.carriers.http_client import HttpClient, Timeouts, basic
from budstikke.carriers.http_submissions import Flight, HttpSubmissions, Limits
from budstikke.clients.http.resolver import Resolver
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.carriers.contract import Sink
    from budstikke.carriers.http.description import Description
    from budstikke.carriers.http.settings import Settings
    from budstikke.domain.message import Part
    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.carrier")

TOO_LATE: Final = Rejected(
    Reason.EXPIRED, "validity over before it could be sent", Retry.LATER
)


class HttpCarrier:
    """
    An operator's HTTP API; ``carriers.contract`` says what a carrier must do.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        clock: Unix seconds.

    """

    def __init__(
        self, name: str, settings: Settings, *, clock: Callable[[], float]
    ) -> None:
        self.name = name
        self.methods = ("GET", "POST")
        self._settings = settings
        self._description = settings.described()
        self._clock = clock
        values = settings.template_values(name)
        login = _login(self._description, settings)
        self._writer = RequestWriter(self._description, values, login)
        self._host = urlsplit(self._writer.url).netloc
        resolver = Resolver(allow_private=settings.allow_private)
        timeouts = Timeouts(settings.connect_timeout, settings.response_timeout)
        self._client = HttpClient(self._writer.url, settings.ca, timeouts, resolver)
        self._incoming = Incoming(name, settings, self._description, clock)
        limits = Limits(
            settings.window,
            settings.throughput,
            settings.pause_min,
            settings.pause_max,
            settings.response_timeout,
        )
        self._submissions = HttpSubmissions(
            name, limits, self._submit, self._client.close
        )

    # What the gateway asks of it

    def room(self) -> int:
        """How many messages may be offered now (0 while the operator is away)."""
        return self._submissions.room()

    def healthy(self) -> bool:
        """Whether messages can be sent now."""
        return self._submissions.healthy()

    def offer(self, parts: Sequence[Part]) -> None:
        """Send these messages, in order; their outcomes go to the sink."""
        self._submissions.offer(parts)

    async def run(self, sink: Sink) -> None:
        """Send until the task is cancelled or the carrier drained."""
        called = self._description.receipt or self._description.inbound
        if called and not self._settings.guarded:
            log.warning(
                "%s: not authenticated: anyone who reaches our port can deliver",
                self.name,
            )
        await self._submissions.run(sink)

    async def drain(self, seconds: float) -> None:
        """Wait at most these seconds for answers, then go down."""
        await self._submissions.drain(seconds)

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Return the refusal of a caller; ``None``: it is the operator."""
        return self._incoming.refuses(request)

    async def take(self, request: WireRequest) -> WireResponse:
        """Handle a request of the operator; never raises."""
        return await self._incoming.take(request, self._submissions.sink)

    def unreadable(self, status: int, detail: str) -> WireResponse:
        """Answer a request whose body is too large or was cut short."""
        return WireResponse(status, f"The request cannot be read: {detail}\n".encode())

    # Sending

    async def _submit(self, flight: Flight) -> Outcome:
        part = flight.part
        refusal = self._writer.refusal(part)
        if refusal is not None:
            return refusal
        connection = await self._client.connection()
        now = self._clock()
        if now >= part.expires_at:
            self._client.put_back(connection)
            return TOO_LATE
        request = self._writer.write(part, now).octets(self._host)
        flight.written = True
        answer = await self._client.ask(connection, request)
        document = read(answer.body, self._description.answer.format)
        flight.wait = wait(answer.headers.get("retry-after", ""), now)
        return outcome(self._description.answer, answer.status, document, unique(part))


def _login(description: Description, settings: Settings) -> str:
    """Return the value of ``Authorization``; empty: there is none."""
    if description.request.auth == "basic":
        return basic(settings.username, settings.password)
    if description.request.auth == "bearer":
        return f"Bearer {in_header(settings.password)}"
    return ""

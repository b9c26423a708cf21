"""
The MM7 carrier: submits MMS to an MMSC, and passes what the MMSC sends to the sink.

``HttpSubmissions`` decides when to submit; a submission is made and read here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from budstikke.carriers.http_client import HttpClient, Timeouts, basic
from budstikke.carriers.http_submissions import Flight, HttpSubmissions, Limits
from budstikke.carriers.mm7.incoming import Incoming
from budstikke.carriers.mm7.statuses import outcome
from budstikke.domain.mms import ENCODING, size
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry
from budstikke.mm7 import (
    Status,
    Submit,
    laid_out,
    read_answer,
    write_error,
    write_submit,
)
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from budstikke.carriers.contract import Contents, Sink
    from budstikke.carriers.mm7.settings import Settings
    from budstikke.domain.message import MmsContent, Part
    from budstikke.mm7 import Written
    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.carrier")

NO_MMS: Final = Rejected(Reason.NO_ROUTE, "not an MMS", Retry.ELSEWHERE)
GONE: Final = Rejected(Reason.CONTENT, "its content is no more", Retry.NEVER)


class Mm7Carrier:
    """
    An MMSC; ``carriers.contract`` says what a carrier must do.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For MIME boundaries and transaction ids.
        clock: Unix seconds.
        contents: Reads the content of MMS.

    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        random: Random,
        clock: Callable[[], float],
        contents: Contents,
    ) -> None:
        self.name = name
        self._settings = settings
        self._random = random
        self._clock = clock
        self._contents = contents
        self.methods = ("POST",)
        self._head = _head(settings)
        timeouts = Timeouts(settings.connect_timeout, settings.response_timeout)
        self._client = HttpClient(settings.url, settings.ca, timeouts)
        self._incoming = Incoming(name, settings, clock)
        limits = Limits(
            settings.window,
            0,
            settings.pause_min,
            settings.pause_max,
            settings.response_timeout,
        )
        self._submissions = HttpSubmissions(
            name, limits, self._submit, self._client.close
        )

    # What the gateway asks of it

    def room(self) -> int:
        """How many MMS may be offered now (0 while the MMSC is away)."""
        return self._submissions.room()

    def healthy(self) -> bool:
        """Whether MMS can be sent now."""
        return self._submissions.healthy()

    def offer(self, parts: Sequence[Part]) -> None:
        """Submit these MMS, in order; their outcomes go to the sink."""
        self._submissions.offer(parts)

    async def run(self, sink: Sink) -> None:
        """Submit until the task is cancelled or the carrier drained."""
        if not self._settings.guarded:
            log.warning(
                "%s: not authenticated: anyone who reaches our port can deliver",
                self.name,
            )
        await self._submissions.run(sink)

    async def drain(self, seconds: float) -> None:
        """Wait at most these seconds for responses, then go down."""
        await self._submissions.drain(seconds)

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Return the refusal of a caller; ``None``: it is the MMSC. Needs no body."""
        return self._incoming.refuses(request)

    async def take(self, request: WireRequest) -> WireResponse:
        """Handle a request of the MMSC; never raises."""
        return await self._incoming.take(request, self._submissions.sink)

    def unreadable(self, status: int, detail: str) -> WireResponse:
        """Answer a request whose body is too large or was cut short."""
        written = write_error("", Status.CLIENT_ERROR, detail)
        return WireResponse(status, written.body, written.content_type)

    # Submissions

    async def _submit(self, flight: Flight) -> Outcome:
        part = flight.part
        if part.encoding != ENCODING:
            return NO_MMS
        content = (await self._contents([part.message_id])).get(part.message_id)
        if content is None:
            return GONE
        if size(content.text, (file[2] for file in content.files)) > (
            self._settings.max_size
        ):
            most = f"over {self._settings.max_size} octets"
            return Rejected(Reason.CONTENT, most, Retry.ELSEWHERE)
        written = self._write(part, content)
        connection = await self._client.connection()
        flight.written = True
        head = (
            f"{self._head}Content-Type: {written.content_type}\r\n"
            f"Content-Length: {len(written.body)}\r\n\r\n"
        )
        request = head.encode("latin-1") + written.body
        answer = await self._client.ask(connection, request)
        response = read_answer(answer.content_type, answer.body)
        return outcome(answer.status, response, self._settings.statuses)

    def _write(self, part: Part, content: MmsContent) -> Written:
        settings = self._settings
        submit = Submit(
            transaction=f"{part.id:x}-{self._random.getrandbits(32):08x}",
            vaspid=settings.vaspid,
            vasid=settings.vasid,
            service_code=settings.service_code,
            sender=part.originator if settings.sender else "",
            recipient=part.recipient,
            subject=content.subject,
            at=self._clock(),
            expires_at=part.expires_at,
            delivery_report=part.report and settings.delivery_reports,
            read_reply=settings.read_replies,
            pieces=laid_out(content.text, content.files),
            schema=settings.schema,
        )
        boundary = f"budstikke-{self._random.getrandbits(128):032x}"
        return write_submit(submit, boundary, base64=settings.base64)


def _head(settings: Settings) -> str:
    """Write what all submissions begin with."""
    url = urlsplit(settings.url)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = url.netloc.rpartition("@")[2]
    head = f'POST {path} HTTP/1.1\r\nHost: {host}\r\nSOAPAction: ""\r\n'
    if settings.username:
        login = basic(settings.username, settings.password)
        head += f"Authorization: {login}\r\n"
    return head

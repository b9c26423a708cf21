"""
The page that a pause's link leads to: what waits, and a button that lets it go on.

Mail scanners follow links, so that looking at the page changes nothing. The token in
the link is all that is asked for: it is random, works once, and is stored as a hash.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse
from starlette.routing import Route

from budstikke.domain.refusal import Refusal
from budstikke.flow.queue_pause_alerts import PATH, digest
from budstikke.flow.refusal_alerts import utc
from budstikke.servers.addresses import client_of
from budstikke.servers.limits import RateLimit
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request

    from budstikke.servers.addresses import Network
    from budstikke.store.contract import Store

    Endpoint = Callable[[Request], Awaitable[HTMLResponse]]

MOST_LOOKS, WINDOW = 30, 60.0
"""Requests of one address in so many seconds."""

LONGEST_TOKEN = 100

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;"
    "padding:0 1rem}dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}"
    "button{font:inherit;padding:.5rem 1.5rem}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}


class QueueResumePage:
    """
    Answers the links.

    Args:
        store: Knows the tokens.
        resumed: Is given the ids of queues that go on.
        clock: Unix seconds.
        trusted: Networks of proxies that are believed.

    """

    def __init__(
        self,
        *,
        store: Store,
        resumed: Callable[[Iterable[int]], None],
        clock: Callable[[], float],
        trusted: tuple[Network, ...],
    ) -> None:
        self._store = store
        self._resumed = resumed
        self._trusted = trusted
        self._rate = RateLimit(clock, MOST_LOOKS, WINDOW)

    def routes(self) -> list[Route]:
        """List its routes."""
        path = f"{PATH}{{token}}"
        return [
            Route(path, self._answer(self._look), methods=["GET"]),
            Route(path, self._answer(self._go_on), methods=["POST"]),
        ]

    def _answer(self, work: Callable[[str], Awaitable[HTMLResponse]]) -> Endpoint:
        async def endpoint(request: Request) -> HTMLResponse:
            token = request.path_params["token"]
            try:
                self._rate.count(self._client(request))
                if len(token) > LONGEST_TOKEN:
                    return _gone()
                return await work(digest(token))
            except Refusal:
                return _page(429, "Too many requests", "<p>Try again in a minute.</p>")
            except StoreUnavailable:
                return _page(503, "Not available", "<p>Try again in a minute.</p>")

        return endpoint

    def _client(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        if not self._trusted:
            return peer
        headers = dict(request.headers)
        return client_of(peer, headers, self._trusted, secure=False)[0]

    async def _look(self, token: str) -> HTMLResponse:
        paused = await self._store.paused_queue_of(token)
        if paused is None:
            return _gone()
        body = f"""\
<p>Your server did not accept the messages from phones. They wait in order.</p>
<dl>
<dt>Messages that wait</dt><dd>{paused.waiting}</dd>
<dt>Since</dt><dd>{utc(paused.paused_at)}</dd>
<dt>Why</dt><dd>{escape(paused.why)}</dd>
</dl>
<form method="post"><button>Deliver them now</button></form>"""
        return _page(200, "Messages from phones are paused", body)

    async def _go_on(self, token: str) -> HTMLResponse:
        queue_id = await self._store.resume_queue(token=token)
        if queue_id is None:
            return _gone()
        self._resumed([queue_id])
        body = """\
<p>The gateway now delivers the messages that waited, in order. If that fails, it pauses
again and sends you a new link.</p>"""
        return _page(200, "The delivery continues", body)


def _gone() -> HTMLResponse:
    body = """\
<p>It was used, there is a newer link, or the delivery continues already.</p>"""
    return _page(404, "This link is no longer valid", body)


def _page(status: int, title: str, body: str) -> HTMLResponse:
    page = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{_STYLE}</style>
<h1>{title}</h1>
{body}
"""
    return HTMLResponse(page, status, HEADERS)

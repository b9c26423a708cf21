"""
The page that a link to an MMS leads to.

It shows text and files to anybody who has the link, runs nothing, refers to nobody,
and is not to be indexed.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from budstikke.domain.refusal import Refusal
from budstikke.domain.text import decode_labelled
from budstikke.servers.asgi import read_head
from budstikke.servers.limits import RateLimit
from budstikke.servers.media_headers import shown_as
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from budstikke.domain.message import MmsContent
    from budstikke.servers.addresses import Network

    Linked = Callable[[str], Awaitable[MmsContent | None]]

LOOK_UPS, LOOK_UPS_WITHIN = 600, 60.0
"""Links and files that one address may ask for, and in how many seconds."""

HEADERS: Final = {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; img-src 'self'; media-src 'self'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow, noarchive",
}

_place = re.compile("[1-9][0-9]{0,3}").fullmatch

HTML: Final = "text/html; charset=utf-8"

HIDDEN: Final = "application/smil"
"""The layout of an MMS on a phone, which the page does not show."""

_PAGE: Final = """<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<style>
body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto;
  padding: 1rem; }}
img, video {{ max-width: 100%; border-radius: .5rem; }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


class MediaPages:
    """
    The routes of links.

    Args:
        linked: Finds what a link leads to; ``None``: nothing.
        clock: Unix seconds.
        trusted: Networks of proxies that are believed.

    """

    def __init__(
        self,
        linked: Linked,
        clock: Callable[[], float],
        trusted: tuple[Network, ...] = (),
    ) -> None:
        self._linked = linked
        self._trusted = trusted
        self._lookups = RateLimit(clock, LOOK_UPS, LOOK_UPS_WITHIN)

    def routes(self) -> list[Route]:
        """List the routes, for Starlette."""
        return [
            Route("/m/{token}", self._page, methods=["GET"]),
            Route("/m/{token}/{place}", self._file, methods=["GET"]),
        ]

    async def _page(self, request: Request) -> Response:
        """Show an MMS."""
        mms = await self._find(request)
        if isinstance(mms, Response):
            return mms
        token = request.path_params["token"]
        return _html(200, mms.subject or "MMS", _body(mms, f"/m/{token}"))

    async def _file(self, request: Request) -> Response:
        """Give one file of an MMS."""
        mms = await self._find(request)
        if isinstance(mms, Response):
            return mms
        written = request.path_params["place"]
        place = int(written) if _place(written) else 0
        if not 1 <= place <= len(mms.files):
            return _gone()
        _, kind, data = mms.files[place - 1]
        kind, headers = shown_as(kind)
        return Response(data, 200, {**HEADERS, **headers}, kind)

    async def _find(self, request: Request) -> MmsContent | Response:
        try:
            client = read_head(request.scope, self._trusted).client
            self._lookups.count(client)
            mms = await self._linked(request.path_params["token"])
        except Refusal:
            return _html(429, "Too many requests", "<p>Try again in a minute.</p>")
        except StoreUnavailable:
            return _html(503, "Not now", "<p>Try again in a minute.</p>")
        return _gone() if mms is None else mms


def _gone() -> Response:
    return _html(404, "Not found", "<p>This message is not here (any more).</p>")


def _html(status: int, title: str, body: str) -> Response:
    page = _PAGE.format(title=escape(title), body=body)
    return Response(page, status, HEADERS, HTML)


def _body(mms: MmsContent, path: str) -> str:
    heading = f"<h1>{escape(mms.subject)}</h1>\n" if mms.subject else ""
    text = f"<p>{escape(mms.text)}</p>\n" if mms.text else ""
    files = (
        _shown(f"{path}/{place}", file)
        for place, file in enumerate(mms.files, 1)
        if file[1] != HIDDEN
    )
    return heading + text + "\n".join(files)


def _shown(url: str, file: tuple[str, str, bytes]) -> str:
    """Show a file; what a browser cannot show is a link."""
    name, kind, data = file
    if kind == "text/plain":
        return f"<p>{escape(decode_labelled(data))}</p>"
    label = escape(name or kind)
    begins = kind.partition("/")[0] if shown_as(kind)[0] == kind else ""
    if begins == "image":
        return f'<img src="{url}" alt="{label}">'
    if begins in ("audio", "video"):
        return f'<{begins} src="{url}" controls></{begins}>'
    return f'<p><a href="{url}">{label}</a></p>'

"""The page of a link: what it shows, and what it must not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette

from budstikke.domain.message import MmsContent
from budstikke.servers.media_page import LOOK_UPS, MediaPages
from budstikke.store.contract import StoreUnavailable
from carriers.simulator.web.test_app import ask
from servers.test_operators import Served

if TYPE_CHECKING:
    from carriers.simulator.web.test_app import Answer

TOKEN = "12345678901234567890"
MMS = MmsContent(
    "Sol <b>",
    "Hei & <script>alert(1)</script>",
    (
        ("a.gif", "image/gif", b"GIF8"),
        ("b.smil", "application/smil", b"<smil/>"),
        ('"><script>', "audio/amr", b"#!AMR"),
        ("x.svg", "image/svg+xml", b"<svg/>"),
        ("t.html", "text/html", b"<script>"),
        ("t.txt", "text/plain", "på".encode()),
        ("u.txt", "text/plain", b"5 \x80"),
        ("v", "image/gif\r\nx-evil: 1", b""),
        ("w", "image/å€", b""),
    ),
)


class Site:
    """Pages of one link."""

    def __init__(self, found: MmsContent | None = MMS) -> None:
        self.found = found
        self.down = False
        pages = MediaPages(self._linked, lambda: 0.0)
        self.app = Served(Starlette(routes=pages.routes()))

    async def _linked(self, token: str) -> MmsContent | None:
        if self.down:
            raise StoreUnavailable("away")
        return self.found if token == TOKEN else None

    def get(self, target: str) -> Answer:
        return asyncio.run(ask(self.app, "GET", target))


def test_it_shows_text_and_files_and_runs_nothing() -> None:
    answer = Site().get(f"/m/{TOKEN}")
    page = answer.body.decode()
    assert 200 == answer.status
    assert "<title>Sol &lt;b&gt;</title>" in page
    assert "Hei &amp; &lt;script&gt;" in page
    assert f'<img src="/m/{TOKEN}/1" alt="a.gif">' in page
    assert f'<audio src="/m/{TOKEN}/3"' in page
    assert f'<a href="/m/{TOKEN}/4">x.svg</a>' in page
    assert "<p>på</p>" in page
    assert "<p>5 €</p>" in page
    assert "smil" not in page
    assert "<script" not in page


def test_its_headers_forbid_the_rest() -> None:
    headers = Site().get(f"/m/{TOKEN}").headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert "noindex" in headers["x-robots-tag"]
    assert "nosniff" == headers["x-content-type-options"]
    assert "no-referrer" == headers["referrer-policy"]
    assert "no-store" in headers["cache-control"]


def test_files() -> None:
    site = Site()
    picture = site.get(f"/m/{TOKEN}/1")
    assert (200, "image/gif", b"GIF8") == (
        picture.status,
        picture.headers["content-type"],
        picture.body,
    )
    for place in (4, 5, 8, 9):
        file = site.get(f"/m/{TOKEN}/{place}")
        assert ("application/octet-stream", "attachment") == (
            file.headers["content-type"],
            file.headers["content-disposition"],
        )
        assert "nosniff" == file.headers["x-content-type-options"]


@pytest.mark.parametrize(
    "target",
    [
        *("/m/1", "/m/", "/m/" + "1" * 5000, f"/m/{TOKEN}/{'1' * 5000}"),
        *(f"/m/{TOKEN}/{place}" for place in ("0", "10", "x", "01", "+1", "١", "1%0a")),
    ],
)
def test_what_is_not_there(target: str) -> None:
    assert 404 == Site().get(target).status


def test_a_store_that_is_away() -> None:
    site = Site()
    site.down = True
    assert 503 == site.get(f"/m/{TOKEN}").status


def test_guessing_is_slow() -> None:
    site = Site(None)
    assert {404} == {site.get("/m/1").status for _ in range(LOOK_UPS)}
    assert 429 == site.get("/m/1").status

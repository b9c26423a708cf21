"""The page that a pause's link leads to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette

from budstikke.flow.queue_pause_alerts import digest
from budstikke.servers.queue_resume_page import MOST_LOOKS, WINDOW, QueueResumePage
from budstikke.store.contract import PausedQueue, StoreUnavailable
from servers.talking import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

NOW = 1_700_000_000.0
TOKEN = "tok-en_1"


class Store:
    """One paused queue, and what it was resumed by."""

    def __init__(self) -> None:
        why = "HTTP 500 <script>x</script>&"
        self.paused: dict[str, PausedQueue] = {
            digest(TOKEN): PausedQueue(7, 1, why, NOW, 500)
        }
        self.down = False

    async def paused_queue_of(self, token: str) -> PausedQueue | None:
        if self.down:
            raise StoreUnavailable("down for a test")
        return self.paused.get(token)

    async def resume_queue(self, *, token: str) -> int | None:
        if self.down:
            raise StoreUnavailable("down for a test")
        found = self.paused.pop(token, None)
        return found.queue_id if found is not None else None


class Page:
    """The page on a server."""

    def __init__(self) -> None:
        self.store = Store()
        self.now = NOW
        self.resumed: list[int] = []
        self.port = 0

    def app(self) -> Starlette:
        store: Any = self.store

        def resumed(ids: Iterable[int]) -> None:
            self.resumed += ids

        page = QueueResumePage(
            store=store, resumed=resumed, clock=lambda: self.now, trusted=()
        )
        return Starlette(routes=page.routes())

    async def ask(self, method: str, token: str = TOKEN) -> tuple[int, str, str]:
        """Make a request: status, head and page."""
        request = f"{method} /resume/{token} HTTP/1.1\r\nHost: a\r\nContent-Length: 0"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"{request}\r\nConnection: close\r\n\r\n".encode())
        said = (await reader.read()).decode()
        writer.close()
        head, _, body = said.partition("\r\n\r\n")
        return int(head.split()[1]), head.lower(), body


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page that is served while the test runs."""
    page = Page()
    async with serving(page.app()) as port:
        page.port = port
        yield page


async def test_looking_says_what_waits_and_changes_nothing(page: Page) -> None:
    for method in ("GET", "GET", "HEAD"):
        status, _, body = await page.ask(method)
        assert 200 == status
    _, _, body = await page.ask("GET")
    assert "<dd>500</dd>" in body
    assert "2023-11-14 22:13:20 UTC" in body
    assert "HTTP 500 &lt;script&gt;" in body
    assert '<form method="post"><button>' in body
    assert "<script" not in body
    assert [] == page.resumed
    assert 1 == len(page.store.paused)


async def test_the_button_lets_it_go_on_once(page: Page) -> None:
    status, _, body = await page.ask("POST")
    assert 200 == status
    assert "in order" in body
    assert [7] == page.resumed
    for method in ("GET", "POST"):
        status, _, body = await page.ask(method)
        assert 404 == status
        assert "no longer valid" in body
    assert [7] == page.resumed


@pytest.mark.parametrize("token", ["x", "tok-en_", "x" * 5000, "%00", "%ff", "'--"])
async def test_a_wrong_link(page: Page, token: str) -> None:
    for method in ("GET", "POST"):
        status, _, _ = await page.ask(method, token)
        assert 404 == status
    assert [] == page.resumed


async def test_nobody_else_learns_the_link_or_frames_the_page(page: Page) -> None:
    for token in (TOKEN, "wrong"):
        _, head, body = await page.ask("GET", token)
        assert "\r\nreferrer-policy: no-referrer" in head
        assert "\r\ncache-control: no-store" in head
        assert "\r\nx-robots-tag: noindex" in head
        assert "\r\nx-content-type-options: nosniff" in head
        (policy,) = re.findall(r"\r\ncontent-security-policy: ([^\r]+)", head)
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        (style,) = re.findall(r"<style>(.*)</style>", body, re.DOTALL)
        octets = hashlib.sha256(style.encode()).digest()
        made = base64.b64encode(octets).decode()
        assert f"'sha256-{made.lower()}'" in policy


async def test_an_address_may_not_ask_too_often(page: Page) -> None:
    for _ in range(MOST_LOOKS):
        assert 404 == (await page.ask("GET", "x"))[0]
    for method in ("GET", "POST"):
        assert 429 == (await page.ask(method))[0]
    assert [] == page.resumed
    page.now += WINDOW
    assert 200 == (await page.ask("GET"))[0]


async def test_a_store_that_is_away(page: Page) -> None:
    page.store.down = True
    for method in ("GET", "POST"):
        assert 503 == (await page.ask(method))[0]
    page.store.down = False
    assert 200 == (await page.ask("POST"))[0]

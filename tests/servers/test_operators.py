"""HTTP in from operators: to the carrier of that name, and to nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from budstikke.servers.operators import OperatorServer
from budstikke.wire import WireRequest, WireResponse
from carriers.simulator.web.test_app import Answer, ask


async def rest(_scope: Any, _receive: Any, send: Any) -> None:
    start = {"type": "http.response.start", "status": 299, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": b"rest"})


class Site:
    """One carrier, what it was asked, and whom it refuses."""

    def __init__(self) -> None:
        self.asked: list[WireRequest] = []
        self.refused: WireResponse | None = None
        self.methods: tuple[str, ...] = ("POST",)
        self.app = OperatorServer(
            operator=self._find, rest=rest, max_body=100, trusted=()
        )

    def _find(self, kind: str, name: str) -> Site | None:
        return self if (kind, name) in {("mm7", "op"), ("carriers", "web")} else None

    def unreadable(self, status: int, detail: str) -> WireResponse:
        return WireResponse(status, detail.encode())

    def refuses(self, _request: WireRequest) -> WireResponse | None:
        return self.refused

    async def take(self, request: WireRequest) -> WireResponse:
        self.asked.append(request)
        return WireResponse(200, b"<ok/>", "text/xml")

    def ask(self, method: str, target: str, body: bytes = b"") -> Answer:
        async def asked() -> Answer:
            return await ask(Served(self.app), method, target, body)

        return asyncio.run(asked())


class Served:
    """An application whose scope says what a server's does."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope |= {"client": ("192.0.2.7", 1), "scheme": "https"}
        await self.app(scope, receive, send)


def test_it_is_the_carriers_to_answer() -> None:
    site = Site()
    answer = site.ask("POST", "/mm7/op?token=x", b"<a/>")
    assert (200, b"<ok/>") == (answer.status, answer.body)
    (request,) = site.asked
    assert (b"token=x", b"<a/>", "192.0.2.7") == (
        request.query,
        request.body,
        request.client,
    )


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("POST", "/mm7/other", b"", 404),
        ("GET", "/mm7/op", b"", 405),
        ("POST", "/mm7/op", b"x" * 101, 413),
        ("POST", "/mm7/web", b"", 404),
        ("POST", "/carriers/op/receipts", b"", 404),
        ("GET", "/carriers/web/receipts", b"", 405),
        ("POST", "/carriers/web/receipts", b"x" * 101, 413),
        ("POST", "/carriers/web/other", b"", 299),
        ("POST", "/carriers/web", b"", 299),
        ("POST", "/mm7/", b"", 299),
        ("POST", "/mm7/op/more", b"", 299),
        ("GET", "/healthz", b"", 299),
    ],
)
def test_others(method: str, target: str, body: bytes, status: int) -> None:
    site = Site()
    answer = site.ask(method, target, body)
    assert status == answer.status
    assert [] == site.asked
    if status == 413:
        assert b"it is too large" == answer.body


@pytest.mark.parametrize("what", ["receipts", "inbound"])
def test_both_paths_of_an_http_carrier(what: str) -> None:
    site = Site()
    site.methods = ("GET", "POST")
    assert 200 == site.ask("GET", f"/carriers/web/{what}?a=b").status
    (request,) = site.asked
    assert (f"/carriers/web/{what}", b"a=b") == (request.target, request.query)


def test_who_may_not_ask_is_refused_before_the_body_is_read() -> None:
    site = Site()
    site.refused = WireResponse(401, b"no")
    answer = site.ask("POST", "/mm7/op", b"x" * 101)  # else too large: 413
    assert (401, b"no") == (answer.status, answer.body)
    assert [] == site.asked

"""Pages that tell whether this process lives, and whether it can take messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from budstikke.flow.health import Readiness

    Endpoint = Callable[[Request], Awaitable[Response]]


def health_routes(ready: Callable[[], Readiness], metrics: Endpoint) -> list[Route]:
    """List the routes of the pages, and of the metrics."""

    async def readyz(_request: Request) -> Response:
        """Say whether messages can be accepted, how the carriers are, and why not."""
        readiness = ready()
        return JSONResponse(readiness._asdict(), 200 if readiness.ready else 503)

    return [
        Route("/healthz", _healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


async def _healthz(_request: Request) -> Response:
    """Say that the process lives."""
    return JSONResponse({"status": "ok"})

"""Bodies, as they come in pieces."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from budstikke.servers.asgi import LARGE, read_body

PIECE = b"x" * 65_536


@pytest.mark.parametrize(("size", "turns"), [(LARGE, False), (LARGE + 1, True)])
async def test_others_have_their_turn_while_a_large_body_is_put_together(
    size: int, *, turns: bool
) -> None:
    whole = (PIECE * (size // len(PIECE) + 1))[:size]
    rest = [whole[at : at + len(PIECE)] for at in range(0, size, len(PIECE))]

    async def receive() -> Any:
        piece = rest.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(rest)}

    other = asyncio.create_task(asyncio.sleep(0))
    assert whole == await read_body(receive, size)
    assert other.done() == turns

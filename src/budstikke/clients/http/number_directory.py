"""A number directory behind an HTTP URL, with answers in JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from budstikke.flow.transports import NotReached
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from budstikke.clients.http.transport import HttpTransport

AT_ONCE = 16
"""Concurrent look-ups; others wait."""

LONGEST = 200
"""Characters of the longest name or address."""

UNKNOWN = frozenset({204, 404, 410})
"""HTTP statuses of an unknown number."""

_json = msgspec.json.Decoder()


class HttpNumberDirectory:
    """
    A number directory behind an HTTP URL.

    Args:
        transport: Makes the requests; used by this client only.
        url: ``{number}`` in it stands for E.164 with ``+`` (escaped), ``{digits}`` for
            the same without.
        headers: Headers of each request, such as a key.
        name: Key of the name in the answer; a dot leads into a value (``hits.0.name``).
        address: Key of the address; the texts of a list are joined.

    """

    def __init__(
        self,
        transport: HttpTransport,
        *,
        url: str,
        headers: dict[str, str],
        name: str,
        address: str,
    ) -> None:
        self._transport = transport
        self._url = url
        self._headers = {"accept": "application/json", **headers}
        self._name = name
        self._address = address
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def find(self, number: str) -> tuple[str, str]:
        """Look one number up; raises NotReached."""
        url = self._url.replace("{number}", quote(number, safe=""))
        url = url.replace("{digits}", number.removeprefix("+"))
        async with self._slots:
            answer = await self._transport.deliver(
                WireRequest("GET", url, headers=self._headers)
            )
        if answer.status in UNKNOWN:
            return "", ""
        if not 200 <= answer.status < 300:
            raise NotReached(f"HTTP {answer.status}")
        try:
            document = _json.decode(answer.body)
        except (ValueError, RecursionError) as error:
            raise NotReached("its answer is no JSON") from error
        return text_at(document, self._name), text_at(document, self._address)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def text_at(document: Any, path: str) -> str:
    """Return the text at a path in a JSON value; empty: there is none."""
    value = document
    for key in path.split("."):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ""
    several = value if isinstance(value, list) else [value]
    texts = [str(it).strip() for it in several if isinstance(it, str | int)]
    return ", ".join(filter(None, texts))[:LONGEST]

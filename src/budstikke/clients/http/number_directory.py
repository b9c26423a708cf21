"""A number directory that is asked over HTTP and answers in JSON."""

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
"""Look-ups under way; more wait."""

LONGEST = 200
"""Characters of a name or an address."""

UNKNOWN = frozenset({204, 404, 410})
"""HTTP statuses that mean that it has not got the number."""

_json = msgspec.json.Decoder()


class HttpNumberDirectory:
    """
    The directory behind a URL.

    Args:
        transport: Carries requests; it is this directory's own.
        url: In it ``{number}`` stands for E.164 with ``+`` (escaped), and ``{digits}``
            for the same without.
        headers: What each request has, such as a key.
        name: Key of the name in the answer; points lead into it (``hits.0.name``).
        address: Key of the address; where it holds a list, its texts are joined.

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
        """End the connections."""
        await self._transport.close()


def text_at(document: Any, path: str) -> str:
    """Find a text in a JSON value; empty: there is none at that place."""
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

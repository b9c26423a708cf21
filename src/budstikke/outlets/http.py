"""
Callbacks over HTTP.

Customers write the URLs, so that each is checked where it cannot be cheated: the
addresses that a name resolves to are those that are connected to, redirects are not
followed, and sizes and times are limited.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from budstikke.flow.outlet import NotReached
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from budstikke.wire import WireRequest

MOST_ANSWER = 64 * 1024
"""Octets of an answer that are read."""

NO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


def public(address: str) -> bool:
    """Tell whether an address may be called when private ones are not allowed."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_global and not found.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name; raises OSError when it has no public address."""
        found = await self._inner.resolve(host, port, family)
        kept = [result for result in found if public(result["host"])]
        if not kept:
            raise OSError(f"{host} has no public address")
        return kept

    async def close(self) -> None:
        """Close what it asks."""
        await self._inner.close()


class HttpOutlet:
    """
    The outlet for URLs.

    Args:
        timeout: Longest wait for an answer, seconds.
        allow_private: Call loopback, private and link-local addresses.
        allow_http: Call plain http URLs.
        version: Ours, for the User-Agent header.

    """

    def __init__(
        self, *, timeout: float, allow_private: bool, allow_http: bool, version: str
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._allow_private = allow_private
        self._schemes = {"https", "http"} if allow_http else {"https"}
        self._headers = {"User-Agent": f"budstikke/{version}"}
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._allow_private else PublicResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                skip_auto_headers=NO_HEADERS,
            )
        return self._session

    async def deliver(self, request: WireRequest) -> WireResponse:
        """Make the request; raises NotReached when there is no answer."""
        try:
            url = URL(request.target, encoded=True)
            self._check(url)
            async with self._open().request(
                request.method,
                url,
                headers={**self._headers, **request.headers},
                data=request.body or None,
                allow_redirects=False,
            ) as answer:
                body = await answer.content.read(MOST_ANSWER)
                return WireResponse(answer.status, body, answer.content_type)
        except TimeoutError as error:
            raise NotReached("no answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotReached(f"{type(error).__name__}: {error}") from error

    def _check(self, url: URL) -> None:
        """Refuse what may not be called; raises NotReached."""
        if url.scheme not in self._schemes or not url.host:
            raise NotReached(f"{url.scheme or 'no'} URLs are not called")
        if self._allow_private:
            return
        try:
            ip_address(url.host.partition("%")[0])
        except ValueError:
            return  # a name: its addresses are checked when it is resolved
        if not public(url.host):
            raise NotReached("private addresses are not called")

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

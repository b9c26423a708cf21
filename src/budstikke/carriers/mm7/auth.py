"""
Who may ask of us: the MMSC alone, by all that is set for it.

Wrong tokens and logins are counted by address (IPv6 by its network of 64 bits); who
guesses too often is not looked at for a while.
"""

from __future__ import annotations

import hmac
import logging
from binascii import Error, a2b_base64
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from budstikke.carriers.mm7.settings import Settings
    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.carrier")

MOST_GUESSES: Final = 20
"""Wrong tokens or logins of one address in ``WITHIN``."""

WITHIN: Final = 60.0
"""Seconds."""

MOST_ADDRESSES: Final = 10_000
"""Addresses that are remembered; then all are forgotten."""

MOST_LINES: Final = 60
"""Lines of the log in ``WITHIN``: one an address."""

NETWORK: Final = 64
"""Bits of an IPv6 address that belong to one customer of a provider."""

MOST_FIELDS: Final = 20

WHO: Final = WireResponse(
    401, b"Who are you?\n", headers={"www-authenticate": 'Basic realm="mm7"'}
)
LATER: Final = WireResponse(
    429, b"Too many attempts\n", headers={"retry-after": f"{WITHIN:.0f}"}
)


class MmscAuthenticator:
    """
    Lets the MMSC in.

    Args:
        name: The carrier's, for the log.
        settings: What it proves itself by.
        clock: Unix seconds.

    """

    def __init__(
        self, name: str, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._networks = [ip_network(text) for text in settings.allow_from]
        self._window = 0
        self._guesses: dict[str, int] = {}
        self._logged: set[str] = set()

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Answer who may not ask; ``None``: it is the MMSC. Needs no body."""
        address = _address(request.client)
        if self._networks and not any(
            address is not None and address in network for network in self._networks
        ):
            self._so_far(address)
            self._log(request, address, "its address")
            return WHO
        guesses = self._so_far(address)
        if guesses >= MOST_GUESSES:
            return LATER
        if self._proven(request):
            return None
        if _tries(request):
            self._guesses[_key(address)] = guesses + 1
        self._log(request, address, "its login")
        return WHO

    def _so_far(self, address: IPv4Address | IPv6Address | None) -> int:
        window = int(self._clock() / WITHIN)
        if window != self._window or len(self._guesses) > MOST_ADDRESSES:
            self._window = window
            self._guesses.clear()
            self._logged.clear()
        return self._guesses.get(_key(address), 0)

    def _log(
        self,
        request: WireRequest,
        address: IPv4Address | IPv6Address | None,
        why: str,
    ) -> None:
        """Say whom we refused, once in a while; never what was tried."""
        key = _key(address)
        if key not in self._logged and len(self._logged) < MOST_LINES:
            self._logged.add(key)
            log.warning("%s: refused %s: %s", self._name, request.client, why)

    def _proven(self, request: WireRequest) -> bool:
        settings = self._settings
        if settings.deliver_token and not _same(
            _token(request.query).encode("utf-8", "replace"), settings.deliver_token
        ):
            return False
        if not settings.deliver_username:
            return True
        login = f"{settings.deliver_username}:{settings.deliver_password}"
        return _same(_login(request), login)


def _address(client: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(client.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _key(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), NETWORK), strict=False))
    return str(address)


def _tries(request: WireRequest) -> bool:
    """Tell whether it says any secret; a client that is to be asked first does not."""
    return bool(_token(request.query) or request.headers.get("authorization"))


def _token(query: bytes) -> str:
    try:
        parameters = parse_qsl(query.decode("latin-1"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return ""
    return dict(parameters).get("token", "")


def _login(request: WireRequest) -> bytes:
    """Read the login of basic authentication (RFC 7617 § 2); the scheme in any case."""
    said = request.headers.get("authorization", "").split(None, 1)
    if len(said) != 2 or said[0].lower() != "basic":
        return b""
    try:
        return a2b_base64(said[1].strip().encode("latin-1", "replace"))
    except Error:
        return b""


def _same(given: bytes, wanted: str) -> bool:
    """Compare secrets; ``wanted`` may have been written in Latin-1 (RFC 7617 § 2.1)."""
    old = wanted.encode("latin-1", "replace") if wanted.isprintable() else b""
    in_utf_8 = hmac.compare_digest(given, wanted.encode())
    return in_utf_8 | hmac.compare_digest(given, old)

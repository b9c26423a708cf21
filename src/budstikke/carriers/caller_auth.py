"""
Lets only the operator call us, by token, login and address, as configured.

Wrong tokens and logins count by address (IPv6: by /64). An address with too many of
them is refused for a while, without a check.
"""

from __future__ import annotations

import hmac
import logging
from binascii import Error, a2b_base64
from ipaddress import (
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import parse_qsl

from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Address

    from budstikke.wire import WireRequest

log = logging.getLogger("budstikke.carrier")

MOST_GUESSES: Final = 20
"""Wrong tokens or logins of an address within ``WITHIN``; then it is refused."""

WITHIN: Final = 60.0
"""Seconds; then the counts begin anew."""

MOST_ADDRESSES: Final = 10_000
"""Addresses to count; with more, all counts begin anew."""

MOST_LINES: Final = 60
"""Most lines to log within ``WITHIN``, one for each address."""

NETWORK: Final = 64
"""Bits of an IPv6 address that identify one customer of a provider."""

MOST_FIELDS: Final = 20

TOO_MANY: Final = WireResponse(
    429, b"Too many attempts\n", headers={"retry-after": f"{WITHIN:.0f}"}
)


class Caller(Protocol):
    """
    The settings of a carrier that say who may call.

    A caller must satisfy each one that is not empty.
    """

    @property
    def deliver_token(self) -> str:
        """The secret at the end of the URL: ``?token=…``."""

    @property
    def deliver_username(self) -> str:
        """The user name of basic authentication."""

    @property
    def deliver_password(self) -> str:
        """Its password."""

    @property
    def allow_from(self) -> tuple[str, ...]:
        """Addresses or networks from which the operator may call."""

    @property
    def open(self) -> bool:
        """Whether anybody may call."""


def is_guarded(settings: Caller) -> bool:
    """Whether a caller must prove that it is the operator."""
    networks = [ip_network(text) for text in settings.allow_from]
    limited = bool(networks) and not _everybody(networks)
    return bool(settings.deliver_token or settings.deliver_username or limited)


def check_caller(settings: Caller) -> None:
    """Refuse settings by which anybody could call; raises ValueError."""
    if bool(settings.deliver_username) != bool(settings.deliver_password):
        raise ValueError(
            "deliver_username and deliver_password are given together or not at all"
        )
    if not is_guarded(settings) and not settings.open:
        raise ValueError(
            "anybody could deliver: set deliver_token, deliver_username or "
            "allow_from, or else open = true"
        )


def _everybody(networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether networks together cover all addresses."""
    old = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    new = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    lengths = *(one.prefixlen for one in old), *(one.prefixlen for one in new)
    return 0 in lengths


class CallerAuthenticator:
    """
    Decides whether a caller is the operator.

    Args:
        name: The carrier's, for the log.
        settings: The carrier's.
        clock: Unix seconds.
        realm: What basic authentication is for.

    """

    def __init__(
        self,
        name: str,
        settings: Caller,
        clock: Callable[[], float],
        realm: str = "mm7",
    ) -> None:
        self._unauthorized = WireResponse(
            401,
            b"Who are you?\n",
            headers={"www-authenticate": f'Basic realm="{realm}"'},
        )
        self._name = name
        self._settings = settings
        self._clock = clock
        self._networks = [ip_network(text) for text in settings.allow_from]
        self._window = 0
        self._guesses: dict[str, int] = {}
        self._logged: set[str] = set()

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Return the refusal of a caller, by the head alone; ``None``: none."""
        address = _address(request.client)
        if self._networks and not any(
            address is not None and address in network for network in self._networks
        ):
            self._guesses_of(address)
            self._log(request, address, "its address")
            return self._unauthorized
        guesses = self._guesses_of(address)
        if guesses >= MOST_GUESSES:
            return TOO_MANY
        if self._proven(request):
            return None
        if _has_secret(request):
            self._guesses[_key(address)] = guesses + 1
        self._log(request, address, "its login")
        return self._unauthorized

    def _guesses_of(self, address: IPv4Address | IPv6Address | None) -> int:
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
        """Log a refusal, once for each address; never a token or login."""
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


def _has_secret(request: WireRequest) -> bool:
    """Whether the request has a token or login; a first request may have none."""
    return bool(_token(request.query) or request.headers.get("authorization"))


def _token(query: bytes) -> str:
    try:
        parameters = parse_qsl(query.decode("latin-1"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return ""
    return dict(parameters).get("token", "")


def _login(request: WireRequest) -> bytes:
    """Read the login of basic authentication (RFC 7617 § 2)."""
    scheme_and_login = request.headers.get("authorization", "").split(None, 1)
    if len(scheme_and_login) != 2 or scheme_and_login[0].lower() != "basic":
        return b""
    try:
        return a2b_base64(scheme_and_login[1].strip().encode("latin-1", "replace"))
    except Error:
        return b""


def _same(given: bytes, wanted: str) -> bool:
    """Compare secrets; a client may write UTF-8 or Latin-1 (RFC 7617 § 2.1)."""
    old = wanted.encode("latin-1", "replace") if wanted.isprintable() else b""
    in_utf_8 = hmac.compare_digest(given, wanted.encode())
    return in_utf_8 | hmac.compare_digest(given, old)

"""One request to the console: who makes it, in which account, and with which form."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from budstikke.domain.roles import Permission, Role
    from budstikke.store.contract.users import User, Visitor

LONGEST_FORM = 64 * 1024
"""Octets."""

MOST_FIELDS = 100

SESSION, FORM, LANGUAGE = "session", "form", "language"

_LOCAL = re.compile(r"/console(/[A-Za-z0-9/_.-]*)?(\?[A-Za-z0-9=&%_.+-]*)?")

_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class BadForm(Exception):  # noqa: N818 - the answer says what is wrong
    """A form that is too large, or not one."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """
    A request.

    Attributes:
        secret: What the browser's cookie holds; the form's token is made of it.
        visitor: Who is signed in; ``None``: nobody.
        account: Id and name of the account in the path; ``None``: it has none.
        roles: The visitor's, by account id.
        allowed: What the visitor may do in the account.
        fresh: Whether the browser has to be given the cookie with ``secret``.

    """

    request: Request
    secret: str
    language: str
    client: str
    secure: bool
    now: float
    form: Mapping[str, str] = field(default_factory=dict)
    visitor: Visitor | None = None
    account: tuple[int, str] | None = None
    roles: Mapping[int, Role] = field(default_factory=dict)
    accounts: list[tuple[int, str]] = field(default_factory=list)
    allowed: frozenset[Permission] = frozenset()
    fresh: bool = False

    @property
    def user(self) -> User:
        """The user, on pages that nobody else gets."""
        assert self.visitor is not None  # noqa: S101 - the page's permission says so
        return self.visitor.user

    @property
    def account_id(self) -> int:
        """The account, on pages that have one in their path."""
        assert self.account is not None  # noqa: S101 - the page's path says so
        return self.account[0]

    @property
    def is_guest(self) -> bool:
        """Whether an operator looks at an account without being a member of it."""
        return self.account_id not in self.roles

    @property
    def zone(self) -> str:
        """The time zone of times on the page."""
        return self.visitor.user.zone if self.visitor else "UTC"

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters in the address."""
        return self.request.query_params

    def session_token(self) -> str:
        """Return the token of the browser's session; empty: it has none."""
        return self.request.cookies.get(cookie_name(SESSION, secure=self.secure), "")


def cookie_name(name: str, *, secure: bool) -> str:
    """Name a cookie; with TLS no other host and no plain page can set it."""
    return f"{'__Host-' if secure else ''}budstikke_{name}"


def form_token(secret: str) -> str:
    """Make the token of forms from what the browser's cookie holds."""
    return sha256(b"form " + secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_own_form(visit: Visit) -> bool:
    """Tell whether a form comes from a page of ours that this browser got."""
    headers = visit.request.headers
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return False
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return False
    token = visit.form.get("token", "").encode("utf-8", "surrogatepass")
    if not visit.secret or visit.fresh:
        return False
    return hmac.compare_digest(token, form_token(visit.secret).encode())


async def read_form(request: Request) -> dict[str, str]:
    """Read a form; of fields with the same name the first. Raises BadForm."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise BadForm
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise BadForm
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise BadForm from error
    form: dict[str, str] = {}
    for name, value in fields:
        form.setdefault(name, value)
    return form


def is_known_host(host: str, public_host: str) -> bool:
    """
    Tell whether the header Host names this gateway.

    ``public_host``: of the setting ``http.public_url``; empty: any host that is one.
    """
    if public_host:
        return host.lower() == public_host.lower()
    return _HOST.fullmatch(host) is not None


def local_path(path: str) -> str:
    """Return a path to go on to; one outside the console becomes its first page."""
    safe = _LOCAL.fullmatch(path) and "//" not in path and ".." not in path
    return path if safe else "/console"

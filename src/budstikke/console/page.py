"""What a page of the console is, and what its handler may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from budstikke.console.visit import Visit
    from budstikke.domain.roles import Permission
    from budstikke.flow.passwords import Passwords
    from budstikke.flow.sign_in import SignIn
    from budstikke.flow.transports import MailTransport
    from budstikke.store.contract import Store

    Handler = Callable[["Services", Visit], Awaitable["Shown | Moved"]]
    """Answers a request; raises NotThere, Refusal and StoreUnavailable."""


class Welcome(NamedTuple):
    """
    What the start page of a demo shows.

    Attributes:
        mail: Of its user.
        password: Likewise.
        requests: Returns, for a base URL, a title and a command for each API.

    """

    mail: str
    password: str
    requests: Callable[[str], Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What handlers use."""

    store: Store
    passwords: Passwords
    sign_in: SignIn
    clock: Callable[[], float]
    base_url: str
    mail: MailTransport | None
    phones: bool
    welcome: Welcome | None
    failed: Callable[[str, str], None]
    later: Callable[[Awaitable[None]], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A page to render; ``faults``: texts of what is wrong, by name of the field."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """
    The browser goes on to another page.

    ``session``: the token of its new session; empty: it has none any more; ``None``: it
    keeps what it has. ``language``: to remember.
    """

    path: str
    session: str | None = None
    language: str = ""


class NotThere(Exception):  # noqa: N818 - an unknown page is normal
    """There is no such thing, or it is another account's."""


class Page(NamedTuple):
    """
    A row of the table of pages.

    Attributes:
        method: ``GET`` or ``POST``.
        path: With ``{account}`` for pages of an account.
        handler: Answers.
        permission: Who may; ``None``: everybody, also without a session.

    """

    method: str
    path: str
    handler: Handler
    permission: Permission | None

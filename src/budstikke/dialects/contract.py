"""
What a dialect is: one customer-facing API as pure translation.

A dialect never awaits, never reads the clock and never sees the store. A request is
worked in this order, each step the dialect's own words when it refuses::

    operation(method, path) -> what is asked          (a table of routes)
    login(request) -> who says they are calling       raises Refusal
    [servers.auth checks address, password, https, block]
    parse(request, access, now) -> what is asked      raises Refusal
    [flow.accept or flow.ask]
    render(request, answer) -> WireResponse           also for a Refusal

What is asked is an order, several (each is accepted or refused by itself), or an
``Ask``. A ``login`` of ``None`` means that the operation needs none: ``parse`` is then
given no access, and may only return a ``Page``, ``MediaAsk``, ``MessageAsk`` or
``OrderAsk``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from budstikke.domain.message import Accepted, Order
from budstikke.domain.queries import Answer, Ask
from budstikke.domain.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from budstikke.domain.callback import More, Needs, Policy, Topic
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse


@dataclass(frozen=True, slots=True)
class Login:
    """Who says they are calling; ``secret`` is ``None`` when none was given."""

    identifier: str
    secret: str | None


class AccessView(Protocol):
    """What a dialect may know of the access that is calling."""

    @property
    def id(self) -> int:
        """The access's key."""

    @property
    def settings(self) -> Any:
        """The dialect's own ``Settings`` instance."""


@dataclass(slots=True)
class Call:
    """
    One request on its way through a dialect: the raw request and what was read of it.

    ``fields`` is the dialect's own scratch space, so that login, parse and render do
    not read the bytes three times.
    """

    request: WireRequest
    operation: str
    fields: Mapping[str, Any] | None = None
    access: Any = None
    """Who is calling, as the server found them; also of a call that it refused."""


Asked = Order | list[Order] | Ask
Answered = Accepted | list[Accepted | Refusal] | Answer | Refusal
"""A list answers for a list of orders, one by one."""


class Dialect(Protocol):
    """One customer-facing HTTP API."""

    name: str
    routes: Mapping[tuple[str, str], str]
    """(method, path) to the name of an operation; paths are matched lower case."""

    settings: type[msgspec.Struct]
    """
    The settings of one access: unknown keys are refused by ``apply``.

    With a class variable ``home_numbers`` that is true, recipients may be written as
    in the account's home country.
    """

    def login(self, call: Call) -> Login | None:
        """Read who is calling; raises Refusal."""

    def parse(self, call: Call, access: Any, now: float) -> Asked:
        """
        Read what is asked; raises Refusal.

        ``access`` is an ``AccessView``, or ``None`` without a login; ``now`` is Unix
        seconds.
        """

    def render(self, call: Call, answer: Answered) -> WireResponse:
        """Write the answer; must have words for every refusal code."""

    policies: Mapping[Topic, Policy]
    """How each topic is told; a topic that is not here never is."""

    keeps_events: bool
    """Its customers can read events: they are kept although there is no URL."""

    def url(self, topic: Topic, settings: Any, place: str) -> str:
        """
        Find where a topic is told; empty: nowhere.

        ``place`` is the URL of the number or keyword that a message came to, if it
        has one of its own.
        """

    def callback(
        self, event: StatusEvent, url: str, settings: Any
    ) -> WireRequest | None:
        """Write what is told of a message at ``url``; ``None``: nothing is told."""

    def needs(self, settings: Any) -> Needs:
        """Say what ``inbound`` must be given."""

    def inbound(
        self, event: InboundEvent, more: More, url: str, settings: Any
    ) -> WireRequest | None:
        """Write what is told of a message from a phone; ``None``: nothing is told."""

    def understood(self, topic: Topic, answer: WireResponse, settings: Any) -> bool:
        """Whether the customer took a callback."""


@runtime_checkable
class Roomy(Protocol):
    """A dialect some of whose operations need larger bodies than a form has."""

    room: Mapping[str, int]
    """
    Operation to the octets that a body of it may have, all of them.

    ``login`` refuses (``TOO_LARGE``) what is larger; a server need not read it.
    """


@runtime_checkable
class Identifying(Protocol):
    """A dialect whose customers give one key, which is identifier and secret alike."""

    def identify(self, secret: str) -> str:
        """Make the identifier that ``login`` makes of this key."""


@runtime_checkable
class Signing(Protocol):
    """A dialect whose callbacks say when they are made, and prove by whom."""

    def sign(self, request: WireRequest, settings: Any, now: float) -> WireRequest:
        """Sign what ``callback`` wrote, for an attempt made now (Unix seconds)."""


class Alert(NamedTuple):
    """A refusal for people: the dialect's own code, and its cause in a few words."""

    code: str
    cause: str


@runtime_checkable
class Alerting(Protocol):
    """
    A dialect whose customers may be told of refused requests by mail.

    Its settings have ``error_alerts``: the addresses.
    """

    def alert_of(self, call: Call, refusal: Refusal) -> Alert:
        """Say what the mail says of a refusal; never raises."""

"""
The interface of a dialect: an API for customers.

A dialect only translates between the API and the gateway's own types. It does no I/O,
reads no clock and does not use the store. Every dialect has a name and settings
(``Dialect``). An HTTP dialect takes requests (``Takes``). It may also send callbacks
with delivery reports (``Reports``) and inbound messages (``Inbound``). All other
protocols here are optional: a dialect implements one by having its attributes, so it
needs no methods that do nothing. A dialect of another protocol has a server of its own
(``servers.smpp``), which calls what that dialect's package offers; its callbacks go to
bound sessions (``delivery_contract``).

An HTTP request passes through these steps. Each may refuse it, in the dialect's own
words::

    routes[method, path] -> operation
    login(call) -> Login                    raises Refusal
    [servers.auth checks address, password, https, blocked accounts]
    parse(call, access, now) -> Task       raises Refusal
    [flow.accept or flow.queries]
    render(call, answer, now) -> WireResponse   also for a Refusal

``parse`` returns an order, several orders (the gateway accepts or refuses each by
itself), a query or command (``QueryOrCommand``), ``Steps`` if one query depends on the
answer to another, or ``Done``. If ``login`` returns ``None``, the operation needs no
login: ``parse`` then gets no access, and may only return ``Done``, a ``Page``,
``MediaQuery``, ``MessageQuery`` or ``OrderQuery``.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    runtime_checkable,
)

import msgspec

from budstikke.domain.message import Accepted, Order
from budstikke.domain.queries import Answer, QueryOrCommand
from budstikke.domain.refusal import Refusal

if TYPE_CHECKING:
    from budstikke.domain.callback import (
        InboundExtras,
        InboundRequirements,
        Policy,
        Topic,
    )
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse

S = TypeVar("S", bound=msgspec.Struct)
"""The ``Settings`` of a dialect."""

S_co = TypeVar("S_co", bound=msgspec.Struct, covariant=True)
S_contra = TypeVar("S_contra", bound=msgspec.Struct, contravariant=True)


@dataclass(frozen=True, slots=True)
class Login:
    """The login in a request; ``secret`` is ``None`` if the request has none."""

    identifier: str
    secret: str | None


class AccountView(Protocol):
    """What a dialect may read of an access's account."""

    @property
    def currency(self) -> str:
        """ISO 4217 code, ``SMS``, or empty: the account is not charged."""


class AccessView(Protocol[S_co]):
    """What a dialect may read of the access that sent the request."""

    @property
    def id(self) -> int:
        """The access's id."""

    @property
    def settings(self) -> S_co:
        """The access's ``Settings`` of this dialect."""

    @property
    def account(self) -> AccountView:
        """The account that pays."""


@dataclass(slots=True)
class Call:
    """
    One request on its way through a dialect.

    Attributes:
        request: The raw request.
        operation: The operation that ``routes`` names for it, or ``UNROUTED``.
        fields: For the dialect alone: what ``login`` has read, so that ``parse`` and
            ``render`` need not read the octets again.
        access: The access that the server found by the login; also in a refused call.
        path: The parameters of the path by name, undecoded, octets as Latin-1.
        allowed: With ``UNROUTED``: the methods that have routes at this path.

    """

    request: WireRequest
    operation: str
    fields: Mapping[str, Any] | None = None
    access: AccessView[Any] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()


UNROUTED = ""
"""The operation of a path below an ``OwnsPrefix.prefix`` that matches no route."""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished answer without ``render``; ``result`` is its label in the metrics."""

    response: WireResponse
    result: str = "accepted"


Step: TypeAlias = Order | QueryOrCommand | None
"""One step of ``Steps``; ``None``: let other requests run, if it is their turn."""

StepAnswer: TypeAlias = Accepted | Answer | None
"""The answer to a step. The gateway throws a refusal into the generator instead."""

Steps: TypeAlias = Generator[Step, StepAnswer, Done]
"""A request that takes several steps; may raise Refusal."""

Task: TypeAlias = Order | list[Order] | QueryOrCommand | Steps | Done
"""What a request wants of the gateway."""

TaskResult: TypeAlias = Accepted | list[Accepted | Refusal] | Answer | Refusal
"""The gateway's answer; for a list of orders a list, one by one."""


class Dialect(Protocol):
    """What every dialect has, whatever protocol its customers speak."""

    name: str
    """Its name in the register, in files for ``apply``, in metrics and logs."""

    @property
    def settings(self) -> type[Any]:
        """Return the class of an access's settings."""


@runtime_checkable
class Takes(Protocol[S]):
    """The part of an HTTP dialect that takes requests; every HTTP dialect has it."""

    name: str
    routes: Mapping[tuple[str, str], str]
    """
    Operations by (method, path).

    A piece of a path in braces is a parameter (``Call.path``). Upper and lower case are
    equal, except below ``OwnsPrefix.prefix``.
    """

    settings: type[S]
    """
    The settings of one access: ``apply`` refuses unknown keys.

    With a class variable ``home_numbers`` that is true, recipients may be written as
    in the account's home country.
    """

    def login(self, call: Call) -> Login | None:
        """Read the login; raises Refusal."""

    def parse(self, call: Call, access: AccessView[S] | None, now: float) -> Task:
        """
        Read what the request asks for; raises Refusal.

        ``access`` is ``None`` without a login; ``now`` is Unix seconds.
        """

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """
        Write the response; it must have words for every refusal code.

        ``now`` is Unix seconds.
        """


HttpDialect: TypeAlias = Takes[Any]
"""Any HTTP dialect, whatever its settings."""


class CallsBack(Protocol[S_contra]):
    """What ``Reports`` and ``Inbound`` have in common."""

    policies: Mapping[Topic, Policy]
    """The retries of each topic. The gateway sends no callbacks of other topics."""

    def url(self, topic: Topic, settings: S_contra, number_url: str) -> str:
        """
        Return the URL for callbacks of a topic; empty: send none.

        ``number_url`` is the URL of the number or keyword that a message came to, if
        that has its own. If an order has a ``callback_url``, the gateway uses that.
        """

    def understood(
        self, topic: Topic, answer: WireResponse, settings: S_contra
    ) -> bool:
        """Tell whether the answer confirms the callback; otherwise it is retried."""


@runtime_checkable
class Reports(CallsBack[S_contra], Protocol[S_contra]):
    """A dialect that sends delivery reports; its ``policies`` have ``STATUS``."""

    def report(
        self, event: StatusEvent, url: str, settings: S_contra
    ) -> WireRequest | None:
        """Write a delivery report to ``url``; ``None``: send none for this state."""


@runtime_checkable
class Inbound(CallsBack[S_contra], Protocol[S_contra]):
    """A dialect that sends inbound messages (``INBOUND``, ``REPLY``)."""

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: S_contra
    ) -> WireRequest | None:
        """Write an inbound message to ``url``; ``None``: do not send it."""


@runtime_checkable
class Replies(Protocol):
    """A dialect in which a server answers a push of a message with a text for it."""

    def reply(self, answer: WireResponse) -> str:
        """Read what the phone is sent in reply; empty: nothing. Never raises."""


@runtime_checkable
class NeedsExtras(Protocol[S_contra]):
    """A dialect whose inbound callbacks contain more than the message."""

    def requirements(self, settings: S_contra) -> InboundRequirements:
        """Name the ``extras`` that ``inbound`` needs."""


@runtime_checkable
class KeepsEvents(Protocol):
    """A dialect whose customers can read events later, even without a URL."""

    keeps_events: bool
    """True."""


@runtime_checkable
class Roomy(Protocol):
    """A dialect with limits for the bodies of its operations."""

    room: Mapping[str, int]
    """
    By operation, the largest body in octets; 0: the dialect does not read the body.

    ``login`` refuses a larger one (``TOO_LARGE``), so that no server must read it.
    """


@runtime_checkable
class OwnsPrefix(Protocol):
    """
    A dialect that gets all requests below a path prefix.

    Below it the server compares paths as they are on the wire. A request that matches
    no route gets the operation ``UNROUTED``.
    """

    prefix: str
    """Begins and ends with a slash."""


@runtime_checkable
class Stepwise(Protocol):
    """
    A dialect that handles requests in steps.

    Its ``login`` needs only the headers, so that the server checks the login before it
    reads the body. Its ``parse`` returns ``Steps`` or ``Done`` at once.
    """

    stepwise: bool
    """True."""


@runtime_checkable
class Prepares(Protocol):
    """A dialect that must prepare something slow, such as a large page."""

    def prepare(self) -> None:
        """Prepare it; the server calls this before the first request."""


@runtime_checkable
class LooksUp(Protocol):
    """A dialect that shows the state of a message without a login."""

    looks_up: bool
    """True; ``http.lookups`` says which addresses may ask."""


@runtime_checkable
class Identifying(Protocol):
    """A dialect whose login is one key: identifier and secret in one."""

    def identify(self, secret: str) -> str:
        """Return the identifier that ``login`` returns for this key."""


@runtime_checkable
class Signing(Protocol[S_contra]):
    """A dialect that signs its callbacks, with the time of each attempt."""

    def sign(self, request: WireRequest, settings: S_contra, now: float) -> WireRequest:
        """Sign a request that ``report`` or ``inbound`` wrote, for an attempt now."""


class Alert(NamedTuple):
    """A refusal in an alert mail: the dialect's own code, and its cause in words."""

    code: str
    cause: str


@runtime_checkable
class Alerting(Protocol):
    """
    A dialect whose customers may get mails about refused requests.

    Its settings have ``error_alerts``, the addresses.
    """

    def alert_of(self, call: Call, refusal: Refusal) -> Alert:
        """Return what the mail says about a refusal; never raises."""

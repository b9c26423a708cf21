"""
What a dialect is: one customer-facing HTTP API as pure translation.

A dialect never awaits, never reads the clock and never sees the store. Every dialect
takes requests (``Takes``); it may also push delivery reports (``Reports``) and messages
from phones (``Inbound``) to its customers. The further protocols here are optional,
too: a dialect has one when it has the attributes, and none needs a method that does
nothing.

A request passes through these steps; each may refuse it, in the dialect's own words::

    routes[method, path] -> operation
    login(call) -> Login                    raises Refusal
    [servers.auth checks address, password, https, blocked accounts]
    parse(call, access, now) -> Task       raises Refusal
    [flow.accept or flow.queries]
    render(call, answer, now) -> WireResponse   also for a Refusal

``parse`` returns an order, several orders (each is accepted or refused by itself), a
query or command (``QueryOrCommand``), ``Steps`` where one query follows from another,
or ``Done``. A ``login`` of ``None`` means that the operation needs none: ``parse`` is
then given no access, and may only return ``Done``, a ``Page``, ``MediaQuery``,
``MessageQuery`` or ``OrderQuery``.
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
"""A dialect's own ``Settings``."""

S_co = TypeVar("S_co", bound=msgspec.Struct, covariant=True)
S_contra = TypeVar("S_contra", bound=msgspec.Struct, contravariant=True)


@dataclass(frozen=True, slots=True)
class Login:
    """Who says they are calling; ``secret`` is ``None`` when none was given."""

    identifier: str
    secret: str | None


class AccountView(Protocol):
    """What a dialect may know of the account behind an access."""

    @property
    def currency(self) -> str:
        """ISO 4217 code, ``SMS``, or empty: the account is not charged."""


class AccessView(Protocol[S_co]):
    """What a dialect may know of the access that is calling."""

    @property
    def id(self) -> int:
        """The access's key."""

    @property
    def settings(self) -> S_co:
        """The dialect's own ``Settings`` instance."""

    @property
    def account(self) -> AccountView:
        """The account that pays."""


@dataclass(slots=True)
class Call:
    """
    One request on its way through a dialect: the raw request and what was read of it.

    Attributes:
        request: As it came.
        operation: What ``routes`` says of it; ``UNROUTED``: nothing.
        fields: The dialect's own notes, so that login, parse and render do not each
            read the octets.
        access: Who is calling, as the server found them; also of a refused call.
        path: The parameters of the path by name, undecoded, octets as Latin-1.
        allowed: Of an ``UNROUTED`` one: the methods that have routes at its path.

    """

    request: WireRequest
    operation: str
    fields: Mapping[str, Any] | None = None
    access: AccessView[Any] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()


UNROUTED = ""
"""The operation of a path below an ``OwnsPrefix.prefix`` that no route fits."""


@dataclass(frozen=True, slots=True)
class Done:
    """An answer that needs no ``render``; ``result`` is its label in the metrics."""

    response: WireResponse
    result: str = "accepted"


Step: TypeAlias = Order | QueryOrCommand | None
"""What ``Steps`` ask for; ``None``: let other requests run, if it is time."""

StepAnswer: TypeAlias = Accepted | Answer | None
"""What they are sent; a refusal is thrown into them instead."""

Steps: TypeAlias = Generator[Step, StepAnswer, Done]
"""A request that is worked in several steps; may raise Refusal."""

Task: TypeAlias = Order | list[Order] | QueryOrCommand | Steps | Done
"""What a request asks the gateway to do."""

TaskResult: TypeAlias = Accepted | list[Accepted | Refusal] | Answer | Refusal
"""What the gateway answers; a list for a list of orders, one by one."""


class Takes(Protocol[S]):
    """A dialect: it takes requests."""

    name: str
    routes: Mapping[tuple[str, str], str]
    """
    (method, path) to the name of an operation.

    A piece of a path in braces is a parameter (``Call.path``). Letters of any case
    match, except below an ``OwnsPrefix.prefix``.
    """

    settings: type[S]
    """
    The settings of one access: ``apply`` refuses unknown keys.

    With a class variable ``home_numbers`` that is true, recipients may be written as
    in the account's home country.
    """

    def login(self, call: Call) -> Login | None:
        """Read who is calling; raises Refusal."""

    def parse(self, call: Call, access: AccessView[S] | None, now: float) -> Task:
        """
        Read what is asked; raises Refusal.

        ``access`` is ``None`` without a login; ``now`` is Unix seconds.
        """

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """
        Write the answer; must have words for every refusal code.

        ``now``: when the answer is written, Unix seconds.
        """


Dialect: TypeAlias = Takes[Any]
"""A dialect among others, each with settings of its own."""


class CallsBack(Protocol[S_contra]):
    """What delivery reports and messages from phones have in common."""

    policies: Mapping[Topic, Policy]
    """How each topic is pushed; a topic that is not here never is."""

    def url(self, topic: Topic, settings: S_contra, number_url: str) -> str:
        """
        Find where a topic is pushed to; empty: nowhere.

        ``number_url`` is the URL of the number or keyword that a message came to, if it
        has one of its own. An order's own ``callback_url`` goes before this.
        """

    def understood(
        self, topic: Topic, answer: WireResponse, settings: S_contra
    ) -> bool:
        """Say whether the customer's answer means that the push has arrived."""


@runtime_checkable
class Reports(CallsBack[S_contra], Protocol[S_contra]):
    """A dialect that pushes delivery reports; its ``policies`` have ``STATUS``."""

    def report(
        self, event: StatusEvent, url: str, settings: S_contra
    ) -> WireRequest | None:
        """Write a delivery report to ``url``; ``None``: this state is not reported."""


@runtime_checkable
class Inbound(CallsBack[S_contra], Protocol[S_contra]):
    """A dialect that pushes messages from phones (``INBOUND``, ``REPLY``)."""

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: S_contra
    ) -> WireRequest | None:
        """Write a push of a message to ``url``; ``None``: it is not pushed."""


@runtime_checkable
class NeedsExtras(Protocol[S_contra]):
    """A dialect whose pushes of messages from phones hold more than the message."""

    def requirements(self, settings: S_contra) -> InboundRequirements:
        """Say what ``inbound`` must be given as ``extras``."""


@runtime_checkable
class KeepsEvents(Protocol):
    """A dialect whose customers can read events later: they are kept without a URL."""

    keeps_events: bool
    """True."""


@runtime_checkable
class Roomy(Protocol):
    """A dialect that says how large the bodies of its operations may be."""

    room: Mapping[str, int]
    """
    Operation to the most octets of a body of it; 0: the body is not read.

    ``login`` refuses (``TOO_LARGE``) what is larger; a server need not read it.
    """


@runtime_checkable
class OwnsPrefix(Protocol):
    """
    A dialect to which every path below a prefix belongs.

    There paths are compared as they are on the wire, and what fits no route is the
    operation ``UNROUTED``.
    """

    prefix: str
    """Begins and ends with a slash."""


@runtime_checkable
class Stepwise(Protocol):
    """
    A dialect that works requests in steps.

    Its ``login`` reads the head of a request alone, and is checked before the body is
    read; its ``parse`` returns ``Steps`` or ``Done`` at once.
    """

    stepwise: bool
    """True."""


@runtime_checkable
class Prepares(Protocol):
    """A dialect that has something to make that takes long, such as a large page."""

    def prepare(self) -> None:
        """Make it; a server calls this before the first request."""


@runtime_checkable
class LooksUp(Protocol):
    """A dialect that tells how a message stands to callers who do not log in."""

    looks_up: bool
    """True; ``http.lookups`` says which addresses may ask."""


@runtime_checkable
class Identifying(Protocol):
    """A dialect whose customers give one key, which is identifier and secret alike."""

    def identify(self, secret: str) -> str:
        """Make the identifier that ``login`` makes of this key."""


@runtime_checkable
class Signing(Protocol[S_contra]):
    """A dialect whose callbacks say when they are made, and prove by whom."""

    def sign(self, request: WireRequest, settings: S_contra, now: float) -> WireRequest:
        """Sign what ``report`` or ``inbound`` wrote, for an attempt made now."""


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

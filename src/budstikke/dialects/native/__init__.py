"""
Native: the REST API.

``operations`` is the table of operations, and the modules that it names have their
handlers; ``steps`` runs a request through one. ``order`` has the body of an order,
``shapes`` the answers, ``problems`` the refusals; ``webhook`` writes the webhooks, and
``openapi`` and ``page`` the API's description.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from budstikke import __version__
from budstikke.dialects.contract import UNROUTED, Done, Login
from budstikke.dialects.native import problems, webhook
from budstikke.dialects.native.description import DOCUMENT, PAGE, pages
from budstikke.dialects.native.operations import OPERATIONS
from budstikke.dialects.native.path import read_path
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.dialects.native.settings import Settings
from budstikke.dialects.native.steps import refused, steps
from budstikke.domain.callback import Policy, Topic
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import AccessView, Call, Task, TaskResult
    from budstikke.dialects.native.exchange import PathValues
    from budstikke.domain.callback import InboundExtras
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse

IDENTIFIER_DIGITS = 16
"""Hexadecimal digits of the token's SHA-256 in an access's identifier."""

PREFIX = "/v1"

SMALL = 64 * 1024
"""Octets of a body that neither sends nor quotes."""

DESCRIBE = "describe"
"""The operation of paths that need no token."""

VALUES, PROBLEM = "values", "problem"
"""What ``login`` puts into ``Call.fields``: the path's values, or its problem."""


class Native:
    """The REST API; see docs/dialects/native.md."""

    name: str = "native"
    routes: Mapping[tuple[str, str], str] = {
        ("GET", DOCUMENT): DESCRIBE,
        ("GET", PAGE): DESCRIBE,
        **{(each.method, PREFIX + each.path): each.name for each in OPERATIONS},
    }
    prefix: str = f"{PREFIX}/"
    stepwise: bool = True
    room: Mapping[str, int] = {
        each.name: 0 if each.body is None else SMALL
        for each in OPERATIONS
        if not each.large
    }
    settings: type[Settings] = Settings
    keeps_events: bool = True
    policies: Mapping[Topic, Policy] = {topic: Policy() for topic in Topic}

    def prepare(self) -> None:
        """Write the description, which takes a tenth of a second."""
        pages(__version__)

    def identify(self, secret: str) -> str:
        """Return an access's identifier by its token."""
        digest = sha256(secret.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:IDENTIFIER_DIGITS]

    def login(self, call: Call) -> Login | None:
        """
        Read the token (RFC 6750 § 2.1); raises Refusal without one.

        ``None``: none is needed, for the description or for an unknown path.
        """
        if call.operation in {UNROUTED, DESCRIBE}:
            return None
        try:
            call.fields = {VALUES: read_path(call.path)}
        except Problem as problem:
            call.fields = {PROBLEM: problem}
            return None
        given = call.request.headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Refusal(RefusalCode.MISSING_LOGIN)
        return Login(self.identify(token), token)

    def parse(
        self, call: Call, access: AccessView[Settings] | None, now: float
    ) -> Task:
        """Begin to answer a request; ``now`` is Unix seconds."""
        if access is None:
            return _without_login(call)
        path: PathValues = (call.fields or {})[VALUES]
        return steps(call, path, access, now)

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """Write a problem; the steps themselves write all other answers."""
        assert isinstance(answer, Refusal)  # noqa: S101 - steps write their own answers
        return problems.render(problems.problem_of(answer))

    def report(
        self, event: StatusEvent, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write a webhook, not yet signed; ``None``: ``events`` does not have it."""
        return webhook.write(event, url, settings.events)

    def sign(self, request: WireRequest, settings: Settings, now: float) -> WireRequest:
        """Sign a webhook for an attempt at ``now`` (Unix seconds)."""
        return webhook.sign(request, settings.webhook_secrets, now)

    def url(self, topic: Topic, settings: Settings, number_url: str) -> str:
        """Return the URL of webhooks; empty without secrets to sign them with."""
        if topic is Topic.STATUS:
            return settings.status_url
        if not settings.webhook_secrets:
            return ""
        return number_url or settings.inbound_url or settings.status_url

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write a webhook, not yet signed; ``None``: ``events`` does not have it."""
        return webhook.write(event, url, settings.events)

    def understood(
        self, topic: Topic, answer: WireResponse, settings: Settings
    ) -> bool:
        """Accept any 2xx."""
        return 200 <= answer.status < 300


def _without_login(call: Call) -> Done:
    """Answer a request that needs no token: the description, or an unknown path."""
    if call.operation == DESCRIBE:
        return Done(pages(__version__)[call.request.target])
    problem = (call.fields or {}).get(PROBLEM)
    if problem is None and call.allowed:
        allow = ", ".join(sorted(call.allowed))
        detail = f"Only {allow}"
        problem = Problem(Fault.METHOD_NOT_ALLOWED, detail=detail, allow=allow)
    return refused(problem or Problem(Fault.NOT_FOUND))

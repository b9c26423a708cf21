"""
Native: the REST API, as pure translation.

Its requests are taken by ``servers.native``, since their paths have parameters, so
that its ``routes`` are empty: what is here is who calls, what is told by webhooks
(``webhook``), what an order is (``order``), and the words for every refusal
(``problems``).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from budstikke.dialects.contract import Login
from budstikke.dialects.native import problems, webhook
from budstikke.dialects.native.settings import Settings
from budstikke.domain.callback import More, Needs, Policy, Topic
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from budstikke.dialects.contract import Answered, Asked, Call
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse

IDENTIFIER_DIGITS = 16
"""Hexadecimal digits of the token's SHA-256 that an access is found by."""


class Native:
    """The REST API; see docs/dialects/native.md."""

    name: str = "native"
    routes: Mapping[tuple[str, str], str] = {}
    settings: type[msgspec.Struct] = Settings
    keeps_events: bool = True
    policies: Mapping[Topic, Policy] = {topic: Policy() for topic in Topic}

    def identify(self, secret: str) -> str:
        """Make the identifier of an access from its token."""
        digest = sha256(secret.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:IDENTIFIER_DIGITS]

    def login(self, call: Call) -> Login:
        """Read the token (RFC 6750 § 2.1); raises Refusal without one."""
        given = call.request.headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Refusal(RefusalCode.MISSING_LOGIN)
        return Login(self.identify(token), token)

    def parse(self, call: Call, access: Any, now: float) -> Asked:
        """Refuse: there are no routes that lead here."""
        raise Refusal(RefusalCode.MALFORMED)

    def render(self, call: Call, answer: Answered) -> WireResponse:
        """Write a problem; nothing else is answered here."""
        assert isinstance(answer, Refusal)  # noqa: S101 - parse always raises
        return problems.render(problems.problem_of(answer))

    def callback(
        self,
        event: StatusEvent,
        url: str,
        settings: Any,
    ) -> WireRequest | None:
        """Write a webhook, not yet signed; ``None``: nothing is told."""
        return webhook.write(event, url, settings.events)

    def sign(self, request: WireRequest, settings: Any, now: float) -> WireRequest:
        """Sign a webhook for an attempt that is made now (Unix seconds)."""
        return webhook.sign(request, settings.webhook_secrets, now)

    def url(self, topic: Topic, settings: Any, place: str) -> str:
        """Find where a topic is told; nowhere without secrets to sign with."""
        if topic is Topic.STATUS:
            return str(settings.status_url)
        if not settings.webhook_secrets:
            return ""
        return str(place or settings.inbound_url or settings.status_url)

    def needs(self, settings: Any) -> Needs:
        """Need nothing more."""
        return Needs()

    def inbound(
        self, event: InboundEvent, more: More, url: str, settings: Any
    ) -> WireRequest | None:
        """Write a webhook, not yet signed; ``None``: nothing is told."""
        return webhook.write(event, url, settings.events)

    def understood(self, topic: Topic, answer: WireResponse, settings: Any) -> bool:
        """Take any 2xx as taken."""
        return 200 <= answer.status < 300

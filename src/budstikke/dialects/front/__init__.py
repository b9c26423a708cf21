"""
Front: a Norwegian two-way gateway's HTTP API, versions 3.05 and 2.25.

``request`` reads the login, ``order`` the order (with ``template`` and ``values``),
``reply`` writes the answers, ``status`` the status pushes, and ``inbound`` the pushes
of inbound messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.front import inbound
from budstikke.dialects.front.order import read_order
from budstikke.dialects.front.reply import alert_of, render
from budstikke.dialects.front.request import (
    BULK,
    PUSH,
    PUSH_JSON,
    ROOM,
    read_login,
)
from budstikke.dialects.front.settings import Settings
from budstikke.dialects.front.status import push
from budstikke.domain.callback import InboundExtras, InboundRequirements, Policy, Topic
from budstikke.domain.message import Accepted
from budstikke.domain.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import (
        AccessView,
        Alert,
        Call,
        Login,
        Task,
        TaskResult,
    )
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse


class Front:
    """The Front dialect; see docs/dialects/front.md."""

    name: str = "front"
    routes: Mapping[tuple[str, str], str] = {
        ("GET", "/psk/push.php"): PUSH,
        ("POST", "/psk/push.php"): PUSH_JSON,
        ("POST", "/psk/push_bulk.php"): BULK,
    }
    room: Mapping[str, int] = ROOM
    settings: type[Settings] = Settings
    policies: Mapping[Topic, Policy] = {
        Topic.STATUS: Policy(),
        Topic.INBOUND: Policy((60, 300), queued=True, timeout=60.0),
        Topic.REPLY: Policy((60, 300), queued=True, timeout=60.0),
    }

    def login(self, call: Call) -> Login:
        """Read the login; raises Refusal."""
        return read_login(call)

    def parse(
        self, call: Call, access: AccessView[Settings] | None, now: float
    ) -> Task:
        """Read the order; raises Refusal. ``now`` is Unix seconds."""
        assert access is not None  # noqa: S101 - every operation has a login
        return read_order(call.fields or {}, call.operation, access.settings, now)

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """Write the answer."""
        assert isinstance(answer, Accepted | Refusal)  # noqa: S101 - it only has orders
        return render(call, answer)

    def report(
        self, event: StatusEvent, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write a status push; ``None``: Front has no such state."""
        return push(event, url, settings)

    def url(self, topic: Topic, settings: Settings, number_url: str) -> str:
        """Return the URL of a topic; inbound messages need ``two_way``."""
        if topic is Topic.STATUS:
            return settings.status_url
        return (number_url or settings.inbound_url) if settings.two_way else ""

    def requirements(self, settings: Settings) -> InboundRequirements:
        """Ask for the files of MMS if the service receives them."""
        return InboundRequirements(files=settings.mms and settings.style == "json")

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write the push of an inbound message; ``None``: the service gets none."""
        return inbound.push(event, extras, url, settings) if settings.two_way else None

    def understood(
        self, topic: Topic, answer: WireResponse, settings: Settings
    ) -> bool:
        """Accept any 2xx; of an inbound message by GET only with the body ``true``."""
        if topic is Topic.STATUS:
            return 200 <= answer.status < 300
        return inbound.understood(answer, settings)

    def alert_of(self, call: Call, refusal: Refusal) -> Alert:
        """Return the words of the mail to ``error_alerts``."""
        return alert_of(call, refusal)

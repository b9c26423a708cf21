"""
Front: a Norwegian two-way gateway's HTTP API, versions 3.05 and 2.25.

``request`` reads who calls, ``order`` what is asked (with ``template`` and
``values``), ``reply`` writes the answers, ``status`` what is told later, and
``inbound`` what is told of messages from phones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from budstikke.domain.callback import More, Needs, Policy, Topic
from budstikke.domain.message import Accepted
from budstikke.domain.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from budstikke.dialects.contract import Alert, Answered, Asked, Call, Login
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
    settings: type[msgspec.Struct] = Settings
    keeps_events: bool = False
    policies: Mapping[Topic, Policy] = {
        Topic.STATUS: Policy(),
        Topic.INBOUND: Policy((60, 300), queued=True, timeout=60.0),
        Topic.REPLY: Policy((60, 300), queued=True, timeout=60.0),
    }

    def login(self, call: Call) -> Login:
        """Read who is calling; raises Refusal."""
        return read_login(call)

    def parse(self, call: Call, access: Any, now: float) -> Asked:
        """Read what is asked; raises Refusal. ``now`` is Unix seconds."""
        return read_order(call.fields or {}, call.operation, access.settings, now)

    def render(self, call: Call, answer: Answered) -> WireResponse:
        """Write the answer."""
        assert isinstance(answer, Accepted | Refusal)  # noqa: S101 - all it asks for
        return render(call, answer)

    def callback(
        self, event: StatusEvent, url: str, settings: Any
    ) -> WireRequest | None:
        """Write a status push; ``None``: nothing is told."""
        return push(event, url, settings)

    def url(self, topic: Topic, settings: Any, place: str) -> str:
        """Find where a topic is told; messages from phones need two-way."""
        if topic is Topic.STATUS:
            return str(settings.status_url)
        return str(place or settings.inbound_url) if settings.two_way else ""

    def needs(self, settings: Any) -> Needs:
        """Need the files of MMS, where a service gets them."""
        return Needs(files=settings.mms and settings.style == "json")

    def inbound(
        self, event: InboundEvent, more: More, url: str, settings: Any
    ) -> WireRequest | None:
        """Write what is told of a message from a phone; ``None``: nothing is told."""
        return inbound.push(event, more, url, settings) if settings.two_way else None

    def understood(self, topic: Topic, answer: WireResponse, settings: Any) -> bool:
        """Take any 2xx; a message from a phone that was told by GET: ``true``."""
        if topic is Topic.STATUS:
            return 200 <= answer.status < 300
        return inbound.understood(answer, settings)

    def alert_of(self, call: Call, refusal: Refusal) -> Alert:
        """Say what the mail to ``error_alerts`` says of a refusal."""
        return alert_of(call, refusal)

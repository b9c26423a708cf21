"""
iP.1: a Swedish gateway's SOAP services for SMS and MMS, and its URL call.

``operations`` has the services as tables, ``codes`` the status codes; ``request`` reads
a request (with ``envelope``), ``order`` and ``mms`` the order in it; ``reply`` writes
the answers, ``wsdl`` and ``page`` the services' descriptions, and ``inbound`` the
pushes of inbound messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.ip1 import inbound
from budstikke.dialects.ip1.operations import ROOM, ROUTES
from budstikke.dialects.ip1.order import read_asked
from budstikke.dialects.ip1.reply import render
from budstikke.dialects.ip1.request import parsed_request, read_login
from budstikke.dialects.ip1.settings import Settings
from budstikke.domain.callback import InboundExtras, Policy, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import AccessView, Call, Login, Task, TaskResult
    from budstikke.domain.inbound import InboundEvent
    from budstikke.wire import WireRequest, WireResponse

TAKEN = b"OK"


class Ip1:
    """The iP.1 dialect; see docs/dialects/ip1.md."""

    name: str = "ip1"
    routes: Mapping[tuple[str, str], str] = ROUTES
    room: Mapping[str, int] = ROOM
    looks_up: bool = True
    settings: type[Settings] = Settings
    policies: Mapping[Topic, Policy] = {
        Topic.INBOUND: Policy((1800,) * 9),
        Topic.REPLY: Policy((1800,) * 9),
    }

    def login(self, call: Call) -> Login | None:
        """Read the login, if the operation needs one; raises Refusal."""
        return read_login(call)

    def parse(
        self, call: Call, access: AccessView[Settings] | None, now: float
    ) -> Task:
        """Read what the request wants; raises Refusal. ``now`` is Unix seconds."""
        settings = access.settings if access is not None else None
        return read_asked(parsed_request(call), settings, now, call.request.query)

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """Write the answer."""
        return render(call, answer)

    def url(self, topic: Topic, settings: Settings, number_url: str) -> str:
        """Return the URL of inbound messages; customers look statuses up."""
        return "" if topic is Topic.STATUS else number_url or settings.inbound_url

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write the push of an inbound message."""
        return inbound.push(event, url)

    def understood(
        self, topic: Topic, answer: WireResponse, settings: Settings
    ) -> bool:
        """Accept a 2xx with the body OK, within any white space."""
        return 200 <= answer.status < 300 and answer.body.strip() == TAKEN

"""
46elks: a Swedish API that takes one SMS as a form and answers in JSON.

``request`` reads login and message, ``reply`` writes the answers, and ``callbacks`` the
delivery reports and inbound messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.bounds import SMALL
from budstikke.dialects.elks import callbacks
from budstikke.dialects.elks.reply import render
from budstikke.dialects.elks.request import SEND, read_login, read_order
from budstikke.dialects.elks.settings import Settings
from budstikke.domain.callback import Policy, Topic
from budstikke.domain.message import Accepted
from budstikke.domain.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import AccessView, Call, Login, Task, TaskResult
    from budstikke.domain.callback import InboundExtras
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse


class Elks:
    """The 46elks dialect; see docs/dialects/elks.md."""

    name: str = "elks"
    routes: Mapping[tuple[str, str], str] = {("POST", "/a1/sms"): SEND}
    room: Mapping[str, int] = {SEND: SMALL}
    settings: type[Settings] = Settings
    policies: Mapping[Topic, Policy] = {topic: Policy() for topic in Topic}

    def login(self, call: Call) -> Login:
        """Read the login; raises Refusal."""
        return read_login(call)

    def parse(
        self, call: Call, access: AccessView[Settings] | None, now: float
    ) -> Task:
        """Read the order; raises Refusal."""
        return read_order(call)

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """Write the answer; ``now`` is when the message was created, Unix seconds."""
        assert isinstance(answer, Accepted | Refusal)  # noqa: S101 - all it asks for
        return render(call, answer, now)

    def url(self, topic: Topic, settings: Settings, number_url: str) -> str:
        """Find the ``sms_url`` of a number; a report goes where its order says."""
        return "" if topic is Topic.STATUS else number_url or settings.inbound_url

    def report(
        self, event: StatusEvent, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write a delivery report; ``None``: 46elks does not report this state."""
        return callbacks.report(event, url)

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
    ) -> WireRequest:
        """Write a push of a message from a phone."""
        return callbacks.inbound(event, url)

    def reply(self, answer: WireResponse) -> str:
        """Read the reply to a phone from the answer to its message."""
        return callbacks.reply(answer)

    def understood(
        self, topic: Topic, answer: WireResponse, settings: Settings
    ) -> bool:
        """Accept 200 to 204 (46elks, "SMS Delivery Reports", Response structure)."""
        return 200 <= answer.status <= 204

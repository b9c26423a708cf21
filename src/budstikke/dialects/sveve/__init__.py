"""
Sveve: a Norwegian API for texts to numbers and groups, credit in SMS, and groups.

``request`` reads the login; ``order`` (with ``targets``, ``moments`` and ``values``)
and ``ask`` read the order or query; ``reply`` and ``admin`` write the answers in the
words of ``words``; ``status`` writes the delivery reports, ``inbound`` the pushes of
inbound messages, and ``media`` answers with parts of MMS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.sveve import admin, inbound, media, reply
from budstikke.dialects.sveve.ask import read_ask
from budstikke.dialects.sveve.order import read_orders
from budstikke.dialects.sveve.request import (
    ACCOUNT,
    MEDIA,
    RECIPIENTS,
    ROOM,
    SEND,
    read_login,
)
from budstikke.dialects.sveve.settings import Settings
from budstikke.dialects.sveve.status import push
from budstikke.domain.callback import InboundExtras, InboundRequirements, Policy, Topic
from budstikke.domain.message import Accepted
from budstikke.domain.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import AccessView, Call, Login, Task, TaskResult
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse

OPERATIONS = {
    "/sms/sendmessage": SEND,
    "/sms/sendsms": SEND,
    "/sms/accountadm": ACCOUNT,
    "/sms/recipientadm": RECIPIENTS,
    "/sms/showimage": MEDIA,
}


class Sveve:
    """The Sveve dialect; see docs/dialects/sveve.md."""

    name: str = "sveve"
    routes: Mapping[tuple[str, str], str] = {
        (method, path): operation
        for path, operation in OPERATIONS.items()
        for method in (("GET",) if operation == MEDIA else ("GET", "POST"))
    }
    room: Mapping[str, int] = ROOM
    settings: type[Settings] = Settings
    policies: Mapping[Topic, Policy] = {topic: Policy() for topic in Topic}

    def login(self, call: Call) -> Login | None:
        """Read the login, if the operation needs one; raises Refusal."""
        return None if call.operation == MEDIA else read_login(call)

    def parse(
        self, call: Call, access: AccessView[Settings] | None, now: float
    ) -> Task:
        """Read what the request wants; raises Refusal. ``now`` is Unix seconds."""
        if access is None:
            return media.read_ask(call)
        if call.operation == SEND:
            return read_orders(call, access.settings, now)
        return read_ask(call.fields or {}, call.operation)

    def render(self, call: Call, answer: TaskResult, now: float) -> WireResponse:
        """Write the answer."""
        if call.operation == MEDIA:
            return media.render(answer)
        if isinstance(answer, Accepted | list):
            return reply.render(call, answer)
        if isinstance(answer, Refusal) and call.operation == SEND:
            return reply.render(call, answer)
        return admin.render(call, answer)

    def report(
        self, event: StatusEvent, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write a delivery report; ``None``: Sveve has no such state."""
        return push(event, url, settings)

    def url(self, topic: Topic, settings: Settings, number_url: str) -> str:
        """Return the URL of a topic."""
        if topic is Topic.STATUS:
            return settings.status_url
        if topic is Topic.REPLY:
            return number_url or settings.reply_url
        return number_url or settings.inbound_url

    def requirements(self, settings: Settings) -> InboundRequirements:
        """Ask for the subscriber's name and address if the user wants them."""
        return InboundRequirements(subscriber=settings.number_lookup)

    def inbound(
        self, event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
    ) -> WireRequest | None:
        """Write the push of an inbound message."""
        return inbound.push(event, extras, url, settings)

    def understood(
        self, topic: Topic, answer: WireResponse, settings: Settings
    ) -> bool:
        """Accept any 2xx."""
        return 200 <= answer.status < 300

"""
SMPP for customers: programs that bind to this gateway as to an operator.

``request`` makes an order of a submit_sm and its kind, ``operations`` reads and answers
the others, ``statuses`` has the command_status of each refusal, ``submission`` is what
a delivery report needs of its message, and ``settings`` are those of one system_id.
``receipts`` and ``inbound`` write what goes to customers, and ``responses`` says what
their responses mean.
``servers.smpp`` has the connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.dialects.smpp import inbound, receipts, responses
from budstikke.dialects.smpp.settings import Settings
from budstikke.domain.callback import Policy, Topic
from budstikke.domain.message import StatusEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.dialects.delivery_contract import Delivery, Verdict
    from budstikke.domain.inbound import InboundEvent

NAME: Final = "smpp"


class Smpp:
    """The SMPP dialect; see docs/dialects/smpp.md."""

    name: str = NAME
    settings: type[Settings] = Settings
    policies: Mapping[Topic, Policy] = dict.fromkeys(Topic, Policy())

    def deliveries(
        self, event: StatusEvent | InboundEvent, settings: Settings
    ) -> Sequence[Delivery]:
        """Write an event's requests, in order; empty: nobody asked for this report."""
        if isinstance(event, StatusEvent):
            report = receipts.receipt(event, settings)
            return [] if report is None else [report]
        return inbound.deliveries(event, settings)

    def deliver_window(self, settings: Settings) -> int:
        """Return how many callbacks may be on their way to one access at a time."""
        return settings.deliver_window

    def verdict(self, status: int) -> Verdict:
        """Tell what a response's command_status means."""
        return responses.verdict(status)

    def status_name(self, status: int) -> str:
        """Write a command_status for the delivery log."""
        return responses.status_name(status)

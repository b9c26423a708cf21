"""
The interface of a dialect whose callbacks go to sessions that customers have bound.

Such a dialect writes requests of its protocol instead of HTTP requests, and reads the
status of each response. ``flow.callback_deliveries`` decides when they go.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.domain.callback import Policy, Topic
    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.smpp import Body, Tlvs

S_contra = TypeVar("S_contra", contravariant=True)


class Delivery(NamedTuple):
    """A request to a customer's bound session: ``servers.smpp.receivers`` sends it."""

    command: int
    body: Body
    tlvs: Tlvs


class Verdict(Enum):
    """What a customer's response to a delivery means."""

    TAKEN = 1
    """The customer has it."""
    LATER = 2
    """The customer can take nothing now: rest, then go on with the same one."""
    AGAIN = 3
    """The customer refused this one: try it again by the policy."""
    NEVER = 4
    """The customer will never take this one."""


@runtime_checkable
class Delivers(Protocol[S_contra]):
    """A dialect whose callbacks go to sessions that customers have bound."""

    policies: Mapping[Topic, Policy]
    """The retries of each topic after ``Verdict.AGAIN``."""

    def deliveries(
        self, event: StatusEvent | InboundEvent, settings: S_contra
    ) -> Sequence[Delivery]:
        """Write an event's requests, in order; empty: send none for this event."""

    def deliver_window(self, settings: S_contra) -> int:
        """Return how many callbacks may be on their way to one access at a time."""

    def verdict(self, status: int) -> Verdict:
        """Tell what a response's status means."""

    def status_name(self, status: int) -> str:
        """Write a response's status for the delivery log."""

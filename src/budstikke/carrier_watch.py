"""
What this node says of its carriers: in metrics, in the log, and in the store.

``budstikke carriers`` shows what the nodes have stored.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from budstikke import metrics
from budstikke.carriers.smpp import SmppCarrier
from budstikke.domain.directory import Switch
from budstikke.store.contract.nodes import CarrierStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.flow.send import Sender
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.carrier")

STORE_EVERY: Final = 5.0
"""Seconds between writes of what this node says of its carriers."""


def status_of(sender: Sender, switch: Switch, *, runs: bool) -> CarrierStatus:
    """Say how a carrier is; ``runs``: on this node."""
    carrier = sender.carrier
    if switch is not Switch.ON:
        state = switch.value
    elif not runs:
        state = "not here"
    else:
        state = "up" if carrier.healthy() else "down"
    if not isinstance(carrier, SmppCarrier):
        return CarrierStatus(sender.carrier_id, state)
    counters = carrier.counters
    answers = counters.answers.total()
    return CarrierStatus(
        sender.carrier_id,
        state,
        binds=counters.bound,
        submits=counters.submits,
        answers=answers,
        refused=answers - counters.answers[0] - counters.throttled,
        throttled=counters.throttled,
        unsure=counters.unsure,
        receipts=counters.receipts,
        answer_delay=round(counters.answer_delay, 3),
        receipt_delay=round(carrier.watch.delay, 3),
        ids=carrier.id_rule,
        alarm=carrier.alarm,
    )


class CarrierWatch:
    """
    Publishes how the carriers of this node are.

    Args:
        store: Takes what this node says of its carriers.

    Attributes:
        alarms: What somebody should look into, by the carrier's name.

    """

    def __init__(self, store: Store) -> None:
        self.alarms: dict[str, str] = {}
        self._store = store
        self._silent: set[str] = set()
        self._states: list[str] = []
        self._stored_at = 0.0

    def look(
        self, senders: Sequence[Sender], statuses: Mapping[int, CarrierStatus]
    ) -> None:
        """Set gauges and alarms; log when delivery reports stop, and come again."""
        self.alarms = {}
        for sender in senders:
            carrier, status = sender.carrier, statuses[sender.carrier_id]
            if status.alarm:
                self.alarms[carrier.name] = status.alarm
            off = status.state in (Switch.PAUSED, Switch.DRAINED)
            metrics.carrier_switched_off.labels(carrier.name).set(off)
            if isinstance(carrier, SmppCarrier):
                self._look_at_smpp(carrier)

    def _look_at_smpp(self, carrier: SmppCarrier) -> None:
        name, silent = carrier.name, carrier.silent
        metrics.carrier_paused.labels(name).set(carrier.paused)
        metrics.carrier_silent.labels(name).set(silent > 0)
        metrics.carrier_answer_delay.labels(name).set(carrier.counters.answer_delay)
        metrics.carrier_receipt_delay.labels(name).set(carrier.watch.delay)
        if silent and name not in self._silent:
            what = "%s accepts parts, but has sent no delivery report for %.0f s; ask "
            what += "the operator"
            log.error(what, name, silent, extra={"carrier": name})
            self._silent.add(name)
        elif not silent and name in self._silent:
            log.warning("%s sends delivery reports again", name)
            self._silent.remove(name)

    async def store(self, statuses: Sequence[CarrierStatus], now: float) -> None:
        """Store the statuses if it is time, or a state changed; StoreUnavailable."""
        states = [status.state for status in statuses]
        if now - self._stored_at >= STORE_EVERY or states != self._states:
            await self._store.put_carrier_status(statuses, now)
            self._stored_at, self._states = now, states

"""
The SMPP carrier: binds to one operator.

It submits the parts that it is offered, and passes outcomes, delivery reports and
inbound messages to the sink.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from budstikke.carriers.smpp.acknowledged import Acknowledged
from budstikke.carriers.smpp.bind import Bind
from budstikke.carriers.smpp.counters import Counters, seldom
from budstikke.carriers.smpp.incoming import Incoming
from budstikke.carriers.smpp.operator_tables import statuses
from budstikke.carriers.smpp.outgoing import Outgoing
from budstikke.carriers.smpp.receipt_watch import ReceiptWatch
from budstikke.carriers.smpp.statuses import Verdicts
from budstikke.carriers.smpp.submissions import Submissions
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Sent
from budstikke.smpp import commands as cmd
from budstikke.smpp import ids
from budstikke.smpp import status as st

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Sequence
    from random import Random

    from budstikke.carriers.contract import InboundPart, Sink
    from budstikke.carriers.smpp.settings import Settings
    from budstikke.domain.message import Part
    from budstikke.domain.receipt import Receipt
    from budstikke.smpp import Pdu
    from budstikke.smpp_connection import Connection

log = logging.getLogger("budstikke.carrier")

_UNBIND_TIMEOUT: Final = 5.0
_FEW: Final = 20
"""So few parts without a delivery report are no reason for an alarm."""
_DOWN: Final = Rejected(Reason.INTERNAL, "not sent: no bind is up", Retry.LATER)

_BINDS: Final = {
    "trx": ((cmd.BIND_TRANSCEIVER, ""),),
    "tx+rx": ((cmd.BIND_TRANSMITTER, "/tx"), (cmd.BIND_RECEIVER, "/rx")),
}


class SmppCarrier:
    """
    An operator over SMPP; ``carriers.contract`` says what a carrier must do.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For jitter.
        clock: Unix seconds.

    Attributes:
        counters: See ``Counters``.
        watch: What a sample of responses and delivery reports says.

    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        random: Random,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self.counters = Counters()
        self.watch = ReceiptWatch()
        self._settings = settings
        self._random = random
        self._clock = clock
        self._outgoing = Outgoing(settings)
        self._incoming = Incoming(settings)
        self._acknowledged = Acknowledged()
        self._verdicts = Verdicts(statuses(settings))
        self._sink: Sink | None = None
        self._binds: list[Bind] = []
        self._senders: list[Bind] = []
        self._draining = False
        self._halted = False  # an administrator has paused the carrier
        self._idle = asyncio.Event()
        self._unreported = 0  # parts sent for which a receipt was asked, and none came
        self._unreported_since = 0.0

    # What the gateway asks of it

    def room(self) -> int:
        """How many parts may be offered now (0 while no bind is up)."""
        if self._draining or self._halted:
            return 0
        window = self._settings.window
        return sum(
            max(0, window - bind.submissions.load)
            for bind in self._senders
            if bind.bound
        )

    def healthy(self) -> bool:
        """Whether parts can be sent now."""
        return not self._draining and any(bind.bound for bind in self._senders)

    @property
    def in_flight(self) -> int:
        """Parts that are offered and not answered."""
        return sum(bind.submissions.load for bind in self._senders)

    @property
    def throttled(self) -> bool:
        """Whether a bind pauses because the operator throttled it."""
        return any(bind.submissions.resting for bind in self._senders)

    @property
    def paused(self) -> int:
        """How many binds pause because their connections broke too often."""
        return sum(bind.paused for bind in self._binds)

    @property
    def alarm(self) -> str:
        """What an administrator should look into; empty if nothing."""
        down = [f"{bind.name}: {bind.trouble}" for bind in self._binds if bind.trouble]
        if self.silent:
            down.append(f"no delivery report for {self.silent:.0f} s")
        return "; ".join(down)

    @property
    def silent(self) -> float:
        """Seconds without the delivery reports that should come; 0: no alarm."""
        missing = self._settings.receipts_missing
        seconds = self._clock() - self._unreported_since
        few = self._unreported < _FEW or seconds <= missing
        return 0.0 if few or not missing else seconds

    def pause(self, *, paused: bool) -> None:
        """Submit nothing, but keep the binds and take delivery reports; or go on."""
        if paused == self._halted:
            return
        self._halted = paused
        for bind in self._binds:
            bind.submissions.pause(paused=paused)
        if not paused and self._sink is not None:
            self._sink.room()

    def offer(self, parts: Sequence[Part]) -> None:
        """Submit these parts, in order; their outcomes go to the sink."""
        senders = [bind for bind in self._senders if bind.bound]
        if not senders:
            answers: list[tuple[Part, Outcome]] = [(part, _DOWN) for part in parts]
            asyncio.get_running_loop().call_soon(self._answered, answers)
        elif len(self._senders) == 1:
            senders[0].submissions.put(parts)
        else:
            self._spread(parts, senders)

    def _spread(self, parts: Sequence[Part], senders: list[Bind]) -> None:
        """
        Divide parts among the binds.

        A message in one part goes to the bind with the fewest parts. All parts of a
        longer one go to the same bind, chosen by the message's id.
        """
        shares: dict[int, list[Part]] = {}
        loads = {id(bind): bind.submissions.load for bind in senders}
        binds = {id(bind): bind for bind in senders}
        for part in parts:
            if part.total == 1:
                key = min(loads, key=loads.__getitem__)
            else:
                key = id(self._bind_for(part.id >> 8))
            loads[key] += 1
            shares.setdefault(key, []).append(part)
        for key, share in shares.items():
            binds[key].submissions.put(share)

    def _bind_for(self, message_id: int) -> Bind:
        """Choose a bind by the message's id; if that one is down, the next one up."""
        senders = self._senders
        for step in range(len(senders)):
            bind = senders[(message_id + step) % len(senders)]
            if bind.bound:
                return bind
        raise AssertionError("offer looked")

    async def run(self, sink: Sink) -> None:
        """Keep the binds up until the task is cancelled or the carrier drained."""
        self._sink = sink
        self._draining = False
        self._binds = [
            self._make_bind(number, command, suffix)
            for number in range(1, self._settings.binds + 1)
            for command, suffix in _BINDS[self._settings.bind_type]
        ]
        self._senders = [bind for bind in self._binds if bind.sends]
        async with asyncio.TaskGroup() as group:
            for bind in self._binds:
                group.create_task(bind.keep())

    def _make_bind(self, number: int, command: int, suffix: str) -> Bind:
        name = f"{self.name}/{number}{suffix}"
        submissions = Submissions(
            name,
            self._settings,
            outgoing=self._outgoing,
            verdicts=self._verdicts,
            counters=self.counters,
            report=self._answered,
            clock=self._clock,
        )
        submissions.use_rule(self.id_rule)
        submissions.pause(paused=self._halted)
        return Bind(
            name,
            command,
            settings=self._settings,
            submissions=submissions,
            counters=self.counters,
            owner=self,
            random=self._random,
        )

    async def drain(self, seconds: float) -> None:
        """Wait at most these seconds for responses, then unbind and return."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                while self.in_flight:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            log.warning(
                "%s: stopped with %d parts unanswered; their outcome is unknown",
                self.name,
                self.in_flight,
            )
        for bind in self._binds:
            bind.submissions.give_back("taken down")
        await asyncio.gather(*(bind.end(_UNBIND_TIMEOUT) for bind in self._binds))
        for bind in self._binds:
            bind.submissions.flush()

    # What binds call

    def bound(self, bind: Bind) -> None:
        """Tell the sink that there is room: a bind is up."""
        if bind.sends and self._sink is not None:
            self._sink.room()

    def late(self, part: Part, outcome: Outcome) -> None:
        """Pass on the outcome of a part that was already reported as unsure."""
        if self._sink is not None:
            self._sink.late(part, outcome)

    def _answered(self, answers: list[tuple[Part, Outcome]]) -> None:
        self._count_unreported(answers)
        if self._sink is not None:
            self._sink.answered(answers)
        if self._draining and not self.in_flight:
            self._idle.set()

    def _count_unreported(self, answers: list[tuple[Part, Outcome]]) -> None:
        count, now = 0, self._clock()
        for part, outcome in answers:
            if part.report and type(outcome) is Sent:
                count += 1
                self.watch.sent(part.recipient, outcome.smsc_id, now)
        if count and not self._unreported:
            self._unreported_since = now
        self._unreported += count

    @property
    def id_rule(self) -> str:
        """The rule of ``smpp.ids`` by which ids are matched now."""
        rule = self._settings.message_ids
        return (self.watch.rule or rule) if rule == ids.AUTO else rule

    def _compare(self, receipts: list[Receipt], now: float) -> None:
        """Learn how the operator writes ids; log and use a rule that is new."""
        if not self.watch.reported(receipts, now):
            return
        rule, setting = self.watch.rule, self._settings.message_ids
        if setting == ids.AUTO:
            self._incoming.use_rule(self.id_rule)
            for bind in self._binds:
                bind.submissions.use_rule(self.id_rule)
        if rule == ids.AS_WRITTEN:
            log.info("%s: ids in delivery reports are as in responses", self.name)
        elif rule != setting:
            what = "%s: ids in delivery reports differ from those in responses; set "
            what += 'message_ids = "%s" for this carrier'
            log.warning(what, self.name, rule, extra={"message_ids": setting})

    def delivered(self, connection: Connection, pdus: list[Pdu]) -> None:
        """Pass on delivery reports and messages; respond once they are durable."""
        now = self._clock()
        receipts: list[Receipt] = []
        inbound: list[InboundPart] = []
        of_receipts: list[Pdu] = []
        of_inbound: list[Pdu] = []
        for pdu in pdus:
            receipt = self._incoming.receipt(pdu, now)
            if receipt is None:
                part = self._incoming.inbound(pdu, now)
                inbound.append(self._acknowledged.mark_new(part, now))
                of_inbound.append(pdu)
                continue
            receipts.append(receipt)
            of_receipts.append(pdu)
            if not receipt.smsc_id:
                self._unnamed(pdu)
        if self._sink is None:
            return
        if receipts:
            self._unreported = 0
            self.counters.receipts += len(receipts)
            self._compare(receipts, now)
            stored = self._sink.receipts(receipts)
            done = partial(self._acknowledge, connection, of_receipts)
            stored.add_done_callback(done)
        if inbound:
            self.counters.inbound += len(inbound)
            stored = self._sink.inbound(inbound)
            stored.add_done_callback(partial(self._acknowledge, connection, of_inbound))
            stored.add_done_callback(partial(self._remember, connection, inbound))

    def _unnamed(self, pdu: Pdu) -> None:
        """Count a delivery report without a message id; it is stored as an orphan."""
        self.counters.unreadable += 1
        if seldom(self.counters.unreadable):
            what = "%s: delivery report without a message id; if its text has one, set"
            what += " receipt_pattern"
            log.warning(what, self.name, extra={"sequence": pdu.sequence})

    def _acknowledge(
        self, connection: Connection, pdus: list[Pdu], stored: Future[None]
    ) -> None:
        status = st.ESME_ROK
        if stored.cancelled() or stored.exception() is not None:
            status = st.ESME_RX_T_APPN
            self.counters.postponed += len(pdus)
            log.warning(
                "%s: could not store %d deliver_sm; the operator will deliver again",
                self.name,
                len(pdus),
            )
        respond = connection.session.respond
        for pdu in pdus:
            respond(pdu, status)
        connection.flush_soon()

    def _remember(
        self, connection: Connection, parts: list[InboundPart], stored: Future[None]
    ) -> None:
        """Remember the parts that were acknowledged: an equal one now is a new one."""
        if stored.cancelled() or stored.exception() is not None:
            return
        now = self._clock()
        for part in parts:
            self._acknowledged.add(connection.session, part, now)

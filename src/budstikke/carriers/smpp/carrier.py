"""The SMPP carrier: its binds to one operator; their reports go to the sink."""

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
from budstikke.carriers.smpp.statuses import Verdicts
from budstikke.carriers.smpp.submissions import Submissions
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Sent
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Sequence
    from random import Random

    from budstikke.carriers.contract import InboundPart, Sink
    from budstikke.carriers.smpp.connection import Connection
    from budstikke.carriers.smpp.settings import Settings
    from budstikke.domain.message import Part
    from budstikke.domain.receipt import Receipt
    from budstikke.smpp import Pdu

log = logging.getLogger("budstikke.carrier")

_UNBIND_TIMEOUT: Final = 5.0
_FEW: Final = 20
"""Parts sent without a receipt that say nothing about the link yet."""
_DOWN: Final = Rejected(Reason.INTERNAL, "not sent: no link is bound", Retry.LATER)

_BINDS: Final = {
    "trx": ((cmd.BIND_TRANSCEIVER, ""),),
    "tx+rx": ((cmd.BIND_TRANSMITTER, "/tx"), (cmd.BIND_RECEIVER, "/rx")),
}


class SmppCarrier:
    """
    An operator over SMPP; see ``carriers.contract`` for what it must.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For jitter.
        clock: Unix seconds.

    Attributes:
        counters: See ``Counters``.

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
        self._settings = settings
        self._random = random
        self._clock = clock
        self._outgoing = Outgoing(settings)
        self._incoming = Incoming(settings)
        self._acknowledged = Acknowledged()
        self._verdicts = Verdicts(statuses(settings))
        self._sink: Sink | None = None
        self._links: list[Bind] = []
        self._senders: list[Bind] = []
        self._draining = False
        self._idle = asyncio.Event()
        self._unreported = 0  # parts sent for which a receipt was asked, and none came
        self._unreported_since = 0.0

    # What the gateway asks of it

    def room(self) -> int:
        """How many parts may be offered now (0 while no link is bound)."""
        if self._draining:
            return 0
        window = self._settings.window
        return sum(
            max(0, window - link.submissions.load)
            for link in self._senders
            if link.bound
        )

    def healthy(self) -> bool:
        """Whether parts can be sent now."""
        return not self._draining and any(link.bound for link in self._senders)

    @property
    def in_flight(self) -> int:
        """Parts that are offered and not answered."""
        return sum(link.submissions.load for link in self._senders)

    @property
    def throttled(self) -> bool:
        """Whether a link rests because the operator said so."""
        return any(link.submissions.resting for link in self._senders)

    @property
    def paused(self) -> int:
        """How many links are paused because they tear."""
        return sum(link.paused for link in self._links)

    @property
    def alarm(self) -> str:
        """What a person should look at; empty if nothing."""
        down = [f"{link.name}: {link.trouble}" for link in self._links if link.trouble]
        missing = self._settings.receipts_missing
        silent = self._clock() - self._unreported_since
        if missing and self._unreported >= _FEW and silent > missing:
            down.append(f"no receipt for {silent:.0f} s")
        return "; ".join(down)

    def offer(self, parts: Sequence[Part]) -> None:
        """Send these parts, in order."""
        senders = [link for link in self._senders if link.bound]
        if not senders:
            answers: list[tuple[Part, Outcome]] = [(part, _DOWN) for part in parts]
            asyncio.get_running_loop().call_soon(self._answered, answers)
        elif len(self._senders) == 1:
            senders[0].submissions.put(parts)
        else:
            self._spread(parts, senders)

    def _spread(self, parts: Sequence[Part], senders: list[Bind]) -> None:
        """
        Give each part to a link.

        Messages in one part go where there is least to do. The others have a home by
        their id, so that all their parts take one link, whenever they are offered.
        """
        shares: dict[int, list[Part]] = {}
        loads = {id(link): link.submissions.load for link in senders}
        links = {id(link): link for link in senders}
        for part in parts:
            if part.total == 1:
                key = min(loads, key=loads.__getitem__)
            else:
                key = id(self._home(part.id >> 8))
            loads[key] += 1
            shares.setdefault(key, []).append(part)
        for key, share in shares.items():
            links[key].submissions.put(share)

    def _home(self, message_id: int) -> Bind:
        """Find a message's link: the first one bound from its place on."""
        senders = self._senders
        for step in range(len(senders)):
            link = senders[(message_id + step) % len(senders)]
            if link.bound:
                return link
        raise AssertionError("offer looked")

    async def run(self, sink: Sink) -> None:
        """Keep the links up until cancelled, or drained."""
        self._sink = sink
        self._draining = False
        self._links = [
            self._link(number, command, suffix)
            for number in range(1, self._settings.links + 1)
            for command, suffix in _BINDS[self._settings.bind]
        ]
        self._senders = [link for link in self._links if link.sends]
        async with asyncio.TaskGroup() as group:
            for link in self._links:
                group.create_task(link.keep())

    def _link(self, number: int, command: int, suffix: str) -> Bind:
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
        """Wait at most this long for answers, take the links down, and return."""
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
        for link in self._links:
            link.submissions.give_back("taken down")
        await asyncio.gather(*(link.end(_UNBIND_TIMEOUT) for link in self._links))
        for link in self._links:
            link.submissions.flush()

    # What links tell

    def bound(self, link: Bind) -> None:
        """Hear that a link was bound."""
        if link.sends and self._sink is not None:
            self._sink.room()

    def late(self, part: Part, outcome: Outcome) -> None:
        """Pass on an answer to a part that was already answered as unsure."""
        if self._sink is not None:
            self._sink.late(part, outcome)

    def _answered(self, answers: list[tuple[Part, Outcome]]) -> None:
        if self._settings.receipts_missing:
            self._count_unreported(answers)
        if self._sink is not None:
            self._sink.answered(answers)
        if self._draining and not self.in_flight:
            self._idle.set()

    def _count_unreported(self, answers: list[tuple[Part, Outcome]]) -> None:
        count = 0
        for part, outcome in answers:
            if part.report and type(outcome) is Sent:
                count += 1
        if count and not self._unreported:
            self._unreported_since = self._clock()
        self._unreported += count

    def delivered(self, connection: Connection, pdus: list[Pdu]) -> None:
        """Pass on receipts and messages; answer once they are durable."""
        now = self._clock()
        receipts: list[Receipt] = []
        inbound: list[InboundPart] = []
        of_receipts: list[Pdu] = []
        of_inbound: list[Pdu] = []
        for pdu in pdus:
            receipt = self._incoming.receipt(pdu, now)
            if receipt is None:
                part = self._incoming.inbound(pdu, now)
                inbound.append(self._acknowledged.marked(part, now))
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
            kept = self._sink.receipts(receipts)
            kept.add_done_callback(partial(self._acknowledge, connection, of_receipts))
        if inbound:
            self.counters.inbound += len(inbound)
            kept = self._sink.inbound(inbound)
            kept.add_done_callback(partial(self._acknowledge, connection, of_inbound))
            kept.add_done_callback(partial(self._remember, connection, inbound))

    def _unnamed(self, pdu: Pdu) -> None:
        """Count a delivery report without a message id; it is stored as an orphan."""
        self.counters.unreadable += 1
        if seldom(self.counters.unreadable):
            what = (
                "%s: receipt without a message id; if it has one, set receipt_pattern"
            )
            log.warning(what, self.name, extra={"sequence": pdu.sequence})

    def _acknowledge(
        self, connection: Connection, pdus: list[Pdu], kept: Future[None]
    ) -> None:
        status = st.ESME_ROK
        if kept.cancelled() or kept.exception() is not None:
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
        self, connection: Connection, parts: list[InboundPart], kept: Future[None]
    ) -> None:
        """Note what was answered, since equal parts that come now are others."""
        if kept.cancelled() or kept.exception() is not None:
            return
        now = self._clock()
        for part in parts:
            self._acknowledged.answered(connection.session, part, now)

"""
The simulated operator as an SMPP server: any client can bind to the phones.

A message ends here as it does with the simulated carrier. Deliveries wait for the
client's next bind; those without a response are sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from budstikke.carriers.simulator.bind import Bind
from budstikke.carriers.simulator.deliver import (
    OLD_IDS,
    from_phone,
    is_wanted,
    receipt,
    write_id,
)
from budstikke.carriers.simulator.mailbox import Mailbox
from budstikke.carriers.simulator.message_centre import (
    Event,
    MessageCentre,
    Submission,
    Verdict,
)
from budstikke.carriers.simulator.phones import Change
from budstikke.carriers.simulator.submit import read_submit
from budstikke.smpp import PduError
from budstikke.smpp import status as st
from budstikke.smpp.versions import speaks_parameters

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable
    from random import Random

    from budstikke.carriers.simulator.faults import Faults
    from budstikke.carriers.simulator.phones import Phones
    from budstikke.carriers.simulator.settings import ListenerSettings
    from budstikke.smpp import Pdu
    from budstikke.smpp.pdus import Sm

FETCHED: Final = 100
"""Messages from phones to take at a time."""

LINGER: Final = 2.0
"""Seconds that clients have to respond to unbind when it stops."""


@dataclass(slots=True)
class _Origin:
    """The submit_sm of a part, and the mailbox for its receipts."""

    bind: Bind
    pdu: Pdu
    body: Sm
    mailbox: Mailbox
    at: float
    number: int
    """What the customer knows the part by."""


class Listener:
    """
    The SMPP server, and the operator behind it.

    Args:
        phones: Shared with whatever else speaks to them.
        settings: See there.
        random: Where message ids begin.
        clock: Unix seconds.

    """

    def __init__(
        self,
        phones: Phones,
        settings: ListenerSettings,
        *,
        random: Random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._phones = phones
        self._clock = clock
        self._centre = MessageCentre(phones, delay=settings.delivery_delay)
        # Never the same id twice, not even after a restart.
        self._ids = count(random.getrandbits(31) << 32)
        self._old_ids = count(random.randrange(OLD_IDS))
        self._references = count(random.getrandbits(8))
        self._mailboxes: dict[str, Mailbox] = {}
        self._binds: set[Bind] = set()
        self._gone = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._stop_watching: list[Callable[[], None]] = []
        self._timer: TimerHandle | None = None
        self._timer_due = 0.0

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "not started"  # noqa: S101 - a caller's fault
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def throttled(self) -> int:
        """How many submit_sm the fates have throttled."""
        return self._centre.throttled

    async def start(self) -> None:
        """Listen; raises OSError if the address is not available."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Bind(self), self.settings.host, self.settings.port
        )
        self._centre.open()
        self._stop_watching = [
            self._phones.watch(lambda _: self.fetch(), [Change.COMPOSED]),
            self._phones.watch(lambda _: self._arm(), [Change.SWITCHED]),
        ]
        self._arm()

    async def stop(self) -> None:
        """Unbind all clients, and stop listening."""
        for stop in self._stop_watching:
            stop()
        self._centre.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._server is None:
            return
        self._server.close()
        for bind in tuple(self._binds):
            bind.unbind()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while self._binds:
                    self._gone.clear()
                    await self._gone.wait()
        for bind in tuple(self._binds):
            bind.close()

    @property
    def faults(self) -> Faults:
        """The faults that are switched on."""
        return self._phones.faults

    # What binds call

    def connected(self, bind: Bind) -> None:
        """Add a connection."""
        self._binds.add(bind)

    def disconnected(self, bind: Bind) -> None:
        """Remove a connection."""
        self._binds.discard(bind)
        self._gone.set()

    def check(self, system_id: str, password: str) -> int:
        """Return the command status of a bind with this login."""
        accounts = self.settings.accounts
        if not accounts:
            return st.ESME_ROK if system_id else st.ESME_RINVSYSID
        if system_id not in accounts:
            return st.ESME_RINVSYSID
        wrong = accounts[system_id] != password
        return st.ESME_RINVPASWD if wrong else st.ESME_ROK

    def mailbox(self, system_id: str) -> Mailbox:
        """Return the client's mailbox; make it if there is none."""
        return self._mailboxes.setdefault(system_id, Mailbox())

    def fetch(self) -> None:
        """Take what phones have sent, for the first client that has room."""
        for mailbox in self._mailboxes.values():
            if not mailbox.has_room():
                continue
            for composed in self._phones.take(FETCHED, self.settings.numbers):
                ref = next(self._references) & 0xFF
                mailbox.put(*from_phone(composed, ref, self.settings.alphabet))
            mailbox.pump()

    def submitted(self, bind: Bind, pdu: Pdu, body: Sm) -> None:
        """Take a submit_sm, and respond to it unless the fate is silence."""
        now = self._clock()
        if self.faults.throttle:
            bind.respond(pdu, st.ESME_RTHROTTLED)
            return
        try:
            part, group, segments = read_submit(
                pdu, body, self.settings.alphabet, now, bind.system_id
            )
        except PduError as error:
            bind.respond(pdu, error.status)
            return
        mailbox = self.mailbox(bind.system_id)
        number = submission_id = next(self._ids)
        if not speaks_parameters(bind.version):
            number = next(self._old_ids) % OLD_IDS
        origin = _Origin(bind, pdu, body, mailbox, now, number)
        submission = Submission(submission_id, part, group, segments, origin)
        verdict = self._centre.submit(submission, now)
        if verdict is Verdict.TAKEN:
            self._accept(origin)
        elif verdict is Verdict.REJECTED:
            bind.respond(pdu, st.ESME_RINVDSTADR)
        elif verdict is Verdict.THROTTLED:
            bind.respond(pdu, st.ESME_RTHROTTLED)
        self._arm()

    # Events of parts

    def tick(self) -> None:
        """Handle the events that are due; the listener's own timer calls this."""
        now = self._clock()
        full: set[Mailbox] = set()
        for submission, event in self._centre.tick(now):
            origin = submission.context
            assert isinstance(origin, _Origin)  # noqa: S101 - submitted() made it
            if event is Event.ANSWER:
                self._accept(origin)
            elif not self.faults.no_receipts and is_wanted(
                origin.body.registered_delivery, event
            ):
                for _ in range(2 if self.faults.duplicates else 1):
                    self._report(submission, origin, event, now)
                full.add(origin.mailbox)
        for mailbox in full:
            mailbox.pump()
        self._arm()

    def _accept(self, origin: _Origin) -> None:
        message_id = write_id(self.settings.response_id, origin.number)
        respond = partial(origin.bind.respond, origin.pdu, st.ESME_ROK, message_id)
        if self.faults.answer_delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self.faults.answer_delay, respond)
        else:
            respond()

    def _report(
        self, submission: Submission, origin: _Origin, event: Event, now: float
    ) -> None:
        origin.mailbox.put(
            receipt(
                write_id(
                    self.faults.receipt_id or self.settings.receipt_id, origin.number
                ),
                origin.body,
                event,
                style=self.settings.receipts,
                text=submission.part.text,
                times=(origin.at, now),
                asked=origin.pdu.tlvs,
                alphabet=self.settings.alphabet,
            )
        )

    # Timers

    def _arm(self) -> None:
        """Set a timer for the next ``tick``."""
        due = self._centre.next()
        if due is None or (self._timer is not None and self._timer_due <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, due - self._clock()), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.tick()

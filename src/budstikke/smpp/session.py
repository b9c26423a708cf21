"""
One SMPP session, for either side, without I/O.

Octets come in by ``receive`` and go out by ``data_to_send``; time is an argument;
methods return what happened as ``events``. The owner moves the octets, calls ``tick``
when ``next_deadline`` has come, responds to each ``Received``, and closes the
connection once the session is ``CLOSED`` and its data is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Final

from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import (
    HEADER,
    HEADER_SIZE,
    MAX_PDU,
    build_body,
    default_body,
    parse_body,
)
from budstikke.smpp.errors import PduError
from budstikke.smpp.events import (
    Answered,
    Closed,
    Event,
    Expired,
    Late,
    Malformed,
    Received,
    Unexpected,
)
from budstikke.smpp.layouts import LAYOUTS
from budstikke.smpp.optional import build_tlvs
from budstikke.smpp.pdus import Bind, Body, Pdu, Tlvs
from budstikke.smpp.states import AFTER_BIND, BOUND, SENDS, TAKES, Role, State
from budstikke.smpp.timers import Timers, Timing, Verdict
from budstikke.smpp.versions import V34, V50, for_version
from budstikke.smpp.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNWINDOWED: Final = cmd.BINDS | {cmd.UNBIND, cmd.ENQUIRE_LINK, *cmd.UNANSWERED}
_SELF_MADE: Final = object()
_SUBMISSIONS: Final = frozenset(
    {cmd.SUBMIT_SM, cmd.SUBMIT_MULTI, cmd.DATA_SM, cmd.REPLACE_SM}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The limits of a session.

    Attributes:
        timing: Its timers.
        window: Most requests of ours without a response; binds, unbind and
            enquire_link do not count.
        max_pdu: Octets of the longest PDU; a longer one is fatal.
        remember: Expired requests to remember, so that a late response finds its
            request.

    """

    timing: Timing = field(default_factory=Timing)
    window: int = 10
    max_pdu: int = MAX_PDU
    remember: int = 1000


class Session:
    """
    The state of one connection.

    Args:
        role: Which side we are.
        limits: See ``Limits``.
        now: When the connection was made: seconds of any clock.

    Attributes:
        state: See ``states``.
        out: Octets to write, a PDU each; ``data_to_send`` takes them.
        outstanding: Requests of ours in the window.
        unanswered: Requests of the peer without a response.
        version: The client's interface_version, if we are the message centre: we write
            only what that version has (``versions``).

    """

    __slots__ = (
        "_buffer",
        "_limits",
        "_needed",
        "_over",
        "_role",
        "_sends",
        "_takes",
        "_timers",
        "_window",
        "out",
        "outstanding",
        "state",
        "unanswered",
        "version",
    )

    def __init__(self, role: Role, limits: Limits, now: float) -> None:
        self.state = State.OPEN
        self.outstanding = 0
        self.unanswered = 0
        self._role = role
        self.version = V34 if role is Role.MC else V50
        self._limits = limits
        self._timers = Timers(limits.timing, now)
        self._sends = SENDS[role]
        self._takes = TAKES[role]
        self._buffer = bytearray()
        self._needed = HEADER_SIZE
        self.out: list[bytes] = []
        self._over = False
        self._window = Window(limits.timing.response, limits.remember)

    # Our requests

    def room(self) -> int:
        """How many more requests the window holds; 0 if the session is not bound."""
        if self.state not in BOUND:
            return 0
        return max(0, self._limits.window - self.outstanding)

    def send_request(
        self, command: int, body: Body, token: Any, now: float, tlvs: Tlvs = ()
    ) -> int | None:
        """
        Send a request; an event with ``token`` will say how it ended.

        Returns the sequence number. If the window is full, or the state does not allow
        the request (``states.SENDS``), it sends nothing and returns ``None``.

        Raises:
            PduError: The body cannot be built; nothing was sent.

        """
        if command not in self._sends[self.state]:
            return None
        windowed = command not in _UNWINDOWED
        if windowed and self.outstanding >= self._limits.window:
            return None
        content = build_body(command, body)
        sequence = self._window.upcoming
        self._write(command, 0, sequence, content, tlvs)
        if windowed:
            self.outstanding += 1
            self._timers.worked = now
        if command in cmd.UNANSWERED:
            self._window.skip()
        else:
            self._window.add(command, token, now)
        if command == cmd.UNBIND:
            self.state = State.UNBINDING
        return sequence

    # Our responses

    def respond(
        self, request: Pdu, status: int = 0, body: Body | None = None, tlvs: Tlvs = ()
    ) -> None:
        """
        Respond to a request of the peer.

        Does nothing once the session is over, or if the request has no response.
        Without ``body`` the response has its default one, or ``layouts.error_body`` if
        ``status`` is an error. Status 0 binds the session in response to a bind, and
        ends it in response to an unbind.

        Raises:
            PduError: The body cannot be built; nothing was sent.

        """
        if self.state is State.CLOSED or request.command in cmd.UNANSWERED:
            return
        command = request.command | cmd.RESPONSE
        if type(request.body) is Bind:
            self.version = request.body.interface_version
        if body is None:
            content = default_body(command, status, request.body)
        else:
            content = build_body(command, body)
        self._write(command, status, request.sequence, content, tlvs)
        self.unanswered -= 1
        if status == 0 and request.command in AFTER_BIND:
            self._bound(request.command)
        elif status == 0 and request.command == cmd.UNBIND:
            self.state = State.CLOSED

    def _bound(self, bind: int) -> None:
        self.state = AFTER_BIND[bind]
        self._timers.bound = True

    def _write(
        self, command: int, status: int, sequence: int, content: bytes, tlvs: Tlvs = ()
    ) -> None:
        if self.version < V50 and (status or tlvs):
            status, tlvs = for_version(self.version, status, tlvs)
        if tlvs:
            content += build_tlvs(tlvs)
        header = HEADER.pack(HEADER_SIZE + len(content), command, status, sequence)
        self.out.append(header + content)

    def data_to_send(self) -> bytes:
        """Return all octets to write, and forget them."""
        out = self.out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    # PDUs of the peer

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take the octets of one read, whole PDUs or pieces of them; never raises."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return events
            data = bytes(self._buffer)
            self._buffer.clear()
        position, size, longest = 0, len(data), self._limits.max_pdu
        self._needed = HEADER_SIZE
        while size - position >= HEADER_SIZE:
            length, command, status, sequence = HEADER.unpack_from(data, position)
            if not HEADER_SIZE <= length <= longest:
                self._fatal(length, command, sequence, events)
                return events
            end = position + length
            if end > size:
                self._needed = length
                break
            pdu = Pdu(command, status, sequence, None)
            fault = self._read(pdu, data, position + HEADER_SIZE, end)
            self._take(pdu, fault, now, events)
            position = end
            if self._over:
                return events
        if position:
            self._timers.heard, self._timers.misses = now, 0
        if position < size:
            self._buffer += data[position:] if position else data
        return events

    def _fatal(
        self, length: int, command: int, sequence: int, events: list[Event]
    ) -> None:
        error = PduError(f"length of {length} octets", st.ESME_RINVCMDLEN, fatal=True)
        self._write(cmd.GENERIC_NACK, error.status, sequence, b"")
        events.append(Malformed(error, command, sequence))
        self._close(str(error), events)

    def _read(self, pdu: Pdu, data: bytes, start: int, end: int) -> PduError | None:
        """
        Parse the PDU's body; return the fault if it has to be refused.

        A client accepts a PDU with a fault behind its mandatory part. A message centre
        refuses such a message, so that its client can correct it.
        """
        command = pdu.command
        fault = None if command & cmd.RESPONSE else self._not_now(command)
        if fault is None:
            try:
                pdu.body, pdu.tlvs, pdu.fault = parse_body(command, data, start, end)
            except PduError as error:
                return error
            if self._role is Role.MC and command in _SUBMISSIONS:
                fault = pdu.fault
        return fault

    def _take(
        self, pdu: Pdu, fault: PduError | None, now: float, events: list[Event]
    ) -> None:
        command = pdu.command
        if fault is not None:
            events.append(Malformed(fault, command, pdu.sequence))
        if command & cmd.RESPONSE:
            self._take_response(pdu, now, events)
        elif fault is not None:
            self._refuse(pdu, fault.status)
        elif command == cmd.ENQUIRE_LINK:
            self._write(cmd.ENQUIRE_LINK_RESP, 0, pdu.sequence, b"")
        else:
            self._timers.worked = now
            if command not in cmd.UNANSWERED:
                self.unanswered += 1
            events.append(Received(pdu))

    def _not_now(self, command: int) -> PduError | None:
        binding = command in cmd.BINDS and self.unanswered
        if command in self._takes[self.state] and not binding:
            return None
        name = cmd.name(command)
        if command not in LAYOUTS:
            return PduError(f"unknown command {name}", st.ESME_RINVCMDID)
        if binding or (command in cmd.BINDS and self.state in BOUND):
            return PduError(f"{name} once more", st.ESME_RALYBND)
        return PduError(f"{name} when {self.state.value}", st.ESME_RINVBNDSTS)

    def _refuse(self, pdu: Pdu, status: int) -> None:
        command = pdu.command | cmd.RESPONSE
        if command not in LAYOUTS or pdu.command in cmd.UNANSWERED:
            command = cmd.GENERIC_NACK
        content = default_body(command, status, pdu.body)
        self._write(command, status, pdu.sequence, content)

    def _take_response(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        request = self._window.match(pdu.sequence, pdu.command)
        if request is None:
            self._take_unmatched(pdu, events)
            return
        if request.command not in _UNWINDOWED:
            self.outstanding -= 1
            self._timers.worked = now
        elif request.command in AFTER_BIND and pdu.status == 0:
            self._bound(request.command)
        if request.token is not _SELF_MADE:
            events.append(Answered(request.token, pdu))
        if request.command == cmd.UNBIND:
            self._close("unbound", events)

    def _take_unmatched(self, pdu: Pdu, events: list[Event]) -> None:
        late = self._window.match_late(pdu.sequence, pdu.command)
        if late is None:
            events.append(Unexpected(pdu))
        elif late.token is not _SELF_MADE:
            events.append(Late(late.token, pdu))

    # Time

    def next_deadline(self) -> float:
        """Return when to call ``tick`` at the latest; infinity: never."""
        if self.state is State.CLOSED:
            return inf
        return min(self._timers.next(), self._window.deadline())

    def tick(self, now: float) -> list[Event]:
        """Expire requests, send an enquire_link, or close, if it is time."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        self._expire(now, events)
        verdict = Verdict.NOTHING if self._over else self._timers.due(now)
        if verdict is Verdict.ENQUIRE:
            self.send_request(cmd.ENQUIRE_LINK, _ENQUIRE_BODY, _SELF_MADE, now)
        elif verdict is not Verdict.NOTHING:
            self._close(verdict.value, events)
        return events

    def _expire(self, now: float, events: list[Event]) -> None:
        for sequence, request in self._window.expire(now):
            if request.command in cmd.BINDS or request.command == cmd.UNBIND:
                reason = f"no answer to {cmd.name(request.command)}"
                self._close(reason, events, (request.token,))
                return
            if request.token is not _SELF_MADE:
                self.outstanding -= 1
                events.append(Expired(request.token, sequence))

    # The end

    def lost(self, reason: str) -> list[Event]:
        """End the session: the connection is gone, or the owner gives it up."""
        events: list[Event] = []
        self._close(reason, events)
        return events

    def _close(
        self, reason: str, events: list[Event], first: Sequence[Any] = ()
    ) -> None:
        self.state = State.CLOSED
        if self._over:
            return
        self._over = True
        tokens = [
            request.token
            for request in self._window.empty()
            if request.token is not _SELF_MADE
        ]
        self._buffer.clear()
        self.outstanding = 0
        events.append(Closed(reason, [*first, *tokens]))


_ENQUIRE_BODY: Final = LAYOUTS[cmd.ENQUIRE_LINK].body()

"""Two sessions joined in memory; time is whatever the test says."""

from __future__ import annotations

from typing import Any

from budstikke.smpp import (
    Answered,
    Event,
    Limits,
    Pdu,
    Received,
    Role,
    Session,
    Timing,
    build,
    parse,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, BindResp, Sm

OK = st.ESME_ROK


class SessionPair:
    """An ESME and a message centre; ``flow`` carries what waits, both ways."""

    def __init__(self, bind: int = cmd.BIND_TRANSCEIVER, **limits: Any) -> None:
        self.now = 0.0
        timing = Timing(**limits.pop("timing", {}))
        self.esme = Session(Role.ESME, Limits(timing=timing, **limits), self.now)
        self.mc = Session(Role.MC, Limits(timing=timing, **limits), self.now)
        if bind:
            self.bind(bind)

    def bind(self, command: int) -> None:
        self.esme.send_request(command, Bind("esme", "pw"), "bind", self.now)
        self.mc.respond(self.asked(), OK, BindResp("mc"))
        (answer,) = self.to_esme()
        assert isinstance(answer, Answered)
        assert (OK, "bind") == (answer.pdu.status, answer.token)

    def to_mc(self) -> list[Event]:
        return self.mc.receive(self.esme.data_to_send(), self.now)

    def to_esme(self) -> list[Event]:
        return self.esme.receive(self.mc.data_to_send(), self.now)

    def asked(self) -> Pdu:
        (event,) = self.to_mc()
        assert isinstance(event, Received)
        return event.pdu

    def submit(self, token: Any) -> int | None:
        return self.esme.send_request(cmd.SUBMIT_SM, Sm(), token, self.now)


def pdus(data: bytes) -> list[Pdu]:
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(parse(data[:length]))
        data = data[length:]
    return found


def answer(pair: SessionPair, pdu: Pdu) -> list[Event]:
    pair.esme.data_to_send()
    return pair.esme.receive(build(pdu), pair.now)

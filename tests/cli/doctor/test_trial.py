"""``doctor --carrier``: what it says of an operator, and what it leaves untouched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers import KINDS
from budstikke.cli.doctor.carriers import try_carrier
from budstikke.cli.doctor.finding import Level
from budstikke.cli.doctor.trial import TrialMessage, joining_rule
from budstikke.domain.directory import CarrierEntry
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import HEADER, HEADER_SIZE, build, default_body, parse
from budstikke.smpp.pdus import Pdu, Sm
from cli.doctor.test_carriers import serving

if TYPE_CHECKING:
    import socket

SETTINGS = {name: kind.settings for name, kind in KINDS.items()}


class Operator:
    """Answers as ``statuses`` say; reports a message under the id ``reported``."""

    def __init__(self, reported: str = "", **statuses: int) -> None:
        self.reported = reported
        self.statuses = {getattr(cmd, key): each for key, each in statuses.items()}
        self.asked: list[int] = []
        self.answers: list[int] = []

    def __call__(self, link: socket.socket) -> None:
        while head := link.recv(HEADER_SIZE):
            length = HEADER.unpack(head)[0] - HEADER_SIZE
            pdu = parse(head + (link.recv(length) if length else b""))
            if pdu.command & cmd.RESPONSE:
                self.answers.append(pdu.status)
                continue
            self.asked.append(pdu.command)
            status = self.statuses.get(pdu.command, st.ESME_ROK)
            command = pdu.command | cmd.RESPONSE
            body = default_body(command, status, pdu.body)
            if pdu.command == cmd.SUBMIT_SM and not status:
                body = b"7FA3\0"
            size = HEADER_SIZE + len(body)
            link.sendall(HEADER.pack(size, command, status, pdu.sequence) + body)
            if pdu.command == cmd.SUBMIT_SM and self.reported:
                self._deliver(
                    link, 8, Sm(source_addr="4799999999", short_message=b"Hi")
                )
                text = f"id:{self.reported} stat:DELIVRD err:000".encode()
                fields: Any = {"source_addr_ton": 1, "destination_addr": "Budstikke"}
                report = Sm(
                    esm_class=4, source_addr="4799999999", short_message=text, **fields
                )
                self._deliver(link, 9, report)

    def _deliver(self, link: socket.socket, sequence: int, body: Sm) -> None:
        link.sendall(build(Pdu(cmd.DELIVER_SM, 0, sequence, body)))


def tried(
    operator: Operator, message: TrialMessage | None = None, **settings: Any
) -> list[tuple[Level, str]]:
    with serving(operator) as port:
        usual = {"host": "127.0.0.1", "port": port, "system_id": "us", "password": "pw"}
        entry = CarrierEntry(id=1, name="op", kind="smpp", settings=usual | settings)
        found = try_carrier(entry, SETTINGS, time.time(), message)
    where = f"127.0.0.1:{port} "
    return [(each.level, each.what.removeprefix(where)) for each in found]


def test_it_binds_enquires_and_unbinds() -> None:
    operator = Operator()
    found = tried(operator)
    assert {Level.OK} == {level for level, _ in found}
    said = [what for _, what in found]
    assert said[0] == "accepts our bind_transceiver as us"
    assert said[1].startswith("answers enquire_link in ")
    assert [cmd.BIND_TRANSCEIVER, cmd.ENQUIRE_LINK, cmd.UNBIND] == operator.asked


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (st.ESME_RINVPASWD, "the password is wrong"),
        (st.ESME_RINVSYSID, "does not know our system_id"),
        (st.ESME_RALYBND, "already bound"),
        (st.ESME_RTHROTTLED, "throttles us"),
        (0x455, "0x455"),
    ],
)
def test_a_refused_bind_is_explained(status: int, words: str) -> None:
    ((level, what),) = tried(Operator(BIND_TRANSCEIVER=status))
    assert level is Level.WRONG
    assert words in what.replace("0x00000455", "0x455")
    assert "pw" not in what


def test_another_type_of_bind_is_named() -> None:
    operator = Operator(BIND_TRANSCEIVER=st.ESME_RBINDFAIL)
    found = tried(operator)
    wanted = 'accepts a bind_transmitter: set bind_type = "tx+rx"'
    assert (Level.WRONG, wanted) == found[-1]


@pytest.mark.parametrize(
    ("reported", "setting", "level", "words"),
    [
        ("7FA3", "auto", Level.OK, "as in the response"),
        ("32675", "auto", Level.WARNING, 'message_ids = "hex_dec"'),
        ("32675", "hex_dec", Level.OK, 'message_ids = "hex_dec"'),
        ("32675", "as_written", Level.WRONG, 'message_ids = "hex_dec"'),
    ],
)
def test_a_message_its_report_and_the_form_of_its_id(
    reported: str, setting: str, level: Level, words: str
) -> None:
    operator = Operator(reported)
    message = TrialMessage("+4799999999", "Budstikke", 5.0)
    found = tried(operator, message, message_ids=setting)
    said = [what for _, what in found]
    assert "takes the test message; its id is '7FA3'" in said
    assert "reports it as delivered (DELIVRD 000)" in said
    (form,) = [each for each in found if words in each[1]]
    assert level is form[0]
    # a customer's message is delivered again, to the gateway
    assert [st.ESME_RX_T_APPN, st.ESME_ROK] == operator.answers
    assert "1 other messages" in said[-1]


def test_a_message_that_is_refused_or_never_reported() -> None:
    message = TrialMessage("+4799999999", "Budstikke", 0.05)
    found = tried(Operator(SUBMIT_SM=st.ESME_RINVSRCADR), message)
    assert any("does not take the sender" in what for _, what in found)
    found = tried(Operator(), message)
    assert Level.WARNING in {level for level, _ in found}


def test_the_narrowest_rule_joins_two_ids() -> None:
    pairs = [("7", "7"), ("a", "A"), ("07", "7"), ("7FA3", "32675"), ("x", "y")]
    wanted = ["as_written", "caseless", "unpadded", "hex_dec", None]
    assert wanted == [joining_rule(*pair) for pair in pairs]

"""
``budstikke doctor --carrier NAME``: talk to an SMPP operator, and say what it does.

It binds as the carrier would, sends an enquire_link, and with ``--to`` a test message,
whose delivery report it waits for. What else the operator delivers meanwhile it refuses
for now (ESME_RX_T_APPN): the operator delivers that again, to the gateway.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.carriers.smpp.bind import bind_request
from budstikke.carriers.smpp.incoming import Incoming
from budstikke.carriers.smpp.outgoing import Outgoing
from budstikke.cli.doctor.finding import Finding, Level
from budstikke.domain.message import Part
from budstikke.smpp import commands as cmd
from budstikke.smpp import ids
from budstikke.smpp import status as st
from budstikke.smpp.codec import (
    HEADER,
    HEADER_SIZE,
    MAX_PDU,
    build,
    default_body,
    parse,
)
from budstikke.smpp.errors import PduError
from budstikke.smpp.pdus import Empty, MessageId, Pdu

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from budstikke.carriers.smpp.settings import Settings
    from budstikke.domain.receipt import Receipt
    from budstikke.smpp import Tlvs
    from budstikke.smpp.pdus import Body

PATIENCE: Final = 10.0
"""Most seconds to wait for a response."""

TEXT: Final = "Test message from Budstikke"

TYPES: Final = {
    "trx": (cmd.BIND_TRANSCEIVER, cmd.BIND_TRANSMITTER, "tx+rx"),
    "tx+rx": (cmd.BIND_TRANSMITTER, cmd.BIND_TRANSCEIVER, "trx"),
}
"""By the setting ``bind_type``: its bind, the other bind, and the other setting."""

REFUSALS: Final = {
    st.ESME_RINVPASWD: "the password is wrong",
    st.ESME_RINVSYSID: "it does not know our system_id",
    st.ESME_RALYBND: "it says that we are already bound; a gateway may have all "
    "binds that it allows (`budstikke carrier drain` frees them)",
    st.ESME_RTHROTTLED: "it throttles us: wait a minute, and try again",
    st.ESME_RMSGQFUL: "it throttles us: wait a minute, and try again",
    st.ESME_RSYSERR: "it has a fault, or does not let in our address",
    st.ESME_RINVSYSTYP: "it does not take our system_type",
    st.ESME_RINVSERTYP: "it does not take our service_type",
    st.ESME_RINVSRCADR: "it does not take the sender: try --from, or see originators",
    st.ESME_RINVDSTADR: "it does not take the recipient",
    st.ESME_RBINDFAIL: "it refuses the bind, perhaps because of its type",
    st.ESME_RINVCMDID: "it does not know this type of bind",
    st.ESME_RINVBNDSTS: "it does not allow this type of bind",
}
"""What a status means, for people."""

OTHER_TYPE: Final = frozenset(
    {st.ESME_RBINDFAIL, st.ESME_RINVCMDID, st.ESME_RINVBNDSTS}
)


class TrialMessage(NamedTuple):
    """A message to send; ``wait``: seconds for its delivery report."""

    to: str
    sender: str
    wait: float


class Conversation:
    """
    One connection to an operator.

    Args:
        link: Connected.
        settings: The carrier's.

    """

    def __init__(self, link: socket.socket, settings: Settings) -> None:
        self._link = link
        self._settings = settings
        self._incoming = Incoming(settings)
        self._sequence = 0
        self.receipts: list[Receipt] = []
        self.refused = 0
        self.wanted: tuple[str, str] | None = None  # recipient and id of our message

    def ask(self, command: int, body: Body, tlvs: Tlvs = ()) -> Pdu:
        """
        Send a request, and return the response to it.

        Raises TimeoutError, ConnectionError, PduError.
        """
        self._sequence += 1
        self._link.sendall(build(Pdu(command, 0, self._sequence, body, tlvs)))
        until = time.monotonic() + min(PATIENCE, self._settings.response_timeout)
        while True:
            pdu = self._read(until)
            if pdu.sequence == self._sequence and pdu.command & cmd.RESPONSE:
                return pdu
            self._respond(pdu)

    def wait_for_receipt(self, seconds: float) -> Receipt | None:
        """Wait for the delivery report of our message."""
        until = time.monotonic() + seconds
        try:
            while not self.receipts:
                self._respond(self._read(until))
        except (TimeoutError, ConnectionError, PduError):
            return None
        return self.receipts[0]

    def _respond(self, pdu: Pdu) -> None:
        """Respond to a request of the operator's; take only our delivery report."""
        if pdu.command & cmd.RESPONSE:
            return
        status = st.ESME_ROK
        if pdu.command in (cmd.DELIVER_SM, cmd.DATA_SM):
            status = st.ESME_ROK if self._is_ours(pdu) else st.ESME_RX_T_APPN
            self.refused += status != st.ESME_ROK
        command = pdu.command | cmd.RESPONSE
        body = default_body(command, status, pdu.body)
        size = HEADER_SIZE + len(body)
        self._link.sendall(HEADER.pack(size, command, status, pdu.sequence) + body)

    def _is_ours(self, pdu: Pdu) -> bool:
        receipt = self._incoming.receipt(pdu, time.time())
        if receipt is None or self.wanted is None:
            return False
        recipient, smsc_id = self.wanted
        same = joining_rule(smsc_id, receipt.smsc_id) is not None
        if same and receipt.recipient[-8:] == recipient[-8:]:
            self.receipts.append(receipt)
            return True
        return False

    def _read(self, until: float) -> Pdu:
        head = self._read_octets(HEADER_SIZE, until)
        length = HEADER.unpack(head)[0]
        if not HEADER_SIZE <= length <= MAX_PDU:
            raise ConnectionError("it does not speak SMPP")
        return parse(head + self._read_octets(length - HEADER_SIZE, until))

    def _read_octets(self, size: int, until: float) -> bytes:
        data = b""
        while len(data) < size:
            self._link.settimeout(max(0.001, until - time.monotonic()))
            piece = self._link.recv(size - len(data))
            if not piece:
                raise ConnectionError("it closed the connection")
            data += piece
        return data


def joining_rule(response: str, receipt: str) -> str | None:
    """Return the narrowest rule of ``smpp.ids`` that joins two ids; ``None``: none."""
    return next((r for r in ids.RULES if ids.joins(r, response, receipt)), None)


def talk(
    link: socket.socket, settings: Settings, message: TrialMessage | None
) -> Iterator[tuple[Level, str]]:
    """Bind, ask, send and unbind; gives what is to be said of each."""
    conversation = Conversation(link, settings)
    command = TYPES[settings.bind_type][0]
    try:
        answer = conversation.ask(command, bind_request(settings))
        if answer.status or answer.command == cmd.GENERIC_NACK:
            yield Level.WRONG, f"refuses our bind: {_meaning(answer.status)}"
            if answer.status in OTHER_TYPE:
                yield from _other_type(conversation, settings)
            return
        yield Level.OK, f"accepts our {cmd.name(command)} as {settings.system_id}"
        started = time.monotonic()
        conversation.ask(cmd.ENQUIRE_LINK, Empty())
        took = (time.monotonic() - started) * 1000
        yield Level.OK, f"answers enquire_link in {took:.0f} ms"
        if message is not None:
            yield from _send(conversation, settings, message)
        conversation.ask(cmd.UNBIND, Empty())
        yield Level.OK, "answers unbind"
    except TimeoutError:
        yield Level.WRONG, "does not answer in time"
    except ConnectionError as error:
        yield Level.WRONG, f"ends the conversation: {error}"
    except PduError as error:
        yield Level.WRONG, f"sends a PDU that cannot be read: {error}"
    if conversation.refused:
        what = f"delivered {conversation.refused} other messages or delivery reports"
        yield Level.OK, f"{what}, which we refused for now; it delivers them again"


def _other_type(
    conversation: Conversation, settings: Settings
) -> Iterator[tuple[Level, str]]:
    """Try the other type of bind."""
    _, other, name = TYPES[settings.bind_type]
    if conversation.ask(other, bind_request(settings)).status:
        return
    what = f'accepts a {cmd.name(other)}: set bind_type = "{name}"'
    yield Level.WRONG, what
    conversation.ask(cmd.UNBIND, Empty())


def _send(
    conversation: Conversation, settings: Settings, message: TrialMessage
) -> Iterator[tuple[Level, str]]:
    """Send the test message, and wait for its delivery report."""
    now = time.time()
    part = Part(
        *(257, 1, 1, message.sender, message.to, TEXT, "gsm", (0, 0)),
        *(False, 0, 1, now + 3600, True),
    )
    body, tlvs = Outgoing(settings).write(part, now)
    answer = conversation.ask(cmd.SUBMIT_SM, body, tlvs)
    if answer.status or answer.command == cmd.GENERIC_NACK:
        yield Level.WRONG, f"refuses the test message: {_meaning(answer.status)}"
        return
    smsc_id = answer.body.message_id if isinstance(answer.body, MessageId) else ""
    yield Level.OK, f"takes the test message; its id is {smsc_id!r}"
    if settings.bind_type != "trx":
        yield Level.OK, "sends delivery reports to the receiver, which we did not bind"
        return
    conversation.wanted = message.to, smsc_id
    receipt = conversation.wait_for_receipt(message.wait)
    if receipt is None:
        what = f"has sent no delivery report of it in {message.wait:g} s"
        yield Level.WARNING, f"{what}: the phone may be off, or its id has another form"
        return
    yield Level.OK, f"reports it as {receipt.state.value} ({receipt.raw})"
    yield _id_form(settings.message_ids, smsc_id, receipt.smsc_id)


def _id_form(setting: str, response: str, receipt: str) -> tuple[Level, str]:
    """Say how the id of the delivery report relates to that of the response."""
    rule = joining_rule(response, receipt)
    if rule == ids.AS_WRITTEN:
        return Level.OK, "writes the id in the delivery report as in the response"
    fits = setting == ids.AUTO or ids.joins(setting, response, receipt)
    what = f"writes the id as {receipt!r} in the delivery report"
    level = (
        Level.OK
        if setting == rule or (fits and setting != ids.AUTO)
        else (Level.WARNING if fits else Level.WRONG)
    )
    return level, f'{what}: the form is message_ids = "{rule}"'


def _meaning(status: int) -> str:
    """Say what a command status means, with its name."""
    meaning = REFUSALS.get(status)
    return f"{meaning} ({st.name(status)})" if meaning else st.name(status)


def findings(
    subject: str, where: object, said: list[tuple[Level, str]]
) -> Iterator[Finding]:
    """Write what was said as findings."""
    for level, what in said:
        yield Finding(level, subject, f"{where} {what}")

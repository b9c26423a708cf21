"""
What Wireshark reads in our octets: recorded, written as a capture, dissected.

No interface is captured, so that nobody needs rights for it: a relay stands between the
two sides and keeps what passed, and packets with true headers are made of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import xml.etree.ElementTree as ET
from struct import pack, unpack
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SEGMENT = 1400
"""Octets of a TCP segment."""

SERVER_PORT = 2775

_RAW = 101
"""LINKTYPE_RAW: packets begin with their IP header."""

_SYN, _FIN, _PUSH, _ACK = 2, 1, 8, 16


class Conversation:
    """What passed on one connection, in order: (whether by the client, octets)."""

    def __init__(self) -> None:
        self.said: list[tuple[bool, bytes]] = []

    def octets(self, *, of_client: bool) -> bytes:
        return b"".join(data for client, data in self.said if client is of_client)


class Relay:
    """A server that hands all on to another, and keeps it; an asynchronous context."""

    def __init__(self, port: int) -> None:
        self.conversations: list[Conversation] = []
        self._to = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        conversation = Conversation()
        self.conversations.append(conversation)
        try:
            on, back = await asyncio.open_connection("127.0.0.1", self._to)
        except ConnectionError:  # the server has stopped
            await _close(writer)
            return
        await asyncio.gather(
            _hand_on(reader, back, conversation, client=True),
            _hand_on(on, writer, conversation, client=False),
        )


async def _hand_on(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    conversation: Conversation,
    *,
    client: bool,
) -> None:
    with contextlib.suppress(ConnectionError):  # one of the two cut it
        while data := await source.read(65_536):
            conversation.said.append((client, data))
            sink.write(data)
    await _close(sink)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


# A capture


def write_capture(path: Path, conversations: Sequence[Conversation]) -> None:
    """Write a capture in which each conversation has a client port of its own."""
    packets = [
        packet
        for number, conversation in enumerate(conversations)
        for packet in _packets(50_000 + number, conversation)
    ]
    head = pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, _RAW)
    records = [
        pack("<IIII", at // 1000, at % 1000 * 1000, len(packet), len(packet)) + packet
        for at, packet in enumerate(packets)
    ]
    path.write_bytes(head + b"".join(records))


def _packets(client_port: int, conversation: Conversation) -> Iterator[bytes]:
    sent = {True: 1000, False: 5000}
    ports = {True: (client_port, SERVER_PORT), False: (SERVER_PORT, client_port)}

    def segment(client: bool, flags: int, data: bytes = b"") -> bytes:  # noqa: FBT001 - local
        ack = sent[not client] if flags & _ACK else 0
        made = _segment(ports[client], sent[client], ack, flags, data, client=client)
        sent[client] += len(data) + bool(flags & (_SYN | _FIN))
        return made

    yield segment(True, _SYN)
    yield segment(False, _SYN | _ACK)
    yield segment(True, _ACK)
    for client, data in conversation.said:
        for start in range(0, len(data), SEGMENT):
            yield segment(client, _PUSH | _ACK, data[start : start + SEGMENT])
    yield segment(True, _FIN | _ACK)
    yield segment(False, _FIN | _ACK)
    yield segment(True, _ACK)


def _segment(
    ports: tuple[int, int],
    sequence: int,
    ack: int,
    flags: int,
    data: bytes,
    *,
    client: bool,
) -> bytes:
    """Make an IPv4 packet of a TCP segment (RFC 791, RFC 9293)."""
    ends = (b"\x0a\0\0\1", b"\x0a\0\0\2")
    source, target = ends if client else ends[::-1]
    tcp = pack(">HHIIBBHHH", *ports, sequence, ack, 0x50, flags, 65_535, 0, 0) + data
    pseudo = source + target + pack(">BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + pack(">H", _checksum(pseudo + tcp)) + tcp[18:]
    head = pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
    head += source + target
    return head[:10] + pack(">H", _checksum(head)) + head[12:] + tcp


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    words: tuple[int, ...] = unpack(f">{len(data) // 2}H", data)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# What is read in it

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _mended(pdml: bytes) -> str:
    """
    Make XML of what tshark writes: it leaves control characters as they are.

    It also writes surrogates one by one in UTF-8; they are joined.
    """
    text = pdml.decode("utf-8", "surrogatepass")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub("?", text)


class Read(NamedTuple):
    """
    One PDU as tshark reads it.

    Attributes:
        client: Whether the client sent it.
        fields: Name to what is shown, and raw value, of each; the first counts.
        complaints: Malformed parts and expert's notes, (severity, message).

    """

    client: bool
    fields: dict[str, tuple[str, str]]
    complaints: list[tuple[str, str]]

    def shown(self, name: str) -> str:
        return self.fields.get(name, ("", ""))[0]


def dissect(path: Path, *options: str) -> tuple[list[Read], list[str]]:
    """
    Read a capture: its PDUs, and what is wrong in packets outside of them.

    ``options`` are tshark's ``-o``, ``name:value``.
    """
    chosen = [word for option in options for word in ("-o", option)]
    port = f"tcp.port=={SERVER_PORT},smpp"
    done = subprocess.run(
        ["tshark", "-r", str(path), "-d", port, *chosen, "-T", "pdml"],
        capture_output=True,
        check=True,
        timeout=120,
    )
    reads: list[Read] = []
    outside: list[str] = []
    for packet in ET.fromstring(_mended(done.stdout)).iter("packet"):  # noqa: S314 - tshark's
        client = _attribute(packet, "tcp.dstport") == str(SERVER_PORT)
        current: Read | None = None
        for proto in packet.findall("proto"):
            name = proto.get("name", "")
            if name == "smpp":
                current = Read(client, {}, [])
                reads.append(current)
            complaints = list(_complaints(proto))
            if name in {"smpp", "gsm_sms_ud", "gsm_sms"} and current is not None:
                for field in proto.iter("field"):
                    value = (field.get("show", ""), field.get("value", ""))
                    current.fields.setdefault(field.get("name", ""), value)
                current.complaints.extend(complaints)
            elif name == "_ws.malformed":
                outside.append("malformed")
            else:
                outside += [f"{name}: {text}" for kind, text in complaints if kind]
    return reads, outside


_SEVERITIES = {"8388608": "error", "6291456": "warning"}
"""As Wireshark counts them; notes and chats are none."""


def _complaints(proto: ET.Element) -> Iterator[tuple[str, str]]:
    for field in proto.iter():
        name = field.get("name", "")
        if name == "_ws.malformed":
            yield "error", "malformed"
        elif name == "smpp.opt_param":
            # It reads a parameter that is cut off without a word.
            length = int(_attribute(field, "smpp.opt_param_len") or -1)
            if int(field.get("size", "0")) != 4 + length:
                yield "error", "a parameter is not as long as it says"
        elif name == "_ws.expert":
            severity = _attribute(field, "_ws.expert.severity")
            if severity in _SEVERITIES:
                yield _SEVERITIES[severity], _attribute(field, "_ws.expert.message")


def _attribute(element: ET.Element, name: str) -> str:
    for field in element.iter("field"):
        if field.get("name") == name:
            return field.get("show", "")
    return ""

"""PDUs octet by octet: what old, careless and odd clients send, and get in response."""

from __future__ import annotations

import asyncio
import re
from struct import Struct, pack
from typing import TYPE_CHECKING

from servers.smpp.customers import house

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = Struct(">I")
LOGIN = b"acme\0secret\0\0"
SM = b"\0\x05\0Bud\0\x01\x014799991101\0"
"""service_type, source and destination of a submit_sm."""


def pdu(command: int, body: bytes = b"", sequence: int = 1) -> bytes:
    return pack(">IIII", 16 + len(body), command, 0, sequence) + body


def submit(text: bytes, *, esm_class: int = 0, length: int | None = None) -> bytes:
    """Write submit_sm's body; ``length`` instead of the text's own."""
    size = len(text) if length is None else length
    return SM + bytes((esm_class, 0, 0, 0, 0, 0, 0, 0, 0, size)) + text


class Client:
    """A socket that sends one PDU and reads one response."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, octets: bytes) -> str:
        """Send octets; return the response in hexadecimal, without its length."""
        self.writer.write(octets)
        (length,) = LENGTH.unpack(await self.reader.readexactly(4))
        return (await self.reader.readexactly(length - 4)).hex(" ", -4)


async def bound(port: int, version: int) -> tuple[Client, str]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    body = LOGIN + bytes((version, 0, 0, 0))
    return client, await client.ask(pdu(0x09, body))


OK = re.compile("80000004 00000000 00000001 ((?:3[0-9])+)00").fullmatch


def accepted(response: str) -> bool:
    return OK(response[:27] + response[27:].replace(" ", "")) is not None


async def test_old_careless_and_odd_clients(tmp_path: Path) -> None:
    system_id = b"budstikke\0".hex()
    async with house(tmp_path) as gateway:
        client, answer = await bound(gateway.port, 0x34)
        tlv = "0210000134"  # sc_interface_version
        head = "80000009 00000000 00000001 "
        assert head + system_id + tlv == answer[:27] + answer[27:].replace(" ", "")
        old, answer = await bound(gateway.port, 0x33)
        assert head + system_id == answer[:27] + answer[27:].replace(" ", "")

        # One NUL that sm_length does not count; 255 octets; the longest sequences.
        assert accepted(await client.ask(pdu(0x04, submit(b"Hei\0", length=3))))
        assert accepted(await client.ask(pdu(0x04, submit(b"x" * 255))))
        for sequence in (0, 0x80000000, 0xFFFFFFFF):
            answer = await client.ask(pdu(0x15, sequence=sequence))
            assert f"80000015 00000000 {sequence:08x}" == answer
        # A datagram is stored like any other; a transaction is refused, without a body.
        assert accepted(await client.ask(pdu(0x04, submit(b"Hei", esm_class=1))))
        answer = await client.ask(pdu(0x04, submit(b"Hei", esm_class=2)))
        assert "80000004 00000043 00000001" == answer
        # Errors of other operations have their mandatory fields.
        answer = await client.ask(pdu(0x03, b"9999\0\0\0\0"))
        assert "80000003 00000067 00000001 " + b"9999\0\0\7\0".hex(" ", -4) == answer
        answer = await client.ask(pdu(0x21, SM[:7] + b"\0" + submit(b"")[-10:]))
        assert answer.startswith("80000021 000000")
        assert answer.endswith(" 0000")
        assert "80000008 00000011 00000001" == await client.ask(
            pdu(0x08, b"\0" + b"9999\0" + b"\0\0\0" * 2)
        )
        assert "80000007 00000013 00000001" == await client.ask(
            pdu(0x07, b"9999\0" + b"\0\0\0" + b"\0\0\0\0\0")
        )
        # Unknown, and cut off: the length says less than the fields need.
        assert "80000000 00000003 00000001" == await client.ask(pdu(0x0999))
        assert "80000004 " == (await client.ask(pdu(0x04, SM[:9])))[:9]
        assert accepted(await client.ask(pdu(0x04, submit(b"Hei"))))
        # A client of 3.3 gets no parameters, and short ids.
        answer = await old.ask(pdu(0x04, submit(b"Hei")))
        assert accepted(answer)
        assert len(bytes.fromhex(answer)[12:]) <= 9
        # A length beyond all bounds ends the connection, after a generic_nack.
        answer = await client.ask(b"\xff\xff\xff\xff" + pdu(0x04)[4:])
        assert "80000000 00000002 00000001" == answer
        assert not await client.reader.read()
        for each in (client, old):
            each.writer.close()

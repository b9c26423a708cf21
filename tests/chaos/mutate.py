"""Octets changed at random, the same way each time for one seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

TOKENS = (
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"%",
    b"%00",
    b"%ff%fe",
    b"%C3",
    b"&",
    b"=",
    b"?",
    b"#",
    b"+",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"[" * 500,
    b'{"a":' * 200,
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"null",
    b"true",
    b"\xff\xfe",
    "🐟".encode(),
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"X-Long: " + b"x" * 5_000 + b"\r\n",
    b"phoneno=%2B4799999999",
    b"ffffffff\r\n",
)
"""What parsers trip over."""


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Change it in one to four places."""
    octets = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(octets) + 1)
        match dice.randrange(6):
            case 0:
                octets[at : at + 1] = bytes((dice.randrange(256),))
            case 1:
                del octets[at : at + dice.randint(1, 12)]
            case 2:
                octets[at:at] = dice.randbytes(dice.randint(1, 12))
            case 3:
                octets[at:at] = dice.choice(TOKENS)
            case 4:
                piece = octets[at : at + dice.randint(1, 60)]
                octets[at:at] = piece * dice.randint(1, 8)
            case _:
                del octets[at:]
        if not octets:
            octets = bytearray(b"\r\n")
    return bytes(octets)

"""
What is called Latin-1, read as Windows-1252.

Clients, operators and MMSCs that say ISO-8859-1 send the euro, curly quotes and dashes
of Windows-1252 in 0x80-0x9F, where ISO-8859-1 has control characters that no text
holds. Web browsers read the label so, too (WHATWG Encoding Standard, § 9.1).
"""

from __future__ import annotations

from typing import Final


def _character(octet: int) -> str:
    character = bytes((octet,)).decode("cp1252", "ignore")
    return character or chr(octet)


_WINDOWS_1252: Final = {octet: _character(octet) for octet in range(0x80, 0xA0)}
"""0x81, 0x8D, 0x8F, 0x90 and 0x9D have no character: they stay control characters."""


def decode_latin1(octets: bytes) -> str:
    """Decode ISO-8859-1 as Windows-1252; one character an octet, never fails."""
    text = octets.decode("latin-1")
    return text if text.isascii() else text.translate(_WINDOWS_1252)

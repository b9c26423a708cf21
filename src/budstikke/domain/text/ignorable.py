"""Characters that are not seen: Unicode's Default_Ignorable_Code_Point. Pure."""

from __future__ import annotations

import re
from typing import Final

DEFAULT_IGNORABLE: Final = (
    # Generated from DerivedCoreProperties.txt of Unicode 16.0.0 (unchanged since 9.0)
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""First and last of each range: joiners, marks of direction, variation selectors …"""

_ranges = "".join(f"{chr(first)}-{chr(last)}" for first, last in DEFAULT_IGNORABLE)
_unseen = re.compile(f"[{_ranges}]").sub


def visible(text: str) -> str:
    """Remove invisible characters; ASCII comes back as it is."""
    return text if text.isascii() else _unseen("", text)

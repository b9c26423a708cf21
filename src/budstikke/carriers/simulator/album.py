"""What MMS hold that phones got and sent: so many octets, and the newest of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from budstikke.domain.inbound import MediaPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.message import MmsContent

MOST_OCTETS: Final = 64 * 1024 * 1024
"""Of all MMS together; then the oldest lose what they hold."""

TEXT: Final = "text/plain"


class Picture(msgspec.Struct, frozen=True, gc=False):
    """A part of an MMS, without its octets; ``size`` counts them."""

    name: str
    type: str
    size: int


class Album:
    """Parts of MMS by the id of the message."""

    def __init__(self, most: int = MOST_OCTETS) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[MediaPart, ...]] = OrderedDict()
        self._octets = 0

    def keep(self, message_id: int, parts: Sequence[MediaPart]) -> tuple[Picture, ...]:
        """Keep what a message holds."""
        self._kept[message_id] = tuple(parts)
        self._octets += sum(len(part.data) for part in parts)
        while self._octets > self._most and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._octets -= sum(len(part.data) for part in oldest)
        return tuple(Picture(part.name, part.type, len(part.data)) for part in parts)

    def look(self, message_id: int) -> tuple[MediaPart, ...]:
        """Find what a message holds; empty: it is not kept."""
        return self._kept.get(message_id, ())


def shown(content: MmsContent) -> tuple[str, tuple[MediaPart, ...]]:
    """Tell the text of an MMS from what else it holds."""
    texts = [content.text] if content.text else []
    parts = []
    for name, kind, data in content.files:
        if kind == TEXT:
            texts.append(data.decode("utf-8", "replace"))
        else:
            parts.append(MediaPart(name, kind, data))
    return "\n".join(texts), tuple(parts)

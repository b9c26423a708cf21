"""The content of MMS that phones received and sent; the newest, within a limit."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from budstikke.domain.inbound import MediaPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.message import MmsContent

MOST_OCTETS: Final = 64 * 1024 * 1024
"""Octets of all MMS; beyond it the oldest lose their content."""

TEXT: Final = "text/plain"


class Picture(msgspec.Struct, frozen=True, gc=False):
    """A part of an MMS without its content, which has ``size`` octets."""

    name: str
    type: str
    size: int


class Album:
    """Parts of MMS by message id."""

    def __init__(self, most: int = MOST_OCTETS) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[MediaPart, ...]] = OrderedDict()
        self._octets = 0

    def keep(self, message_id: int, parts: Sequence[MediaPart]) -> tuple[Picture, ...]:
        """Keep the parts of a message."""
        self._kept[message_id] = tuple(parts)
        self._octets += sum(len(part.data) for part in parts)
        while self._octets > self._most and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._octets -= sum(len(part.data) for part in oldest)
        return tuple(Picture(part.name, part.type, len(part.data)) for part in parts)

    def look(self, message_id: int) -> tuple[MediaPart, ...]:
        """Return the parts of a message; empty: it has none, or they were dropped."""
        return self._kept.get(message_id, ())


def shown(content: MmsContent) -> tuple[str, tuple[MediaPart, ...]]:
    """Separate the text of an MMS from its other parts."""
    texts = [content.text] if content.text else []
    parts = []
    for name, kind, data in content.files:
        if kind == TEXT:
            texts.append(data.decode("utf-8", "replace"))
        else:
            parts.append(MediaPart(name, kind, data))
    return "\n".join(texts), tuple(parts)

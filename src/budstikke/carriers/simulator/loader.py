"""Reads the content of MMS before they are offered to the simulated operator."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, cast

from budstikke.domain.mms import ENCODING
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.carriers.contract import Contents
    from budstikke.domain.message import MmsContent, Part

    Loaded = Callable[[list[Part], Sequence[tuple[Part, Outcome]]], None]

log = logging.getLogger("budstikke.carrier")

GONE: Final = Rejected(Reason.CONTENT, "its content is no more", Retry.NEVER)
NO_MMS: Final = Rejected(Reason.NO_ROUTE, "it takes no MMS", Retry.ELSEWHERE)
NOT_READ: Final = Rejected(Reason.INTERNAL, "its content cannot be read", Retry.LATER)


class Loader:
    """
    Reads the content of MMS; lets texts pass at once.

    Args:
        contents: Reads it; ``None``: MMS are not taken.
        loaded: Called with the parts that were read, and with those that were not.

    Attributes:
        found: Contents by part id; the owner removes them.

    """

    def __init__(self, contents: Contents | None, loaded: Loaded) -> None:
        self._contents = contents
        self._loaded = loaded
        self._reading: dict[asyncio.Task[None], list[Part]] = {}
        self.found: dict[int, MmsContent] = {}

    def load(self, parts: Sequence[Part]) -> Sequence[Part]:
        """Return the texts among these; read the content of the MMS."""
        mms = [part for part in parts if part.encoding == ENCODING]
        if not mms:
            return parts
        task = asyncio.get_running_loop().create_task(self._read(mms))
        self._reading[task] = mms
        return [part for part in parts if part.encoding != ENCODING]

    async def _read(self, parts: list[Part]) -> None:
        failed = NO_MMS if self._contents is None else GONE
        contents: Mapping[int, MmsContent] = {}
        try:
            if self._contents is not None:
                contents = await self._contents([part.message_id for part in parts])
        except Exception:
            log.warning("could not read the content of an MMS", exc_info=True)
            failed = NOT_READ
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._reading.pop(task, None)
        have = [part for part in parts if part.message_id in contents]
        self.found.update((part.id, contents[part.message_id]) for part in have)
        lost = [(part, failed) for part in parts if part.message_id not in contents]
        self._loaded(have, lost)

    def cancel(self) -> list[Part]:
        """Stop reading; return the parts whose content was being read."""
        unread = [part for parts in self._reading.values() for part in parts]
        for task in self._reading:
            task.cancel()
        self._reading.clear()
        self.found.clear()
        return unread

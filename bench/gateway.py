"""What a measure needs to know of a gateway, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from bench.instruments import Ask, Sink
    from bench.processes import Child

SENDER = "Bench"
TEXT = "Your order 123456 is ready for pick-up at the desk. Regards, Bench"
USER, PASSWORD = "1000", "bench"
NUMBER, KEYWORD = "2229", "TIPS"
"""What phones write to, and the first word of what they write; the sink knows them."""


@dataclass(frozen=True, slots=True)
class Running:
    """
    A gateway that serves.

    Attributes:
        children: Its processes.
        ask: One request for one message.
        statuses: The values of `status` that are pushed once for each message.
        bulk: Path of the JSON request with many recipients on the first port;
            empty where there is none.
        native: Path of the JSON request that may give a message a priority; empty
            where there is none.

    """

    children: list[Child]
    ask: Ask
    statuses: tuple[str, ...]
    bulk: str = ""
    native: str = ""


class Gateway(Protocol):
    """One that can be started in an empty folder, bound to a sink."""

    @property
    def name(self) -> str:
        """Name it in the report: "budstikke", "kannel" or "jasmin"."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """Say which measures there are for it, by their names in report.py."""
        ...

    @property
    def most_messages(self) -> int:
        """Bound the messages of a measure, so that a slow one ends in time."""
        ...

    def missing(self) -> str:
        """Name what is not installed; empty when it can be started."""
        ...

    def version(self) -> str:
        """Name the version, for the report."""
        ...

    def start(
        self, folder: Path, sink: Sink, pushes: int, *, inbound: bool = False
    ) -> Running:
        """
        Start with 0, 1 (final) or 2 (also when the SMSC has it) pushes a message.

        ``inbound``: what phones send goes to the sink, too, with their ``number`` and
        ``status=in``.
        """
        ...

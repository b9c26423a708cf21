"""Two gateways on one PostgreSQL, and what becomes of them when something is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from budstikke.store.migrate import migrate
from journeys.centre import MessageCentre
from journeys.gateway import MESSAGE, Gateway, account, smpp_carrier
from journeys.load import FIRST_NUMBER, Load
from journeys.processes import wait_until
from journeys.web import Customer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from store.postgres_server import Server

    Own = Callable[[Any], Any]

DATABASE = "bud"
WINDOW = 100
"""Submits without an answer, of each node."""

APART = 1_000_000
"""Between the recipients of one node's load and of the other's."""

SETTLING = 120.0
"""Seconds; a dead node's lease is 30, and what customers were told is leased for 60."""

OPEN = "SELECT count(*) FROM part WHERE state IN ('queued', 'sending', 'sent')"
ORPHANS = "SELECT count(*) FROM orphan"
UNTOLD = "SELECT count(*) FROM callback WHERE state = 'due'"
PARTS = (
    "SELECT recipient, part.state, part.reason FROM part "
    "JOIN message ON message.id = part.id >> 8"
)


class Truth(NamedTuple):
    """
    What is so when all is over.

    Attributes:
        accepted: Recipient by message id: what was answered with yes.
        messages: The same, in the database.
        parts: By recipient: state and reason.
        submits: By recipient: how often the centre got it.
        told: Statuses by message id, as the customer got them.
        refused: How many were answered with no.
        unheard: How many answers were never heard.

    """

    accepted: Mapping[int, str]
    messages: Mapping[int, str]
    parts: Mapping[str, tuple[str, str]]
    submits: Mapping[str, int]
    told: Mapping[int, list[str]]
    refused: int
    unheard: int

    @property
    def unsure(self) -> set[str]:
        """Recipients of whose message nobody knows."""
        return {r for r, (state, _) in self.parts.items() if state == "unsure"}

    @property
    def missing(self) -> set[int]:
        """Ids that were given and are no message, or another's."""
        return {key for key, _ in self.accepted.items() - self.messages.items()}

    @property
    def lost(self) -> set[str]:
        return set(self.accepted.values()) - self.submits.keys() - self.unsure

    @property
    def doubles(self) -> int:
        return sum(self.submits.values()) - len(self.submits)

    def figures(self) -> dict[str, int]:
        return {
            "accepted": len(self.accepted),
            "refused": self.refused,
            "unheard": self.unheard,
            "stored": len(self.messages),
            "submits": sum(self.submits.values()),
            "lost": len(self.lost | {str(key) for key in self.missing}),
            "unsure": len(self.unsure),
            "doubles": self.doubles,
            "window": WINDOW,
            "told": len(self.told),
            "told twice": sum(len(statuses) - 1 for statuses in self.told.values()),
        }


class Cluster:
    """
    Two nodes, a message centre and a customer.

    Args:
        folder: Each has one of its own in it.
        own: Closes what is made here.
        url: The database as nodes reach it; it is there, and empty.

    """

    def __init__(self, folder: Path, own: Own, url: str) -> None:
        self.url = url
        migrate(url)
        self.customer: Customer = own(Customer())
        self.customer.open()
        self.centre: MessageCentre = own(MessageCentre(folder))
        self.centre.start()
        self._accounts = [account(status_url=self.customer.url())]
        self._carrier = smpp_carrier(self.centre.port, window=WINDOW)
        self.nodes = [own(self._node(folder / name)) for name in ("one", "two")]
        for node in self.nodes:
            node.start()

    def _node(self, folder: Path) -> Gateway:
        folder.mkdir()
        return Gateway(folder, self._carrier, self._accounts, database=self.url)

    @contextlib.contextmanager
    def loads(self, messages: int) -> Iterator[list[Load]]:
        """Put a load on each node, of so many messages together."""
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(
                    Load(
                        node.port,
                        messages // len(self.nodes),
                        MESSAGE,
                        connections=16,
                        first=FIRST_NUMBER + APART * number,
                    )
                )
                for number, node in enumerate(self.nodes)
            ]

    def unsettled(self) -> dict[str, int]:
        """Count what has yet to happen."""
        sent = self.centre.count("submit")
        found = {
            "parts": self._count(OPEN),
            "receipts": sent - self.centre.count("receipted"),
            "orphans": self._count(ORPHANS),
            "callbacks": self._count(UNTOLD),
        }
        return {what: count for what, count in found.items() if count}

    def _count(self, statement: str) -> int:
        number: int = self.nodes[0].count(statement)
        return number

    def truth(self, loads: Sequence[Load]) -> Truth:
        """Wait until everything has happened, and read what is so."""
        with contextlib.suppress(AssertionError):
            wait_until("settled", lambda: not self.unsettled(), SETTLING, every=0.5)
        assert {} == self.unsettled()
        accepted = {k: v for load in loads for k, v in load.accepted.items()}
        query = self.nodes[0].query
        return Truth(
            accepted,
            dict(query("SELECT id, recipient FROM message")),
            {recipient: (state, why) for recipient, state, why in query(PARTS)},
            self.centre.recipients(),
            self.customer.statuses(),
            sum(len(load.refused) for load in loads),
            sum(len(load.unknown) for load in loads),
        )


def so_many(loads: list[Load], messages: int) -> Callable[[], bool]:
    """Make the question whether so many were accepted by all of them."""
    return lambda: sum(len(load.accepted) for load in loads) >= messages


class Recovery:
    """How long it takes, from when this is made, until loads are served again."""

    def __init__(self, loads: Sequence[Load]) -> None:
        self._loads = loads
        self._begun = time.monotonic()
        self._before = [len(load.accepted) for load in loads]

    def seconds(self) -> float:
        """Wait until each has something accepted anew; returns the seconds."""
        wait_until("they accept again", self._again, every=0.005)
        return round(time.monotonic() - self._begun, 2)

    def _again(self) -> bool:
        pairs = zip(self._loads, self._before, strict=True)
        return all(len(load.accepted) > count for load, count in pairs)


def kill(server: Server) -> None:
    """
    End a PostgreSQL server as a loss of power does, its children included.

    They are not in its process group: each leads one of its own.
    """
    assert server._process is not None
    parent = str(server._process.pid)
    children = [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if _parent(stat) == parent
    ]
    server.kill()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    wait_until("they are gone", lambda: not any(map(_lives, children)), every=0.005)


def _parent(stat: Path) -> str:
    """Read who started a process; empty: it is gone."""
    try:
        return stat.read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:
        return False

"""The tests' message centres: processes that end and come back, and their journal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from journeys.processes import Child, free_port

PEERS = Path(__file__).parent.parent / "peers"


class Submit(NamedTuple):
    """A submit_sm as the centre got it."""

    id: int
    source: str
    recipient: str
    esm_class: int
    data_coding: int
    octets: bytes
    text: str | None
    tlvs: dict[str, Any]


class MessageCentre:
    """
    smsc.py or smsc.js; see there for the options.

    Args:
        folder: Where its files are.
        node: Whether it is the one on node-smpp.

    """

    def __init__(self, folder: Path, *, node: bool = False, **options: Any) -> None:
        self.port = free_port()
        self.journal = folder / "smsc.jsonl"
        self.journal.touch()
        file = folder / "smsc.json"
        usual = {"port": self.port, "journal": str(self.journal)}
        file.write_text(json.dumps(usual | options), "utf-8")
        program = ["node", str(PEERS / "smsc.js")]
        if not node:
            program = [sys.executable, str(PEERS / "smsc.py")]
        elif not (PEERS / "node_modules").exists():
            pytest.fail("node-smpp is missing: run tests/peers/install.sh")
        self._command = [*program, str(file)]
        self._folder = folder
        self.child: Child | None = None

    def start(self) -> None:
        """Start it, also after it was killed: it goes on from its journal."""
        self.child = Child(self._command, self._folder)
        self.child.wait_ready()

    def kill(self) -> None:
        """End it as a loss of power would."""
        assert self.child is not None
        self.child.kill()

    def close(self) -> None:
        if self.child is not None:
            self.child.close()

    def behave(self, **options: Any) -> None:
        """Change options while it runs; links are cut."""
        assert self.child is not None
        self.child.tell(json.dumps(options))

    # Its journal

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Read the journal's lines of one kind."""
        mark = f'{{"event":"{kind}"'.encode()
        whole = self.journal.read_bytes().rpartition(b"\n")[0].split(b"\n")
        return [json.loads(line) for line in whole if line.startswith(mark)]

    def submits(self) -> list[Submit]:
        return [
            Submit(
                row["id"],
                row["source"],
                "+" + row["recipient"],
                row["esm_class"],
                row["data_coding"],
                bytes.fromhex(row["short_message"]),
                row.get("text"),
                row.get("tlvs", {}),
            )
            for row in self.events("submit")
        ]

    def recipients(self) -> dict[str, int]:
        """Count submits by recipient."""
        found: dict[str, int] = {}
        for row in self.events("submit"):
            recipient = "+" + row["recipient"]
            found[recipient] = found.get(recipient, 0) + 1
        return found

    def count(self, kind: str) -> int:
        """Count the journal's lines of one kind, without reading them."""
        return self.journal.read_bytes().count(f'{{"event":"{kind}"'.encode())

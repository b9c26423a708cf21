"""A customer on node's http: another library than ours, another process."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from journeys.processes import Child, free_port

PEERS = Path(__file__).parent.parent / "peers"


class Asked(NamedTuple):
    """One request that the customer got; ``status`` is what it answered."""

    method: str
    path: str
    raw: str
    headers: dict[str, str]
    body: bytes
    status: int

    def query(self, encoding: str = "utf-8") -> dict[str, str]:
        """Read the parameters, each of which comes once."""
        found = parse_qs(
            self.raw, keep_blank_values=True, encoding=encoding, errors="strict"
        )
        assert all(len(values) == 1 for values in found.values()), self.raw
        return {name: values[0] for name, values in found.items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class NodeCustomer:
    """
    customer.js; see there for ``answers``.

    Args:
        folder: Where its files are.

    """

    def __init__(self, folder: Path, **answers: dict[str, Any]) -> None:
        self.port = free_port()
        self.journal = folder / "customer.jsonl"
        self.journal.touch()
        file = folder / "customer.json"
        options = {
            "port": self.port,
            "journal": str(self.journal),
            "answers": {f"/{path}": answer for path, answer in answers.items()},
        }
        file.write_text(json.dumps(options), "utf-8")
        self._child = Child(["node", str(PEERS / "customer.js"), str(file)], folder)
        self._child.wait_ready()

    def close(self) -> None:
        self._child.close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def answer(self, path: str, **answer: Any) -> None:
        """Answer otherwise from now on."""
        self._child.tell(json.dumps({f"/{path}": answer}))

    def count(self) -> int:
        """Count requests, without reading them."""
        return self.journal.read_bytes().count(b"\n")

    def asked(self) -> list[Asked]:
        """Read all requests so far, in order."""
        whole = self.journal.read_bytes().rpartition(b"\n")[0].splitlines()
        return [
            Asked(
                row["method"],
                row["path"],
                row["query"],
                row["headers"],
                base64.b64decode(row["body"]),
                row["status"],
            )
            for row in map(json.loads, whole)
        ]

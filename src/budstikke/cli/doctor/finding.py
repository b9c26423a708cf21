"""What ``doctor`` finds."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad a finding is; only ``WRONG`` makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    subject: str
    what: str

    def __str__(self) -> str:
        """Write it as a line."""
        return f"{self.level:<8} {self.subject}: {self.what}"

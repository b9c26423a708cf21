"""Who calls a dialect, and what its folder of cases says of it to the tests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from budstikke.dialects.contract import HttpDialect

CASES = Path(__file__).parent / "cases"


@dataclass
class Account:
    """As much of an account as a dialect may see."""

    currency: str = "EUR"


@dataclass
class Access:
    """As much of an access as a dialect may see."""

    settings: Any
    id: int = 1
    account: Account = field(default_factory=Account)


class Receiver(msgspec.Struct, forbid_unknown_fields=True):
    """
    How the receivers that the dialect's page shows are run.

    ``settings`` are those of the access that pushes to them; ``answer`` is what they
    answer; empty: nothing in particular.
    """

    settings: dict[str, Any] = {}
    answer: str = ""


class Facts(msgspec.Struct, forbid_unknown_fields=True):
    """
    What the tests of all dialects must know of one: ``contract.toml`` beside its cases.

    Attributes:
        headers: Of a request with a login, where that is not in query or body.
        inbound: Settings, in several ways, with which messages from phones are pushed.
        with_urls: Settings that a URL in the settings needs beside it.
        reported: States beyond those of a message that are reported.
        receiver: Of a dialect whose page has receivers of pushes.

    """

    headers: dict[str, str] = {}
    inbound: list[dict[str, Any]] = msgspec.field(default_factory=lambda: [{}])
    with_urls: dict[str, Any] = {}
    reported: list[str] = []
    receiver: Receiver | None = None


def facts(dialect: HttpDialect | str) -> Facts:
    """Read what the tests must know of a dialect; most need no file."""
    name = dialect if isinstance(dialect, str) else dialect.name
    file = CASES / name / "contract.toml"
    if not file.exists():
        return Facts()
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Facts)

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from budstikke.carriers.simulator.fates import SUMMARIES
from budstikke.carriers.simulator.settings import ListenerSettings, Settings

DOCS = Path(__file__).parents[3] / "docs"


def shown(default: Any) -> str:
    """Say a default as the docs do."""
    if default in ("", ()) or isinstance(default, type):
        return ""
    value = default.value if isinstance(default, Enum) else default
    return f"`{json.dumps(value)}`".replace(".0`", "`")


def rows(struct: type[msgspec.Struct]) -> list[str]:
    """Say what a table in the docs must be."""
    info: Any = msgspec.inspect.type_info(struct)
    found = []
    for field in info.fields:
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory
        what = field.type.extra_json_schema["description"]
        found.append(f"| `{field.name}` | {shown(default)} | {what} |")
    return found


def table(page: str, head: str) -> list[str]:
    lines = (DOCS / page).read_text("utf-8").splitlines()
    begin = lines.index(head) + 2
    return lines[begin : [*lines, ""].index("", begin)]


@pytest.mark.parametrize(
    ("page", "struct"),
    [("carriers/simulator.md", Settings), ("simulator.md", ListenerSettings)],
)
def test_settings(page: str, struct: type[msgspec.Struct]) -> None:
    assert rows(struct) == table(page, "| setting | default | what it is |")


def test_fates() -> None:
    expected = [f"| {digits} | {summary} |" for digits, summary in SUMMARIES.items()]
    assert expected == table("carriers/simulator.md", "| ends in | fate |")

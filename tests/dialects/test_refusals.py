"""docs/refusals.md against what the dialects answer."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from budstikke.dialects import DIALECTS, bounds
from budstikke.dialects.contract import Call, Roomy
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireRequest

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"
BY_PARAMETER = {RefusalCode.MISSING_FIELD, RefusalCode.BAD_FIELD}


def rows() -> list[list[str]]:
    table = PAGE.read_text("utf-8").partition("| refusal ")
    lines = [line for line in "".join(table[1:]).splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells[0], *cells[2:]]


def test_the_table_has_every_refusal_and_every_dialect() -> None:
    head, *body = rows()

    assert ["refusal", "why", *DIALECTS] == head
    assert [code.value for code in RefusalCode] == [row[0] for row in body]
    assert all(all(row) for row in body)


@pytest.mark.parametrize("row", rows()[1:], ids=lambda row: row[0])
def test_a_cell_is_what_the_dialect_answers(row: list[str]) -> None:
    code = RefusalCode(row[0])
    for dialect, cell in zip(DIALECTS.values(), row[2:], strict=True):
        first = (("POST", "/"), "")  # of one that has no routes
        (method, path), operation = next(iter(dialect.routes.items()), first)
        call = Call(WireRequest(method, path), operation)
        response = dialect.render(call, Refusal(code))
        found = re.fullmatch(r"(?:by parameter; )?([0-9]{3}) `([^`]+)`", cell)
        assert found, cell
        charset = response.content_type.partition("charset=")[2] or "utf-8"
        body = response.body.decode(charset)
        assert int(found[1]) == response.status
        said = [line.strip() for line in body.splitlines()]
        if response.content_type == "application/problem+json":
            said = [msgspec.json.decode(body)["code"]]
        assert found[2] in said
        assert cell.startswith("by parameter") == (code in BY_PARAMETER)


def test_the_page_says_what_one_request_may_hold() -> None:
    said = PAGE.read_text("utf-8").partition("| refusal")[0]
    rooms = {
        room
        for dialect in DIALECTS.values()
        if isinstance(dialect, Roomy)
        for room in dialect.room.values()
    }

    assert len(rooms) > 2
    for bound in (
        bounds.MOST_RECIPIENTS,
        bounds.MOST_MESSAGES,
        bounds.MOST_GROUPS,
        bounds.MOST_PARAMETERS,
        bounds.MOST_VALUES,
        *(rooms - {0}),
    ):
        assert f"{bound:,}" in said

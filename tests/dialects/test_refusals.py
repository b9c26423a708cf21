"""docs/refusals.md against what the dialects answer."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from budstikke.dialects import HTTP_DIALECTS, bounds
from budstikke.dialects.contract import Call, HttpDialect, Roomy
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireRequest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "refusals.md"
BY_PARAMETER = {RefusalCode.MISSING_FIELD, RefusalCode.BAD_FIELD}

every_dialect = pytest.mark.parametrize(
    "dialect", HTTP_DIALECTS.values(), ids=HTTP_DIALECTS
)


def rows(page: Path) -> dict[str, str]:
    """Read the second column of a page's table of refusals."""
    table = page.read_text("utf-8").partition("| refusal |")[2]
    found = {}
    for line in table.splitlines()[2:]:
        if not line.startswith("|"):
            break
        code, second = line.strip("|").split("|", 1)
        found[code.strip()] = second.strip()
    return found


def test_the_page_says_why_of_every_refusal() -> None:
    found = rows(PAGE)
    assert [code.value for code in RefusalCode] == list(found)
    assert all(found.values())


@every_dialect
def test_a_dialects_page_has_every_refusal(dialect: HttpDialect) -> None:
    found = rows(DOCS / "dialects" / f"{dialect.name}.md")
    assert [code.value for code in RefusalCode] == list(found)


@every_dialect
@pytest.mark.parametrize("code", RefusalCode)
def test_a_row_is_what_the_dialect_answers(
    dialect: HttpDialect, code: RefusalCode
) -> None:
    cell = rows(DOCS / "dialects" / f"{dialect.name}.md")[code.value]
    (method, path), operation = next(iter(dialect.routes.items()))
    call = Call(WireRequest(method, path), operation)
    response = dialect.render(call, Refusal(code), 0.0)
    found = re.fullmatch(r"(by parameter; )?([0-9]{3}) `([^`]+)`", cell)
    assert found, cell
    charset = response.content_type.partition("charset=")[2] or "utf-8"
    body = response.body.decode(charset)
    assert int(found[2]) == response.status
    said = [line.strip() for line in body.splitlines()]
    if response.content_type == "application/problem+json":
        said = [msgspec.json.decode(body)["code"]]
    assert found[3] in said
    assert bool(found[1]) == (code in BY_PARAMETER)


def test_the_page_says_what_one_request_may_hold() -> None:
    said = PAGE.read_text("utf-8").partition("## How large")[2]
    rooms = {
        room
        for dialect in HTTP_DIALECTS.values()
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

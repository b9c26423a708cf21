"""The table of statuses: every refusal, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from budstikke.dialects.smpp.statuses import (
    BY_FIELD,
    STATUSES,
    bind_status_of,
    status_of,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.smpp import status as st

PAGE = (Path(__file__).parents[3] / "docs/dialects/smpp.md").read_text("utf-8")
ROWS = dict(
    re.findall(r"^\| `?(\w+)`? \| (ESME_\w+ \(0x\w+\)) \|$", PAGE, re.MULTILINE)
)


def shown(status: int) -> str:
    return f"{st.name(status)} (0x{status:02X})"


@pytest.mark.parametrize("code", RefusalCode)
def test_every_refusal_has_a_status_and_a_row(code: RefusalCode) -> None:
    assert ROWS[code.value] == shown(STATUSES[code])
    assert status_of(Refusal(code))
    assert bind_status_of(Refusal(code))


def test_fields_have_their_own() -> None:
    rows = {field: ROWS[field] for field in BY_FIELD}
    assert {field: shown(status) for field, status in BY_FIELD.items()} == rows
    for field, status in BY_FIELD.items():
        assert status == status_of(Refusal(RefusalCode.BAD_FIELD, field=field))


def test_what_the_page_says_of_binds_and_of_throttling() -> None:
    busy = Refusal(RefusalCode.TOO_MANY_REQUESTS)
    assert st.ESME_RBINDFAIL == bind_status_of(busy)
    assert st.ESME_RTHROTTLED == status_of(busy)
    assert st.ESME_RMSGQFUL == status_of(busy, "ESME_RMSGQFUL")
    for code in (RefusalCode.ACCOUNT_BLOCKED, RefusalCode.UNKNOWN_LOGIN):
        assert st.ESME_RSUBMITFAIL == status_of(Refusal(code))
    # Nobody learns who is a customer.
    assert 1 == len(
        {
            bind_status_of(Refusal(code))
            for code in (RefusalCode.UNKNOWN_LOGIN, RefusalCode.WRONG_PASSWORD)
        }
    )

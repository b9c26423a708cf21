"""Keyword receipts with the customer's words in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.keyword_reply import (
    MOST,
    PLACEHOLDER,
    waits,
    with_answer,
    without_answer,
)

P = PLACEHOLDER


@pytest.mark.parametrize(
    ("receipt", "body", "expected"),
    [
        ("Takk!", b"svar", "Takk!"),
        (P, b"Du er nr. 5", "Du er nr. 5"),
        (P, "  Blåbær\r\n".encode(), "Blåbær"),
        (f"Takk! {P} Hilsen oss", b"Nr. 5.", "Takk! Nr. 5. Hilsen oss"),
        (f"{P}/{P}", b"5", "5/5"),
        (f"Takk {P}", b"", "Takk"),
        (P, b"", ""),
        (P, b"Bl\xe5b\x00r", "Bl\ufffdbr"),
        (P, b"x" * 2000, "x" * MOST),
        (f"ab{P}c", b"x" * 2000, "ab" + "x" * (MOST - 3) + "c"),
        (f"{P}{P}", b"x" * 2000, "x" * (MOST - 1)),
        ("y" * 2000, b"x", "y" * MOST),
        ("y" * 2000 + P, b"x", "y" * MOST),
        # What was answered is not looked through for placeholders.
        (P, P.encode(), P),
    ],
)
def test_with_answer(receipt: str, body: bytes, expected: str) -> None:
    assert expected == with_answer(receipt, body)


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [("Takk!", "Takk!"), (P, ""), (f"Takk! {P}", "Takk!"), (f" {P} ", "")],
)
def test_without_answer(receipt: str, expected: str) -> None:
    assert expected == without_answer(receipt)


def test_which_wait() -> None:
    assert waits(f"a{P}b")
    assert not waits("%HTTP_PUSH_RESPONSE")


pieces = st.lists(st.text(max_size=600), min_size=1, max_size=4)


@given(pieces, st.binary(max_size=3000))
def test_it_always_fits(texts: list[str], body: bytes) -> None:
    assert len(with_answer(P.join(texts), body)) <= MOST
    assert len(without_answer(P.join(texts))) <= MOST

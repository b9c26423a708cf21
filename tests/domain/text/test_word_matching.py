"""The form in which words are compared, and what is not seen."""

from __future__ import annotations

from unicodedata import category, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.text.ignorable import DEFAULT_IGNORABLE, visible
from budstikke.domain.text.word_matching import folded, unquoted

IGNORABLE = [
    chr(point) for first, last in DEFAULT_IGNORABLE for point in range(first, last + 1)
]


def test_the_table_of_what_is_not_seen() -> None:
    """As Unicode derives it: ISO 10646's format characters, selectors, fillers."""
    assert len(IGNORABLE) == 4174
    assert not visible("".join(IGNORABLE))
    formats = {chr(point) for point in range(0x110000) if category(chr(point)) == "Cf"}
    seen = formats - set(IGNORABLE)  # signs that stand before digits, and annotations
    assert all(
        0x600 <= ord(each) <= 0x8E2
        or 0xFFF9 <= ord(each) <= 0xFFFB
        or ord(each) in (0x110BD, 0x110CD)
        or 0x13430 <= ord(each) <= 0x1343F
        for each in seen
    )


@given(st.text(), st.lists(st.sampled_from(IGNORABLE)))
def test_what_is_not_seen_changes_nothing(text: str, unseen: list[str]) -> None:
    assert folded(text) == folded(f"{''.join(unseen)}{text}{''.join(unseen)}")
    assert visible(text).isascii() or visible(text) == visible(visible(text))


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    once = folded(text)
    assert once == folded(once)
    assert once == folded(normalize("NFD", text))
    assert "  " not in once
    assert unquoted(unquoted(once)) == unquoted(once)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("«news», hello", "news, hello"),
        ("(news.) x", "news. x"),
        ("« news »", "news"),
        ("o'brien", "o'brien"),
        ("()", ""),
        ("plain", "plain"),
    ],
)
def test_quotation_marks(text: str, bare: str) -> None:
    assert bare == unquoted(text)

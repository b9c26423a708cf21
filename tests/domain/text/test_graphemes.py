"""Where a text may be cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.text import grapheme_at, graphemes
from budstikke.domain.text.graphemes import is_boundary, last_boundary

FAMILY = "👨\u200d👩\u200d👧\u200d👦"

TEXTS = [
    ["a", "b"],
    ["a", "\r\n", "b"],
    ["\n", "\r"],
    ["e\u0301", "a"],
    ["a\u0301\u0302\u0303", "b"],
    ["❤\ufe0f", "x"],
    ["1\ufe0f\u20e3", "2"],
    ["👍🏽", "👍🏽"],
    [FAMILY, FAMILY],
    ["👩🏽\u200d💻", "a"],
    ["🏳\ufe0f\u200d🌈", "a"],
    ["🇳🇴", "🇸🇪", "🇩"],
    ["a", "🇳🇴", "🇸🇪"],
    ["🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "a"],
    ["क्षि", "त"],
    ["ক্ষ", "ক"],
    ["กำ", "ก"],
    ["ｶﾞ", "ｶ"],
    ["नि", " ", "म"],
    ["\ufffd", "a"],
]

quick = settings(deadline=None)
PIECES = st.sampled_from(
    [*"a\r\n€é1", "\u0301", "\ufe0f", "\u200d", "\u20e3", *"👨👩🏽🇳🇴😀कष", "\u094d"]
)


@pytest.mark.parametrize("clusters", TEXTS, ids=" ".join)
def test_what_a_person_sees_as_one(clusters: list[str]) -> None:
    text = "".join(clusters)
    assert clusters == list(graphemes(text))
    at = 0
    for cluster in clusters:
        assert [cluster] * len(cluster) == [
            grapheme_at(text, at + offset) for offset in range(len(cluster))
        ]
        at += len(cluster)


def test_no_text_has_no_graphemes() -> None:
    assert [] == list(graphemes(""))


@quick
@given(st.lists(PIECES).map("".join))
def test_graphemes_are_the_text_and_end_at_boundaries(text: str) -> None:
    clusters = list(graphemes(text))
    assert text == "".join(clusters)
    assert all(clusters)
    ends = [len("".join(clusters[:n])) for n in range(len(clusters) + 1)]
    assert ends == [at for at in range(len(text) + 1) if is_boundary(text, at)]


@pytest.mark.parametrize(
    ("text", "start", "end", "last"),
    [
        ("abcdef", 0, 3, 3),
        ("ab\r\ncd", 0, 3, 2),
        ("ab" + FAMILY, 0, 5, 2),
        ("🇳🇴🇸🇪🇩🇰", 0, 3, 2),
        ("🇳🇴🇸🇪🇩🇰", 2, 5, 4),
        (FAMILY, 0, 3, 3),  # nowhere to cut: where it was asked
        ("abc", 0, 3, 3),
    ],
)
def test_the_last_place_to_cut(text: str, start: int, end: int, last: int) -> None:
    assert last == last_boundary(text, start, end)


def test_nothing_before_a_known_boundary_is_looked_at() -> None:
    flags = "🇳🇴🇸"
    assert is_boundary(flags, 2)
    assert not is_boundary(flags, 2, 1)
    assert is_boundary(flags, 1, 1)


def test_endless_flags_and_accents() -> None:
    flags = "🇳" * 20_001
    assert 10_001 == sum(1 for _ in graphemes(flags))
    accents = "a" + "\u0301" * 20_000
    assert [accents] == list(graphemes(accents))

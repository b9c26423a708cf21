"""Words by which a phone asks for no more messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.stop import LANGUAGES, WORDS, heads, is_stop


@pytest.mark.parametrize(
    ("text", "languages", "wanted"),
    [
        ("STOP", ("en",), True),
        (" stop. ", ("en",), True),
        ("«Stopp!»", ("nb",), True),
        ("Stopp", ("en",), False),
        ("meld\n av", ("nb", "en"), True),
        ("Avmeld", ("sv", "nn"), True),
        ("AVSLUTA", ("sv",), True),
        ("afmeld", ("da",), True),
        ("Lopeta", ("fi",), True),
        ("abmelden", ("de",), True),
        ("ARRE\u0302T", ("fr",), True),
        ("opt-out", ("en",), True),
        ("ST\u00adOP\u200d", ("en",), True),
        ("\ufeffSTOP\ufe0f", ("en",), True),
        ("\u200b" * 200 + "STOP", ("en",), True),
        ("ＳＴＯＰ！", ("en",), True),
        ("„Stop“", ("de",), True),
        ("(stop)", ("en",), True),
        ("STOP 👍🏽", ("en",), True),
        ("STOP" + " " * 2000, ("en",), True),
        ("\r\n" * 200 + "STOP" + "!" * 200, ("en",), True),
        ("opt\u2011out", ("en",), True),  # a hyphen that does not break
        ("stopp\u00a0alle", ("nb",), True),
        ("stopp\u2003\talle", ("nb",), True),
        ("ku\u0308ndigen", ("de",), True),  # NFD
        ("afskra\u0301", ("is",), True),
        ("avanma\u0308l", ("sv",), True),
        ("hætta", ("is",), True),
        ("stop it", ("en",), False),
        ("nonstop", ("en",), False),
        ("STOP", (), False),
        ("STOP", ("xx",), False),
        ("", LANGUAGES, False),
        ("!?", LANGUAGES, False),
        ("stop" + "." * 1000, ("en",), False),
    ],
)
def test_words(*, text: str, languages: tuple[str, ...], wanted: bool) -> None:
    assert wanted == is_stop(text, languages)


def test_the_languages_that_there_must_be() -> None:
    assert {"nb", "nn", "sv", "da", "fi", "en", "de"} <= WORDS.keys()
    for language, words in WORDS.items():
        for word in words:
            assert word == " ".join(word.casefold().split())
            assert is_stop(f" {word.upper()}!", [language])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("STOP NEWS", [("STOP", "NEWS")]),
        ("stopp: news  today", [("stopp:", "news today")]),
        ("meld av nyheter", [("meld av", "nyheter")]),
        ("stop all news", [("stop all", "news"), ("stop", "all news")]),
        ("news STOP", []),
        ("STOP", []),
        ("", []),
    ],
)
def test_heads(text: str, found: list[tuple[str, str]]) -> None:
    assert found == list(heads(text))


@given(st.text(max_size=120))
def test_any_text(text: str) -> None:
    is_stop(text, LANGUAGES)
    for head, rest in heads(text):
        assert is_stop(head, LANGUAGES)
        assert text.split() == f"{head} {rest}".split()


def test_they_are_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "inbound.md"
    rows = re.findall(
        r"^\| ((?:`[a-z]{2}`(?:, )?)+) \| (.*) \|$", page.read_text(), re.MULTILINE
    )
    found = {
        language: tuple(words.split(", "))
        for languages, words in rows
        for language in re.findall("[a-z]{2}", languages)
    }
    assert found == WORDS

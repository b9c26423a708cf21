"""Where messages from phones lead: numbers, series, keywords and their aliases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.number_inventory import (
    Keyword,
    Number,
    NumberInventory,
    NumberKind,
    NumberMatch,
    is_reply_number,
)

SHARED = Number(id=1, value="2229", kind=NumberKind.SHARED)
OWNED = Number(id=2, value="4759000000", kind=NumberKind.OWNED, access_id=20)
SERIES = Number(id=3, value="26114", kind=NumberKind.SERIES, access_id=30)
INNER = Number(id=4, value="261149", kind=NumberKind.SERIES, access_id=31)
BARE = Number(id=5, value="1963", kind=NumberKind.SHARED)


def keyword(number: int, word: str, *aliases: str, on: int = 1) -> Keyword:
    return Keyword(
        id=number, number_id=on, word=word, aliases=aliases, access_id=100 + number
    )


KEYWORDS = (
    keyword(1, "VEL", "WELL", "vel kommen nå"),
    keyword(2, "Vel Kommen"),
    keyword(3, "C++", "A.B"),
    keyword(4, ""),
    keyword(5, "STRASSE", "Åre"),
)
INVENTORY = NumberInventory(
    {n.id: n for n in (SHARED, OWNED, SERIES, INNER, BARE)},
    {k.id: k for k in KEYWORDS},
)


@pytest.mark.parametrize("around", ["", " hei", ", hei", "! 👍", "👍🏽", " "])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("VEL\u200d", 1),
        ("\u200bVEL", 1),
        ("\ufeffVEL\ufe0f", 1),
        ("V\u00adE\u2060L", 1),
        ("\u2066VEL\u2069", 1),
        ("\U000e0041VEL", 1),
        ("\u3164" * 500 + "VEL", 1),
        ("«VEL»", 1),
        ("„vel“", 1),
        ("“vel”", 1),
        ("'vel'", 1),
        ('"VEL"', 1),
        ("(vel)", 1),
        ("[vel]", 1),
        ("<vel>", 1),
        ("「vel」", 1),
        ("（ＶＥＬ）", 1),
        ("« vel »", 1),
        ("ＶＥＬ", 1),
        ("vel\u00a0kommen", 2),
        ("vel\u2003kommen", 2),
        ("VEL\tKOMMEN", 2),
        ("«vel kommen»", 2),
        ("«vel» «kommen»", 2),
        ("vel kommen n\u0061\u030a", 1),  # NFD
        ("STRAßE", 5),
        ("ＳＴＲＡẞＥ", 5),
    ],
)
def test_what_is_not_part_of_a_keyword(text: str, found: int, around: str) -> None:
    wanted = NumberMatch(SHARED, INVENTORY.keywords[found])
    assert wanted == INVENTORY.find("2229", text + around)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("NY\u200dHETER", "nyheter"),
        ("\ufeffNYHETER", "«Nyheter»"),
        ("❤\ufe0f", "❤ hei"),
        ("❤", "❤\ufe0f hei"),
        ("İSTANBUL", "istanbul"),
        ("ISTANBUL", "İstanbul"),
        ("ﬁn", "FIN"),
        ('"X"', '"x" hei'),
        ("(A)", "(a)"),
        ("VEL KOMMEN", "«vel\u200b kommen», hei"),
    ],
)
def test_keywords_as_they_may_be_registered(word: str, text: str) -> None:
    own = keyword(1, word)
    inventory = NumberInventory({1: SHARED}, {1: own})
    assert NumberMatch(SHARED, own) == inventory.find("2229", text)
    whole = text.removesuffix(" hei").removesuffix(", hei")
    assert NumberMatch(SHARED, own) == inventory.named("2229", whole)


@pytest.mark.parametrize(
    "text", ["velger", "vel-kommen", "v el", "ve\u0301l", "o(vel)"]
)
def test_other_words(text: str) -> None:
    assert NumberMatch(SHARED, INVENTORY.keywords[4]) == INVENTORY.find("2229", text)


def test_a_keyword_that_is_not_seen_is_none() -> None:
    inventory = NumberInventory({1: SHARED}, {1: keyword(1, "\u200b")})
    assert NumberMatch(SHARED) == inventory.find("2229", "hei")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("VEL", 1),
        ("vel hei", 1),
        ("  Vel\n\thei", 1),
        ("well, hei", 1),
        ("vel. Hei", 1),
        ("VEL:hei", 1),
        ("vel!", 1),
        ("Vel,kommen", 1),
        ("vel   KOMMEN", 2),
        ("vel kommen, hei", 2),
        ("vel kommen nå", 1),
        ("vel kommen nårsomhelst", 2),
        ("velkommen", 4),
        ("vel-kommen", 4),
        ("c++ hei", 3),
        ("c+", 4),
        ("a.b.c", 3),
        ("a.bc", 4),
        ("straße 1", 5),
        ("A\u030aRE!", 5),
        ("", 4),
        ("noe annet", 4),
        (", vel", 4),
        ("v" * 40_000, 4),
        ("vel " * 10_000, 1),
    ],
)
def test_keywords(text: str, found: int) -> None:
    assert NumberMatch(SHARED, INVENTORY.keywords[found]) == INVENTORY.find(
        "2229", text
    )


@pytest.mark.parametrize(
    ("recipient", "number"),
    [
        ("4759000000", OWNED),
        ("26114123456789", SERIES),
        ("26114923456789", INNER),
        ("26114", None),
        ("2611412345678", None),
        ("261141234567890", None),
        ("2611412345678x", None),
        ("4759000001", None),
        ("1963", BARE),
        ("", None),
    ],
)
def test_numbers(recipient: str, number: Number | None) -> None:
    assert NumberMatch(number) == INVENTORY.find(recipient, "VEL")


@pytest.mark.parametrize(
    ("recipient", "number"),
    [
        ("59000000", OWNED),
        ("059000000", OWNED),
        ("472229", SHARED),
        ("471963", BARE),
        ("59000001", None),
        ("12229", SHARED),
        ("9000000", None),
    ],
)
def test_numbers_as_an_operator_may_write_them(
    recipient: str, number: Number | None
) -> None:
    assert number == INVENTORY.find(recipient, "vel").number
    assert (number is SHARED) == (INVENTORY.named(recipient, "vel") is not None)


def test_the_end_of_two_numbers_is_neither() -> None:
    swedish = Number(id=9, value="4659000000", kind=NumberKind.OWNED, access_id=9)
    inventory = NumberInventory({2: OWNED, 9: swedish})
    assert NumberMatch(None) == inventory.find("59000000", "")
    assert NumberMatch(swedish) == inventory.find("4659000000", "")


def test_whose_it_is() -> None:
    place = INVENTORY.find
    assert 102 == place("2229", "vel kommen").access_id
    assert 20 == place("4759000000", "vel").access_id
    assert place("1963", "vel").access_id is None
    assert place("1", "vel").access_id is None


def test_an_exact_number_comes_before_the_series_around_it() -> None:
    one = Number(id=9, value="26114123456789", kind=NumberKind.OWNED, access_id=9)
    inventory = NumberInventory({3: SERIES, 9: one})
    assert NumberMatch(one) == inventory.find("26114123456789", "")
    assert NumberMatch(SERIES) == inventory.find("26114123456780", "")


def test_a_word_wins_over_an_alias() -> None:
    alias, word = keyword(1, "ONE", "TWO", " "), keyword(2, "Two")
    for order in ((alias, word), (word, alias)):
        inventory = NumberInventory({1: SHARED}, {k.id: k for k in order})
        assert NumberMatch(SHARED, word) == inventory.find("2229", "two")
        assert NumberMatch(SHARED) == inventory.find("2229", " ")


@pytest.mark.parametrize(
    ("text", "found"),
    [("vel", 1), (" Vel  kommen!", 2), ("vel hei", 0), ("", 0), ("..", 0), ("C++", 3)],
)
def test_the_keyword_that_a_whole_text_is(text: str, found: int) -> None:
    wanted = NumberMatch(SHARED, INVENTORY.keywords[found]) if found else None
    assert wanted == INVENTORY.named("2229", text)
    assert INVENTORY.named("4759000000", text) is None
    assert INVENTORY.named("1963", text) is None


def test_reply_numbers() -> None:
    assert is_reply_number("26114123456789")
    for other in ("", "26114", "2611412345678", "+2611412345678", "²6114123456789"):
        assert not is_reply_number(other)


words = st.text("abå", min_size=1, max_size=3)
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
blanks = st.text(" \n\t", min_size=1, max_size=3)


@given(
    registered=st.dictionaries(phrases, st.lists(phrases, max_size=2), max_size=6),
    said=st.lists(words, max_size=5),
    blank=blanks,
    mark=st.sampled_from(["", ",", ".", "!", ":"]),
    upper=st.booleans(),
)
def test_the_longest_whole_words_decide(
    *,
    registered: dict[str, list[str]],
    said: list[str],
    blank: str,
    mark: str,
    upper: bool,
) -> None:
    keywords = [
        keyword(number, word, *aliases)
        for number, (word, aliases) in enumerate(registered.items(), 1)
    ]
    inventory = NumberInventory({1: SHARED}, {k.id: k for k in keywords})
    text = blank.join(said) + mark
    found = inventory.find("2229", text.upper() if upper else text).keyword

    by_word: dict[str, Keyword] = {}
    for each in keywords:
        for alias in each.aliases:
            by_word.setdefault(alias, each)
    by_word |= {each.word: each for each in keywords}
    heads = [" ".join(said[:count]) for count in range(len(said), 0, -1)]
    assert next((by_word[head] for head in heads if head in by_word), None) == found


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_to_any_number(text: str, recipient: str) -> None:
    for to in (recipient, "2229"):
        place = INVENTORY.find(to, text)
        assert (place.keyword is not None) == (place.number is SHARED)
        INVENTORY.named(to, text)

"""Counting and cutting: tables of what happens at the boundaries."""

from __future__ import annotations

import pytest

from budstikke.domain.message import TextMode
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text import (
    MAX_SEGMENTS,
    Concat,
    Segmentation,
    segment,
    ucs2_encode,
    units,
)

AUTO, CONVERT, GSM_ONLY = TextMode.AUTO, TextMode.CONVERT, TextMode.GSM_ONLY
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # 11 UTF-16 units


def lengths(found: Segmentation) -> list[int]:
    return [len(part) for part in found.parts]


def test_an_ordinary_text() -> None:
    found = segment("Blåbær €5", mode=AUTO)
    assert Segmentation("gsm", ("Blåbær €5",), 10, 1, None, (0, 0)) == found


def test_an_empty_text_is_one_segment() -> None:
    assert Segmentation("gsm", ("",), 0, 1, None, (0, 0)) == segment("", mode=AUTO)


@pytest.mark.parametrize(
    ("septets", "concat", "cuts"),
    [
        (1, Concat.UDH8, [1]),
        (153, Concat.UDH8, [153]),
        (154, Concat.UDH8, [154]),
        (160, Concat.UDH8, [160]),
        (161, Concat.UDH8, [153, 8]),
        (306, Concat.UDH8, [153, 153]),
        (307, Concat.UDH8, [153, 153, 1]),
        (160, Concat.UDH16, [160]),
        (161, Concat.UDH16, [152, 9]),
        (304, Concat.UDH16, [152, 152]),
        (305, Concat.UDH16, [152, 152, 1]),
        (161, Concat.SAR, [153, 8]),
        (1071, Concat.UDH8, [153] * 7),
    ],
)
def test_cuts_of_gsm(septets: int, concat: Concat, cuts: list[int]) -> None:
    found = segment("a" * septets, mode=AUTO, concat=concat)
    assert cuts == lengths(found)
    assert (septets, len(cuts)) == (found.units, found.segments)


@pytest.mark.parametrize(
    ("length", "concat", "cuts"),
    [
        (70, Concat.UDH8, [70]),
        (71, Concat.UDH8, [67, 4]),
        (134, Concat.UDH8, [67, 67]),
        (135, Concat.UDH8, [67, 67, 1]),
        (70, Concat.UDH16, [70]),
        (71, Concat.UDH16, [66, 5]),
        (132, Concat.UDH16, [66, 66]),
        (133, Concat.UDH16, [66, 66, 1]),
        (469, Concat.SAR, [67] * 7),
    ],
)
def test_cuts_of_ucs2(length: int, concat: Concat, cuts: list[int]) -> None:
    found = segment("–" * length, mode=AUTO, concat=concat)
    assert cuts == lengths(found)
    assert (length, len(cuts), "ucs2") == (found.units, found.segments, found.encoding)


@pytest.mark.parametrize("at", range(148, 162))
def test_a_euro_sign_at_every_boundary_is_not_cut(at: int) -> None:
    text = "a" * at + "€" + "b" * (305 - at)
    found = segment(text, mode=AUTO)
    if at == 152:  # the escape would be the 153rd septet, which stays unused
        cuts = [152, 152, 2]
    elif at < 152:
        cuts = [152, 153, 1]
    else:
        cuts = [153, 152, 1]
    assert cuts == lengths(found)
    assert 307 == found.units
    assert text == "".join(found.parts)
    assert all(units(part, "gsm") <= 153 for part in found.parts)


@pytest.mark.parametrize(
    ("euros", "cuts"),
    [(80, [80]), (81, [76, 5]), (152, [76, 76]), (153, [76, 76, 1])],
)
def test_euro_signs_alone(euros: int, cuts: list[int]) -> None:
    found = segment("€" * euros, mode=AUTO)
    assert cuts == lengths(found)
    assert 2 * euros == found.units


@pytest.mark.parametrize("before", range(52, 70))
def test_a_family_at_every_boundary_is_not_cut(before: int) -> None:
    text = "–" * before + FAMILY + "–" * 10
    found = segment(text, mode=AUTO)
    fits = before + 11 <= 67
    first = 67 - 11 + len(FAMILY) if fits else min(before, 67)
    assert text[:first] == found.parts[0]
    assert any(FAMILY in part for part in found.parts)
    assert text == "".join(found.parts)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("–" * 66 + "😀" + "–" * 9, 66),  # a surrogate pair
        ("–" * 65 + "🇳🇴" + "–" * 9, 65),  # a flag
        ("–" * 65 + "👍🏽" + "–" * 9, 65),  # a skin tone
        ("–" * 66 + "e\u0301" + "–" * 9, 66),  # an accent
        ("–" * 65 + "1\ufe0f\u20e3" + "–" * 9, 65),  # a keycap
        ("–" * 66 + "\r\n" + "–" * 9, 66),
        ("–" * 66 + "\n\r" + "–" * 9, 67),
        ("a" * 152 + "\r\n" + "b" * 9, 152),
        ("a" * 151 + "\r\n" + "b" * 9, 153),
    ],
)
def test_what_belongs_together_stays_together(text: str, first: int) -> None:
    found = segment(text, mode=AUTO)
    assert (text[:first], text[first:]) == found.parts


def test_a_grapheme_longer_than_a_segment_is_cut_between_code_points() -> None:
    text = "a" + "\u0301" * 200
    found = segment("– " + text, mode=AUTO)
    assert ["– ", 67, 67, 67] == [found.parts[0], *lengths(found)[1:]]
    family = "\u200d".join("👨" * 60)  # 3 units each, the pairs of which must hold
    found = segment(family, mode=AUTO)
    assert family == "".join(found.parts)
    assert all(units(part, "ucs2") <= 67 for part in found.parts)


def test_payload_goes_out_whole_and_is_counted_as_cut() -> None:
    text = "a" * 307
    found = segment(text, mode=AUTO, concat=Concat.PAYLOAD)
    assert ((text,), 3, 307) == (found.parts, found.segments, found.units)
    found = segment("–" * 135, mode=AUTO, concat=Concat.PAYLOAD)
    assert (("–" * 135,), 3, 135) == (found.parts, found.segments, found.units)


@pytest.mark.parametrize(
    ("text", "mode", "concat"),
    [
        ("a" * (255 * 153 + 1), AUTO, Concat.UDH8),
        ("a" * (255 * 152 + 1), GSM_ONLY, Concat.UDH16),
        ("–" * (255 * 67 + 1), AUTO, Concat.UDH8),
        ("–" * (255 * 153 + 1), CONVERT, Concat.PAYLOAD),
        ("😀" * 100_000, AUTO, Concat.UDH8),
        ("\ud800" * 100_000, GSM_ONLY, Concat.UDH8),
        ("€" * (255 * 76 + 1), AUTO, Concat.UDH8),  # fits by count, not when cut
    ],
)
def test_more_than_255_segments_are_refused(
    text: str, mode: TextMode, concat: Concat
) -> None:
    with pytest.raises(Refusal) as raised:
        segment(text, mode=mode, concat=concat)
    assert RefusalCode.TEXT_TOO_LONG == raised.value.code


@pytest.mark.parametrize("text", ["a" * 255 * 153, "–" * 255 * 67, "€" * 255 * 76])
def test_255_segments_are_not(text: str) -> None:
    assert MAX_SEGMENTS == segment(text, mode=AUTO).segments


@pytest.mark.parametrize(
    ("text", "forced_by"),
    [
        ("Hei – du “x”", "–"),
        ("Hei " + FAMILY + "!", FAMILY),
        ("Hei 🇳🇴🇸🇪", "🇳🇴"),
        ("Hei e\u0301", "e\u0301"),
        ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("\0", "\0"),
        ("a\ud83d", "\ufffd"),
        ("a" + "\u0301" * 99, "a" + "\u0301" * 31),
    ],
)
def test_what_forced_ucs2_is_named(text: str, forced_by: str) -> None:
    assert forced_by == segment(text, mode=AUTO).forced_by


@pytest.mark.parametrize("text", ["a\ud83db", "\ude00", "\udc00\ud800", "\ud83d" * 99])
@pytest.mark.parametrize("mode", [AUTO, CONVERT])
def test_a_lone_surrogate_is_a_replacement_character(text: str, mode: TextMode) -> None:
    whole = "".join(segment(text, mode=mode).parts)
    stands = "\ufffd" if mode is AUTO else "?"
    assert len(text) == len(whole)
    assert stands in whole
    assert ucs2_encode(whole).decode("utf-16-be") == whole


def test_two_surrogates_that_are_a_pair_are_a_character() -> None:
    assert ("😀",) == segment("\ud83d\ude00", mode=AUTO).parts


def test_gsm_only_names_the_character_it_refuses() -> None:
    with pytest.raises(Refusal) as raised:
        segment("Hei " + FAMILY, mode=GSM_ONLY)
    assert (RefusalCode.BAD_CHARACTERS, "", FAMILY) == (
        raised.value.code,
        raised.value.field,
        raised.value.value,
    )
    assert segment("Hei €", mode=AUTO) == segment("Hei €", mode=GSM_ONLY)


def test_convert_counts_what_it_made() -> None:
    found = segment("“" + "a" * 158 + "…", mode=CONVERT)
    assert ("gsm", 162, 2) == (found.encoding, found.units, found.segments)
    assert '"' + "a" * 158 + "..." == "".join(found.parts)
    assert segment("…" * 54, mode=CONVERT).segments == 2


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [("😀a", "ucs2", 3), ("\ud800", "ucs2", 1), ("", "gsm", 0), ("[a]", "gsm", 5)],
)
def test_units(text: str, encoding: str, count: int) -> None:
    assert count == units(text, encoding)

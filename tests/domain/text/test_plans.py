"""National tables, and the rules that hold for every plan."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from budstikke.domain.message import TextMode
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text import (
    GSM_CHARACTERS,
    Concat,
    Segmentation,
    fill_bits_after,
    graphemes,
    gsm_encode,
    is_gsm,
    pack,
    segment,
    to_gsm,
    ucs2_encode,
    udh_concat8,
    udh_concat16,
    udh_national,
    units,
)

AUTO, CONVERT, GSM_ONLY = TextMode.AUTO, TextMode.CONVERT, TextMode.GSM_ONLY
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # 11 UTF-16 units
EVERY_LANGUAGE = frozenset(range(1, 14))
ROOM = {
    ("gsm", Concat.UDH8): 153,
    ("gsm", Concat.UDH16): 152,
    ("gsm", Concat.SAR): 153,
    ("ucs2", Concat.UDH8): 67,
    ("ucs2", Concat.UDH16): 66,
    ("ucs2", Concat.SAR): 67,
}

quick = settings(deadline=None)


def lengths(found: Segmentation) -> list[int]:
    return [len(part) for part in found.parts]


class TestNational:
    def test_they_are_off_unless_allowed(self) -> None:
        assert "ucs2" == segment("ş" * 71, mode=AUTO).encoding
        assert "gsm" == segment("ş" * 71, mode=AUTO, national=frozenset({1})).encoding

    def test_they_are_not_used_where_they_save_nothing(self) -> None:
        found = segment("ş", mode=AUTO, national=EVERY_LANGUAGE)
        assert ("ucs2", (0, 0), "ş") == (found.encoding, found.tables, found.forced_by)

    def test_single_shift_is_preferred_where_it_does_as_well(self) -> None:
        text = "Yarın görüşürüz, iyi akşamlar! " * 3
        found = segment(text, mode=AUTO, national=EVERY_LANGUAGE)
        assert ("gsm", (0, 1), 1, None) == (
            found.encoding,
            found.tables,
            found.segments,
            found.forced_by,
        )
        assert units(text, "gsm", (0, 1)) == found.units

    def test_locking_shift_where_single_shift_is_longer(self) -> None:
        found = segment("ş" * 100, mode=AUTO, national=frozenset({1}))
        assert ("gsm", (1, 0), 1, 100) == (
            found.encoding,
            found.tables,
            found.segments,
            found.units,
        )

    def test_both_for_hindi_with_latin_capitals(self) -> None:
        text = "नमस्ते OTP " * 8
        found = segment(text, mode=AUTO, national=EVERY_LANGUAGE)
        assert ("gsm", (6, 6), 1) == (found.encoding, found.tables, found.segments)

    @pytest.mark.parametrize(
        ("text", "tables", "room"),
        [("ş" * 155, (1, 0), 155), ("ÁÍÓÚ" * 19 + "Ña", (0, 2), 155)],
    )
    def test_the_header_takes_its_room_in_a_single_segment(
        self, text: str, tables: tuple[int, int], room: int
    ) -> None:
        national = frozenset({max(tables)})
        found = segment(text, mode=AUTO, national=national)
        assert (tables, 1) == (found.tables, found.segments)
        septets = pack(
            gsm_encode(text, tables), fill_bits_after(udh_national(found.tables))
        )
        assert len(udh_national(found.tables)) + len(septets) <= 140
        assert found.units <= room
        longer = segment(
            text + "a" * (room + 1 - found.units), mode=AUTO, national=national
        )
        assert 2 == longer.segments

    @pytest.mark.parametrize(
        ("concat", "cuts"),
        [(Concat.UDH8, [149, 149, 2]), (Concat.UDH16, [148, 148, 4])],
    )
    def test_and_in_each_of_several(self, concat: Concat, cuts: list[int]) -> None:
        found = segment("ş" * 300, mode=AUTO, concat=concat, national=frozenset({1}))
        assert cuts == lengths(found)

    def test_two_tables_take_more(self) -> None:
        found = segment("नननA" * 75, mode=AUTO, national=frozenset({6}))
        assert (6, 6) == found.tables
        assert 375 == found.units
        assert [146, 146, 83] == [units(part, "gsm", (6, 6)) for part in found.parts]

    @pytest.mark.parametrize("concat", [Concat.SAR, Concat.PAYLOAD])
    def test_not_where_the_smsc_would_add_a_second_header(self, concat: Concat) -> None:
        national = frozenset({1})
        long = segment("ş" * 200, mode=AUTO, concat=concat, national=national)
        short = segment("ş" * 100, mode=AUTO, concat=concat, national=national)
        assert ("ucs2", "gsm") == (long.encoding, short.encoding)

    def test_they_may_carry_what_is_too_long_for_ucs2(self) -> None:
        text = "ş" * (255 * 67 + 1)
        found = segment(text, mode=AUTO, national=frozenset({1}))
        assert ((1, 0), "gsm") == (found.tables, found.encoding)

    def test_other_modes_keep_to_the_default_alphabet(self) -> None:
        national = frozenset({1})
        assert "s" * 99 == segment("ş" * 99, mode=CONVERT, national=national).parts[0]
        with pytest.raises(Refusal):
            segment("ş" * 99, mode=GSM_ONLY, national=national)

    def test_unknown_languages_are_ignored(self) -> None:
        national = frozenset({0, 14, 255, -1})
        assert "ucs2" == segment("ş" * 99, mode=AUTO, national=national).encoding


PIECES = [
    *"abÅ€[\r\n",
    "\r\n",
    "–",
    "ş",
    "न",
    "\u094d",
    "ते",
    "😀",
    FAMILY,
    "🇳🇴",
    "👍🏽",
    "e\u0301",
    "1\ufe0f\u20e3",
    "x" * 66,
    "y" * 151,
    "–" * 65,
    "€" * 75,
    "\ud800",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(max_size=300),
    st.text(st.sampled_from(sorted(GSM_CHARACTERS)), max_size=400),
)
CONCATS = st.sampled_from([Concat.UDH8, Concat.UDH16, Concat.SAR])


def octets_of(found: Segmentation, part: str, concat: Concat) -> bytes:
    """The user data of one part, as it would be in a TPDU."""
    if len(found.parts) == 1:
        header = udh_national(found.tables)
    elif concat is Concat.UDH16:
        header = udh_concat16(1, len(found.parts), 1, found.tables)
    else:
        header = udh_concat8(1, len(found.parts), 1, found.tables)
    if found.encoding == "ucs2":
        return header + ucs2_encode(part)
    septets = gsm_encode(part, found.tables)
    return header + pack(septets, fill_bits_after(header))


@quick
@given(
    TEXTS,
    st.sampled_from([AUTO, CONVERT]),
    CONCATS,
    st.sampled_from([frozenset(), frozenset({1}), EVERY_LANGUAGE]),
)
@example("ş" * 200, AUTO, Concat.UDH8, frozenset({1}))
def test_every_plan_holds(
    text: str, mode: TextMode, concat: Concat, national: frozenset[int]
) -> None:
    found = segment(text, mode=mode, concat=concat, national=national)
    whole = to_gsm(text) if mode is CONVERT else text
    well_formed = whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert well_formed == "".join(found.parts)
    assert len(found.parts) == found.segments
    assert found.units == units(well_formed, found.encoding, found.tables)
    assert found.units == sum(
        units(part, found.encoding, found.tables) for part in found.parts
    )
    for part in found.parts:
        assert len(octets_of(found, part, concat)) <= 140
    assert (found.forced_by is not None) == (found.encoding == "ucs2")
    if is_gsm(well_formed):
        assert ("gsm", (0, 0)) == (found.encoding, found.tables)


@quick
@given(TEXTS, CONCATS)
def test_no_grapheme_is_cut_and_no_part_could_be_longer(
    text: str, concat: Concat
) -> None:
    found = segment(text, mode=AUTO, concat=concat)
    whole = "".join(found.parts)
    longest = max((units(one, "ucs2") for one in graphemes(whole)), default=0)
    if found.segments == 1 or longest > 66:
        return
    room = ROOM[found.encoding, concat]
    assert list(graphemes(whole)) == [
        one for part in found.parts for one in graphemes(part)
    ]
    for part, after in zip(found.parts, found.parts[1:], strict=False):
        more = part + next(graphemes(after))
        assert units(more, found.encoding) > room


@quick
@given(TEXTS)
def test_gsm_only_refuses_just_what_is_not_gsm(text: str) -> None:
    if is_gsm(text):
        assert segment(text, mode=AUTO) == segment(text, mode=GSM_ONLY)
        return
    with pytest.raises(Refusal) as raised:
        segment(text, mode=GSM_ONLY)
    assert RefusalCode.BAD_CHARACTERS == raised.value.code
    assert not is_gsm(raised.value.value)


@quick
@given(TEXTS)
def test_payload_counts_as_udh8(text: str) -> None:
    cut = segment(text, mode=AUTO)
    whole = segment(text, mode=AUTO, concat=Concat.PAYLOAD)
    assert ("".join(cut.parts),) == whole.parts
    assert (cut.segments, cut.units, cut.encoding, cut.forced_by) == (
        whole.segments,
        whole.units,
        whole.encoding,
        whole.forced_by,
    )

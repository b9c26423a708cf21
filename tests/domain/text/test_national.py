"""The national tables of 3GPP TS 23.038 annex A, by known characters and sizes."""

from __future__ import annotations

import pytest

from budstikke.domain.text import (
    LOCKING,
    SINGLE_SHIFT,
    NotInAlphabetError,
    gsm_decode,
    gsm_encode,
    is_gsm,
    units,
)
from budstikke.domain.text.tables import BASIC, EXTENSION, VOID

INDIC = range(4, 13)

# Counted in the print: characters in the (locking, single shift) table, the escape
# and the reserved codes left out.
SIZES = {
    0: (127, 10),
    1: (127, 17),
    2: (None, 19),
    3: (127, 37),
    4: (114, 82),
    5: (120, 70),
    6: (127, 88),
    7: (120, 73),
    8: (120, 82),
    9: (116, 75),
    10: (110, 76),
    11: (102, 77),
    12: (120, 78),
    13: (127, 90),
}


def size(table: str | None) -> int | None:
    return None if table is None else len(table) - table.count(VOID)


@pytest.mark.parametrize(("language", "sizes"), SIZES.items())
def test_each_table_has_as_many_characters_as_in_print(
    language: int, sizes: tuple[int | None, int]
) -> None:
    tables = LOCKING.get(language), SINGLE_SHIFT[language]
    assert sizes == (size(tables[0]), size(tables[1]))
    assert {128} == {len(table) for table in tables if table}


def test_there_is_a_table_for_every_language_and_spanish_has_only_single_shift() -> (
    None
):
    assert set(SIZES) == set(SINGLE_SHIFT)
    assert set(SIZES) - {2} == set(LOCKING)


@pytest.mark.parametrize("table", [*LOCKING.values(), *SINGLE_SHIFT.values()])
def test_the_escape_is_never_a_character(table: str) -> None:
    assert VOID == table[0x1B]


@pytest.mark.parametrize("table", LOCKING.values())
def test_every_locking_table_keeps_line_ends_blank_digits_and_small_letters(
    table: str,
) -> None:
    assert "\n\r " == table[0x0A] + table[0x0D] + table[0x20]
    assert "0123456789:;" == table[0x30:0x3C]
    assert BASIC[0x61:0x7B] == table[0x61:0x7B]


@pytest.mark.parametrize("table", SINGLE_SHIFT.values())
def test_every_single_shift_table_keeps_the_extension(table: str) -> None:
    kept = {code: char for code, char in enumerate(EXTENSION) if char != VOID}
    assert kept == {code: table[code] for code in kept}


@pytest.mark.parametrize("language", INDIC)
def test_indian_tables_follow_the_order_of_unicode(language: int) -> None:
    block = 0x0900 + 0x80 * [6, 4, 10, 5, 9, 11, 12, 7, 8].index(language)
    letters = [
        ord(char) for char in LOCKING[language][:0x7B] if block < ord(char) < ord(VOID)
    ]
    assert sorted(letters) == letters
    assert all(block < letter < block + 0x80 for letter in letters)


LOCKED = [
    (1, 0x04, "€"),
    (1, 0x07, "ı"),
    (1, 0x0B, "Ğ"),
    (1, 0x1D, "ş"),
    (1, 0x40, "İ"),
    (1, 0x60, "ç"),
    (3, 0x04, "ê"),
    (3, 0x12, "ª"),
    (3, 0x15, "∞"),
    (3, 0x17, "\\"),
    (3, 0x18, "€"),
    (3, 0x1A, "|"),
    (3, 0x24, "º"),
    (3, 0x40, "Í"),
    (3, 0x5B, "Ã"),
    (3, 0x60, "~"),
    (3, 0x7C, "õ"),
    (3, 0x7D, "`"),
    (4, 0x00, "\u0981"),
    (4, 0x2C, ","),
    (4, 0x60, "ৎ"),
    (4, 0x7F, "ৱ"),
    (5, 0x0C, "ઍ"),
    (5, 0x60, "ૐ"),
    (6, 0x15, "क"),
    (6, 0x28, ")"),
    (6, 0x29, "("),
    (6, 0x5F, "\u094d"),
    (6, 0x7F, "ॿ"),
    (7, 0x15, "ಕ"),
    (7, 0x24, "ಡ"),
    (7, 0x3D, "ಪ"),
    (7, 0x7F, "\u0ce3"),
    (8, 0x05, "ഇ"),
    (8, 0x7F, "൹"),
    (9, 0x60, "\u0b56"),
    (9, 0x7C, "ୠ"),
    (10, 0x4E, "\u0a3c"),
    (10, 0x7F, "ੴ"),
    (11, 0x1D, "ஜ"),
    (11, 0x3C, "ன"),
    (11, 0x7F, "௹"),
    (12, 0x4F, "ఽ"),
    (12, 0x60, "\u0c55"),
    (13, 0x00, "ا"),
    (13, 0x1A, "د"),
    (13, 0x59, "ی"),
    (13, 0x7F, "\u0670"),
]

SHIFTED = [
    (1, 0x47, "Ğ"),
    (1, 0x49, "İ"),
    (1, 0x53, "Ş"),
    (1, 0x63, "ç"),
    (1, 0x69, "ı"),
    (2, 0x09, "ç"),
    (2, 0x41, "Á"),
    (2, 0x6F, "ó"),
    (2, 0x75, "ú"),
    (3, 0x05, "ê"),
    (3, 0x41, "À"),
    (3, 0x61, "Â"),
    (3, 0x7B, "ã"),
    (3, 0x7F, "â"),
    (4, 0x19, "০"),
    (4, 0x24, "\u09df"),
    (4, 0x34, "৺"),
    (5, 0x19, "।"),
    (5, 0x25, "૯"),
    (6, 0x1C, "०"),
    (6, 0x3A, "ॱ"),
    (7, 0x26, "ೞ"),
    (7, 0x2A, "ೲ"),
    (8, 0x2E, "ൺ"),
    (8, 0x34, "ൿ"),
    (9, 0x2C, "ୱ"),
    (10, 0x2D, "\u0a75"),
    (11, 0x24, "௮"),
    (11, 0x2E, "௺"),
    (12, 0x1C, "౦"),
    (12, 0x32, "౿"),
    (12, 0x65, "€"),
    (13, 0x1C, "۰"),
    (13, 0x33, "؟"),
    (13, 0x3B, "ۍ"),
    (13, 0x3F, "۔"),
]


@pytest.mark.parametrize(("language", "code", "char"), LOCKED)
def test_a_locking_table_gives_one_septet(language: int, code: int, char: str) -> None:
    assert bytes([code]) == gsm_encode(char, (language, 0))
    assert char == gsm_decode(bytes([code]), (language, 0))


@pytest.mark.parametrize(("language", "code", "char"), SHIFTED)
def test_a_single_shift_table_gives_two(language: int, code: int, char: str) -> None:
    assert bytes([0x1B, code]) == gsm_encode(char, (0, language))
    assert char == gsm_decode(bytes([0x1B, code]), (0, language))


def test_a_letter_that_both_tables_have_is_one_septet() -> None:
    assert b"\x17" == gsm_encode("Ψ", (0, 3))
    assert "ΨΨ" == gsm_decode(b"\x17\x1b\x17", (0, 3))


PAIRS = [
    (locking, single_shift)
    for locking in (*LOCKING, 2, 200)
    for single_shift in (*SINGLE_SHIFT, 200)
]


@pytest.mark.parametrize("tables", PAIRS)
def test_every_pair_of_tables_comes_back(tables: tuple[int, int]) -> None:
    locking = LOCKING.get(tables[0], BASIC)
    shift = SINGLE_SHIFT.get(tables[1], EXTENSION)
    text = "".join(sorted({*locking, *shift} - {VOID}))
    assert text == gsm_decode(gsm_encode(text, tables), tables)
    assert len(gsm_encode(text, tables)) == units(text, "gsm", tables)
    assert units(text, "gsm", tables) == 2 * len(text) - size_without_doubles(locking)


def size_without_doubles(table: str) -> int:
    return len(set(table) - {VOID})


@pytest.mark.parametrize("language", [*INDIC, 13])
def test_capital_letters_are_in_the_single_shift_table(language: int) -> None:
    assert b"\x1bA\x1bZ" == gsm_encode("AZ", (language, language))
    assert not is_gsm("A", (language, 0))


def test_code_0_after_an_escape() -> None:
    assert bytes([0x1B, 0, 0x01, 0x1B, 0]) == gsm_encode("@\u0902@", (6, 6))
    assert "@\u0901" == gsm_decode(bytes([0x1B, 0, 0]), (6, 6))


def test_a_void_shows_a_space_and_after_an_escape_the_first_table() -> None:
    assert " \u0995" == gsm_decode(bytes([0x0D + 1, 0x15]), (4, 0))
    assert "a" == gsm_decode(bytes([0x1B, 0x61]), (4, 4))
    assert " " == gsm_decode(bytes([0x1B, 0x0E]), (4, 0))


def test_unknown_languages_are_read_with_the_default_tables() -> None:
    assert "@[" == gsm_decode(b"\x00\x1b\x3c", (2, 99))
    assert is_gsm("Blåbær €", (99, 99))


def test_the_default_alphabet_is_not_added_to_a_locking_table() -> None:
    with pytest.raises(NotInAlphabetError):
        units("Ø", "gsm", (6, 6))

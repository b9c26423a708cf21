"""What CONVERT makes of characters that an alphabet lacks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.text import is_gsm, to_gsm, transliterate
from budstikke.domain.text.transliterate import _REPERTOIRES, _SUBSTITUTES

quick = settings(deadline=None)

TO_GSM = [
    ("“Hei” – ‘du’…", "\"Hei\" - 'du'..."),
    ("«Ja» ‹nei›", '"Ja" <nei>'),
    ("1\u00a0000\u202fkr\u2003!", "1 000 kr !"),
    ("a\u00adb\u200bc\ufeffd", "abcd"),
    ("a\tb\u2028c\x85d\x07e", "a b\nc\nde"),
    ("Čáŋđžš ŦŊŽ", "Candzs TNZ"),
    ("Łódź, žluťoučký, İstanbul, ığş", "Lodz, zlutoucky, Istanbul, igs"),
    ("Þór ðæ œuvre ŒUVRE ẞ", "THor dæ oeuvre OEUVRE SS"),
    ("ǿ ǽ Ǻ ǟ ṩ ấ", "ø æ Å ä s a"),  # the accent that fits is kept
    ("e\u0301 A\u030a o\u0308 x\u0301", "é Å ö x"),
    ("ﬁ ﬂ ĳ № ™ ② ½ m² H₂O", "fi fl ij No TM 2 1/2 m2 H2O"),
    ("ＡＢＣ 𝐇𝐞𝐢", "ABC Hei"),
    ("Γειά σου, Κόσμε ς", "ΓEIA ΣOY, KOΣME Σ"),
    ("20 °C ± 5 µm × 2 ≠ ≤ →", "20 oC +/- 5 um x 2 != <= ->"),
    ("© ® ¢ ₹ `´", "(c) (R) c INR ''"),
    ("≮", "?"),
    ("Привет", "??????"),
    ("漢字", "??"),
    ("한", "?"),
    ("﷽", "?"),
    ("नमस्ते", "???"),
    ("Hei 😀!", "Hei ?!"),
    ("👨\u200d👩\u200d👧\u200d👦 👍🏽 🇳🇴🇸🇪 ❤\ufe0f", "? ? ?? ?"),
    ("1\ufe0f\u20e3 2", "1 2"),
    ("\ud83d x", "? x"),
    ("\0a", "a"),
    ("?\u0301", "?"),
    ("Blåbær €5 [{}]", "Blåbær €5 [{}]"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "plain"), TO_GSM)
def test_to_gsm(text: str, plain: str) -> None:
    assert plain == to_gsm(text)


@pytest.mark.parametrize(
    ("text", "repertoire", "plain"),
    [
        ("Δ €5 æøå “x” é", "latin1", 'D EUR5 æøå "x" é'),
        ("Δ €5 æøå “x” é ß ñ", "ascii", 'D EUR5 aeoa "x" e ss n'),
        ("£¥§¿¡Ψ¤", "ascii", "GBPJPYS?!PS?"),
    ],
)
def test_other_alphabets(text: str, repertoire: str, plain: str) -> None:
    assert plain == transliterate(text, repertoire)


@quick
@given(st.text(max_size=200), st.sampled_from(sorted(_REPERTOIRES)))
def test_the_result_always_fits_and_is_left_alone(text: str, repertoire: str) -> None:
    plain = transliterate(text, repertoire)
    assert set(plain) <= _REPERTOIRES[repertoire]
    assert plain == transliterate(plain, repertoire)


@quick
@given(st.text(max_size=200))
def test_conversion_is_always_encodable_and_idempotent(text: str) -> None:
    plain = to_gsm(text)
    assert is_gsm(plain)
    assert plain == to_gsm(plain)


@pytest.mark.parametrize("repertoire", sorted(_REPERTOIRES))
@pytest.mark.parametrize("char", sorted(set(_SUBSTITUTES) - {"¿"}))
def test_our_own_table_never_ends_in_a_question_mark(
    char: str, repertoire: str
) -> None:
    assert "?" not in transliterate(char, repertoire)


@pytest.mark.slow
@pytest.mark.parametrize("repertoire", sorted(_REPERTOIRES))
def test_every_code_point_can_be_written(repertoire: str) -> None:
    allowed = _REPERTOIRES[repertoire]
    for code in range(0x110000):
        assert allowed.issuperset(transliterate(chr(code), repertoire)), hex(code)

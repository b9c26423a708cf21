"""
Characters that an alphabet lacks, written with those that it has.

A character that fits is kept. Otherwise, in this order: our own table below; blanks,
line ends and invisible signs by their kind; Unicode's decomposition, one step at a
time, so that an accent is only dropped when it must be (``ǿ`` becomes ``ø`` where that
fits); and ``?``. What a person sees as one character never becomes two ``?``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import category, decomposition, normalize

from budstikke.domain.text.graphemes import graphemes
from budstikke.domain.text.gsm import is_gsm
from budstikke.domain.text.tables import BASIC, EXTENSION, VOID

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = "?"

GSM_CHARACTERS = frozenset(BASIC + EXTENSION) - {VOID}

_REPERTOIRES: Mapping[str, frozenset[str]] = {
    "gsm": GSM_CHARACTERS,
    "latin1": frozenset("\n\r\f").union(
        map(chr, range(0x20, 0x7F)), map(chr, range(0xA0, 0x100))
    ),
    "ascii": frozenset("\n\r\f").union(map(chr, range(0x20, 0x7F))),
}

# What must be looked at: characters outside, and the one before them, which may be
# the letter that an accent belongs to.
_STRANGERS = {
    name: re.compile(f".?[^{re.escape(''.join(sorted(characters)))}]+", re.DOTALL)
    for name, characters in _REPERTOIRES.items()
}

# Both sides may hold several characters: each of the left becomes all of the right.
# What stands here is itself written with the alphabet at hand, so a quotation mark
# may point to another and a letter to one that only some alphabets have.
_OURS = [
    ("‘’‚‛′ʹʻʼʽˈ´`‵＇", "'"),
    ("“”„‟″˝ʺ〝〞«»¨", '"'),
    ("‹", "<"),
    ("›", ">"),
    ("‐‑‒–—―−⁃¯", "-"),
    ("•∙‣●◦", "*"),
    ("·", "."),
    ("¸", ","),
    ("¦", "|"),
    ("⁄∕÷", "/"),
    ("\t", " "),
    ("\v\x85", "\n"),
    ("×", "x"),
    ("±", "+/-"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("←", "<-"),
    ("→", "->"),
    ("⇒", "=>"),
    ("°", "o"),
    ("µ", "u"),
    ("©", "(c)"),
    ("®", "(R)"),
    ("¢", "c"),
    ("€", "EUR"),
    ("£₤", "GBP"),
    ("¥", "JPY"),
    ("₹", "INR"),
    ("¡", "!"),
    ("¿", "?"),
    ("§", "S"),
    ("ı", "i"),
    ("ĸ", "k"),
    ("Ð", "D"),
    ("ð", "d"),
    ("Đ", "D"),
    ("đ", "d"),
    ("Ħ", "H"),
    ("ħ", "h"),
    ("Ł", "L"),
    ("ł", "l"),
    ("Ŋ", "N"),
    ("ŋ", "n"),
    ("Ŧ", "T"),
    ("ŧ", "t"),
    ("ƒ", "f"),
    ("Ə", "E"),
    ("ə", "e"),
    ("Þ", "TH"),
    ("þ", "th"),
    ("Œ", "OE"),
    ("œ", "oe"),
    ("Æ", "AE"),
    ("æ", "ae"),
    ("Ø", "O"),
    ("ø", "o"),
    ("ẞ", "SS"),
    ("ß", "ss"),
    # Greek is written in capitals, as phones do: those that look Latin are Latin, and
    # the ten others are in the default alphabet (or spelt, where they are not).
    ("Γ", "G"),
    ("Δ", "D"),
    ("Θ", "TH"),
    ("Λ", "L"),
    ("Ξ", "X"),
    ("Π", "P"),
    ("Σ", "S"),
    ("Φ", "F"),
    ("Ψ", "PS"),
    ("Ω", "O"),
    ("ς", "Σ"),
    *zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True),
    *zip("αβγδεζηθικλμνξοπρστυφχψω", "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", strict=True),
]
_SUBSTITUTES = {char: becomes for chars, becomes in _OURS for char in chars}

# By general category of Unicode: marks and invisible signs go, blanks are blanks.
_BY_KIND = {
    "Mn": "",
    "Mc": "",
    "Me": "",
    "Cf": "",
    "Cc": "",
    "Zs": " ",
    "Zl": "\n",
    "Zp": "\n",
}
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_LONGEST_COMPOSED = 16
"""Composing takes time as the square of the number of accents."""
_STROKE = "0338"
"""Hexadecimal code point of the stroke that negates (``≮``): not an accent to drop."""


def to_gsm(text: str) -> str:
    """Return the text with nothing but the default alphabet and its extension."""
    return text if is_gsm(text) else transliterate(text, "gsm")


def transliterate(text: str, repertoire: str) -> str:
    """Write a text in ``gsm``, ``latin1`` or ``ascii``; the rest becomes ``?``."""

    def written(run: re.Match[str]) -> str:
        return "".join([_cluster(cluster, repertoire) for cluster in graphemes(run[0])])

    return _STRANGERS[repertoire].sub(written, text)


def _cluster(cluster: str, repertoire: str) -> str:
    """Spell one grapheme, composed first so that ``e`` and an accent is ``é``."""
    if len(cluster) == 1:
        return _spelt(cluster, repertoire)
    if len(cluster) <= _LONGEST_COMPOSED:
        cluster = normalize("NFC", cluster)
    return _at_most_one("".join([_spelt(char, repertoire) for char in cluster]))


def _at_most_one(plain: str) -> str:
    """Make one ``?`` of several: a family of four is not seven."""
    return plain if plain.strip(UNKNOWN) else plain[:1]


@lru_cache(maxsize=8192)
def _spelt(char: str, repertoire: str) -> str:
    """Spell one character; empty for what cannot be seen."""
    if char in _REPERTOIRES[repertoire]:
        return char
    ours = _SUBSTITUTES.get(char)
    if ours is None:
        ours = _BY_KIND.get(category(char))
    if ours is None:
        ours = _decomposed(char)
    return _at_most_one("".join([_spelt(other, repertoire) for other in ours]))


def _decomposed(char: str) -> str:
    """Take one step of Unicode's decomposition; ``?`` where there is none."""
    if ord(char) in _SKIN_TONES:
        return ""
    codes = [code for code in decomposition(char).split() if code[0] != "<"]
    if not codes or _STROKE in codes:
        return UNKNOWN
    return "".join([chr(int(code, 16)) for code in codes])

"""
Text to septets and back (3GPP TS 23.038 § 6.2.1).

Septets are bytes with one septet an octet, as SMPP carries them; ``packing`` packs
them. ``tables`` is a pair of language identifiers (locking, single shift). Where a
language has no such table the default one is used, as a phone does that does not know
it (3GPP TS 23.040 § 9.2.3.24.15 and .16).

Encoding goes through an inner code of one octet a character, since C code does that in
a third of a microsecond and a loop here takes thirty times as long: octets below 0x80
are codes of the first table, the others are 0x80 + a code of the second. The fast map
wants NUL at 0, so code 0 is kept at 0x1B, which no character has (it is the escape).
"""

from __future__ import annotations

from codecs import charmap_build, charmap_decode, charmap_encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from budstikke.domain.text.tables import DEFAULT, LOCKING, SINGLE_SHIFT, VOID

if TYPE_CHECKING:
    from _codecs import _EncodeCharMap
    from collections.abc import Iterator

ESCAPE = 0x1B
_ESCAPE = b"\x1b"
_BELOW_80 = bytes(range(0x80))
_HELD_ESCAPE = ESCAPE + 0x80
"""Stands for the escape until code 0 has left its place; no character has it."""
_CODE_0_HOME = bytes.maketrans(_ESCAPE, b"\0")
_BOTH_HOME = bytes.maketrans(bytes((ESCAPE, _HELD_ESCAPE)), b"\0" + _ESCAPE)


class NotInAlphabetError(ValueError):
    """
    A character is not in the alphabet.

    Args:
        character: The first one that does not fit.
        position: Its index in the text.

    """

    def __init__(self, character: str, position: int) -> None:
        super().__init__(f"U+{ord(character):04X} at {position} is not in the alphabet")
        self.character = character
        self.position = position


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """
    One pair of tables as the codec wants them.

    ``inner`` maps characters to the inner code; ``basic`` is what septets mean (voids
    are spaces), ``shifted`` their meaning after an escape.
    """

    inner: _EncodeCharMap
    basic: str
    shifted: str


def _prepared(locking: str, single_shift: str) -> _Alphabet:
    used = {VOID}
    inner = []
    for char in locking + single_shift:
        inner.append(VOID if char in used else char)
        used.add(char)
    inner[ESCAPE], inner[0] = inner[0], "\0"
    shifted = [
        locking[code] if char == VOID else char
        for code, char in enumerate(single_shift)
    ]
    return _Alphabet(
        inner=charmap_build("".join(inner)),
        basic=locking.replace(VOID, " "),
        shifted="".join(shifted).replace(VOID, " "),
    )


_ALPHABETS: dict[tuple[int, int], _Alphabet] = {}


def _alphabet(tables: tuple[int, int]) -> _Alphabet:
    """Return the prepared pair, made at first use; there are 13 x 14 of them."""
    alphabet = _ALPHABETS.get(tables)
    if alphabet is None:
        locking = tables[0] if tables[0] in LOCKING else 0
        single_shift = tables[1] if tables[1] in SINGLE_SHIFT else 0
        known = (locking, single_shift)
        alphabet = _ALPHABETS.get(known)
        if alphabet is None:
            alphabet = _prepared(LOCKING[locking], SINGLE_SHIFT[single_shift])
            _ALPHABETS[known] = alphabet
    return alphabet


_DEFAULT_INNER = _alphabet(DEFAULT).inner


def inner_code(text: str, tables: tuple[int, int] = DEFAULT) -> bytes | None:
    """
    Translate to the inner code, or return ``None`` if a character does not fit.

    The result has one octet a character. It costs ``len(text)`` septets where it
    ``isascii()``, and one more for each octet from 0x80 up.
    """
    inner = _DEFAULT_INNER if tables == DEFAULT else _alphabet(tables).inner
    try:
        coded = charmap_encode(text, "strict", inner)[0]
    except UnicodeEncodeError:
        return None
    return None if 0 in coded else coded


def escapes(inner: bytes) -> int:
    """Count the characters of an inner code that need an escape."""
    return len(inner.translate(None, _BELOW_80))


def is_gsm(text: str, tables: tuple[int, int] = DEFAULT) -> bool:
    """Say whether every character is in the alphabet, extension included."""
    return inner_code(text, tables) is not None


def first_outside(text: str, tables: tuple[int, int] = DEFAULT) -> int:
    """Return the index of the first character that does not fit, or -1."""
    nul = text.find("\0")
    try:
        charmap_encode(text, "strict", _alphabet(tables).inner)
    except UnicodeEncodeError as error:
        return error.start if nul < 0 else min(nul, error.start)
    return nul


def gsm_encode(text: str, tables: tuple[int, int] = DEFAULT) -> bytes:
    """
    Encode as septets, one an octet.

    Raises:
        NotInAlphabetError: a character has no code in these tables.

    """
    coded = inner_code(text, tables)
    if coded is None:
        position = first_outside(text, tables)
        raise NotInAlphabetError(text[position], position)
    if coded.isascii():
        return coded.translate(_CODE_0_HOME)
    for octet in set(coded.translate(None, _BELOW_80)):
        escaped = bytes((_HELD_ESCAPE, octet & 0x7F))
        coded = coded.replace(bytes((octet,)), escaped)
    return coded.translate(_BOTH_HOME)


def gsm_decode(septets: bytes, tables: tuple[int, int] = DEFAULT) -> str:
    """
    Decode septets, one an octet; never fails.

    After an escape, a code which the second table lacks shows the first table's
    character; a second escape, an escape at the end and a void show a space (3GPP TS
    23.038 § 6.2.1.1). An octet above 0x7F is no septet and shows U+FFFD.
    """
    alphabet = _alphabet(tables)
    if _ESCAPE not in septets:
        return charmap_decode(septets, "replace", alphabet.basic)[0]
    return "".join(_pieces(septets, alphabet))


def _pieces(septets: bytes, alphabet: _Alphabet) -> Iterator[str]:
    first, *others = septets.split(_ESCAPE)
    yield charmap_decode(first, "replace", alphabet.basic)[0]
    spent = False  # whether the escape before this piece was the second of two
    for piece in others:
        if spent:
            yield charmap_decode(piece, "replace", alphabet.basic)[0]
            spent = False
        elif piece:
            yield charmap_decode(piece[:1], "replace", alphabet.shifted)[0]
            yield charmap_decode(piece[1:], "replace", alphabet.basic)[0]
        else:
            yield " "
            spent = True

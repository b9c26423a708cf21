"""
Reads MIME headers (RFC 2045, RFC 2047, RFC 2231), as MMSCs really write them.

Input is hostile until shown otherwise, so each function makes one pass; ``email`` takes
time that grows with the square of a parameter's length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from budstikke.domain.text import decode_labelled
from budstikke.mm7.transfer import NotBase64, decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST_VALUE: Final = 8192
"""Characters of the longest header's value."""

ENCODINGS: Final = {"b": "base64", "q": "quoted-printable"}

_line = re.compile(rb"\r?\n").split
_token = re.compile(r'"(?:[^"\\]|\\.)*"?|;|[^";]+', re.DOTALL).finditer
_quoted = re.compile(r'"((?:[^"\\]|\\.)*)', re.DOTALL).match
_escaped = re.compile(r"\\(.)", re.DOTALL).sub
_word = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=").finditer
_breaks = re.compile(r"[\x00-\x1f\x7f]+").sub


class TooLong(ValueError):  # noqa: N818 - the other side did it, not we
    """A header that is longer than any real one."""


def read_head(octets: bytes) -> dict[str, str]:
    """Read headers by name in lower case; of a repeated one the first counts."""
    lines: list[list[bytes]] = []
    for line in _line(octets):
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1].append(line)
        else:
            lines.append([line])
    headers: dict[str, str] = {}
    for pieces in lines:
        name, colon, value = b"".join(pieces).partition(b":")
        if colon:
            key = name.decode("latin-1").strip().lower()
            headers.setdefault(key, one_line(decode_labelled(value)))
    return headers


def one_line(text: str) -> str:
    """Join a text's lines, without control characters."""
    return _breaks(" ", text).strip()


def parameters(value: str) -> dict[str, str]:
    """
    Read the parameters of a header's value by name in lower case.

    Of a repeated one the first counts. One in pieces or with a charset (RFC 2231) is
    joined and decoded. Raises TooLong.
    """
    if len(value) > LONGEST_VALUE:
        raise TooLong("a header that is too long")
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, written in _pairs(value):
        base, star, place = name.partition("*")
        if not star:
            plain.setdefault(base, decode_words(written))
            continue
        number = place.rstrip("*")[:5]
        order = int(number) if number.isascii() and number.isdigit() else 0
        piece = (order, name.endswith("*"), written)
        pieces.setdefault(base, []).append(piece)
    return {**plain, **{name: _joined(its) for name, its in pieces.items()}}


def _pairs(value: str) -> Iterable[tuple[str, str]]:
    """Split a value at semicolons outside quotes; skip its first piece."""
    tokens: list[str] = []
    pieces: list[str] = []
    for token in _token(value):
        if token[0] == ";":
            pieces.append("".join(tokens))
            tokens.clear()
        else:
            tokens.append(token[0])
    pieces.append("".join(tokens))
    for piece in pieces[1:]:
        name, equals, written = piece.partition("=")
        if equals and name.strip():
            yield name.strip().lower(), _unquoted(written.strip())


def _unquoted(written: str) -> str:
    match = _quoted(written)
    return one_line(_escaped(r"\1", match[1]) if match else written)


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    """Join and decode the pieces of a parameter (RFC 2231 § 4.1)."""
    pieces.sort(key=lambda piece: piece[0])
    charset = ""
    if pieces[0][1] and pieces[0][2].count("'") > 1:
        charset, _, text = pieces[0][2].split("'", 2)
        pieces[0] = (0, True, text)
    octets = [
        unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
        for _, encoded, text in pieces
    ]
    return one_line(decode_labelled(b"".join(octets), charset))


def decode_words(text: str) -> str:
    """
    Decode the encoded words in a text (RFC 2047); keep the text between them.

    Words with one charset are decoded together: many senders cut a character in two.
    """
    if "=?" not in text:
        return text
    written: list[str] = []
    octets, charset, end = bytearray(), "", 0
    for word in _word(text):
        between, end = text[end : word.start()], word.end()
        label = word[1].partition("*")[0].lower()
        if octets and (between.strip() or label != charset):
            written.append(decode_labelled(bytes(octets), charset))
            octets.clear()
        if between.strip() or not written:
            written.append(between)
        octets += _of_word(word[2], word[3])
        charset = label
    written += [decode_labelled(bytes(octets), charset), text[end:]]
    return one_line("".join(written))


def _of_word(encoding: str, text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    if encoding in "qQ":
        octets = octets.replace(b"_", b" ")
    try:
        return decoded(octets, ENCODINGS[encoding.lower()])
    except NotBase64:
        return octets


def find(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value; empty: there is none. Raises TooLong."""
    value = headers.get(name, "")
    if len(value) > LONGEST_VALUE:
        raise TooLong(f"a {name} that is too long")
    return value

"""
Bodies in several parts (RFC 2046, RFC 2387), both ways.

``email`` reads headers; bodies are cut here, since it works on text and lines, and
pictures are neither. What comes in is hostile until shown otherwise: parts, headers
and depth are bounded, and whatever cannot be read is ``Malformed``.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import Error, a2b_base64, a2b_qp
from email.errors import MessageError
from email.parser import HeaderParser
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message

MOST_PARTS = 100
"""Parts of one body, at all depths."""

LONGEST_HEAD = 8192
"""Octets of the headers of one part."""

DEEPEST = 4

LINE_FEED, RETURN = b"\n\r"

_rest = re.compile(rb"[ \t]*(?:\r?\n|\Z)").match
_lead = re.compile(rb"[ \t]*\r?\n")
_blank = re.compile(rb"\r?\n\r?\n")
_boundary = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_breaks = re.compile(r"[\x00-\x1f\x7f]+")


class Malformed(Exception):  # noqa: N818 - the other side did it, not we
    """What came cannot be read; the message says why."""


class Piece(NamedTuple):
    """
    A part of a body, decoded.

    Attributes:
        type: Its content type, lower case, without parameters.
        data: Its octets; of a multipart one they are cut by ``split``.
        id: Its Content-ID without angle brackets; empty: it has none.
        name: What it is called (Content-Location, file name, or name); may be empty.
        charset: Of a text; empty: not said.
        said: Its whole Content-Type, as it was written.
        field: The field of a form that it is; empty: it is none.

    """

    type: str
    data: bytes
    id: str = ""
    name: str = ""
    charset: str = ""
    said: str = ""
    field: str = ""


def media_type(content_type: str) -> str:
    """Read a content type without its parameters, lower case."""
    return content_type.partition(";")[0].strip().lower()


def parameter(content_type: str, name: str) -> str:
    """Read a parameter of a content type; empty: it is not there."""
    octets = content_type.encode("utf-8", "replace")
    return _value(_head(b"Content-Type: " + octets), name)


def is_multipart(content_type: str) -> bool:
    """Tell whether a body of this type has parts."""
    return media_type(content_type).startswith("multipart/")


def split(content_type: str, body: bytes) -> list[Piece]:
    """
    Cut a body into its parts, and decode them; raises Malformed.

    Parts that have parts themselves are given whole.
    """
    boundary = parameter(content_type, "boundary")
    if not _boundary.fullmatch(boundary):
        raise Malformed("the content type has no boundary")
    pieces: list[Piece] = []
    begin = None
    for start, end, last in _delimiters(body, b"--" + boundary.encode()):
        if begin is not None:
            pieces.append(_piece(body[begin:start]))
            if len(pieces) > MOST_PARTS:
                raise Malformed(f"more than {MOST_PARTS} parts")
        if last:
            return pieces
        begin = end
    raise Malformed("the last part has no end")


def _delimiters(body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """
    Find the lines that part a body: begin, end, and whether it is the last.

    The line break before one belongs to it. A pattern would look at every octet of
    every picture; this finds the mark first.
    """
    at = body.find(mark)
    while at >= 0:
        end = at + len(mark)
        last = body.startswith(b"--", end)
        rest = _rest(body, end + 2 * last)
        if rest and (at == 0 or body[at - 1] == LINE_FEED):
            start = max(at - 1, 0)
            if start and body[start - 1] == RETURN:
                start -= 1
            yield start, end + 2 * last, last
        at = body.find(mark, end)


def leaves(pieces: Sequence[Piece], depth: int = DEEPEST) -> list[Piece]:
    """Find the parts that have no parts themselves, in order; raises Malformed."""
    found: list[Piece] = []
    for piece in pieces:
        if not piece.type.startswith("multipart/"):
            found.append(piece)
        elif depth <= 1:
            raise Malformed("parts within parts, too deep")
        else:
            found += leaves(split(piece.said, piece.data), depth - 1)
        if len(found) > MOST_PARTS:
            raise Malformed(f"more than {MOST_PARTS} parts")
    return found


def _piece(octets: bytes) -> Piece:
    lead = _lead.match(octets)
    octets = octets[lead.end() :] if lead else octets
    if octets[:1] == b"\n" or octets[:2] == b"\r\n":  # it has no headers
        head, data = b"", octets[octets.index(b"\n") + 1 :]
    else:
        blank = _blank.search(octets, 0, LONGEST_HEAD)
        if blank is None:
            raise Malformed("a part whose headers do not end")
        head, data = octets[: blank.start()], octets[blank.end() :]
    headers = _head(head)
    said = _header(headers, "content-type") or "text/plain"
    return Piece(
        media_type(said),
        _decoded(data, _header(headers, "content-transfer-encoding")),
        _header(headers, "content-id").strip("<> "),
        _name(headers),
        _value(headers, "charset").lower(),
        said,
        _value(headers, "name", "content-disposition"),
    )


def _head(octets: bytes) -> Message:
    try:
        return HeaderParser().parsestr(octets.decode("utf-8", "replace"))
    except (MessageError, ValueError) as error:
        raise Malformed("headers that cannot be read") from error


def _header(headers: Message, name: str) -> str:
    return _breaks.sub(" ", str(headers.get(name, ""))).strip()


def _value(headers: Message, name: str, header: str = "content-type") -> str:
    """Read a parameter of a header."""
    try:
        found = headers.get_param(name, "", header)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Malformed(f"a {header} that cannot be read") from error
    if isinstance(found, tuple):  # RFC 2231: charset, language, value
        charset, _, value = found
        try:
            found = value.encode("latin-1", "replace").decode(charset or "ascii")
        except (LookupError, UnicodeDecodeError):
            found = value
    return _breaks.sub(" ", str(found)).strip()


def _name(headers: Message) -> str:
    for name in (
        _header(headers, "content-location"),
        _value(headers, "filename", "content-disposition"),
        _value(headers, "name"),
    ):
        if name:
            return name
    return ""


def _decoded(data: bytes, encoding: str) -> bytes:
    encoding = encoding.lower()
    if encoding == "base64":
        try:
            return a2b_base64(data)
        except Error as error:
            raise Malformed("a part that is not base64") from error
    return a2b_qp(data) if encoding == "quoted-printable" else data


# Writing


def write(pieces: Sequence[Piece], boundary: str, *, base64: bool) -> bytes:
    """
    Write parts; ``boundary`` must stand in none of them.

    Parts that have parts are given whole, with their type in ``said``. With ``base64``
    all others but texts are written so; else they are written as they are.
    """
    written = bytearray()
    for piece in pieces:
        written += b"--%s\r\n%s\r\n" % (
            boundary.encode(),
            _heading(piece, base64=base64),
        )
        written += _lines(piece.data) if _as_base64(piece, base64) else piece.data
        written += b"\r\n"
    return bytes(written) + b"--%s--\r\n" % boundary.encode()


def _lines(data: bytes) -> bytes:
    """Write base64 in lines of 76 characters (RFC 2045 § 6.8)."""
    return encodebytes(data).replace(b"\n", b"\r\n")


def _as_base64(piece: Piece, base64: bool) -> bool:  # noqa: FBT001 - the writer's own
    return base64 and not piece.type.startswith(("multipart/", "text/xml"))


def _heading(piece: Piece, *, base64: bool) -> bytes:
    said = piece.said or piece.type
    if piece.charset:
        said += f"; charset={piece.charset}"
    lines = [f"Content-Type: {said}"]
    if not piece.type.startswith("multipart/"):
        how = "base64" if _as_base64(piece, base64) else "binary"
        lines.append(
            f"Content-Transfer-Encoding: {'8bit' if piece.type == 'text/xml' else how}"
        )
    if piece.id:
        lines.append(f"Content-ID: <{piece.id}>")
    if piece.name:
        lines.append(f"Content-Location: {piece.name}")
    # What customers wrote must not become a header of its own.
    kept = (_breaks.sub(" ", line) for line in lines)
    return "".join(f"{line}\r\n" for line in kept).encode("utf-8", "replace")

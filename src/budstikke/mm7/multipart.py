"""
Reads and writes multipart bodies (RFC 2046, RFC 2387).

``email`` handles text in lines, and pictures are neither. Input is hostile until shown
otherwise: parts, headers and depth are limited, unreadable input is ``Malformed``, and
each step takes time in proportion to the octets.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from typing import TYPE_CHECKING, NamedTuple

from budstikke.mm7.headers import (
    TooLong,
    decode_words,
    find,
    one_line,
    parameters,
    read_head,
)
from budstikke.mm7.transfer import NotBase64, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_PARTS = 100
"""Parts of one body, at all depths."""

LONGEST_HEAD = 8192
"""Octets of the headers of one part."""

LONGEST_BOUNDARY = 1000
"""Characters; RFC 2046 § 5.1.1 allows 70."""

DEEPEST = 4

LINE_FEED, RETURN = b"\n\r"

UNKNOWN = "application/octet-stream"

TEXTS = ("text", "plain/text")
"""What some MMSCs write instead of ``text/plain``."""

_type = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}").fullmatch
_rest = re.compile(rb"[ \t]*(?:\r?\n|\Z)").match
_lead = re.compile(rb"[ \t]*\r?\n")
_blank = re.compile(rb"\r?\n\r?\n")
_first_mark = re.compile(rb"(?:\A|\n)(--[^\r\n]{1,1000})\r?\n").search


class Malformed(Exception):  # noqa: N818 - the other side did it, not we
    """The input cannot be read; the message says why."""


class Piece(NamedTuple):
    """
    A part of a body, decoded.

    Attributes:
        type: Its content type, lower case, without parameters.
        data: Its octets; ``split`` splits those of a multipart one.
        id: Its Content-ID without angle brackets; empty: it has none.
        name: Its Content-Location, file name or ``name``; may be empty.
        charset: Of a text; empty: not declared.
        content_type: Its whole Content-Type, as written.
        field: Its field name in a form; empty: it has none.

    """

    type: str
    data: bytes
    id: str = ""
    name: str = ""
    charset: str = ""
    content_type: str = ""
    field: str = ""


def media_type(content_type: str) -> str:
    """Return a content type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def safe_type(content_type: str) -> str:
    """Return ``media_type``; what no header may hold becomes ``UNKNOWN``."""
    kind = media_type(content_type)
    if kind in TEXTS:
        return "text/plain"
    return kind if _type(kind) else UNKNOWN


def parameter(content_type: str, name: str) -> str:
    """Return a parameter of a content type; empty: it has none. Raises Malformed."""
    return _parameters(content_type).get(name, "")


def _parameters(value: str) -> Mapping[str, str]:
    try:
        return parameters(value)
    except TooLong as error:
        raise Malformed(str(error)) from error


def is_multipart(content_type: str, body: bytes = b"") -> bool:
    """Whether a body has parts, by its content type or its first octets."""
    declared = media_type(content_type).startswith("multipart/")
    return declared or body[:100].lstrip().startswith(b"--")


def split(content_type: str, body: bytes) -> list[Piece]:
    """
    Split a body into its parts, and decode them; raises Malformed.

    A part with parts of its own is one piece. If the last boundary is missing, the
    body's end ends the last part.
    """
    mark = _mark(content_type, body)
    pieces: list[Piece] = []
    begin = None
    for start, end, last in _delimiters(body, mark):
        if begin is not None:
            pieces.append(_piece(body[begin:start]))
            if len(pieces) > MOST_PARTS:
                raise Malformed(f"more than {MOST_PARTS} parts")
        if last:
            return pieces
        begin = end
    if begin is None:
        raise Malformed("no parts")
    tail = _tail(body, begin, mark)
    if tail.strip():
        pieces.append(_piece(tail))
    return pieces


def _mark(content_type: str, body: bytes) -> bytes:
    """Find the boundary: the declared one if the body has it, or its first line."""
    boundary = parameter(content_type, "boundary")
    mark = b"--" + boundary.encode("utf-8", "replace")
    if 0 < len(boundary) <= LONGEST_BOUNDARY and mark in body:
        return mark
    match = _first_mark(body, 0, LONGEST_HEAD)
    if match is None:
        raise Malformed("there is no boundary")
    return match[1].rstrip()


def _delimiters(body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """
    Find the boundary lines: (start, end, whether it is the last).

    The line break before one belongs to it. It searches for the boundary first, because
    a pattern would look at each octet of each picture.
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


def _tail(body: bytes, begin: int, mark: bytes) -> bytes:
    """Return the last part of a body that ends early, without half a boundary."""
    torn = body.rfind(b"\n-", begin)
    if torn >= 0 and (mark + b"--").startswith(body[torn + 1 :].rstrip()):
        return body[begin : torn - (body[torn - 1] == RETURN)]
    return body[begin:].removesuffix(b"\n").removesuffix(b"\r")


def leaves(pieces: Sequence[Piece], depth: int = DEEPEST) -> list[Piece]:
    """List the parts without parts of their own, in order; raises Malformed."""
    flat: list[Piece] = []
    for piece in pieces:
        if not piece.type.startswith("multipart/"):
            flat.append(piece)
        elif depth <= 1:
            raise Malformed("parts within parts, too deep")
        else:
            flat += leaves(split(piece.content_type, piece.data), depth - 1)
        if len(flat) > MOST_PARTS:
            raise Malformed(f"more than {MOST_PARTS} parts")
    return flat


def _piece(octets: bytes) -> Piece:
    head, data = _parted(octets)
    headers = read_head(head)
    content_type = headers.get("content-type", "") or "text/plain"
    try:
        typed = parameters(content_type)
        disposed = parameters(find(headers, "content-disposition"))
        octets = decoded(data, headers.get("content-transfer-encoding", ""))
    except (TooLong, NotBase64) as error:
        raise Malformed(str(error)) from error
    names = (
        decode_words(headers.get("content-location", "")),
        disposed.get("filename", ""),
        typed.get("name", ""),
    )
    return Piece(
        safe_type(content_type),
        octets,
        headers.get("content-id", "").strip('<> "'),
        next(filter(None, names), ""),
        typed.get("charset", "").lower(),
        content_type,
        disposed.get("name", ""),
    )


def _parted(octets: bytes) -> tuple[bytes, bytes]:
    """Split a part into its headers and its content; raises Malformed."""
    lead = _lead.match(octets)
    octets = octets[lead.end() :] if lead else octets
    if octets[:1] == b"\n" or octets[:2] == b"\r\n":  # it has no headers
        return b"", octets[octets.index(b"\n") + 1 :]
    blank = _blank.search(octets, 0, LONGEST_HEAD)
    if blank is not None:
        return octets[: blank.start()], octets[blank.end() :]
    if len(octets) > LONGEST_HEAD:
        raise Malformed("a part whose headers do not end")
    if b":" not in octets.partition(b"\n")[0]:  # it has no headers, and no blank line
        return b"", octets
    return octets, b""  # it has only headers


# Writing


def write(pieces: Sequence[Piece], boundary: str, *, base64: bool) -> bytes:
    """
    Write parts; none of them may contain ``boundary``.

    A multipart part has its octets, and its type in ``content_type``. With ``base64``,
    all other parts except XML are in base64; without, they are binary.
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
    content_type = piece.content_type or piece.type
    if piece.charset:
        content_type += f"; charset={piece.charset}"
    lines = [f"Content-Type: {content_type}"]
    if not piece.type.startswith("multipart/"):
        how = "base64" if _as_base64(piece, base64) else "binary"
        lines.append(
            f"Content-Transfer-Encoding: {'8bit' if piece.type == 'text/xml' else how}"
        )
    if piece.id:
        lines.append(f"Content-ID: <{piece.id}>")
    if piece.name:
        lines.append(f"Content-Location: {piece.name}")
    # A customer's text must not start a new header.
    kept = (one_line(line) for line in lines)
    return "".join(f"{line}\r\n" for line in kept).encode("utf-8", "replace")

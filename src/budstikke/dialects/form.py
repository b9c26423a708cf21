"""
Reads posted forms, for the HTTP dialects.

PHP's curl posts an array as ``multipart/form-data``, so that customers' clients use
both forms without knowing it. Values stay octets, as in ``query``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from budstikke.dialects.bounds import MOST_PARAMETERS, too_large
from budstikke.dialects.query import read_pairs, read_query

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_HEAD = 1000
"""Octets of a part's headers to look at."""

_boundary = re.compile(r'boundary=(?:"([^"]+)"|([^\s";,]+))', re.IGNORECASE).search
_name = re.compile(
    rb'^content-disposition:[^\r\n]*?[;\s]name=(?:"([^"\r\n]*)"|([^\s;"]+))',
    re.IGNORECASE | re.MULTILINE,
).search


def read_form(body: bytes, content_type: str = "") -> dict[str, bytes]:
    """
    Split a posted form of either kind into its parameters.

    ``content_type`` is the header's value. Of a repeated parameter the last one counts.
    A body that is no form has no parameters. Raises Refusal (``TOO_LARGE``) for more
    than ``MOST_PARAMETERS``.
    """
    if not _is_multipart(content_type):
        return read_query(body)
    return dict(_parts(body, content_type))


def read_form_pairs(
    body: bytes, content_type: str, decode: Callable[[bytes], str]
) -> list[tuple[str, str]]:
    """
    Read a form as ``read_form`` does, with repeated parameters, and decode it.

    Raises the exceptions of ``decode``.
    """
    if not _is_multipart(content_type):
        return read_pairs(body, decode)
    return [(name, decode(value)) for name, value in _parts(body, content_type)]


def _is_multipart(content_type: str) -> bool:
    return content_type.strip().lower().startswith("multipart/form-data")


def _parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    found = _boundary(content_type)
    return _read_parts(body, found[1] or found[2]) if found else []


def _read_parts(body: bytes, boundary: str) -> list[tuple[str, bytes]]:
    """
    Read the parts of a multipart body (RFC 7578, RFC 2046 § 5.1.1).

    In a body without CR, lines end in LF. If the last boundary is missing, the body's
    end ends the last part.
    """
    line = b"\r\n" if b"\r" in body else b"\n"
    delimiter = line + b"--" + boundary.encode("latin-1", "replace")
    fields: list[tuple[str, bytes]] = []
    for start, end in _spans(body, delimiter, len(line)):
        if body.startswith(b"--", start):
            break
        last = end == len(body) and body.endswith(line, start)
        blank = body.find(line + line, start, end)
        head = body[start : min(blank if blank >= 0 else end, start + LONGEST_HEAD)]
        found = _name(head.lstrip())
        name = (found[1] or found[2] or b"") if found else b""
        if name:
            begin = end if blank < 0 else blank + 2 * len(line)
            value = body[begin:end]
            fields.append(
                (name.decode("latin-1"), value.removesuffix(line) if last else value)
            )
    return fields


def _spans(body: bytes, delimiter: bytes, line: int) -> list[tuple[int, int]]:
    """
    Find where the parts of a body begin and end; ``line``: octets of a line's end.

    Raises Refusal (``TOO_LARGE``) as soon as there are too many.
    """
    spans: list[tuple[int, int]] = []
    # A line end before the first line is not written.
    first = body.startswith(delimiter[line:])
    at = -line if first else body.find(delimiter)
    while at >= 0 or first:
        first = False
        start = at + len(delimiter)
        at = body.find(delimiter, start)
        spans.append((start, at if at >= 0 else len(body)))
        if len(spans) > MOST_PARAMETERS + 1:
            raise too_large("parameters")
    return spans

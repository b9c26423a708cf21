"""
Posted forms as they are on the wire, shared by the HTTP dialects.

PHP's curl posts an array as ``multipart/form-data``, so that customers' clients use
both forms without their authors' noticing. Values stay bytes, as in ``query``.
"""

from __future__ import annotations

import re

from budstikke.dialects.bounds import MOST_PARAMETERS, too_large
from budstikke.dialects.query import read_query

LONGEST_HEAD = 1000
"""Octets of the headers of one part that are looked at."""

_boundary = re.compile(r'boundary=(?:"([^"]+)"|([^\s";,]+))', re.IGNORECASE).search
_name = re.compile(
    rb'^content-disposition:[^\r\n]*?[;\s]name=(?:"([^"\r\n]*)"|([^\s;"]+))',
    re.IGNORECASE | re.MULTILINE,
).search


def read_form(body: bytes, content_type: str = "") -> dict[str, bytes]:
    """
    Split a posted form into its parameters, whichever of the two forms it has.

    ``content_type`` is the header's value. Of a parameter given twice the last counts.
    What is no form at all has no parameters. Raises Refusal (``TOO_LARGE``) for more
    than ``MOST_PARAMETERS``.
    """
    if not content_type.strip().lower().startswith("multipart/form-data"):
        return read_query(body)
    found = _boundary(content_type)
    return _read_parts(body, found[1] or found[2]) if found else {}


def _read_parts(body: bytes, boundary: str) -> dict[str, bytes]:
    """
    Read the parts of a multipart body (RFC 7578, RFC 2046 § 5.1.1).

    A body without a CR has lines that end in LF; one without its last boundary ends
    its last part.
    """
    line = b"\r\n" if b"\r" in body else b"\n"
    delimiter = line + b"--" + boundary.encode("latin-1", "replace")
    whole = line + body
    if whole.count(delimiter) > MOST_PARAMETERS + 1:
        raise too_large("parameters")
    fields: dict[str, bytes] = {}
    parts = whole.split(delimiter)[1:]
    if parts and not parts[-1].startswith(b"--"):
        parts[-1] = parts[-1].removesuffix(line)
    for part in parts:
        if part.startswith(b"--"):
            break
        head, _, value = part.partition(line + line)
        if found := _name(head[:LONGEST_HEAD].lstrip()):
            fields[(found[1] or found[2] or b"").decode("latin-1")] = value
    fields.pop("", None)
    return fields

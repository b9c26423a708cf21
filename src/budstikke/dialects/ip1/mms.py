"""Reads outbound MMS (sendMMS)."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from typing import TYPE_CHECKING

from budstikke.dialects.bounds import too_large
from budstikke.dialects.ip1.media import extension, type_of
from budstikke.dialects.ip1.values import breaks, dialled, digits_of
from budstikke.domain.mms import LARGEST
from budstikke.domain.number import international, why_not
from budstikke.domain.queries import MmsOrder
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.ip1.request import File, ParsedRequest

SENDER_DIGITS = range(3, 16)

MOST_FILES = 100

LONGEST_NAME = 64
"""Characters of a file's name."""

_content_type = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}").fullmatch
_name = re.compile(r"[^\w .()+-]").sub


def read_mms(parsed: ParsedRequest) -> MmsOrder:
    """
    Read an MMS to one recipient.

    Raises Refusal: a bad number, a sender that is not a number, no content, a file that
    is not base64, or too many files.
    """
    written = dialled(parsed.given("to"))
    recipient = international(written)
    if recipient is None:
        code = why_not(written) or RefusalCode.BAD_RECIPIENT
        raise Refusal(code, field="to", value=written)
    originator = parsed.given("from")
    if len(digits_of(originator)) not in SENDER_DIGITS:
        raise Refusal(RefusalCode.BAD_ORIGINATOR, field="from", value=originator)
    text = breaks(parsed.values.get("msg", ""))
    files = _read_files(parsed.files)
    if not files and not text.strip():
        raise Refusal(RefusalCode.MISSING_FIELD, field="msg")
    return MmsOrder(recipient, originator, text, files)


def _read_files(files: Sequence[File]) -> tuple[tuple[str, str, str], ...]:
    """Check files; give a name and a type to those without."""
    if len(files) > MOST_FILES:
        raise too_large("files")
    found, octets = [], 0
    for number, file in enumerate(files, 1):
        content = _decoded(file.content)
        octets += len(content)
        content_type = file.content_type.lower()
        kind = content_type if _content_type(content_type) else type_of(content)
        name = _safe(file.name) or f"file{number}{extension(kind)}"
        found.append((name, kind, b2a_base64(content, newline=False).decode()))
    if octets > LARGEST:
        raise Refusal(RefusalCode.TOO_LARGE, field="files")
    return tuple(found)


def _decoded(base64: str) -> bytes:
    """Decode base64 with any white space, with or without padding."""
    digits = "".join(base64.split()).rstrip("=")
    try:
        content = a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except (Error, ValueError) as error:
        raise Refusal(RefusalCode.BAD_FIELD, field="files") from error
    if not content:
        raise Refusal(RefusalCode.BAD_FIELD, field="files")
    return content


def _safe(name: str) -> str:
    """Return a file's name without characters that could lead to a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _name("_", last).strip(" .")[-LONGEST_NAME:]

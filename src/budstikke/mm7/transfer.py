"""
Decodes transfer encodings (RFC 2045 § 6), including faulty ones.

Each function takes time in proportion to the octets.
"""

from __future__ import annotations

from binascii import a2b_base64, a2b_qp
from typing import Final

DIGITS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
URL_DIGITS: Final = b"-_"
"""RFC 4648 § 5 has these instead of ``+`` and ``/``."""

BLANKS: Final = b" \t\r\n\v\f\0"

MOST_RUNS: Final = 10_000
"""Most pieces of base64, each with its own padding, in one text."""

_plus = bytes.maketrans(URL_DIGITS, b"+/")
_no_digits = bytes(set(range(256)) - {*DIGITS, *URL_DIGITS, *b"="})
_known = DIGITS + URL_DIGITS + BLANKS + b"="


class NotBase64(ValueError):  # noqa: N818 - the other side did it, not we
    """Octets that are no base64."""


def decoded(data: bytes, encoding: str) -> bytes:
    """Decode a transfer encoding; an unknown one changes nothing. Raises NotBase64."""
    name = encoding.strip().lower()
    if name == "base64":
        return from_base64(data)
    return a2b_qp(data) if name == "quoted-printable" else data


def from_base64(data: bytes) -> bytes:
    """
    Read base64 with any line breaks, padding or alphabet (RFC 4648 § 4, § 5).

    Each line may have been encoded, and padded, alone. Text that cannot be base64,
    although declared so, is returned as it is. Raises NotBase64 for a single digit.
    """
    others = len(data.translate(None, _known))
    if others and (not data.isascii() or others > max(2, len(data) // 10)):
        return data
    digits = data.translate(_plus, _no_digits)
    runs = [run for run in digits.split(b"=", MOST_RUNS) if run]
    if len(runs) == 1 and len(runs[0]) == 1:
        raise NotBase64("a single digit is no base64")
    return b"".join(_run(run) for run in runs)


def _run(digits: bytes) -> bytes:
    """Read base64 without padding; drop a last digit that completes no octet."""
    whole = digits[:-1] if len(digits) % 4 == 1 else digits
    return a2b_base64(whole + b"=" * (-len(whole) % 4))

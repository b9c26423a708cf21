"""
Codes of six digits that an app makes of a shared secret and the time (RFC 6238).

HMAC-SHA-1, 30 seconds and six digits are what every app does.
"""

from __future__ import annotations

import hmac
from base64 import b32decode
from urllib.parse import quote

STEP = 30
"""Seconds for which a code is shown."""

DIGITS = 6

DRIFT = 1
"""Steps by which a phone's clock may be wrong, each way."""


def code_at(secret: str, step: int) -> str:
    """Return the code of a step; ``secret`` is base32 (RFC 4226 § 5.3)."""
    key = b32decode(secret)
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: str, code: str, now: float) -> int | None:
    """
    Return the step that a code belongs to; ``None``: the code is wrong.

    The caller has to see that no code is used twice: a step must be later than the
    last one that was used. ``now``: Unix seconds.
    """
    typed = "".join(code.split()).encode("utf-8", "surrogatepass")
    current = int(now // STEP)
    for step in range(max(current - DRIFT, 0), current + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed):
            return step
    return None


def provisioning_uri(secret: str, mail: str, issuer: str) -> str:
    """Return the URI that apps take as a QR code or a link."""
    label = f"{quote(issuer, safe='')}:{quote(mail, safe='@')}"
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"

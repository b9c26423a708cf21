"""Whether certificates are there, can be read, and are valid today."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from budstikke.cli.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400
SOON = 30 * DAY
"""Seconds before its end from which a certificate is warned of."""

_NAME = "(?:TRUSTED )?CERTIFICATE"
_blocks = re.compile(
    f"-----BEGIN {_NAME}-----.+?-----END {_NAME}-----", re.DOTALL
).findall

_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18


class Validity(NamedTuple):
    """From when and until when a certificate is valid, Unix seconds."""

    since: float
    until: float


def read_validity(der: bytes) -> Validity:
    """
    Read the validity of a certificate (RFC 5280 § 4.1.2.5) in DER.

    Raises ValueError.
    """
    try:
        _, start, _ = _element(der, 0)
        _, at, _ = _element(der, start)  # the part that is signed
        tag, _, end = _element(der, at)
        if tag == _VERSION:
            at = end
        for _ in ("serial number", "signature", "issuer"):
            _, _, at = _element(der, at)
        _, start, _ = _element(der, at)
        since, at = _moment(der, start)
        until, _ = _moment(der, at)
    except IndexError as error:
        raise ValueError("is no certificate") from error
    return Validity(since, until)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Read tag and length (X.690 § 8.1): the tag, where its content begins and ends."""
    tag, size, start = der[at], der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count], "big"), start + count
    if start + size > len(der):
        raise ValueError("is cut off")
    return tag, start, start + size


def _moment(der: bytes, at: int) -> tuple[float, int]:
    tag, start, end = _element(der, at)
    text = der[start:end].decode("ascii", "replace")
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("has no validity")
    if tag == _UTC_TIME:  # RFC 5280 § 4.1.2.5.1: from 1950 to 2049
        text = f"{'19' if text[:1] in '56789' else '20'}{text}"
    when = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return when.timestamp(), end


def judge(validity: Validity, now: float) -> tuple[Level, str]:
    """Say whether a certificate is valid, and for how long."""
    if now < validity.since:
        return Level.WRONG, f"is not valid before {_written(validity.since)}"
    if now >= validity.until:
        return Level.WRONG, f"expired {_written(validity.until)}"
    left = validity.until - now
    what = f"expires {_written(validity.until)}"
    if left < SOON:
        return Level.WARNING, f"{what}, in {int(left // DAY)} days"
    return Level.OK, what


def _written(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def look_at_own(subject: str, cert: str, key: str, now: float) -> Iterator[Finding]:
    """Look at our certificate, with the chain in its file, and at its key."""
    faults = [*_files(subject, (cert, key)), *_dates(subject, cert, now)]
    yield from faults
    if any(fault.level is Level.WRONG for fault in faults):
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            cert, key or None
        )
    except (OSError, ValueError) as error:  # what ssl raises is one, too
        reason = getattr(error, "reason", None) or error
        what = f"{cert} and {key or 'the key in it'}: {reason}"
        yield Finding(Level.WRONG, subject, what)


def look_at_trusted(subject: str, file: str, now: float) -> Iterator[Finding]:
    """Look at the certificates of those whom we trust; one of many may have expired."""
    faults = list(_files(subject, (file,)))
    yield from faults
    if faults:
        return
    findings = list(_dates(subject, file, now))
    all_wrong = all(finding.level is Level.WRONG for finding in findings)
    for finding in findings:
        if finding.level is not Level.OK:
            level = Level.WRONG if all_wrong else Level.WARNING
            yield finding._replace(level=level)


def look_at_peer(subject: str, der: bytes | None, now: float) -> Iterator[Finding]:
    """Look at the certificate that an operator showed."""
    if not der:
        return
    try:
        level, what = judge(read_validity(der), now)
    except ValueError as error:
        yield Finding(Level.WARNING, subject, f"its certificate {error}")
        return
    if level is not Level.OK:
        yield Finding(level, subject, f"its certificate {what}")


def _files(subject: str, files: tuple[str, ...]) -> Iterator[Finding]:
    """Name the files that cannot be read."""
    for file in filter(None, files):
        try:
            with Path(file).open("rb"):
                pass
        except OSError as error:
            yield Finding(Level.WRONG, subject, f"{file}: {error.strerror}")


def _dates(subject: str, file: str, now: float) -> Iterator[Finding]:
    """Judge each certificate of a PEM file; the first is our own."""
    try:
        blocks = _blocks(Path(file).read_text("latin-1"))
    except OSError:
        return  # it was named already
    if not blocks:
        yield Finding(Level.WRONG, subject, f"{file}: has no certificate in PEM")
    for block in blocks:
        try:
            der = ssl.PEM_cert_to_DER_cert(block.replace("TRUSTED ", ""))
            level, what = judge(read_validity(der), now)
        except ValueError as error:
            level, what = Level.WRONG, f"cannot be read: {error}"
        yield Finding(level, subject, f"{file}: {what}")

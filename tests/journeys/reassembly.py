"""What a phone makes of submit_sm: decoded, and long texts put together again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import gsm0338  # noqa: F401 - registers the codec gsm03.38

if TYPE_CHECKING:
    from collections.abc import Iterable

    from journeys.centre import Submit

UDHI = 0x40
UCS2 = 8
CONCATENATED = 0
"""Information element: 8-bit reference, total, number (3GPP TS 23.040 § 9.2.3.24.1)."""


def texts(submits: Iterable[Submit]) -> dict[str, list[str]]:
    """Decode by recipient: the texts of each, in the order in which they ended."""
    found: dict[str, list[str]] = defaultdict(list)
    begun: dict[tuple[str, int, int], dict[int, Submit]] = defaultdict(dict)
    for submit in submits:
        header, _ = split(submit)
        place = header.get(CONCATENATED)
        if place is None:
            found[submit.recipient].append(decode([submit]))
            continue
        ref, total, number = place
        parts = begun[submit.recipient, ref, total]
        parts[number] = submit
        if len(parts) == total:
            found[submit.recipient].append(
                decode([parts[n] for n in range(1, total + 1)])
            )
            parts.clear()
    assert not any(begun.values()), "a text is not complete"
    return found


def split(submit: Submit) -> tuple[dict[int, bytes], bytes]:
    """Part the user data header's elements from the text."""
    octets = submit.octets
    if not submit.esm_class & UDHI:
        return {}, octets
    end = octets[0] + 1
    elements: dict[int, bytes] = {}
    at = 1
    while at < end:
        size = octets[at + 1]
        elements[octets[at]] = octets[at + 2 : at + 2 + size]
        at += 2 + size
    assert at == end, "the header is malformed"
    return elements, octets[end:]


def decode(parts: Iterable[Submit]) -> str:
    """Decode parts one by one, as a phone does: a character never spans two."""
    whole = ""
    for part in parts:
        _, octets = split(part)
        assert part.data_coding in {0, UCS2}
        codec = "utf-16-be" if part.data_coding == UCS2 else "gsm03.38"
        whole += octets.decode(codec)
    return whole

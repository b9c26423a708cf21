"""
How a text is sent: encoding, cuts and count.

The quote, the charge and the carrier all call ``segment``, so the segments that are
counted are the segments that are sent (3GPP TS 23.038 § 6.2, TS 23.040 § 9.2.3.24).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from budstikke.domain.message import TextMode
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text.graphemes import grapheme_at, last_boundary
from budstikke.domain.text.gsm import (
    NotInAlphabetError,
    escapes,
    first_outside,
    inner_code,
)
from budstikke.domain.text.tables import DEFAULT, LOCKING, SINGLE_SHIFT
from budstikke.domain.text.transliterate import to_gsm
from budstikke.domain.text.udh import (
    CONCATENATION_8_OCTETS,
    CONCATENATION_16_OCTETS,
    USER_DATA_OCTETS,
    national_octets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GSM = "gsm"
UCS2 = "ucs2"

SINGLE_GSM = 160
"""Septets of a text in one segment without a header."""
SINGLE_UCS2 = 70
"""UTF-16 units of a text in one segment without a header."""
MAX_SEGMENTS = 255
"""More cannot be numbered (3GPP TS 23.040 § 9.2.3.24.1)."""

_LONGEST_TEXT = MAX_SEGMENTS * SINGLE_GSM
"""Code points beyond which no text fits; keeps hostile ones from costing time."""
_LONGEST_SHOWN = 32
"""Code points of ``forced_by``; the longest emoji in use have ten."""


class Concat(StrEnum):
    """How a link joins the segments of a long text."""

    UDH8 = "udh8"
    """A header with an 8-bit reference: 153 septets or 67 UTF-16 units a segment."""
    UDH16 = "udh16"
    """A header with a 16-bit reference: 152 septets or 66 UTF-16 units."""
    SAR = "sar"
    """SMPP's sar_ parameters; the SMSC adds the header, so the room is UDH8's."""
    PAYLOAD = "payload"
    """SMPP's message_payload: goes out in one piece, cut (and counted) as UDH8."""


_CONCAT_OCTETS = {
    Concat.UDH8: CONCATENATION_8_OCTETS,
    Concat.UDH16: CONCATENATION_16_OCTETS,
    Concat.SAR: CONCATENATION_8_OCTETS,
    Concat.PAYLOAD: CONCATENATION_8_OCTETS,
}


@dataclass(frozen=True, slots=True)
class Segmentation:
    """
    How a text is sent.

    Attributes:
        encoding: ``gsm`` or ``ucs2``.
        parts: What goes out, in order: one text a segment, or the whole text where
            the SMSC does the cutting (``Concat.PAYLOAD``).
        units: Septets or UTF-16 units of the whole text, headers not counted.
        segments: What is charged for.
        forced_by: The first character (as a person sees it) that the default alphabet
            lacks, where that made the encoding UCS-2.
        tables: (locking, single shift) language identifiers; (0, 0) for the default.

    """

    encoding: str
    parts: tuple[str, ...]
    units: int
    segments: int
    forced_by: str | None
    tables: tuple[int, int]


def segment(
    text: str,
    *,
    mode: TextMode,
    concat: Concat = Concat.UDH8,
    national: frozenset[int] = frozenset(),
) -> Segmentation:
    """
    Decide how a text is sent.

    Args:
        text: Unicode; a lone surrogate counts as U+FFFD.
        mode: What is done with characters that the default alphabet lacks.
        concat: How the link joins long texts.
        national: Language identifiers whose tables the carrier delivers; only used
            in ``AUTO``, and only where they save segments against UCS-2.

    Raises:
        Refusal: ``BAD_CHARACTERS`` in ``GSM_ONLY``, the value being the first such
            character; ``TEXT_TOO_LONG`` above 255 segments.

    """
    coded = inner_code(text)
    if coded is None:
        if len(text) > _LONGEST_TEXT:
            raise Refusal(RefusalCode.TEXT_TOO_LONG)
        if mode is TextMode.AUTO:
            return _wide_plan(_well_formed(text), concat, national)
        if mode is TextMode.CONVERT:
            return segment(to_gsm(text), mode=TextMode.GSM_ONLY, concat=concat)
        text = _well_formed(text)
        stranger = _shown(text, first_outside(text))
        raise Refusal(RefusalCode.BAD_CHARACTERS, value=stranger)
    if len(coded) <= SINGLE_GSM and coded.isascii():
        return Segmentation(GSM, (text,), len(coded), 1, None, DEFAULT)
    return _checked(_gsm_plan(text, coded, concat, DEFAULT))


def units(text: str, encoding: str, tables: tuple[int, int] = DEFAULT) -> int:
    """
    Count septets (``gsm``) or UTF-16 units (``ucs2``) of a text.

    Raises:
        NotInAlphabetError: a character has no code in these tables.

    """
    if encoding == UCS2:
        return len(text.encode("utf-16-le", "surrogatepass")) >> 1
    coded = inner_code(text, tables)
    if coded is None:
        position = first_outside(text, tables)
        raise NotInAlphabetError(text[position], position)
    return len(coded) + escapes(coded)


def room(header_elements: int) -> tuple[int, int]:
    """
    Count the (septets, UTF-16 units) that a segment holds.

    ``header_elements`` is the octets of information elements in its header, the
    header's own length octet not counted.
    """
    header = header_elements + 1 if header_elements else 0
    octets = USER_DATA_OCTETS - header
    return octets * 8 // 7, octets // 2


def _checked(segmented: Segmentation | None) -> Segmentation:
    if segmented is None:
        raise Refusal(RefusalCode.TEXT_TOO_LONG)
    return segmented


def _wide_plan(text: str, concat: Concat, national: frozenset[int]) -> Segmentation:
    """Plan a text outside the default alphabet: UCS-2, unless tables save segments."""
    best = _ucs2_plan(text, concat)
    for tables in _candidates(national):
        coded = inner_code(text, tables)
        if coded is None:
            continue
        candidate = _gsm_plan(text, coded, concat, tables)
        if candidate and (best is None or candidate.segments < best.segments):
            best = candidate
    return _checked(best)


def _candidates(national: frozenset[int]) -> Iterator[tuple[int, int]]:
    """
    Yield pairs of tables to try, in order of preference.

    Single shift alone first: a phone that does not know it still shows a base letter.
    """
    languages = sorted(national)
    for language in languages:
        if language in SINGLE_SHIFT:
            yield 0, language
    for language in languages:
        if language in LOCKING:
            yield language, 0
            yield language, language


def _gsm_plan(
    text: str, coded: bytes, concat: Concat, tables: tuple[int, int]
) -> Segmentation | None:
    """Plan a text in 7-bit tables; ``None`` if it cannot be sent so."""
    septets = len(coded) + escapes(coded)
    elements = national_octets(tables)
    if septets <= room(elements)[0]:
        return Segmentation(GSM, (text,), septets, 1, None, tables)
    if elements and concat in (Concat.SAR, Concat.PAYLOAD):
        # The header would be ours and the SMSC's at once; few get that right.
        return None

    def cost(start: int, end: int) -> int:
        return end - start + escapes(coded[start:end])

    parts = _cut(text, cost, room(_CONCAT_OCTETS[concat] + elements)[0])
    if parts is None:
        return None
    out = _sent(text, parts, concat)
    return Segmentation(GSM, out, septets, len(parts), None, tables)


def _ucs2_plan(text: str, concat: Concat) -> Segmentation | None:
    """Plan a text in UCS-2; ``None`` if it is too long."""
    length = units(text, UCS2)
    forced_by = _shown(text, first_outside(text))
    if length <= SINGLE_UCS2:
        return Segmentation(UCS2, (text,), length, 1, forced_by, DEFAULT)

    def cost(start: int, end: int) -> int:
        return len(text[start:end].encode("utf-16-le")) >> 1

    parts = _cut(text, cost, room(_CONCAT_OCTETS[concat])[1])
    if parts is None:
        return None
    out = _sent(text, parts, concat)
    return Segmentation(UCS2, out, length, len(parts), forced_by, DEFAULT)


def _sent(text: str, parts: list[str], concat: Concat) -> tuple[str, ...]:
    """Return what goes out separately."""
    return (text,) if concat is Concat.PAYLOAD else tuple(parts)


def _cut(text: str, cost: Callable[[int, int], int], size: int) -> list[str] | None:
    """
    Cut a text into parts of at most ``size`` units; ``None`` if there are too many.

    ``cost`` counts the units from one index to another; a character is one or two.
    """
    parts: list[str] = []
    start = 0
    while start < len(text):
        if len(parts) == MAX_SEGMENTS:
            return None
        end = min(start + size, len(text))
        # Each character left out saves two units at most, so this never overshoots.
        while (excess := cost(start, end) - size) > 0:
            end -= (excess + 1) // 2
        end = last_boundary(text, start, end)
        parts.append(text[start:end])
        start = end
    return parts


def _shown(text: str, index: int) -> str:
    near = text[: index + _LONGEST_SHOWN]  # an endless grapheme costs no more
    return grapheme_at(near, index)[:_LONGEST_SHOWN]


def _well_formed(text: str) -> str:
    """Join surrogates that are pairs and make U+FFFD of those that are not."""
    try:
        text.encode("utf-16-le")
    except UnicodeEncodeError:
        octets = text.encode("utf-16-le", "surrogatepass")
        return octets.decode("utf-16-le", "replace")
    return text

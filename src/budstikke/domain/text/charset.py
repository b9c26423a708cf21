"""
Text whose charset is only claimed: MM7 parts and envelopes, parts of MMS.

Octets that are UTF-8 are read so, whatever their label says: other charsets' texts are
practically never UTF-8 by chance, and labels are often a template's. Labels mean what
the WHATWG's encoding standard has them mean (§ 4.2): ``gb2312`` is GB18030,
``iso-8859-1`` Windows-1252. What nothing fits is Windows-1252.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import TYPE_CHECKING, Final

from budstikke.domain.text.latin1 import decode_latin1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARKS: Final = (
    (BOM_UTF8, "utf-8"),
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF32_LE, "utf-32-le"),
    (BOM_UTF16_BE, "utf-16-be"),
    (BOM_UTF16_LE, "utf-16-le"),
)
"""Byte order marks; those of UTF-32 begin as those of UTF-16 do."""

UTF_16: Final = frozenset(
    {
        *("utf16", "utf16be", "utf16le", "ucs2", "iso10646ucs2", "unicode"),
        *("csunicode", "unicodefffe", "unicodefeff", "1000", "1013", "1014", "1015"),
    }
)
UTF_32: Final = frozenset(
    {"utf32", "utf32be", "utf32le", "ucs4", "iso10646ucs4", "1001", "1017"}
)
"""Labels of wide characters; digits are MIBenum values (RFC 3808), as WAP has them."""

CODECS: Final[Mapping[str, str]] = {
    "iso88592": "iso8859-2",
    "latin2": "iso8859-2",
    "iso88593": "iso8859-3",
    "iso88594": "iso8859-4",
    "latin4": "iso8859-4",
    "iso88595": "iso8859-5",
    "iso88596": "iso8859-6",
    "iso88597": "iso8859-7",
    "iso88598": "iso8859-8",
    "iso88599": "cp1254",
    "latin5": "cp1254",
    "iso885910": "iso8859-10",
    "latin6": "iso8859-10",
    "iso885911": "cp874",
    "tis620": "cp874",
    "iso885913": "iso8859-13",
    "iso885914": "iso8859-14",
    "iso885915": "iso8859-15",
    "latin9": "iso8859-15",
    "iso885916": "iso8859-16",
    **{f"windows{page}": f"cp{page}" for page in (874, *range(1250, 1259))},
    **{f"cp{page}": f"cp{page}" for page in (437, 850, 866, 874, *range(1250, 1259))},
    "ibm866": "cp866",
    "macintosh": "mac-roman",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "big5hkscs": "big5hkscs",
    "cp950": "cp950",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "windows31j": "cp932",
    "cp932": "cp932",
    "eucjp": "euc-jp",
    "euckr": "cp949",
    "ksc56011987": "cp949",
    "ksc5601": "cp949",
    "uhc": "cp949",
    "windows949": "cp949",
    "cp949": "cp949",
    "5": "iso8859-2",
    "8": "iso8859-5",
    "12": "cp1254",
    "17": "cp932",
    "18": "euc-jp",
    "38": "cp949",
    "111": "iso8859-15",
    "113": "gb18030",
    "114": "gb18030",
    "2025": "gb18030",
    "2026": "big5hkscs",
    "2084": "koi8-r",
    "2251": "cp1251",
    "2259": "cp874",
}
"""Python's codecs by label, without its punctuation; also by MIBenum value."""

SHIFTED: Final[Mapping[str, str]] = {
    "iso2022jp": "iso2022-jp",
    "39": "iso2022-jp",
    "iso2022kr": "iso2022-kr",
    "37": "iso2022-kr",
    "hzgb2312": "hz",
    "2085": "hz",
}
"""Codecs whose octets are all ASCII: these alone are believed before UTF-8."""

READABLE: Final = 0.75
"""Share of letters, digits and blanks from which what could be UTF-16 is ASCII."""

LOOKED_AT: Final = 1000
"""Characters that are counted for that."""

LONGEST_LABEL: Final = 40

_punctuation = re.compile(r"[^a-z0-9]").sub


def decode_labelled(octets: bytes, *labels: str, narrow: bool = False) -> str:
    """
    Decode a text whose charset is said to be one of ``labels``, tried in order.

    Never fails: a label may be empty, wrong, ``*`` or a MIBenum value. ``narrow``: the
    octets are known not to be UTF-16 or UTF-32. A byte order mark decides, and is no
    part of the text; without one UTF-16 is in the order in which its NULs are, or else
    big-endian (RFC 2781 § 4.3).
    """
    for mark, codec in MARKS:
        if octets.startswith(mark):
            return octets[len(mark) :].decode(codec, "replace")
    names = [_punctuation("", label[:LONGEST_LABEL].lower()) for label in labels]
    wide = "" if narrow else _wide(octets, names)
    if wide:
        return octets.decode(wide, "replace")
    shifted = (SHIFTED.get(name, "") for name in names)
    for codec in (*shifted, "utf-8", *(CODECS.get(name, "") for name in names)):
        try:
            if codec:
                return octets.decode(codec)
        except UnicodeDecodeError:
            continue
    return decode_latin1(octets)


def _wide(octets: bytes, names: Sequence[str]) -> str:
    """Find the codec of 16 or 32 bits that octets are in; empty: they are in none."""
    label = next((name for name in names if name in UTF_16 or name in UTF_32), "")
    if label in UTF_32 and len(octets) % 4 == 0 and 0 in octets:
        return "utf-32-le" if octets[0] else "utf-32-be"
    high, low = octets[::2].count(0), octets[1::2].count(0)
    if high != low:  # no other text has NULs
        many = max(high, low) * 4 > len(octets) and not len(octets) % 2
        sure = label in UTF_16 or (many and max(high, low) > 4 * min(high, low))
        return ("utf-16-be" if high > low else "utf-16-le") if sure else ""
    if label not in UTF_16 or len(octets) % 2:
        return ""
    if not high and _is_readable(octets):
        return ""
    return "utf-16-le" if label.endswith("le") else "utf-16-be"


def _is_readable(octets: bytes) -> bool:
    """Tell whether octets are UTF-8, and hardly anything else by chance."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return False
    usual = sum(each.isalnum() or each.isspace() for each in text[:LOOKED_AT])
    return not text.isascii() or usual >= READABLE * min(len(text), LOOKED_AT)

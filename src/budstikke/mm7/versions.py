"""
Which MM7 a request is written in, and its answer is to be (3GPP TS 23.140 § 8.7.8).

Releases 4 to 6 are read alike. An MMSC that validates what it is answered takes its
own schema only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from budstikke.mm7 import envelope
from budstikke.mm7.messages import DEFAULT, SCHEMA, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN: Final[Mapping[str, Schema]] = {
    "4": Schema(f"{SCHEMA}REL-4-MM7-1-0", "4.3.0"),
    "5": Schema(f"{SCHEMA}REL-5-MM7-1-0", "5.3.0"),
    "6": DEFAULT,
}
"""By release: what is said where a request says the namespace or the version alone."""

LONGEST: Final = 200
"""Characters of a namespace that is said again."""

_release = re.compile(r"REL-([0-9]{1,3})(?![0-9])", re.IGNORECASE).search
_version = re.compile(r"([0-9]{1,3})(?:\.[0-9]{1,3}){0,3}").fullmatch


class UnknownVersion(Exception):  # noqa: N818 - an answer, not an error of ours
    """A release that is not spoken."""


def schema_of(asked: Any, header: Any, default: Schema) -> Schema:
    """
    Tell which MM7 a request is in.

    ``asked`` is the element in the body, ``header`` that of the transaction (may be
    ``None``); ``default`` is for what says neither. Raises UnknownVersion.
    """
    elements = (asked,) if header is None else (asked, header)
    spaces = [envelope.namespace(element) for element in elements]
    namespace = next((one for one in spaces if 0 < len(one) <= LONGEST), "")
    written = envelope.text(asked, "MM7Version")
    by_name, by_number = _release(namespace), _version(written)
    said = [found for found in (by_name, by_number) if found is not None]
    for found in said:
        if found[1] not in KNOWN:
            raise UnknownVersion(f"{found[0]} is not spoken; releases 4 to 6 are")
    usual = KNOWN[said[0][1]] if said else default
    version = written if by_number is not None else usual.version
    return Schema(namespace or usual.namespace, version)

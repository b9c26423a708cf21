"""
The version of MM7 of a request, in which to respond (3GPP TS 23.140 § 8.7.8).

We read releases 4 to 6 in the same way. An MMSC that validates our response accepts
only its own schema.
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
"""By release: the namespace and version of a request that names only one of them."""

LONGEST: Final = 200
"""Characters of the longest namespace that a response repeats."""

_release = re.compile(r"REL-([0-9]{1,3})(?![0-9])", re.IGNORECASE).search
_version = re.compile(r"([0-9]{1,3})(?:\.[0-9]{1,3}){0,3}").fullmatch


class UnknownVersion(Exception):  # noqa: N818 - an answer, not an error of ours
    """A release that we do not support."""


def schema_of(request: Any, header: Any, default: Schema) -> Schema:
    """
    Return the version of MM7 of a request; raises UnknownVersion.

    Args:
        request: The element in the body.
        header: The element of the transaction; ``None``: there is none.
        default: For a request that has neither.

    """
    elements = (request,) if header is None else (request, header)
    spaces = [envelope.namespace(element) for element in elements]
    namespace = next((one for one in spaces if 0 < len(one) <= LONGEST), "")
    written = envelope.text(request, "MM7Version")
    by_name, by_number = _release(namespace), _version(written)
    known = [found for found in (by_name, by_number) if found is not None]
    for found in known:
        if found[1] not in KNOWN:
            raise UnknownVersion(f"{found[0]} is not spoken; releases 4 to 6 are")
    usual = KNOWN[known[0][1]] if known else default
    version = written if by_number is not None else usual.version
    return Schema(namespace or usual.namespace, version)

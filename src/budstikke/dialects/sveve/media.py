"""
ShowImage: the files of a received MMS, for anyone who has their ids.

A part is a stranger's file: a browser must show it as its declared type only, and run
nothing in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from budstikke.dialects.sveve.request import fields_of
from budstikke.domain.queries import MediaAnswer, MediaQuery
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call, TaskResult

NO_SUCH_PART = "Elementet finnes ikke"
TRY_AGAIN = "Teknisk feil, prøv igjen senere"

STATUS: Mapping[RefusalCode, int] = {
    RefusalCode.TOO_MANY_REQUESTS: 429,
    RefusalCode.STORAGE_DOWN: 503,
    RefusalCode.INTERNAL: 500,
}
"""All other refusals are of an unknown id: 404."""

SAFE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private",
}

UNKNOWN_TYPE = "application/octet-stream"

_type = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[ -~]*)?").fullmatch
_id = re.compile(r"[0-9]{1,40}").fullmatch


def read_ask(call: Call) -> MediaQuery:
    """Read the id of a part; raises Refusal (``BAD_FIELD``) without one."""
    written = fields_of(call).get("id")
    found = _id(written.strip()) if isinstance(written, str) else None
    if found is None:
        raise Refusal(RefusalCode.BAD_FIELD, field="id")
    return MediaQuery(found[0])


def render(answer: TaskResult) -> WireResponse:
    """Write the part, or an HTTP status that says why there is none."""
    if isinstance(answer, MediaAnswer) and answer.part is not None:
        part = answer.part
        kind = part.type if _type(part.type) else UNKNOWN_TYPE
        name = f"; filename*=UTF-8''{quote(part.name, safe='')}" if part.name else ""
        headers = {**SAFE, "content-disposition": f"inline{name}"}
        return WireResponse(200, part.data, kind, headers)
    status = STATUS.get(answer.code, 404) if isinstance(answer, Refusal) else 404
    words = NO_SUCH_PART if status == 404 else TRY_AGAIN
    return WireResponse(status, words.encode())

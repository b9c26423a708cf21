"""
Reads an MMS from the body of a request.

The struct is documented; rules that it cannot express are checked here.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from typing import Annotated

import msgspec
from msgspec import Meta

from budstikke.dialects.bounds import more_than
from budstikke.dialects.native.order import LONGEST_VALIDITY, Number
from budstikke.dialects.native.problems import LONGEST, NO_FIELD, Problem
from budstikke.domain.number import international, why_not
from budstikke.domain.queries import MmsOrder
from budstikke.domain.refusal import RefusalCode

MOST_FILES = 20
MOST_QUOTES = 20_000
"""Quotation marks of a body; those in a text of 5000 characters count, too."""
LONGEST_NAME = 64 * 1024
"""
Octets of the longest field name to decode. A text is shorter, and a file in base64 has
no quotation mark: what is longer, and is followed by a colon, is a name.
"""

_unsafe = re.compile(r"[\x00-\x1f\x7f/\\]")

TYPE = r"^[a-z0-9][a-z0-9.+-]{0,39}/[a-z0-9][a-z0-9.+-]{0,79}(?![\s\S])"
"""It becomes a header: ``$`` would allow a line break at the end."""


class MmsFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A file of an MMS."""

    data: Annotated[
        str,
        Meta(
            min_length=1,
            description="In base64.",
            examples=["R0lGODlhAQABAAAAACw="],
            extra_json_schema={
                "contentEncoding": "base64",
                "pattern": "^([A-Za-z0-9+/]{4})+$",
            },
        ),
    ]
    type: Annotated[str, Meta(pattern=TYPE, examples=["image/gif"])]
    name: Annotated[str, Meta(max_length=64, examples=["sol.gif"])] = ""


class MmsBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An MMS: a text, files, or both."""

    to: Number
    from_: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=40,
            description="A number that the account may send from.",
            examples=["2229"],
            extra_json_schema={"format": "sender"},
        ),
    ] = msgspec.field(name="from")
    subject: Annotated[str, Meta(max_length=80)] = ""
    text: Annotated[str, Meta(max_length=5000)] = ""
    files: Annotated[
        list[MmsFile],
        Meta(
            max_length=MOST_FILES,
            description="With the text at most 300,000 octets, before base64. "
            "SMIL among them is sent as it is.",
        ),
    ] = []
    fit: Annotated[
        bool, Meta(description="Make pictures smaller until the MMS fits.")
    ] = False
    fallback: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1000)] | None,
        Meta(
            description="Sent as SMS when the MMS could not be delivered; `{link}` in "
            "it stands for a link to a page that shows it.",
            examples=["See your picture: {link}"],
        ),
    ] = None
    validity: Annotated[
        int,
        Meta(
            ge=60,
            le=LONGEST_VALIDITY,
            description="Seconds during which it may be delivered.",
        ),
    ] = LONGEST_VALIDITY
    ref: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None,
        Meta(
            description="Your reference: you can list messages by it; webhooks have it."
        ),
    ] = None
    report: Annotated[bool, Meta(description="Send webhooks about its state.")] = True


def check_size(body: bytes) -> None:
    """
    Refuse a body with many more values than an MMS has, or an endless field name.

    Both before decoding: for a name of 8 MB msgspec would write an error message, which
    takes 60 ms. Raises Problem.
    """
    if more_than(body, b'"', MOST_QUOTES):
        raise _bad("files", f"At most {MOST_FILES}")
    start = 0
    while (end := body.find(b'"', start)) >= 0:
        if end - start > LONGEST_NAME and body[end + 1 : end + 99].lstrip()[:1] == b":":
            name = body[start : start + 4 * LONGEST].decode(errors="replace")
            raise Problem(RefusalCode.BAD_FIELD, detail=NO_FIELD, param=name)
        start = end + 1


def read_mms(body: MmsBody, key: str) -> MmsOrder:
    """Read an MMS; ``key`` is its idempotency key. Raises Problem."""
    recipient = international(body.to)
    if recipient is None:
        code = why_not(body.to) or RefusalCode.BAD_RECIPIENT
        raise Problem(code, param="to")
    if not body.text.strip() and not body.files:
        raise Problem(RefusalCode.MISSING_FIELD, param="text")
    for param in ("subject", "text", "fallback", "ref"):
        if "\0" in (getattr(body, param) or ""):
            raise _bad(param, "It has a NUL character")
    return MmsOrder(
        recipient=recipient,
        originator=body.from_,
        text=body.text,
        files=tuple(_file(place, file) for place, file in enumerate(body.files)),
        subject=" ".join(body.subject.split()),
        ref=body.ref,
        report=body.report,
        validity=body.validity,
        fit=body.fit,
        fallback=body.fallback,
        key=key,
    )


def _file(place: int, file: MmsFile) -> tuple[str, str, str]:
    try:
        a2b_base64(file.data, strict_mode=True)
    except (Error, ValueError) as error:
        raise _bad(f"files[{place}].data", "It is not base64") from error
    return _unsafe.sub("_", file.name).strip(), file.type, file.data


def _bad(param: str, detail: str) -> Problem:
    return Problem(RefusalCode.BAD_FIELD, detail=detail, param=param)

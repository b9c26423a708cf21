"""
The problems of the REST API (RFC 9457).

Each code is a row: HTTP status and title. The codes of ``RefusalCode`` are those of all
dialects; the others are this API's own. Tests compare docs/dialects/native.md with this
table, and the served page is made from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from budstikke.domain.refusal import RefusalCode
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.domain.refusal import Refusal

MEDIA_TYPE = "application/problem+json"
DOCS = "/v1/docs"
"""The page with all codes; each has its own fragment."""

RETRY_AFTER = {429: "1", 503: "5"}
"""Seconds to wait before the next try, by HTTP status."""


LONGEST = 200
"""Characters of ``detail`` and ``param``, which may quote the customer."""


NO_FIELD = "There is no such field"
"""The detail about an unknown field."""


class Fault(StrEnum):
    """Stable names of this API's own codes."""

    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    DELETED = "deleted"
    TOO_LATE = "too_late"
    NOT_YET_SENT = "not_yet_sent"
    NOT_YET_TOLD = "not_yet_told"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    NAME_TAKEN = "name_taken"
    NONE_ACCEPTED = "none_accepted"
    TOO_MANY_WAITING = "too_many_waiting"
    DECIDED = "decided"
    QUEUED = "queued"


class Row(NamedTuple):
    """The answer of a code: HTTP status, and a sentence for people."""

    status: int
    title: str


_R = RefusalCode

PROBLEMS: Mapping[RefusalCode | Fault, Row] = {
    _R.MISSING_LOGIN: Row(
        401, "The request has no token: send Authorization: Bearer …"
    ),
    _R.UNKNOWN_LOGIN: Row(401, "The token is wrong"),
    _R.WRONG_PASSWORD: Row(401, "The token is wrong"),
    _R.ADDRESS_NOT_ALLOWED: Row(403, "The token may not be used from this address"),
    _R.HTTPS_REQUIRED: Row(403, "The token may be used over https only"),
    _R.ACCOUNT_BLOCKED: Row(403, "The account is blocked"),
    _R.TOO_MANY_REQUESTS: Row(429, "Too many requests at a time"),
    _R.MALFORMED: Row(400, "The request cannot be read"),
    _R.TOO_LARGE: Row(413, "The request is too large"),
    _R.MISSING_FIELD: Row(422, "A required value is missing"),
    _R.BAD_FIELD: Row(422, "A value is not valid"),
    _R.BAD_RECIPIENT: Row(422, "The number is not a valid phone number"),
    _R.NOT_MOBILE: Row(422, "The number cannot receive messages"),
    _R.COUNTRY_NOT_ALLOWED: Row(422, "The account may not send to this country"),
    _R.NO_ROUTE: Row(422, "The gateway has no carrier for this number"),
    _R.BAD_ORIGINATOR: Row(
        422, "The sender is not valid, or the account may not use it"
    ),
    _R.BAD_PRICE: Row(422, "The price is not a valid premium price"),
    _R.PREMIUM_NOT_ALLOWED: Row(403, "The account may not send premium messages"),
    _R.PREMIUM_BAD_RECIPIENT: Row(422, "The number cannot receive premium messages"),
    _R.PREMIUM_TOO_LONG: Row(422, "A premium text must fit into one segment"),
    _R.TEXT_TOO_LONG: Row(422, "The text is too long"),
    _R.BAD_CHARACTERS: Row(422, "The text has a character that is not in GSM 03.38"),
    _R.UNKNOWN_GROUP: Row(422, "The group does not exist, or has no members"),
    _R.BLACKLISTED: Row(422, "The number is blocked for all accounts"),
    _R.OPTED_OUT: Row(422, "The recipient has opted out of messages from the account"),
    _R.DUPLICATE: Row(409, "The same message was sent to this number a moment ago"),
    _R.NO_CREDIT: Row(402, "The account does not have enough money"),
    _R.SPEND_CAP: Row(402, "The account has reached its spending limit"),
    _R.HELD: Row(403, "The message needs an approval before it can be sent"),
    _R.STORAGE_DOWN: Row(
        503, "The database cannot store anything now: try again later"
    ),
    _R.INTERNAL: Row(500, "The gateway has an internal error"),
    Fault.NOT_FOUND: Row(404, "It does not exist"),
    Fault.METHOD_NOT_ALLOWED: Row(405, "The method is not allowed here"),
    Fault.UNSUPPORTED_MEDIA_TYPE: Row(415, "The body must be application/json"),
    Fault.DELETED: Row(410, "The record was deleted"),
    Fault.TOO_LATE: Row(409, "It was already sent, or is already final"),
    Fault.NOT_YET_TOLD: Row(
        409, "A callback or an answer about it is still outstanding"
    ),
    Fault.NOT_YET_SENT: Row(409, "It is not sent yet: cancel it first"),
    Fault.IDEMPOTENCY_CONFLICT: Row(
        409, "The key was already used for a different request"
    ),
    Fault.NAME_TAKEN: Row(409, "Another group has this name"),
    Fault.NONE_ACCEPTED: Row(422, "The gateway accepted no recipient"),
    Fault.TOO_MANY_WAITING: Row(
        409, "Too many requests already wait for an administrator"
    ),
    Fault.DECIDED: Row(409, "An administrator has already decided"),
    Fault.QUEUED: Row(409, "Earlier callbacks in its queue must go first"),
}

PARAMETERS: Mapping[RefusalCode, str] = {
    **dict.fromkeys(
        (
            _R.BAD_RECIPIENT,
            _R.NOT_MOBILE,
            _R.COUNTRY_NOT_ALLOWED,
            _R.NO_ROUTE,
            _R.BLACKLISTED,
            _R.OPTED_OUT,
        ),
        "to",
    ),
    _R.BAD_ORIGINATOR: "from",
    _R.TEXT_TOO_LONG: "text",
    _R.BAD_CHARACTERS: "text",
    _R.UNKNOWN_GROUP: "groups",
}
"""The parameter at fault, if the refusal does not name it."""

NAMES: Mapping[str, str] = {"group": "groups", "recurrence": "recur"}
"""By the domain's name of a parameter: this API's."""


class Refused(msgspec.Struct, kw_only=True):
    """Why one recipient was refused."""

    to: str
    code: str
    title: str


class ProblemBody(msgspec.Struct, kw_only=True):
    """A problem: `code` is for programs and stable, the rest is for people."""

    type: Annotated[
        str,
        Meta(
            description="Where the code is described, relative to the gateway.",
            examples=["/v1/docs#no_credit"],
            extra_json_schema={"format": "uri-reference"},
        ),
    ]
    title: Annotated[
        str, Meta(description="The same for every problem with this code.")
    ]
    status: Annotated[int, Meta(description="The HTTP status.")]
    code: Annotated[
        str,
        Meta(description="What is wrong; this never changes.", examples=["no_credit"]),
    ]
    detail: Annotated[
        str | UnsetType, Meta(description="What is wrong with this request.")
    ] = UNSET
    param: Annotated[
        str | UnsetType,
        Meta(
            description="The parameter at fault.",
            examples=["recipients[0].fields.name"],
        ),
    ] = UNSET
    recipients: Annotated[
        list[Refused] | UnsetType,
        Meta(description="With `none_accepted`: the reason for each recipient."),
    ] = UNSET


class Problem(Exception):  # noqa: N818 - an answer, not an error of ours
    """
    A request that cannot be carried out.

    Args:
        code: The row of the table.
        detail: A sentence about this request.
        param: The parameter at fault, in this API's words.
        allow: Methods of the path, for ``METHOD_NOT_ALLOWED``.
        recipients: Why each was refused, for ``NONE_ACCEPTED``.

    """

    def __init__(
        self,
        code: RefusalCode | Fault,
        *,
        detail: str = "",
        param: str = "",
        allow: str = "",
        recipients: list[Refused] | None = None,
    ) -> None:
        self.code = code
        self.detail = _cut(detail)
        self.param = _cut(param)
        super().__init__(f"{code.value} {self.param}".rstrip())
        self.allow = allow
        self.recipients = recipients


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def problem_of(refusal: Refusal) -> Problem:
    """Make the problem of a refusal."""
    code, field = refusal.code, refusal.field
    if code is RefusalCode.BAD_FIELD and field == "key":
        return Problem(Fault.IDEMPOTENCY_CONFLICT, param="Idempotency-Key")
    param = NAMES.get(field, field) or PARAMETERS.get(code, "")
    detail = f"{PROBLEMS[code].title}: {refusal.value}" if refusal.value else ""
    return Problem(code, detail=detail, param=param)


def render(problem: Problem) -> WireResponse:
    """Write the response."""
    code = problem.code
    status, title = PROBLEMS[code]
    body = ProblemBody(
        type=f"{DOCS}#{code.value}",
        title=title,
        status=status,
        code=code.value,
        detail=problem.detail or UNSET,
        param=problem.param or UNSET,
        recipients=problem.recipients or UNSET,
    )
    headers = {"cache-control": "no-store"}
    if status in RETRY_AFTER:
        headers["retry-after"] = RETRY_AFTER[status]
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if problem.allow:
        headers["allow"] = problem.allow
    return WireResponse(status, msgspec.json.encode(body), MEDIA_TYPE, headers)

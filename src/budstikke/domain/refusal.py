"""
Why a request or a recipient is refused: a closed list.

Each code has a row in every dialect's table and in docs/refusals.md; tests check both.
Add a new code here, in those tables and in the docs in one commit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class RefusalCode(StrEnum):
    """The stable name of a reason to refuse."""

    # Who is calling
    MISSING_LOGIN = "missing_login"
    UNKNOWN_LOGIN = "unknown_login"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a code, not a secret
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    HTTPS_REQUIRED = "https_required"
    ACCOUNT_BLOCKED = "account_blocked"
    TOO_MANY_REQUESTS = "too_many_requests"

    # What the request looks like
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    MISSING_FIELD = "missing_field"
    BAD_FIELD = "bad_field"

    # What is asked
    BAD_RECIPIENT = "bad_recipient"
    NOT_MOBILE = "not_mobile"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    NO_ROUTE = "no_route"
    BAD_ORIGINATOR = "bad_originator"
    BAD_PRICE = "bad_price"
    PREMIUM_NOT_ALLOWED = "premium_not_allowed"
    PREMIUM_BAD_RECIPIENT = "premium_bad_recipient"
    PREMIUM_TOO_LONG = "premium_too_long"
    TEXT_TOO_LONG = "text_too_long"
    BAD_CHARACTERS = "bad_characters"
    UNKNOWN_GROUP = "unknown_group"
    BLACKLISTED = "blacklisted"
    OPTED_OUT = "opted_out"
    DUPLICATE = "duplicate"
    NO_CREDIT = "no_credit"
    SPEND_CAP = "spend_cap"
    HELD = "held"

    # What is wrong with us
    STORAGE_DOWN = "storage_down"
    INTERNAL = "internal"


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """
    A request is refused; domain, dialects and flow raise it.

    Args:
        code: The row of the dialect's table with the answer.
        field: The dialect's own name of the parameter at fault, if there is one.
        value: The customer's value of it (never a secret).
        invalid: Of an order to many: the recipients that are impossible or barred, as
            written.
        duplicate: Likewise those given twice, or held by the duplicate lock.

    """

    def __init__(
        self,
        code: RefusalCode,
        *,
        field: str = "",
        value: str = "",
        invalid: Sequence[str] = (),
        duplicate: Sequence[str] = (),
    ) -> None:
        super().__init__(f"{code.value} {field}".rstrip())
        self.code = code
        self.field = field
        self.value = value
        self.invalid = invalid
        self.duplicate = duplicate

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle all attributes: exceptions forget keyword arguments."""
        rest = (self.field, self.value, self.invalid, self.duplicate)
        return _refusal, (self.code, *rest)


def _refusal(
    code: RefusalCode,
    field: str,
    value: str,
    invalid: Sequence[str],
    duplicate: Sequence[str],
) -> Refusal:
    return Refusal(code, field=field, value=value, invalid=invalid, duplicate=duplicate)

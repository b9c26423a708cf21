"""
What an operator's answer means, by the tables of a description. Pure.

A description says it in the words of ``VERDICTS``.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Sent, Unsure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.carriers.http.description import Answer, Rule
    from budstikke.carriers.http.document import Document

LONGEST_RAW: Final = 200
"""Characters of the operator's words to keep."""

LONGEST_WAIT: Final = 86_400.0


class Verdict(StrEnum):
    """What an answer means for the message."""

    SENT = "sent"
    UNSURE = "unsure"
    THROTTLED = "throttled"
    LATER = "later"
    RECIPIENT = "recipient"
    SENDER = "sender"
    CONTENT = "content"
    BARRED = "barred"
    PREMIUM = "premium"
    NO_ROUTE = "no_route"
    OURS = "ours"
    REJECTED = "rejected"
    NEVER = "never"


REFUSALS: Final[Mapping[Verdict, tuple[Reason, Retry]]] = {
    Verdict.THROTTLED: (Reason.THROTTLED, Retry.SLOWER),
    Verdict.LATER: (Reason.INTERNAL, Retry.LATER),
    Verdict.RECIPIENT: (Reason.UNKNOWN_SUBSCRIBER, Retry.NEVER),
    Verdict.SENDER: (Reason.BAD_ORIGINATOR, Retry.ELSEWHERE),
    Verdict.CONTENT: (Reason.CONTENT, Retry.ELSEWHERE),
    Verdict.BARRED: (Reason.BARRED, Retry.ELSEWHERE),
    Verdict.PREMIUM: (Reason.PREMIUM, Retry.NEVER),
    Verdict.NO_ROUTE: (Reason.NO_ROUTE, Retry.ELSEWHERE),
    Verdict.OURS: (Reason.INTERNAL, Retry.ELSEWHERE),
    Verdict.REJECTED: (Reason.REJECTED, Retry.ELSEWHERE),
    Verdict.NEVER: (Reason.REJECTED, Retry.NEVER),
}
"""The verdicts that are refusals: why, and what to do with the message."""

ANY: Final = "*"
"""In ``Answer.codes``: any other code."""

HTTP: Final[Mapping[str, Verdict]] = {
    "3xx": Verdict.OURS,
    "401": Verdict.OURS,
    "402": Verdict.OURS,
    "403": Verdict.OURS,
    "404": Verdict.OURS,
    "405": Verdict.OURS,
    "408": Verdict.UNSURE,
    "413": Verdict.CONTENT,
    "429": Verdict.THROTTLED,
    "4xx": Verdict.REJECTED,
}
"""
By HTTP status, if a description does not say otherwise; others are unsure.

A 5xx may come from a proxy that passed the request on.
"""


def http_matches(status: int, wanted: str) -> bool:
    """Whether a status is one of those named: ``200 4xx``."""
    exact, hundreds = f"{status}", f"{status // 100}xx"
    return any(word in (exact, hundreds) for word in wanted.split())


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL | re.IGNORECASE)


def _holds(rule: Rule, status: int, document: Document) -> bool:
    if rule.http and not http_matches(status, rule.http):
        return False
    if not rule.path:
        return True
    found = document.find(rule.path)
    return found is not None and _pattern(rule.pattern).fullmatch(found) is not None


def verdict(answer: Answer, status: int, document: Document) -> Verdict:
    """Judge an answer: by the rules, then by its code, then by its HTTP status."""
    for rule in answer.rules:
        if _holds(rule, status, document):
            return rule.then
    code = document.find(answer.code)
    if code:
        found = answer.codes.get(code) or answer.codes.get(ANY)
        if found is not None:
            return found
    for table in (answer.http, HTTP):
        for name in (f"{status}", f"{status // 100}xx"):
            if name in table:
                return table[name]
    return Verdict.UNSURE


def outcome(answer: Answer, status: int, document: Document, ours: str) -> Outcome:
    """
    Return the outcome of a submission.

    Args:
        answer: Of the description.
        status: The HTTP status.
        document: The body.
        ours: The id that we gave the message; see ``Answer.our_id``.

    """
    judged = verdict(answer, status, document)
    if judged is Verdict.SENT:
        return Sent(ours if answer.our_id else document.find(answer.id) or "")
    raw = f"HTTP {status} {document.words(answer.raw)}".strip()[:LONGEST_RAW]
    if judged is Verdict.UNSURE:
        return Unsure(raw)
    reason, retry = REFUSALS[judged]
    return Rejected(reason, raw, retry)


def wait(retry_after: str, now: float) -> float:
    """Read ``Retry-After`` (RFC 9110 § 10.2.3) as seconds; 0: it says nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)

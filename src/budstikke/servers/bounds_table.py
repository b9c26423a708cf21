"""
The bounds of requests as a table, for docs/configure.md.

``python -m budstikke.servers.bounds_table`` writes it, and a test compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

from budstikke.carriers.simulator.web import requests as simulator
from budstikke.dialects import bounds as dialects
from budstikke.dialects import native
from budstikke.dialects.ip1 import envelope, operations
from budstikke.dialects.ip1 import order as ip1
from budstikke.dialects.native import bodies, order
from budstikke.mm7 import envelope as mm7
from budstikke.mm7 import multipart
from budstikke.servers import auth, bounds


class Row(NamedTuple):
    """One bound."""

    limit: str
    value: str
    where: str
    answer: str


def octets(count: int) -> str:
    """Write octets as people do."""
    for unit, size in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if count >= size and not count % size:
            return f"{count // size} {unit}"
    return f"{count:,} octets"


def number(count: float) -> str:
    """Write a number with its thousands."""
    return f"{count:,.0f}"


EVERY = "every request"
FULL = "`too_large` in that API's words"
FORMS = "every API but REST"

HTTP = (
    Row("request line with headers", octets(bounds.LONGEST_HEAD), EVERY, "414, 431"),
    Row("one header's value", octets(bounds.LONGEST_VALUE), EVERY, "431"),
    Row("headers", number(bounds.MOST_HEADERS), EVERY, "431"),
    Row("`Host`", "one, or none", EVERY, "400"),
    Row("digits of an id in a path", number(bounds.LONGEST_ID), EVERY, "404"),
    Row("time for a head", f"{bounds.HEAD_SECONDS:g} s", EVERY, "408"),
    Row(
        "time for a body",
        f"{bounds.BODY_SECONDS:g} s, and 1 s more for each {bounds.BODY_RATE} octets",
        EVERY,
        "408",
    ),
    Row("time without a request", "75 s", "a connection", "it is closed"),
    Row(
        "time in which nothing of an answer is read",
        f"{bounds.STUCK_SECONDS:g} s",
        "a connection",
        "it is closed",
    ),
    Row(
        "requests worked at a time",
        "1",
        "a connection",
        "the next is read when the one before is answered",
    ),
    Row("connections", "`http.max_connections`", "an address", "429, Retry-After"),
    Row(
        "request bodies in memory, not counting the first "
        f"{octets(bounds.SMALL_BODY)} of each; one address may take half",
        "`http.max_bodies`",
        "all requests together",
        "503, Retry-After",
    ),
    Row("body", "`http.max_body`", EVERY, FULL),
    Row(
        "wrong passwords, keys and identifiers",
        f"{auth.GUESSES} different ones in {auth.WRONG_FOR:g} s",
        "an address",
        "`too_many_requests`",
    ),
)

BODIES = (
    Row(
        "body that orders one message, or asks something",
        octets(dialects.SMALL),
        FORMS,
        FULL,
    ),
    Row(
        "body with many recipients, messages or files",
        octets(dialects.LARGE),
        "Front's push_bulk, Sveve's SendMessage as JSON",
        FULL,
    ),
    Row("SOAP envelope", octets(operations.LARGEST), "iP.1", "110, or a fault"),
    Row(
        "elements of an envelope, and its attributes",
        f"{number(envelope.MOST_TAGS // 2)} each",
        "iP.1",
        "a fault",
    ),
    Row(
        "parameters of a query or a form",
        number(dialects.MOST_PARAMETERS),
        FORMS,
        FULL,
    ),
    Row("recipients of an order", number(dialects.MOST_RECIPIENTS), FORMS, FULL),
    Row(
        "messages with texts of their own in a request",
        number(dialects.MOST_MESSAGES),
        "Sveve, iP.1's templates",
        FULL,
    ),
    Row(
        "characters of a text, times the Keys that are replaced in it",
        number(ip1.MOST_LOOKS),
        "iP.1's templates",
        FULL,
    ),
    Row(
        "values of a JSON document",
        f"{number(dialects.MOST_VALUES)}, and 1 more for each "
        f"{dialects.OCTETS_OF_A_VALUE} octets",
        "Front, Sveve",
        FULL,
    ),
    Row("colons in a JSON document", number(dialects.MOST_NAMES), "Front, Sveve", FULL),
    Row("body that sends or quotes", "`http.max_body`", "REST", "413"),
    Row("any other body", octets(native.SMALL), "REST", "413"),
    Row("parameters of a query", number(bodies.MOST_PARAMETERS), "REST", "400"),
    Row("recipients of an order", number(order.MOST_RECIPIENTS), "REST", "422"),
    Row("fields of a recipient", number(order.MOST_FIELDS), "REST", "422"),
    Row(
        "memory of an order's texts, once their fields are filled in",
        octets(order.MOST_OCTETS),
        "REST",
        "413",
    ),
    Row("envelope", octets(mm7.LARGEST), "MM7", "status 2007"),
    Row("elements of an envelope", number(mm7.MOST_TAGS // 2), "MM7", "status 2007"),
    Row("parts of a message", number(multipart.MOST_PARTS), "MM7", "status 2007"),
    Row("body", octets(simulator.MAX_BODY), "the simulator", "413"),
)


def table() -> str:
    """Write the bounds as a Markdown table."""
    lines = ["| limit | value | where | what is answered |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in (*HTTP, *BODIES)]
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")

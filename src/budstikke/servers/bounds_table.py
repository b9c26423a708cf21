"""
The limits of requests as a table, for docs/configure.md.

``python -m budstikke.servers.bounds_table`` prints it, and a test compares both.
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
    """One limit: its name, its value, what it applies to, what exceeds it gets."""

    limit: str
    value: str
    where: str
    answer: str


def octets(count: int) -> str:
    """Write octets as KiB or MiB."""
    for unit, size in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if count >= size and not count % size:
            return f"{count // size} {unit}"
    return f"{count:,} octets"


def number(count: float) -> str:
    """Write a number with separators of thousands."""
    return f"{count:,.0f}"


EVERY = "each request"
CONNECTION = "each connection"
ADDRESS = "each client address"
CLOSE = "closes the connection"
FULL = "`too_large` in that API's words"
FORMS = "all APIs except REST"

HTTP = (
    Row(
        "size of request line and headers",
        octets(bounds.LONGEST_HEAD),
        EVERY,
        "414, 431",
    ),
    Row("size of one header's value", octets(bounds.LONGEST_VALUE), EVERY, "431"),
    Row("number of headers", number(bounds.MOST_HEADERS), EVERY, "431"),
    Row("headers `Host`", "0 or 1", EVERY, "400"),
    Row("digits of an id in a path", number(bounds.LONGEST_ID), EVERY, "404"),
    Row(
        "time to send request line and headers",
        f"{bounds.HEAD_SECONDS:g} s",
        EVERY,
        "408",
    ),
    Row(
        "time to send the body",
        f"{bounds.BODY_SECONDS:g} s, plus 1 s for each {bounds.BODY_RATE} octets",
        EVERY,
        "408",
    ),
    Row("time without a request", "75 s", CONNECTION, CLOSE),
    Row(
        "time in which the client reads nothing of an answer",
        f"{bounds.STUCK_SECONDS:g} s",
        CONNECTION,
        CLOSE,
    ),
    Row(
        "requests in progress",
        "1",
        CONNECTION,
        "reads the next request after it has answered this one",
    ),
    Row("connections", "`http.max_connections`", ADDRESS, "429 with Retry-After"),
    Row(
        "bodies in memory, without the first "
        f"{octets(bounds.SMALL_BODY)} of each; one address may take half",
        "`http.max_bodies`",
        "all requests together",
        "503 with Retry-After",
    ),
    Row("size of a body", "`http.max_body`", EVERY, FULL),
    Row(
        "wrong passwords, keys and identifiers",
        f"{auth.GUESSES} different ones in {auth.WRONG_FOR:g} s",
        ADDRESS,
        "`too_many_requests`",
    ),
)

BODIES = (
    Row(
        "size of a body with one message or a query",
        octets(dialects.SMALL),
        FORMS,
        FULL,
    ),
    Row(
        "size of a body with many recipients, messages or files",
        octets(dialects.LARGE),
        "Front's push_bulk, Sveve's SendMessage as JSON",
        FULL,
    ),
    Row(
        "size of a SOAP envelope",
        octets(operations.LARGEST),
        "iP.1",
        "status code 110 or a SOAP fault",
    ),
    Row(
        "elements in a SOAP envelope, and attributes",
        f"{number(envelope.MOST_TAGS // 2)} each",
        "iP.1",
        "a SOAP fault",
    ),
    Row(
        "parameters in a query or a form",
        number(dialects.MOST_PARAMETERS),
        FORMS,
        FULL,
    ),
    Row("recipients in an order", number(dialects.MOST_RECIPIENTS), FORMS, FULL),
    Row(
        "messages with different texts in a request",
        number(dialects.MOST_MESSAGES),
        "Sveve, iP.1's templates",
        FULL,
    ),
    Row(
        "characters in a template, multiplied by the number of its Keys",
        number(ip1.MOST_LOOKS),
        "iP.1's templates",
        FULL,
    ),
    Row(
        "values in a JSON document",
        f"{number(dialects.MOST_VALUES)}, plus 1 for each "
        f"{dialects.OCTETS_OF_A_VALUE} octets",
        "Front, Sveve",
        FULL,
    ),
    Row("colons in a JSON document", number(dialects.MOST_NAMES), "Front, Sveve", FULL),
    Row(
        "size of a body with messages to send or to quote",
        "`http.max_body`",
        "REST",
        "413",
    ),
    Row("size of any other body", octets(native.SMALL), "REST", "413"),
    Row("parameters in a query", number(bodies.MOST_PARAMETERS), "REST", "400"),
    Row("recipients in an order", number(order.MOST_RECIPIENTS), "REST", "422"),
    Row("fields of a recipient", number(order.MOST_FIELDS), "REST", "422"),
    Row(
        "memory for the texts of an order, with their fields filled in",
        octets(order.MOST_OCTETS),
        "REST",
        "413",
    ),
    Row("size of an envelope", octets(mm7.LARGEST), "MM7", "status 2007"),
    Row("elements in an envelope", number(mm7.MOST_TAGS // 2), "MM7", "status 2007"),
    Row("MIME parts in a message", number(multipart.MOST_PARTS), "MM7", "status 2007"),
    Row("size of a body", octets(simulator.MAX_BODY), "the simulator", "413"),
)


def table() -> str:
    """Write the limits as a Markdown table."""
    lines = [
        "| limit | value | for | beyond it |",
        "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in (*HTTP, *BODIES)]
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")

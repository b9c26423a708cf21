"""
Log lines: one JSON object each, with the message id where there is one.

Code logs through the standard library and needs nothing from here::

    if LOG.isEnabledFor(logging.DEBUG):
        LOG.debug("sent", extra={"message_id": 145099, "carrier": "op"})

The first argument is a fixed text for the step; everything variable goes into
``extra``. Telephone numbers are shown, since nothing can be traced without them. Texts,
secrets, queries and bodies never are: put ``masked`` around them. A field with such a
name is masked here all the same, and so is an exception's message, unless exceptions of
its type never quote data, as a ``ValueError`` and a database's errors do.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MASKED = frozenset(
    {"authorization", "body", "content", "headers", "password", "payload", "query"}
    | {"secret", "text", "token", "txt"}
)
"""Names of fields to mask."""

QUIET = {
    "uvicorn.access": logging.CRITICAL,  # it writes raw queries: passwords and texts
    "uvicorn.error": logging.ERROR,  # it warns of each malformed request
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
}
"""Loggers of libraries, and the lowest level to log of them."""

QUOTE_NOTHING = frozenset(
    {"ArithmeticError", "AttributeError", "ImportError", "NameError", "OSError"}
    | {"StoreUnavailable", "TypeError"}
)
"""Types of exceptions (or bases) whose messages quote no data."""

MOST_CAUSES = 8
"""Exceptions of one line: causes, and members of groups."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName", "color_message")
}
"""Attributes of records that are not logged; others came as ``extra``."""


def masked(value: str | bytes | None) -> str:
    """Describe a value by its length."""
    return "" if value is None else f"[{len(value)}]"


class JsonFormatter(logging.Formatter):
    """
    Writes a record as one line of JSON.

    Args:
        node: This process's name; empty: it is left out.

    """

    def __init__(self, node: str = "") -> None:
        super().__init__()
        self._node = {"node": node} if node else {}

    def format(self, record: logging.LogRecord) -> str:
        """Write time (UTC), level, logger, step, the extra fields and any traceback."""
        whole = time.gmtime(record.created)
        line: dict[str, Any] = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', whole)}"
            f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "step": _step(record),
            **self._node,
        }
        line |= _extra(vars(record))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = "\n".join(_lines_of(record.exc_info[1]))
        return msgspec.json.encode(line, enc_hook=str).decode()


def _step(record: logging.LogRecord) -> str:
    """Write the step; without what asyncio appends: the ``repr`` of a callback."""
    step = record.getMessage()
    return step.partition("\n")[0] if record.name == "asyncio" else step


def _lines_of(error: BaseException | None) -> Iterator[str]:
    """Write an exception as Python does, its causes first, with values masked."""
    waiting, done = [error], 0
    causes: list[str] = []
    while waiting and done < MOST_CAUSES:
        exception = waiting.pop()
        if exception is None:
            continue
        done += 1
        frames = "".join(traceback.format_tb(exception.__traceback__)).rstrip()
        causes.append(f"{frames}\n{_named(exception)}".lstrip("\n"))
        if isinstance(exception, BaseExceptionGroup):
            waiting += exception.exceptions
        hidden = None if exception.__suppress_context__ else exception.__context__
        waiting.append(exception.__cause__ or hidden)
    yield from reversed(causes)


def _named(error: BaseException) -> str:
    """Name an exception; of a database's, show the SQLSTATE and not the message."""
    name, said = type(error).__name__, str(error)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        name = f"{name} {state}"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if said and not kinds & QUOTE_NOTHING:
        said = masked(said)
    return f"{name}: {said}" if said else name


def _extra(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _mask(value) if name in MASKED else value
        for name, value in attributes.items()
        if name not in _PLAIN
    }


def _mask(value: object) -> str:
    return masked(value if isinstance(value, str | bytes) else str(value))


def configure(level: str, node: str = "", stream: TextIO | None = None) -> None:
    """
    Log lines of ``level`` (``debug`` ... ``error``) and above, with the node's name.

    They go to standard error, or to ``stream``. Call it once, at the start.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(node))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(max(least, root.level))

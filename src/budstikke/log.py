"""
Log lines: one JSON object each, with the message id where there is one.

Code logs through the standard library and needs nothing from here::

    if LOG.isEnabledFor(logging.DEBUG):
        LOG.debug("sent", extra={"message_id": 145099, "carrier": "op"})

The first argument is a fixed word for the step; whatever differs goes into ``extra``.
Telephone numbers are shown, since nothing can be traced without them. Texts, secrets,
queries and bodies never are: put ``masked`` around them. A field whose name says that
it is one of those is masked here all the same.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MASKED = frozenset(
    {"authorization", "body", "content", "headers", "password", "payload", "query"}
    | {"secret", "text", "token", "txt"}
)
"""Names of fields that are never shown."""

QUIET = {
    "uvicorn.access": logging.CRITICAL,  # it writes raw queries: passwords and texts
    "uvicorn.error": logging.ERROR,  # it warns of each malformed request
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
}
"""Other people's loggers, and from which level on they are heard."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName", "color_message")
}
"""Attributes of records that are not shown; others came as ``extra``."""


def masked(value: str | bytes | None) -> str:
    """Say how long something is instead of what it is."""
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
            "step": record.getMessage(),
            **self._node,
        }
        line |= _extra(vars(record))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


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
    Write log lines of ``level`` (``debug`` ... ``error``) and above, with the node.

    They go to standard error unless ``stream`` is given. Call it once, at start.
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

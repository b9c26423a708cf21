"""
Failed logins, for who looks after the gateway: a line each, but never a flood of them.

A line says from where, at which API, as whom and why; never the secret. Where a key is
identifier and secret alike, nothing of it is said.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from budstikke.servers.addresses import neighbourhood

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.refusal import Refusal

log = logging.getLogger("budstikke.login")

EVERY = 60.0
"""Seconds between equal log lines about one address."""

MOST_LINES = 60
"""Log lines about all addresses together, in how many seconds."""

MOST_KEPT = 4096
"""Addresses, APIs and reasons that are remembered; then all are forgotten."""

LONGEST_SHOWN = 64
"""Characters of an identifier."""


class LoginFailures:
    """Writes failed logins to the log; ``clock``: seconds, never going back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str, str], float] = {}
        self._unsaid: dict[tuple[str, str, str], int] = {}
        self._window = (0.0, 0)

    def note(self, client: str, dialect: str, identifier: str, why: Refusal) -> None:
        """Log a failed login, unless an equal one was logged a moment ago."""
        key = (neighbourhood(client), dialect, why.code.value)
        if len(self._since) >= MOST_KEPT or len(self._unsaid) >= MOST_KEPT:
            self._since.clear()
            self._unsaid.clear()
        now = self._clock()
        since = self._since.get(key)
        if (since is not None and now - since < EVERY) or not self._may_say(now):
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        self._since[key] = now
        extra = {
            "client": client,
            "dialect": dialect,
            "identifier": identifier[:LONGEST_SHOWN],
            "reason": why.code.value,
            "unsaid": self._unsaid.pop(key, 0),
        }
        log.info("login failed", extra=extra)

    def _may_say(self, now: float) -> bool:
        begun, lines = self._window
        if now - begun >= EVERY:
            begun, lines = now, 0
        self._window = (begun, lines + 1)
        return lines < MOST_LINES

"""
Compares a sample of submit_sm_resp with the delivery reports that follow.

It learns from them how the operator writes message ids in both, and measures how long
delivery reports take. A sample is enough, so it remembers at most ``SAMPLE`` parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.carriers.smpp.counters import average
from budstikke.smpp import ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.receipt import Receipt

SAMPLE: Final = 1000
"""Parts that it remembers."""

PAIRS: Final = 40
"""Pairs of ids that it learns from: the newest ones."""

EVERY: Final = 1.0
"""Seconds between two looks for the rule: comparing all pairs takes a while."""

FORGET: Final = 600.0
"""Seconds after which it forgets a part without a delivery report."""


class ReceiptWatch:
    """
    The sample of one carrier.

    Attributes:
        rule: The rule of ``smpp.ids`` that it has learned; ``None``: none yet.
        delay: Seconds from a response to its first delivery report, as a moving
            average; 0: nothing is known.

    """

    def __init__(self) -> None:
        self.rule: str | None = None
        self.delay = 0.0
        self._waiting: dict[str, tuple[str, float]] = {}  # by recipient: id, when
        self._pairs: list[tuple[str, str]] = []
        self._compared_at = -EVERY

    def sent(self, recipient: str, smsc_id: str, now: float) -> None:
        """Note that the operator took a part; ``now`` is Unix seconds."""
        waiting = self._waiting
        if recipient in waiting:
            waiting[recipient] = ("", now)  # which of the two a report is about?
            return
        if len(waiting) >= SAMPLE:
            first = next(iter(waiting))
            if now - waiting[first][1] < FORGET:
                return
            del waiting[first]
        waiting[recipient] = (smsc_id, now)

    def reported(self, receipts: Sequence[Receipt], now: float) -> bool:
        """Compare delivery reports with the sample; ``True``: it learned a new rule."""
        for receipt in receipts:
            noted = self._waiting.pop(receipt.recipient, None)
            if noted is None or not noted[0] or not receipt.smsc_id:
                continue
            self.delay = average(self.delay, now - noted[1])
            self._pairs.append((noted[0], receipt.smsc_id))
        del self._pairs[:-PAIRS]
        if len(self._pairs) < ids.ENOUGH or abs(now - self._compared_at) < EVERY:
            return False
        self._compared_at = now
        learned = ids.learn(self._pairs)
        if learned is None or learned == self.rule:
            return False
        self.rule = learned
        return True

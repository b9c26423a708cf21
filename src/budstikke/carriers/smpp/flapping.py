"""
When a link is paused that tears: its connection ends again and again with parts on it.

Each time nobody knows what became of what was written and not answered. Pure.
"""

from __future__ import annotations


class FlapDetector:
    """
    Torn connections in a row, and the pauses that follow.

    Args:
        most: So many in a row pause the link; 0: none do.
        first: Seconds of the first pause; each one after it is twice as long.
        longest: Seconds of the longest pause.
        well: Seconds after which a connection was well, however it ended.

    Attributes:
        count: Torn connections in a row.

    """

    __slots__ = ("_first", "_longest", "_most", "_pause", "_well", "count")

    def __init__(self, most: int, *, first: float, longest: float, well: float) -> None:
        self.count = 0
        self._most = most
        self._first = first
        self._longest = max(first, longest)
        self._well = well
        self._pause = 0.0

    def ended(self, lasted: float, *, answered: int, unsure: int) -> float:
        """
        Hear that a connection is over that was bound.

        Args:
            lasted: Seconds that it was bound.
            answered: Parts the operator answered on it.
            unsure: Parts that were written and not answered.

        Returns the seconds to pause; 0 if it need not be. A connection that ends
        before it had anything to do says nothing: it neither counts nor is it well.

        """
        if lasted > self._well or (answered and not unsure):
            self.count, self._pause = 0, 0.0
        if not unsure:
            return 0.0
        self.count += 1
        if not self._most or self.count < self._most:
            return 0.0
        self._pause = min(self._pause * 2 or self._first, self._longest)
        return self._pause

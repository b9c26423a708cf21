"""
Pauses a bind whose connection breaks again and again while parts are in flight.

Each time the parts in flight become unsure. Pure.
"""

from __future__ import annotations


class FlapDetector:
    """
    Counts broken connections in a row, and says how long to pause.

    Args:
        most: Broken connections in a row after which to pause; 0: never pause.
        first: Seconds of the first pause; each one after it is twice as long.
        longest: Seconds of the longest pause.
        well: A connection that was up for so many seconds resets the count.

    Attributes:
        count: Broken connections in a row.

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
        Count a connection that has ended; return the seconds to pause (0: none).

        One that ended with parts in flight counts; one on which every part was
        answered resets the count; one without parts does neither.

        Args:
            lasted: Seconds that it was bound.
            answered: Parts that the operator answered on it.
            unsure: Parts without a response.

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

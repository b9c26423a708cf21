"""
Print how quick the interpreter is that runs this, and which one it is.

Usage: PYTHON interpreter.py; says "SECONDS PATH".
"""

import sys
import time


class _Row:
    __slots__ = ("number", "text")

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.text = text


def _work(count: int) -> int:
    """Do what a program does: make objects, call, look up, join."""
    rows: dict[int, _Row] = {}
    total = 0
    for number in range(count):
        rows[number & 255] = row = _Row(number, f"{number:x}")
        total += len(row.text) + row.number
    return total


def seconds(times: int = 7) -> float:
    """Measure the best of some rounds, processor time."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        _work(200_000)
        best = min(best, time.process_time() - began)
    return best


if __name__ == "__main__":
    if sys.version_info >= (3, 11):  # noqa: UP036 - any may be asked
        path = f"{sys.base_exec_prefix}/bin/python{sys.version_info[0]}"
        path += f".{sys.version_info[1]}"
        print(f"{seconds():.4f} {path}")

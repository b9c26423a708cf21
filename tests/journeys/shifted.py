"""
The program on a machine whose clock is wrong: its ``time.time`` is off by so much.

The first argument is a file that holds seconds; it may change at any time. A clock that
only counts is left as it is, as nobody can set it.
"""

import sys
import time
from pathlib import Path

BY = Path(sys.argv.pop(1))
right = time.time


def wrong() -> float:
    """Tell the time as the machine thinks it is."""
    return right() + float(BY.read_text("ascii"))


if __name__ == "__main__":
    time.time = wrong
    from budstikke.cli import main

    sys.exit(main())

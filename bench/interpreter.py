"""
Choose the interpreter that the benchmark runs Budstikke and Jasmin on.

    python interpreter.py PYTHON...     prints the path of one; why, on standard error
    PYTHON interpreter.py --facts       prints as JSON what this one says of its build
    PYTHON interpreter.py --seconds     prints how long it takes for a piece of work

A Python that was built without profile-guided optimisation takes up to half as much
time again, which would be no match for a Kannel that a distribution built. Its build
says so in ``sysconfig`` if it was configured with ``--enable-optimizations``. Debian's
says nothing, though Debian builds it with a profile (``debian/rules`` trains it); and
``PGO_PROF_USE_FLAG`` is what such a build would use, not what this one did. So where no
candidate says that it is optimised, several rounds in turns decide, with a margin.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDEST = (3, 11)
ROUNDS = 5
MARGIN = 0.10
"""By so much a median must be shorter to count as quicker; runs differ by less."""

SWITCH = "--enable-optimizations"
FLAG = "-fprofile-use"
FLAGS_OF = (
    "PY_CORE_CFLAGS",
    "PY_CFLAGS_NODIST",
    "PY_CORE_LDFLAGS",
    "PY_LDFLAGS_NODIST",
)


@dataclass(frozen=True)
class Candidate:
    """
    An interpreter that could be chosen.

    Attributes:
        path: Of the interpreter itself, not of a virtual environment.
        evidence: Where its build says that it is optimised; empty: it does not say.
        seconds: For the same work, one for each round.

    """

    path: str
    evidence: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The seconds of the round in the middle."""
        return statistics.median(self.seconds)


def evidence(args: str, flags: dict[str, str]) -> str:
    """
    Say where a build says that it is optimised by a profile; empty: nowhere.

    Args:
        args: ``CONFIG_ARGS`` of ``sysconfig``.
        flags: Variables of ``sysconfig`` that have the compiler's flags, by name.

    """
    if SWITCH in args:
        return f"CONFIG_ARGS has {SWITCH}"
    found = [name for name, value in flags.items() if FLAG in value]
    return f"{found[0]} has {FLAG}" if found else ""


def choose(candidates: Sequence[Candidate]) -> tuple[Candidate, str]:
    """
    Choose one; returns it, and why.

    Those that say that they are optimised come before all others. Among equals the
    quickest is chosen if it is so by the margin, else the first.
    """
    known = [each for each in candidates if each.evidence]
    among = known or list(candidates)
    quickest = min(among, key=lambda each: each.median)
    equal = [each for each in among if each.median <= quickest.median * (1 + MARGIN)]
    chosen = equal[0]
    rounds = len(chosen.seconds)
    times = ", ".join(f"{each.path} {each.median:.3f} s" for each in candidates)
    if known:
        why = f"its build is optimised: {chosen.evidence}"
        if len(known) > 1 and len(equal) < len(known):
            why += ", and it is the quickest optimised one"
    elif len(candidates) == 1:
        why = "there is no other"
    elif len(equal) == 1:
        why = (
            f"quicker by more than {MARGIN:.0%}, and no build says that it is optimised"
        )
    else:
        why = f"named first; none is quicker by more than {MARGIN:.0%}"
    return chosen, f"{why} (medians of {rounds} rounds in turns: {times})"


class _Row:
    __slots__ = ("number", "text")

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.text = text


def work(count: int) -> int:
    """Do what a program does: make objects, call, look up, join."""
    rows: dict[int, _Row] = {}
    total = 0
    for number in range(count):
        rows[number & 255] = row = _Row(number, f"{number:x}")
        total += len(row.text) + row.number
    return total


def seconds(times: int = 3) -> float:
    """Measure the best of some tries, processor time."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work(200_000)
        best = min(best, time.process_time() - began)
    return best


def _facts() -> dict[str, object]:
    """Say of the interpreter that runs this what ``choose`` needs to know."""
    flags = {name: str(sysconfig.get_config_var(name) or "") for name in FLAGS_OF}
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    version = "{}.{}".format(*sys.version_info)
    return {
        "path": f"{sys.base_exec_prefix}/bin/python{version}",
        "version": list(sys.version_info[:2]),
        "evidence": evidence(arguments, flags),
    }


def _ask(python: str, what: str) -> str:
    """Have an interpreter run this file; empty: it cannot."""
    try:
        done = subprocess.run(
            [python, __file__, what], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


def measured(pythons: Sequence[str]) -> list[Candidate]:
    """Ask each for its facts, and time them in turns; leaves out what is too old."""
    found: dict[str, str] = {}
    for python in pythons:
        said = _ask(python, "--facts")
        facts: dict[str, Any] = json.loads(said) if said else {"version": [0]}
        if tuple(facts["version"]) >= OLDEST:
            found.setdefault(facts["path"], facts["evidence"])
    times: dict[str, list[float]] = {path: [] for path in found}
    for turn in range(ROUNDS):
        for path in list(found) if turn % 2 else list(found)[::-1]:
            times[path].append(float(_ask(path, "--seconds")))
    return [Candidate(path, said, tuple(times[path])) for path, said in found.items()]


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for."""
    if arguments == ["--facts"]:
        print(json.dumps(_facts()))
    elif arguments == ["--seconds"]:
        print(f"{seconds():.4f}")
    else:
        candidates = measured([each for each in arguments if Path(each).exists()])
        if not candidates:
            print("no Python 3.11 or later", file=sys.stderr)
            return 1
        chosen, why = choose(candidates)
        print(chosen.path)
        print(why, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How (a) and (b) grow with the HTTP processes of one gateway (``http.workers``)."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import measures
from bench.budstikke import has_setting
from bench.processes import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.budstikke import Budstikke
    from bench.measures import Result, Size

SETTING = "http.workers"


def counts(cores: int) -> list[int]:
    """
    Choose numbers of workers to compare on so many cores: none, 1, 2, and 4 of 4.

    Without one, the process that has the binds answers requests, too.
    """
    return [0, 1, 2, *([4] if cores >= 4 else [])]


def chosen(text: str) -> list[int]:
    """
    Read what the command line asks for: ``0,1,2``, or empty for what fits.

    Raises BenchError: no numbers, or a gateway that has no such setting.
    """
    try:
        found = [int(each) for each in text.split(",") if each.strip()]
    except ValueError as error:
        raise BenchError(f"--workers: not numbers: {text}") from error
    if not has_setting(SETTING):
        raise BenchError(f"--workers: this gateway has no setting {SETTING}")
    return found or counts(os.cpu_count() or 1)


def compare(
    gateway: Budstikke, out: Path, size: Size, workers: Sequence[int], rounds: int
) -> Iterator[Result]:
    """Take (a) and (b) with each number of workers in turns."""
    sides = [
        (n, replace(gateway, name=f"{gateway.name}, {n}", workers=n)) for n in workers
    ]
    for turn in range(1, rounds + 1):
        for name, pushes in (("a", 0), ("b", 1)):
            for number, each in sides if turn % 2 else sides[::-1]:
                folder = out / "run" / f"workers-{turn}-{name}-{number}"
                result = measures.throughput(
                    each, folder, size, pushes=pushes, name=f"workers-{name}", turn=turn
                )
                result.figures["workers"] = number
                shutil.rmtree(folder)
                yield result

"""
Measure Budstikke and Kannel in turns on this machine.

Everything is on loopback, bounded in time, and ended when this ends.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NoReturn

from bench import check, measures, report, spy
from bench.budstikke import Budstikke
from bench.kannel import Kannel
from bench.machine import describe
from bench.measures import Size
from bench.processes import BenchError

if TYPE_CHECKING:
    from types import FrameType

    from bench.gateway import Gateway
    from bench.measures import Result

HERE = Path(__file__).parent
OUT = HERE / "out"
DOCUMENT = HERE.parent / "docs" / "performance.md"
QUICK = Size(messages=10_000, bulk=20_000, warm_up=1_000, seconds=4)
GATEWAYS: dict[str, Gateway] = {"budstikke": Budstikke(), "kannel": Kannel()}
MEASURES = ("a", "b", "b2", "c", "d", "d=", "e")


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench/run.py")
    parser.add_argument("--quick", action="store_true", help="one round, few messages")
    parser.add_argument("--rounds", type=int, default=0, help="default 3, --quick 1")
    parser.add_argument("--only", choices=sorted(GATEWAYS), help="one gateway alone")
    parser.add_argument(
        "--measures", default=",".join(MEASURES), help="default: %(default)s"
    )
    parser.add_argument("--messages", type=int, help="for (a) and (b)")
    parser.add_argument("--bulk", type=int, help="recipients of (c)")
    parser.add_argument("--receipt-delay", type=int, metavar="MS")
    parser.add_argument(
        "--profile", action="store_true", help="where Budstikke's time goes in (b)"
    )
    parser.add_argument(
        "--docs",
        action=argparse.BooleanOptionalAction,
        help="write docs/performance.md; default: when both were measured in full",
    )
    parser.add_argument("--keep", action="store_true", help="keep databases and logs")
    return parser.parse_args()


def _size(options: argparse.Namespace) -> Size:
    """Choose how much to measure."""
    given = {
        "messages": options.messages,
        "bulk": options.bulk,
        "delay_ms": options.receipt_delay,
    }
    base = QUICK if options.quick else Size()
    return replace(base, **{k: v for k, v in given.items() if v is not None})


@dataclass(slots=True)
class Plan:
    """What is measured, and the results so far."""

    gateways: list[Gateway]
    names: list[str]
    size: Size
    results: list[Result] = field(default_factory=list)

    def take_all(self, rounds: int) -> None:
        """Take all measures, the gateways in turns; who begins changes each round."""
        for turn in range(1, rounds + 1):
            for name in self.names:
                order = self.gateways if turn % 2 else self.gateways[::-1]
                for gateway in order:
                    if self._applies(name, gateway):
                        self._add(self._take(name, gateway, turn))

    def _applies(self, name: str, gateway: Gateway) -> bool:
        """Tell whether a gateway has this measure: Kannel has no bulk request."""
        if name == "c":
            return gateway.name == "budstikke"
        return name != "d=" or len(self.gateways) > 1

    def _take(self, name: str, gateway: Gateway, turn: int) -> Result:
        """Take one measure of one gateway in a folder of its own."""
        size = self.size
        folder = OUT / "run" / f"{turn}-{name.replace('=', 's')}-{gateway.name}"
        pushes = {"a": 0, "b": 1, "b2": 2}
        if name == "c":
            return measures.bulk(gateway, folder, size, turn=turn)
        if name == "e":
            return measures.inbound(gateway, folder, size, turn=turn)
        if name in pushes:
            return measures.throughput(
                gateway, folder, size, pushes=pushes[name], name=name, turn=turn
            )
        rate = self._half_rate([gateway] if name == "d" else self.gateways)
        return measures.latency(gateway, folder, size, rate=rate, name=name, turn=turn)

    def _half_rate(self, gateways: list[Gateway]) -> float:
        """Half of (a)'s rate so far: of one gateway, or of the slower of the two."""
        rates: dict[str, list[float]] = {gateway.name: [] for gateway in gateways}
        for result in self.results:
            if result.measure == "a" and result.gateway in rates:
                rates[result.gateway].append(result.figures["rate"])
        if not all(rates.values()):
            raise BenchError("(d) runs at half of (a)'s rate: measure (a) too")
        return min(median(each) for each in rates.values()) / 2

    def _add(self, result: Result) -> None:
        """Keep a result and show it."""
        self.results.append(result)
        figures = {k: float(f"{v:.5g}") for k, v in result.figures.items()}
        print(f"round {result.round} {result.measure} {result.gateway}: {figures}")
        for fault in result.faults:
            print(f"  {fault}")
        sys.stdout.flush()


def _write(results: list[Result], size: Size, *, document: bool) -> None:
    """Print the table, write the JSON, and the document where it is wanted."""
    machine = describe(OUT) | check.ceilings()
    versions = {n: GATEWAYS[n].version() for n in {r.gateway for r in results}}
    print("\n" + report.as_text(results))
    found = report.as_json(results, size, machine, versions)
    file = OUT / time.strftime("bench-%Y%m%d-%H%M%S.json")
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{file.relative_to(HERE.parent)}")
    if document:
        command = " ".join(["python bench/run.py", *sys.argv[1:]])
        text = report.as_markdown(results, size, machine, versions, command)
        DOCUMENT.write_text(text)
        print(DOCUMENT.relative_to(HERE.parent))


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leave through the finally clauses, which end the children."""
    raise SystemExit(143)


def main() -> int:
    """Run what the command line asks for; 1 when a message was lost or doubled."""
    options = _options()
    OUT.mkdir(exist_ok=True)
    with (OUT / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("bench: another one is running here", file=sys.stderr)
            return 2
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _terminated)
    size = _size(options)
    names = [n for n in MEASURES if n in options.measures.split(",")]
    gateways = [g for n, g in GATEWAYS.items() if options.only in (None, n)]
    rounds = options.rounds or (1 if options.quick else 3)
    plan = Plan(gateways, names, size)
    print(f"load average {os.getloadavg()[0]:.2f} before; other work here costs both")
    try:
        check.check()
        if options.profile:
            return spy.profile(Budstikke(), OUT, size)
        plan.take_all(rounds)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        if plan.results:
            _write(plan.results, size, document=False)
        return 2
    finally:
        if not options.keep:
            shutil.rmtree(OUT / "run", ignore_errors=True)
    whole = len(gateways) > 1 and not options.quick and names == list(MEASURES)
    _write(plan.results, size, document=whole if options.docs is None else options.docs)
    return 1 if report.faults(plan.results) else 0

"""
Measure Budstikke, Kannel and Jasmin in turns on this machine.

Everything is on loopback, bounded in time, and ended when this ends.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import (
    backlog,
    check,
    history,
    measures,
    page,
    report,
    soak,
    spy,
    workers,
)
from bench.budstikke import Budstikke, command, has_setting
from bench.calibration import line, ratio
from bench.ending import on_signals
from bench.jasmin import Jasmin
from bench.kannel import Kannel
from bench.machine import calibrate, describe, why_python
from bench.measures import Result, Size
from bench.processes import BenchError, Busy

if TYPE_CHECKING:
    from bench.gateway import Gateway

HERE = Path(__file__).parent
OUT = HERE / "out"
DOCS = HERE.parent / "docs"
QUICK = Size(messages=10_000, bulk=20_000, warm_up=1_000, seconds=4)
OURS = Budstikke()
OURS_PROCESS = Budstikke(
    "budstikke-process", measures=("a", "b", "d", "d=", "e"), durability="process"
)
ON_POSTGRES = tuple(
    Budstikke(f"budstikke-pg{nodes}", measures=("a", "b", "d"), nodes=nodes)
    for nodes in (1, 2)
)
SIDES: tuple[Gateway, ...] = (OURS, OURS_PROCESS, Kannel(), Jasmin(), *ON_POSTGRES)
GATEWAYS: dict[str, Gateway] = {gateway.name: gateway for gateway in SIDES}
NEEDED = ("budstikke", "kannel")
MOST_OLD, MOST_QUEUED, SOAK_MINUTES = 10_000_000, 1_000_000, 30.0
MEASURES = ("a", "b", "b2", "c", "d", "d=", "e")


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench/run.py")
    parser.add_argument("--quick", action="store_true", help="one round, few messages")
    parser.add_argument(
        "--rounds", type=int, default=0, help="in turns; default 3, with --quick 1"
    )
    parser.add_argument("--only", choices=sorted(GATEWAYS), help="one gateway alone")
    names = ",".join(MEASURES)
    parser.add_argument("--measures", help=f"some of {names} (default: all), or none")
    parser.add_argument("--messages", type=int, help="for (a) and (b)")
    parser.add_argument("--bulk", type=int, help="recipients of (c)")
    parser.add_argument("--receipt-delay", type=int, metavar="MS")
    parser.add_argument(
        "--profile", action="store_true", help="where Budstikke's time goes in (b)"
    )
    parser.add_argument(
        "--docs",
        action=argparse.BooleanOptionalAction,
        help="write docs/performance.md; default: with --all",
    )
    _long_options(parser)
    parser.add_argument(
        "--join",
        type=Path,
        action="append",
        default=[],
        metavar="JSON",
        help="take the results of an earlier run into the report",
    )
    parser.add_argument("--keep", action="store_true", help="keep databases and logs")
    options = parser.parse_args()
    if options.all:
        options.measures = options.measures or ",".join(MEASURES)
        options.history = options.history or MOST_OLD
        options.backlog = options.backlog or MOST_QUEUED
        options.soak = options.soak or SOAK_MINUTES
        if options.workers is None and has_setting(workers.SETTING):
            options.workers = ""
    return options


def _long_options(parser: argparse.ArgumentParser) -> None:
    """Add those of what is measured of ourselves alone, when it is asked for."""
    parser.add_argument("--all", action="store_true", help="all measures, and these")
    parser.add_argument(
        "--history",
        type=int,
        metavar="N",
        nargs="?",
        const=MOST_OLD,
        help="(a) and (b) with N old messages in the database (10 million)",
    )
    parser.add_argument(
        "--backlog",
        type=int,
        metavar="N",
        nargs="?",
        const=MOST_QUEUED,
        help="N queued messages (1 million): memory, drain, urgent ones",
    )
    parser.add_argument(
        "--backlog-rate", type=float, default=5_000, help="of the SMSC, messages/s"
    )
    parser.add_argument(
        "--soak",
        type=float,
        metavar="MINUTES",
        nargs="?",
        const=SOAK_MINUTES,
        help="a long run (30 minutes): memory",
    )
    parser.add_argument(
        "--workers",
        metavar="N,N",
        nargs="?",
        const="",
        help="(a) and (b) with 0, 1, 2 (on four cores also 4) HTTP processes",
    )
    parser.add_argument("--soak-rate", type=float, default=300, help="messages/s")


def _names(options: argparse.Namespace) -> list[str]:
    """Choose the measures: none when only what is of ourselves alone is asked for."""
    alone = options.history or options.backlog or options.soak
    alone = alone or options.workers is not None
    if options.measures is None:
        return [] if alone else list(MEASURES)
    return [n for n in MEASURES if n in options.measures.split(",")]


def _gateways(options: argparse.Namespace) -> list[Gateway]:
    """Choose what is measured; a peer that is not installed is left out."""
    found = []
    for name, gateway in GATEWAYS.items():
        missing = gateway.missing() if options.only in (None, name) else "not wanted"
        if not missing:
            found.append(gateway)
        elif options.only == name or (name in NEEDED and not options.only):
            raise BenchError(f"{name} is not installed: {missing}")
        elif not options.only:
            print(f"without {name}, since this is not installed: {missing}")
    return found


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
        """Tell whether a gateway has this measure, and another to compare it with."""
        return name in gateway.measures and (name != "d=" or len(self._equals()) > 1)

    def _equals(self) -> list[Gateway]:
        """List those that (d=) asks at the same rate."""
        return [each for each in self.gateways if "d=" in each.measures]

    def _take(self, name: str, gateway: Gateway, turn: int) -> Result:
        """Take one measure of one gateway in a folder of its own."""
        most = gateway.most_messages
        size = replace(
            self.size,
            messages=min(self.size.messages, most),
            warm_up=min(self.size.warm_up, max(most // 10, 1)),
        )
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
        rate = self._half_rate([gateway] if name == "d" else self._equals())
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

    def take_long(self, options: argparse.Namespace, rounds: int) -> None:
        """Take those of ourselves alone that are asked for."""
        run = OUT / "run"
        if options.history:
            found = history.compare(OURS, OUT, self.size, options.history, rounds)
            for result in found:
                self._add(result)
        if options.workers is not None:
            counts = options.workers
            for result in workers.compare(OURS, OUT, self.size, counts, rounds):
                self._add(result)
        if options.backlog:
            count, rate = options.backlog, options.backlog_rate
            for turn in range(1, rounds + 1):
                folder = run / f"backlog-{turn}"
                self._add(
                    backlog.measure(OURS, folder, self.size, count, rate, turn=turn)
                )
        if options.soak:
            minutes, rate = options.soak, options.soak_rate
            self._add(soak.measure(OURS, run / "soak", self.size, minutes, rate))

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
    figures = calibrate()
    machine = describe(OUT) | {"calibration": line(figures)} | check.ceilings()
    measured = {r.gateway for r in results}
    versions = {n: g.version() for n, g in GATEWAYS.items() if n in measured}
    print("\n" + report.as_text(results))
    found = report.as_json(results, size, machine, versions)
    found["calibration"] = figures
    file = OUT / time.strftime("bench-%Y%m%d-%H%M%S.json")
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{file.relative_to(HERE.parent)}")
    if document:
        typed = " ".join(["python bench/run.py", *sys.argv[1:]])
        facts = page.Facts(size, machine, versions, typed)
        for name, text in page.files(results, facts).items():
            (DOCS / name).write_text(text)
            print((DOCS / name).relative_to(HERE.parent))


def _results(file: Path) -> list[Result]:
    """Read the results of an earlier run; say how fast its machine was."""
    found = json.loads(file.read_text())
    if "calibration" in found:
        times = ratio(calibrate(), found["calibration"])
        print(f"{file.name}: for the same work this machine takes {times:.2f} times")
    results = found["results"]
    return [Result(**{**each, "busy": Busy(**each["busy"])}) for each in results]


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


def _clean() -> None:
    """Delete databases, settings and logs."""
    shutil.rmtree(OUT / "run", ignore_errors=True)


def _run(options: argparse.Namespace) -> int:
    """Check the instruments, measure, and write what was found."""
    on_signals(lambda: None if options.keep else _clean())
    _clean()  # what a run that was broken off has left
    size = _size(options)
    rounds = options.rounds or (1 if options.quick else 3)
    plan = Plan([], _names(options), size)
    print(f"load average {os.getloadavg()[0]:.2f} before; other work here costs all")
    print(f"Python of Budstikke: {command()[0]}, chosen because {why_python(OUT)}")
    try:
        plan.gateways = _gateways(options)
        if options.workers is not None:
            options.workers = workers.chosen(options.workers)
        for file in options.join:
            plan.results += _results(file)
        check.check()
        if options.profile:
            return spy.profile(OURS, OUT, size)
        plan.take_all(rounds)
        plan.take_long(options, rounds)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        if plan.results:
            _write(plan.results, size, document=False)
        return 2
    finally:
        if not options.keep:
            _clean()
    document = options.all if options.docs is None else options.docs
    _write(plan.results, size, document=document)
    return 1 if report.faults(plan.results) else 0

"""The table and the ratios of a run, for the terminal, for JSON and for page.py."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import sections
from bench.figures import figure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bench.measures import Result, Size

OURS, OURS_PROCESS, PEERS = "budstikke", "budstikke-process", ("kannel", "jasmin")
TITLES = {
    OURS: "Budstikke, `power`",
    OURS_PROCESS: "Budstikke, `process`",
    "kannel": "Kannel",
    "jasmin": "Jasmin",
}
"""What the columns are called; the others by their names."""
NONE = "–"
QUIET = 0.15
"""Cores that others may use before the report warns of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One line of the table.

    Attributes:
        more_is_better: Turns the ratio, so that above 1 is always in our favour;
            None for a line that has no ratio.

    """

    measure: str
    figure: str
    title: str
    unit: str
    more_is_better: bool | None = True


ROWS = (
    Row("a", "rate", "(a) one request per message, to the SMSC", "messages/s"),
    Row("a", "http", "(a) HTTP answers", "answers/s"),
    Row("a", "p99", "(a) HTTP answer p99 at that rate", "ms", None),
    Row("a", "cpu", "(a) processor time", "µs/message", more_is_better=False),
    Row("a", "per_core", "(a) for each core that the gateway used", "messages/s"),
    Row("b", "rate", "(b) with delivery reports and one callback each", "messages/s"),
    Row("b", "http", "(b) HTTP answers", "answers/s"),
    Row("b", "smsc", "(b) submits at the SMSC", "messages/s"),
    Row("b", "cpu", "(b) processor time", "µs/message", more_is_better=False),
    Row("b", "per_core", "(b) for each core that the gateway used", "messages/s"),
    Row("b", "memory", "(b) memory at the end", "MB", more_is_better=False),
    Row("b2", "rate", "(b) with two callbacks each", "messages/s"),
    Row("c", "rate", "(c) one bulk request, to the SMSC", "messages/s"),
    Row("c", "answer", "(c) its answer after", "s", more_is_better=False),
    Row("c", "p99", "(c) single requests meanwhile, p99", "ms", more_is_better=False),
    Row("d", "rate", "(d) at half of its own (a)", "requests/s", None),
    Row("d", "p50", "(d) HTTP answer p50", "ms", more_is_better=False),
    Row("d", "p99", "(d) HTTP answer p99", "ms", more_is_better=False),
    Row("d=", "rate", "(d) both at the same rate", "requests/s", None),
    Row("d=", "p50", "(d) HTTP answer p50, same rate", "ms", more_is_better=False),
    Row("d=", "p99", "(d) HTTP answer p99, same rate", "ms", more_is_better=False),
    Row("e", "rate", "(e) from phones, to the customer's URL", "messages/s"),
    Row("e", "cpu", "(e) processor time", "µs/message", more_is_better=False),
)


def _number(value: float, unit: str) -> str:
    """Write rates whole, times with two or three figures."""
    if unit.endswith("/s"):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def rounds_of(
    results: list[Result], gateway: str, measure: str, name: str
) -> dict[int, float]:
    """Collect a figure by round; of several in one round their median."""
    found: dict[int, list[float]] = {}
    for result in results:
        if (result.gateway, result.measure) == (gateway, measure):
            value = figure(result, name)
            if value is not None:
                found.setdefault(result.round, []).append(value)
    return {number: median(values) for number, values in found.items()}


def _cell(values: Collection[float], unit: str) -> str:
    """Write the median, and the extremes when there were several rounds."""
    if not values:
        return NONE
    text = _number(median(values), unit)
    if len(values) > 1:
        text += f" ({_number(min(values), unit)}–{_number(max(values), unit)})"
    return text


def ratios(
    ours: Mapping[int, float], theirs: Mapping[int, float], row: Row
) -> list[float]:
    """
    Divide our figure by theirs round by round, so that above 1 is in our favour.

    Where no round has both (runs that were joined) it is one ratio, of the medians.
    """
    if not ours or not theirs or row.more_is_better is None:
        return []
    both = [(ours[n], theirs[n]) for n in sorted(ours) if n in theirs]
    pairs = both or [(median(ours.values()), median(theirs.values()))]
    turned = pairs if row.more_is_better else [(low, high) for high, low in pairs]
    return [high / low for high, low in turned if low]


def ratio_cell(found: list[float]) -> str:
    """Write the median of ratios, and the extremes when there are several."""
    if not found:
        return ""
    text = f"{median(found):.2f}"
    if len(found) > 1:
        text += f" ({min(found):.2f}–{max(found):.2f})"
    return text


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of the table.

    Attributes:
        title: Its heading.
        gateway: Whose figures it has.
        peer: With whose figures they are compared; empty: it has the figures.

    """

    title: str
    gateway: str
    peer: str = ""


def columns(results: list[Result]) -> list[Column]:
    """List the columns: ours, each peer with its ratios, and ours on PostgreSQL."""
    measured = {r.gateway for r in results}
    ours = [each for each in (OURS, OURS_PROCESS) if each == OURS or each in measured]
    found = [Column(TITLES[each], each) for each in ours]
    for peer in PEERS:
        if peer in measured or peer == PEERS[0]:
            found.append(Column(TITLES[peer], peer))
            promises = {OURS: "`power`", OURS_PROCESS: "`process`"}
            for each in ours:
                title = f"{promises[each]} : {TITLES[peer]}"
                found.append(Column(title, each, peer))
    others = sorted(g for g in measured if g.startswith(f"{OURS}-") and g not in ours)
    return found + [Column(each, each) for each in others]


def head(results: list[Result]) -> tuple[str, ...]:
    """Name the columns of the table."""
    return ("", "", *(column.title for column in columns(results)))


def _cells(results: list[Result], row: Row) -> Iterator[str]:
    """Write a row's cells, one for each column."""
    for column in columns(results):
        mine = rounds_of(results, column.gateway, row.measure, row.figure)
        if not column.peer:
            yield _cell(mine.values(), row.unit)
            continue
        theirs = rounds_of(results, column.peer, row.measure, row.figure)
        yield ratio_cell(ratios(mine, theirs, row))


def table(results: list[Result]) -> list[tuple[str, ...]]:
    """Make the rows (title, unit, and a cell for each column) of what was measured."""
    rows = [(row.title, row.unit, *_cells(results, row)) for row in ROWS]
    return [row for row in rows if any(cell not in ("", NONE) for cell in row[2:])]


def _busy_of(results: list[Result], name: str) -> str:
    """Write the cores used by one process, and its busiest thread alone."""
    cores = median(r.busy.cores.get(name, 0.0) for r in results)
    thread = median(r.busy.busiest_thread.get(name, 0.0) for r in results)
    if cores - thread < 0.05 or name not in results[0].busy.busiest_thread:
        return f"{name} {cores:.2f}"
    return f"{name} {cores:.2f} (busiest thread {thread:.2f})"


def busy_lines(results: list[Result]) -> Iterator[tuple[str, str, str]]:
    """Say for each measure and gateway who used how many cores (medians)."""
    kinds = dict.fromkeys((r.measure, r.gateway) for r in results)
    for measure, gateway in sorted(kinds):
        same = [r for r in results if (r.measure, r.gateway) == (measure, gateway)]
        by_use = sorted(same[0].busy.cores, key=lambda n: -same[0].busy.cores[n])
        parts = [_busy_of(same, name) for name in by_use]
        others = median(r.busy.others for r in same)
        stolen = median(r.busy.stolen for r in same)
        parts.append(f"others {others:.2f}")
        if stolen >= 0.01:
            parts.append(f"stolen {stolen:.2f}")
        yield measure, gateway, ", ".join(parts)


def faults(results: list[Result]) -> list[str]:
    """List what went wrong anywhere."""
    return [
        f"{r.measure} {r.gateway} round {r.round}: {fault}"
        for r in results
        for fault in r.faults
    ]


def disturbed(results: list[Result]) -> str:
    """Say so when something else used much of the machine; else nothing."""
    most = max((r.busy.others for r in results), default=0.0)
    if most < QUIET:
        return ""
    middle = median(r.busy.others for r in results)
    return (
        f"Not a quiet machine: something else used {middle:.2f} cores (median), at "
        f"most {most:.2f}. Rates are too low and times too long, and not equally for "
        "both; the processor time per message is the steadiest figure."
    )


def as_text(results: list[Result]) -> str:
    """Write the table for the terminal."""
    rows = [head(results), *table(results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
        if len(rows) > 1
    ]
    for section in sections.sections(results):
        lines += sections.as_text(section)
    lines += ["", "Cores used (of each process):"]
    lines += [f"  {m:9} {g:15} {text}" for m, g, text in busy_lines(results)]
    wrong = faults(results)
    lines += ["", *(wrong or ["Every message and every callback arrived once."])]
    lines += [disturbed(results)]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def as_json(
    results: list[Result], size: Size, machine: dict[str, str], versions: dict[str, str]
) -> dict[str, Any]:
    """Make the document for bench/out."""
    return {
        "machine": machine,
        "versions": versions,
        "size": asdict(size),
        "results": [asdict(r) for r in results],
    }

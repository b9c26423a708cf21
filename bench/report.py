"""The table, the ratios and docs/performance.md from the results of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import sections
from bench.jasmin import MOST_MESSAGES as JASMIN_MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measures import Result, Size

OURS, PEERS = "budstikke", ("kannel", "jasmin")
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
    Row("b", "rate", "(b) with receipts and one push, to the last push", "messages/s"),
    Row("b", "http", "(b) HTTP answers", "answers/s"),
    Row("b", "smsc", "(b) submits at the SMSC", "messages/s"),
    Row("b", "cpu", "(b) processor time", "µs/message", more_is_better=False),
    Row("b2", "rate", "(b) with two pushes, to the last push", "messages/s"),
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


def _values(results: list[Result], gateway: str, row: Row) -> list[float]:
    """Collect a figure over the rounds."""
    return [
        r.figures[row.figure]
        for r in results
        if r.gateway == gateway and r.measure == row.measure and row.figure in r.figures
    ]


def _cell(values: list[float], unit: str) -> str:
    """Write the median, and the extremes when there were several rounds."""
    if not values:
        return NONE
    text = _number(median(values), unit)
    if len(values) > 1:
        text += f" ({_number(min(values), unit)}–{_number(max(values), unit)})"
    return text


def _ratio(ours: list[float], theirs: list[float], row: Row) -> str:
    """Write our median beside theirs; above 1 is in our favour."""
    if not ours or not theirs or row.more_is_better is None:
        return ""
    high, low = median(ours), median(theirs)
    if not row.more_is_better:
        high, low = low, high
    return f"{high / low:.2f}" if low else ""


def _columns(results: list[Result]) -> list[str]:
    """Name the gateways beside ours that have a column; Kannel has one always."""
    measured = {r.gateway for r in results}
    every = (*PEERS, *sorted(g for g in measured if g.startswith(f"{OURS}-")))
    return [g for g in every if g in measured or g == PEERS[0]]


def head(results: list[Result]) -> tuple[str, ...]:
    """Name the columns of the table; peers have a ratio."""
    names = ["", "", OURS]
    for gateway in _columns(results):
        names += [gateway, "ratio"] if gateway in PEERS else [gateway]
    return tuple(names)


def table(results: list[Result]) -> list[tuple[str, ...]]:
    """Make the rows (title, unit, ours, a peer's, ratio …) of what was measured."""
    rows = []
    for row in ROWS:
        ours = _values(results, OURS, row)
        cells = [_cell(ours, row.unit)]
        for gateway in _columns(results):
            theirs = _values(results, gateway, row)
            cells.append(_cell(theirs, row.unit))
            if gateway in PEERS:
                cells.append(_ratio(ours, theirs, row))
        if any(cell not in ("", NONE) for cell in cells):
            rows.append((row.title, row.unit, *cells))
    return rows


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
    lines += ["", *(wrong or ["Every message and every push arrived once."])]
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


HEAD = """\
# Performance

Written by `make bench-all`; do not edit. How it is measured, and with what:
[bench/README.md](../bench/README.md).

"""

NOTES = """\
## How to read it

- The load generator, the SMSC and the callback sink run on the same cores as the
  gateway; what they used is in the second table. Each measure starts the gateway in
  an empty folder and warms it up with {warm_up:,} messages; the two take turns.
- A ratio above 1 is in Budstikke's favour: for rates it is Budstikke's by the peer's,
  for times the peer's by Budstikke's. Medians of {rounds} round(s), in brackets the
  extremes.
- (a) ends when the last message is at the SMSC, (b) when the last status push is at the
  customer's URL. Receipts are sent {delay:g} s after the submit; that second is inside
  (b)'s time, which costs the faster gateway more.
- (b) has one push per message (delivered), as Kannel's `dlr-mask=3` and a Front access
  with `status_interim = false`; with two pushes also "the operator has it"
  (`dlr-mask=11`; Budstikke's default).
- All pushes go to one customer's URL, which has up to `callbacks.per_endpoint` (64) at
  a time while it answers quickly; Kannel has no such limit. With 16 at a time, 30 % of
  the first pushes of (b2) were overtaken by the final ones and so not made.
- (d) is an open loop: latency runs from when a request was due, so that a stall is
  charged for all the requests that fell into it.
- (e) is the other way: the SMSC delivers a message from each of many phones (at most
  500 unacknowledged), the gateway acknowledges it and tells the customer by a GET with
  its text and number (Sveve's keyword push; Kannel's `get-url`).
- What an answer promises differs. Budstikke answers when the message is committed to
  SQLite with `synchronous=FULL`: it survives power loss, and so do receipts and pushes.
  Kannel's `store-type = file` answers when the message was given to the kernel with
  `fflush`: it survives the end of the process, not of the machine; which receipt
  belongs to which callback (`dlr-storage = internal`) survives neither.
- Budstikke also keeps every message, checks it against its account and can be
  asked about it later; Kannel forgets it. Kannel is three processes with many threads,
  Budstikke is three, one for its database and one for its pushes.
- Loopback has no round-trip time: with an operator 20 ms away a window of 1000 allows
  50,000 messages a second, so that the window is no limit here or there.
"""


JASMIN = """\
- Jasmin is measured with {most:,} messages, as it would take minutes for more; it runs
  with its daemons for receipts (`dlrlookupd`, `dlrd`), RabbitMQ and Redis, all with
  their defaults, warnings alone in the logs, and without its limit of one submit a
  second for a connector. Its queues are not durable: what it has accepted is lost with
  RabbitMQ's process.
"""


POSTGRES = """\
- budstikke-pg1 and -pg2 are one and two nodes on one PostgreSQL with its defaults
  (`fsync`, `synchronous_commit`), all on the same cores as everything else here. A
  cell is such a database with its nodes and the accounts that are pinned to it; cells
  share nothing, so that their rates add up.
"""


def as_markdown(
    results: list[Result],
    size: Size,
    machine: dict[str, str],
    versions: dict[str, str],
    command: str,
) -> str:
    """Write docs/performance.md."""
    rounds = max(r.round for r in results)
    warning = disturbed(results)
    lines = [f"**{warning}**", ""] if warning else []
    names = head(results)
    lines += [f"| {' | '.join(names)} |", "|---|---" + "|--:" * (len(names) - 2) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in table(results)]
    lines += [""]
    for section in sections.sections(results):
        lines += sections.as_markdown(section)
    lines += ["## Who was busy", "", "Cores, 1.00 being one core all the time."]
    lines += ["", "| measure | gateway | cores |", "|---|---|---|"]
    lines += [f"| {m} | {g} | {text} |" for m, g, text in busy_lines(results)]
    wrong = faults(results)
    every = "Every message and every push that was accepted arrived, and arrived once."
    lines += ["", *([f"- {fault}" for fault in wrong] or [every]), ""]
    notes = NOTES.format(
        warm_up=size.warm_up, rounds=rounds, delay=size.delay_ms / 1000
    )
    if "jasmin" in versions:
        notes += JASMIN.format(most=min(size.messages, JASMIN_MOST))
    if any(name.startswith(f"{OURS}-pg") for name in versions):
        notes += POSTGRES
    facts = [f"- {name}: {value}" for name, value in {**machine, **versions}.items()]
    facts.append(f"- messages: {size.messages:,}; bulk: {size.bulk:,}; connections: 48")
    facts.append(f"- command: `{command}`")
    where = "\n".join(["## The machine and the versions", "", *facts, ""])
    return HEAD + "\n".join(lines) + "\n" + notes + "\n" + where

"""
docs/performance.md and its charts, from the results of a run.

In the order in which somebody asks who thinks of buying a machine: how fast is it,
beside what, at which promise (a summary and three charts); all figures (tables); how
they are to be read; how to take them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench import charts, report, sections
from bench.charts import Bar, Chart, Group
from bench.jasmin import MOST_MESSAGES as JASMIN_MOST
from bench.report import OURS, OURS_PROCESS, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.measures import Result, Size

QUOTED = 3
"""Rounds from which on figures may be quoted: the report says so of fewer."""

SHOWN = (OURS, OURS_PROCESS, "kannel", "jasmin", f"{OURS}-pg1", f"{OURS}-pg2")
"""Whose bars are drawn, in this order; the place is the colour."""

NAMES = {
    OURS: "Budstikke (power)",
    OURS_PROCESS: "Budstikke (process)",
    "kannel": "Kannel",
    "jasmin": "Jasmin",
    f"{OURS}-pg1": "Budstikke (pg, 1 node)",
    f"{OURS}-pg2": "Budstikke (pg, 2 nodes)",
}

THROUGHPUT = (
    ("a", "rate", "From the customer to the operator (a)"),
    ("b", "rate", "With delivery report and callback (b)"),
    ("e", "rate", "From phones to the customer (e)"),
)
LATENCY = (
    ("d=", "p50", "Half of the answers come within"),
    ("d=", "p99", "99 of 100 come within"),
)
MEMORY = (("b", "memory", "All processes, after (b)"),)


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What the page says beside the results.

    Attributes:
        size: How much was measured.
        machine: What it was measured on, by name.
        versions: Of the gateways, by their names.
        command: What was typed.

    """

    size: Size
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    command: str


def _groups(
    results: list[Result], rows: tuple[tuple[str, str, str], ...]
) -> Iterator[Group]:
    """Make the groups of a chart of what was measured."""
    for measure, figure, title in rows:
        bars = []
        for colour, gateway in enumerate(SHOWN):
            found = report.rounds_of(results, gateway, measure, figure).values()
            if found:
                name, ends = NAMES[gateway], (min(found), max(found))
                bars.append(Bar(name, colour, median(found), *ends))
        if bars:
            yield Group(title, bars)


def drawings(results: list[Result]) -> dict[str, Chart]:
    """Make the charts, by the names of their files; those without bars are left out."""
    latency = "milliseconds to the HTTP answer, all at the same rate; shorter is better"
    every = {
        "throughput": Chart(
            "Throughput",
            "messages a second; longer is better",
            list(_groups(results, THROUGHPUT)),
        ),
        "latency": Chart("Latency", latency, list(_groups(results, LATENCY))),
        "memory": Chart(
            "Memory", "megabytes; shorter is better", list(_groups(results, MEMORY))
        ),
    }
    return {f"performance-{n}.svg": chart for n, chart in every.items() if chart.groups}


PROMISES = (
    (OURS_PROCESS, "the promise of Kannel's file store"),
    (OURS, "which survives a loss of power as well"),
)


def _compared(results: list[Result]) -> Iterator[str]:
    """Say for each promise how many times as fast as Kannel it is."""
    for gateway, promise in PROMISES:
        times = []
        for measure, title in (("a", "(a)"), ("b", "(b)")):
            row = Row(measure, "rate", "", "messages/s")
            ours = report.rounds_of(results, gateway, measure, "rate")
            theirs = report.rounds_of(results, "kannel", measure, "rate")
            cell = report.ratio_cell(report.ratios(ours, theirs, row))
            times += [f"{cell} in {title}"] if cell else []
        if times:
            setting = "power" if gateway == OURS else "process"
            yield f"- `{setting}`, {promise}: {', '.join(times)}"


def summary(results: list[Result], facts: Facts) -> list[str]:
    """Write what a reader should know who reads no more; nothing without (a)."""
    rates = {
        measure: report.rounds_of(results, OURS, measure, "rate").values()
        for measure in ("a", "b")
    }
    if not rates["a"]:
        return []
    text = (
        f"On {facts.machine.get('processor', 'this machine')} one gateway with SQLite "
    )
    text += f"takes {median(rates['a']):,.0f} requests a second, each for one message, "
    text += "and sends them to an operator"
    if rates["b"]:
        text += f"; it is {median(rates['b']):,.0f} a second when each also has its "
        text += "delivery report and its callback to the customer"
    compared = list(_compared(results))
    lines = [f"{text}. The load generator and the operator share that machine.", ""]
    if compared:
        lines += [
            "As a multiple of Kannel's rate on that machine, in the same run:",
            "",
        ]
        spread = [_SPREAD] if any("–" in line for line in compared) else []
        lines += [*compared, "", " ".join([*spread, _PROMISES]), ""]
    return lines


_PROMISES = "What each may lose: [durability](configure.md#durability)."
_SPREAD = "In brackets are the extremes of the rounds."

HEAD = """\
# Performance

Written by `make bench-all`; do not edit. How it is measured, and with what:
`bench/README.md`.

"""
NOTES = """\
## How to read it

- A ratio above 1 is in Budstikke's favour: for rates it is Budstikke's by the peer's,
  for times the peer's by Budstikke's, round by round. The figures are medians of
  {rounds} round(s) in turns; in brackets are the extremes.
- What an answer promises differs, so Budstikke has two columns. With
  `durability = "power"`, its default, it answers when the message is committed to
  SQLite with `synchronous=FULL`: the message survives a loss of power, and so do
  delivery reports and callbacks. With `process` (`synchronous=NORMAL`) it answers when
  the operating system has the commit, which survives the end of every process but not
  of the machine. Kannel's `store-type = file` promises that, too: it writes the message
  with `fflush`. But Kannel keeps in memory alone which delivery report belongs to which
  callback (`dlr-storage = internal`).
- The load generator, the SMSC and the callback server run on the same cores as the
  gateway; the table of who was busy says what they used. Each measure starts the
  gateway in an empty folder and warms it up with {warm_up:,} messages.
- (a) ends when the SMSC has the last message, (b) when the customer has the last
  callback. The SMSC sends a delivery report {delay:g} s after the submit; that second
  is part of (b)'s time, which costs the faster gateway more.
- (b) has one callback for each message (delivered), as Kannel's `dlr-mask=3` and a
  Front access with `status_interim = false`; with two callbacks also "the operator has
  it" (`dlr-mask=11`; Budstikke's default).
- All callbacks go to one customer's URL. It gets up to `callbacks.per_endpoint` (64) at
  the same time while it answers quickly; Kannel has no such limit. With 16 at a time,
  the final callback overtook 30 % of the first ones of (b2), which were not made then.
- (d) is an open loop: latency runs from the moment when a request was due, so that a
  stall counts for all the requests that fell into it.
- (e) is the other way: the SMSC delivers a message from each of many phones (at most
  500 unacknowledged). The gateway acknowledges it, and calls the customer by a GET with
  its text and number (Sveve's callback of a keyword; Kannel's `get-url`).
- "For each core" are the messages that one second of processor time is enough for, of
  all the gateway's processes together.
- Memory is that of all processes of a gateway and of the servers that it needs; a page
  that several share counts once (PSS).
- Budstikke also keeps every message, checks it against its account, and can be asked
  about it later; Kannel forgets it. Kannel is three processes with many threads.
  Budstikke has a process for its database, one for its callbacks, and the gateway's.
- Loopback has no round-trip time: with an operator 20 ms away a window of 1000 allows
  50,000 messages a second, so that the window is no limit here or there.
"""


JASMIN = """\
- Jasmin is measured with {most:,} messages, because more would take minutes. It runs
  with its daemons for delivery reports (`dlrlookupd`, `dlrd`), RabbitMQ and Redis, all
  with their defaults, logs warnings only, and has no limit of one submit a second for a
  connector. Its queues are not durable: RabbitMQ's end loses what it has accepted.
"""


POSTGRES = """\
- budstikke-pg1 and -pg2 are one and two nodes on one PostgreSQL with its defaults
  (`fsync`, `synchronous_commit`), all on the same cores as everything else here. A
  cell is such a database with its nodes and the accounts that are pinned to it. Cells
  share nothing, so their rates add up.
"""


REPEAT = """\
## Repeat it

```
git clone … && cd budstikke
make bench-all                    # everything on this page; hours
make bench                        # Budstikke and Kannel alone: three rounds in turns
python bench/run.py --join bench/out/bench-….json --measures none --docs
```

The last line writes this page from the results of earlier runs, in `bench/out`. Figures
of two machines are compared by their calibration, in the list below: a fixed amount of
Python and of system calls. A machine that takes twice the seconds for both is expected
to take twice the microseconds for a message.

This run: `{command}`

"""


def _figures(results: list[Result]) -> list[str]:
    """Write the tables."""
    names = report.head(results)
    lines = ["## All figures", "", f"| {' | '.join(names)} |"]
    lines += ["|---|---" + "|--:" * (len(names) - 2) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in report.table(results)]
    lines += [""]
    for section in sections.sections(results):
        lines += sections.as_markdown(section)
    lines += ["## Who was busy", "", "Cores, 1.00 being one core all the time."]
    lines += ["", "| measure | gateway | cores |", "|---|---|---|"]
    busy = report.busy_lines(results)
    return lines + [f"| {m} | {g} | {text} |" for m, g, text in busy]


def _notes(results: list[Result], facts: Facts) -> str:
    """Write how the figures are to be read."""
    size = facts.size
    text = NOTES.format(
        warm_up=size.warm_up,
        rounds=max(r.round for r in results),
        delay=size.delay_ms / 1000,
    )
    if "jasmin" in facts.versions:
        text += JASMIN.format(most=min(size.messages, JASMIN_MOST))
    if any(name.startswith(f"{OURS}-pg") for name in facts.versions):
        text += POSTGRES
    return text


def _warnings(results: list[Result]) -> list[str]:
    """Say what is against quoting these figures."""
    found = []
    fewest = min(
        max(r.round for r in results if r.measure == m) for m in _main(results)
    )
    if fewest < QUOTED:
        found.append(
            f"Not to be quoted: {fewest} round(s); the rule is {QUOTED} in turns."
        )
    return [f"**{text}**\n" for text in (*found, report.disturbed(results)) if text]


def _main(results: list[Result]) -> set[str]:
    """Name the measures that were taken and need several rounds: all but the soak."""
    return {r.measure for r in results} - {"soak"} or {"soak"}


def markdown(results: list[Result], facts: Facts) -> str:
    """Write the page."""
    lines = [*_warnings(results), *summary(results, facts)]
    for file, chart in drawings(results).items():
        lines += [f"![{charts.alternative(chart)}]({file})", ""]
    lines += _figures(results)
    wrong = report.faults(results)
    every = "Every message that was accepted arrived once, and so did every callback."
    lines += ["", *([f"- {fault}" for fault in wrong] or [every]), ""]
    size = facts.size
    about = [f"- {n}: {v}" for n, v in {**facts.machine, **facts.versions}.items()]
    about.append(f"- messages: {size.messages:,}; bulk: {size.bulk:,}; connections: 48")
    where = "\n".join(["## The machine and the versions", "", *about, ""])
    repeat = REPEAT.format(command=facts.command)
    text = "\n".join(lines)
    return f"{HEAD}{text}\n{_notes(results, facts)}\n{repeat}{where}"


def files(results: list[Result], facts: Facts) -> dict[str, str]:
    """Write what goes into docs/: the page and its charts, by their names."""
    drawn = {name: charts.draw(chart) for name, chart in drawings(results).items()}
    return {"performance.md": markdown(results, facts), **drawn}

"""The parts of the report that are of ourselves alone, from history to cells."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

from bench.figures import figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measures import Result

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a heading; `head` names its columns."""

    title: str
    head: Cells
    rows: list[Cells]


HISTORY = (
    ("history-a", "rate", "(a) to the SMSC, messages/s"),
    ("history-a", "p99", "(a) HTTP answer p99, ms"),
    ("history-a", "cpu", "(a) processor time, µs/message"),
    ("history-b", "rate", "(b) to the last callback, messages/s"),
    ("history-b", "p99", "(b) HTTP answer p99, ms"),
    ("history-b", "cpu", "(b) processor time, µs/message"),
)
BACKLOG = (
    ("queued", "messages queued while the operator was away"),
    ("filled", "seconds to queue them, by bulk requests"),
    ("empty_mb", "memory before, MB (RSS)"),
    ("full_mb", "memory with all of them queued, MB"),
    ("most_mb", "most memory in the whole run, MB"),
    ("connected", "seconds until bound again"),
    ("slow", "messages/s that the SMSC then takes, at most"),
    ("rate", "messages/s drained"),
    ("drained", "seconds to drain"),
    ("urgent", "urgent messages sent meanwhile (priority 3)"),
    ("urgent_p50", "their seconds from the request to the SMSC's answer, median"),
    ("urgent_max", "the same, longest"),
    ("urgent_answer", "their seconds to the HTTP answer, longest"),
)
SOAK = (
    ("minutes", "minutes"),
    ("rate", "messages/s, each with a delivery report and a callback"),
    ("p50", "HTTP answer p50, ms"),
    ("p99", "HTTP answer p99, ms"),
    ("first_mb", "memory at the start, MB (RSS)"),
    ("settled_mb", "memory after a third, MB"),
    ("last_mb", "memory at the end, MB"),
    ("most_mb", "most memory, MB"),
    ("slope", "slope of the last two thirds, MB an hour (least squares)"),
)


def number(value: float) -> str:
    """Write large numbers whole, small ones with three figures."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


WORKERS = (
    ("a", "rate", "(a) to the SMSC, messages/s"),
    ("a", "cpu", "(a) processor time, µs/message"),
    ("a", "per_core", "(a) for each core that the gateway used, messages/s"),
    ("b", "rate", "(b) to the last callback, messages/s"),
    ("b", "cpu", "(b) processor time, µs/message"),
    ("b", "per_core", "(b) for each core that the gateway used, messages/s"),
)


def _cell(values: list[float]) -> str:
    """Write the median, and the extremes when there were several rounds."""
    text = number(median(values))
    if len(values) > 1:
        text += f" ({number(min(values))}–{number(max(values))})"
    return text


def _history(results: list[Result]) -> Iterator[Section]:
    """Compare the full with the empty database."""
    full = [r for r in results if "old" in r.figures]
    if not full:
        return
    rows = []
    for measure, name, title in HISTORY:
        pair = [
            [
                r.figures[name]
                for r in results
                if r.measure == measure and ("old" in r.figures) == is_full
            ]
            for is_full in (False, True)
        ]
        if all(pair):
            ratio = median(pair[1]) / median(pair[0]) if median(pair[0]) else 0.0
            rows.append((title, *map(_cell, pair), f"{ratio:.2f}"))
    title = f"With {full[0].figures['old']:,.0f} old messages in the database"
    yield Section(title, ("", "empty", "full", "full / empty"), rows)


def _scaling(results: list[Result]) -> Iterator[Section]:
    """Compare numbers of HTTP processes: the figures, and how much the most gain."""
    of_it = [r for r in results if r.measure.startswith("workers-")]
    counts = sorted({int(r.figures["workers"]) for r in of_it})
    if not counts:
        return
    rows: list[Cells] = []
    for measure, name, title in WORKERS:
        by_count = [
            [
                value
                for r in of_it
                if r.measure == f"workers-{measure}" and r.figures["workers"] == count
                if (value := figure(r, name)) is not None
            ]
            for count in counts
        ]
        if all(by_count):
            gain = median(by_count[-1]) / median(by_count[0])
            rows.append((title, *map(_cell, by_count), f"{gain:.2f}"))
    heads = [f"{count} worker{'' if count == 1 else 's'}" for count in counts]
    title = "With more HTTP processes (`http.workers`)"
    yield Section(title, ("", *heads, f"{counts[-1]} / {counts[0]}"), rows)


TARGETS = (1_000, 10_000, 50_000)
"""Messages a second in the busiest hour, for the arithmetic of cells."""
FULL = 0.5
"""The share of what a cell can carry that it is planned for."""


def _cells(results: list[Result]) -> Iterator[Section]:
    """Say how many databases with their nodes carry how much, from (b) on one."""
    for nodes in (2, 1):
        name = f"budstikke-pg{nodes}"
        rates = [
            r.figures["rate"] for r in results if (r.gateway, r.measure) == (name, "b")
        ]
        if not rates:
            continue
        rate = median(rates)
        rows: list[Cells] = [
            (
                f"{each:,}",
                f"{each * 86_400 / 1e6:,.0f}",
                f"{ceil(each / rate / FULL):,}",
            )
            for each in TARGETS
        ]
        title = (
            f"Beyond one PostgreSQL: cells of {nodes} node(s) that carry "
            f"{rate:,.0f} messages/s (b) on this machine, planned for {FULL:.0%} of it"
        )
        yield Section(title, ("messages/s", "million a day at most", "cells"), rows)
        return


def sections(results: list[Result]) -> list[Section]:
    """Make the sections of what was measured."""
    found = [*_scaling(results), *_history(results)]
    for measure, figures, title in (
        ("backlog", BACKLOG, "A long queue"),
        ("soak", SOAK, "A long run"),
    ):
        of_it = [r for r in results if r.measure == measure]
        if of_it:
            rows: list[Cells] = [
                (title_of, _cell([r.figures[name] for r in of_it]))
                for name, title_of in figures
            ]
            found.append(Section(title, ("", ""), rows))
    return [*found, *_cells(results)]


def as_text(section: Section) -> list[str]:
    """Write a section for the terminal."""
    rows = [section.head, *section.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["", section.title]
    for row in rows:
        cells = zip(row, widths, strict=True)
        lines.append("  " + "  ".join(c.ljust(w) for c, w in cells))
    return lines


def as_markdown(section: Section) -> list[str]:
    """Write a section for docs/performance.md."""
    columns = len(section.head)
    lines = [f"## {section.title}", "", f"| {' | '.join(section.head)} |"]
    lines += ["|---" + "|--:" * (columns - 1) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in section.rows), ""]

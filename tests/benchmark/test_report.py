"""The table, the ratios and the page that are made of results."""

import re

import pytest
from bench import page, report, sections, workers
from bench.measures import Result, Size
from bench.page import Facts
from bench.processes import BenchError
from bench.report import ROWS, Row, ratio_cell, ratios

from benchmark.results import QUIET, result, rounds

RATE = Row("a", "rate", "rate", "messages/s")
TIME = Row("d", "p99", "p99", "ms", more_is_better=False)
FACTS = Facts(Size(), {"processor": "2 x Test"}, {"budstikke": "v1"}, "bench/run.py")

OURS, PROCESS = "budstikke", "budstikke-process"


def whole(turns: int = 3) -> list[Result]:
    """All that the page needs, in so many rounds."""
    found = []
    for turn in range(1, turns + 1):
        for number, gateway in enumerate((OURS, PROCESS, "kannel"), 1):
            rate = 1_000.0 * number + turn
            figures = {"rate": rate, "cpu": 100.0, "memory": 50.0 * number}
            found += [result(m, gateway, turn, **figures) for m in ("a", "b", "e")]
            found.append(result("d=", gateway, turn, p50=number, p99=2.0 * number))
    return found


def test_ratios_are_taken_round_by_round() -> None:
    assert [2.0, 0.5] == ratios({1: 20, 2: 10}, {1: 10, 2: 20}, RATE)
    assert "1.25 (0.50–2.00)" == ratio_cell([2.0, 0.5])


def test_above_one_is_in_our_favour() -> None:
    assert [0.5] == ratios({1: 20}, {1: 10}, TIME)


def test_of_runs_without_a_round_in_common_it_is_that_of_the_medians() -> None:
    assert [2.0] == ratios({1: 20}, {2: 10}, RATE)
    assert [] == ratios({}, {2: 10}, RATE)


def test_both_promises_are_compared_with_kannel() -> None:
    results = [
        *rounds("a", OURS, "rate", 900, 1_000, 1_100),
        *rounds("a", PROCESS, "rate", 1_800, 2_000, 2_200),
        *rounds("a", "kannel", "rate", 1_000, 1_000, 1_000),
    ]
    names = report.head(results)
    (row,) = report.table(results)
    cells = dict(zip(names[2:], row[2:], strict=True))
    assert {
        "Budstikke, `power`": "1,000 (900–1,100)",
        "Budstikke, `process`": "2,000 (1,800–2,200)",
        "Kannel": "1,000 (1,000–1,000)",
        "`power` : Kannel": "1.00 (0.90–1.10)",
        "`process` : Kannel": "2.00 (1.80–2.20)",
    } == cells


def test_figures_per_core_come_from_the_processor_time() -> None:
    results = [*rounds("a", OURS, "cpu", 100, 100, 100)]
    rows = {row[0]: row[2] for row in report.table(results)}
    (per_core,) = [r.title for r in ROWS if (r.measure, r.figure) == ("a", "per_core")]
    assert "10,000 (10,000–10,000)" == rows[per_core]


def test_the_page_has_charts_then_tables_then_how_to_repeat_it() -> None:
    files = page.files(whole(), FACTS)
    text = files["performance.md"]
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", text)
    assert [name for _, name in shown] == [
        "performance-throughput.svg",
        "performance-latency.svg",
        "performance-memory.svg",
    ]
    assert files.keys() == {"performance.md", *(name for _, name in shown)}
    assert all("Kannel 3,002" in alt for alt, name in shown if "throughput" in name)
    order = ["performance-memory.svg", "## All figures", "## How to read it"]
    order += ["## Repeat it", "## The machine and the versions"]
    places = [text.index(each) for each in order]
    assert sorted(places) == places


def test_the_summary_compares_both_promises() -> None:
    text = "\n".join(page.summary(whole(), FACTS))
    assert "On 2 x Test one gateway with SQLite takes 1,002 requests a second" in text
    assert (
        "- `process`, the promise of Kannel's file store: 0.67 (0.67–0.67) in" in text
    )
    assert (
        "- `power`, which survives a loss of power as well: 0.33 (0.33–0.33) in" in text
    )


def test_without_its_main_figure_there_is_no_summary() -> None:
    assert [] == page.summary(rounds("e", OURS, "rate", 1.0), FACTS)


def test_fewer_than_three_rounds_are_not_to_be_quoted() -> None:
    assert "Not to be quoted: 2 round(s)" in page.markdown(whole(2), FACTS)
    # A soak is long, and taken once.
    soak = {name: 1.0 for name, _ in sections.SOAK}
    results = [*whole(3), Result("soak", OURS, 1, soak, QUIET)]
    assert "Not to be quoted" not in page.markdown(results, FACTS)


def test_what_was_not_measured_has_no_chart() -> None:
    assert ["performance-throughput.svg"] == [
        *page.drawings(rounds("a", OURS, "rate", 1))
    ]


def test_workers_are_compared_with_one() -> None:
    results = [
        result(
            f"workers-{measure}", OURS, turn, workers=n, rate=1_000 + 500 * n, cpu=100
        )
        for measure in ("a", "b")
        for turn in (1, 2, 3)
        for n in (0, 1, 2)
    ]
    (section,) = sections.sections(results)
    assert ("", "0 workers", "1 worker", "2 workers", "2 / 0") == section.head
    rows = {row[0]: row[1:] for row in section.rows}
    cells = [f"{n} ({n}–{n})" for n in ("1,000", "1,500", "2,000")]
    expected = (*cells, "2.00")
    assert expected == rows["(a) to the SMSC, messages/s"]
    assert "1.00" == rows["(a) for each core that the gateway used, messages/s"][-1]


def test_numbers_of_workers() -> None:
    assert [0, 1, 2] == workers.counts(2)
    assert [0, 1, 2, 4] == workers.counts(4)
    with pytest.raises(BenchError, match="not numbers: many"):
        workers.chosen("many")

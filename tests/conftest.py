"""What all tests share: figures that are printed at the end."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from budstikke.store.engines.sqlite import jobs
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Note = Callable[..., None]

MARKS = ("slow", "peer")

FIGURES = "figures"
"""Name of the property that a test's report has them in, whichever process ran it."""


class Closes(Protocol):
    def close(self) -> None: ...


Thing = TypeVar("Thing", bound=Closes)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests that are coroutines on asyncio, each in a loop of its own."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def patient_writer() -> Iterator[None]:
    """
    Let a writer in the tests' own process take its time.

    There it shares an interpreter with a loop that may be busy, so that the deadline of
    a write says how busy the machine is. Tests of the deadline set their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "WITHIN", PATIENCE)
        patch.setattr(jobs, "WAIT", PATIENCE + 2)
        yield


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Note:
    """Note counts that a test took: ``figures(accepted=20_000, lost=0)``."""

    def note(**counts: object) -> None:
        said = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in counts.items())
        line = f"{request.node.name}: {said}"
        request.node.user_properties.append((FIGURES, line))

    return note


@pytest.fixture
def own() -> Iterator[Callable[[Thing], Thing]]:
    """Close what a test made when it ends, the newest first."""
    with ExitStack() as stack:

        def keep(thing: Thing) -> Thing:
            stack.callback(thing.close)
            return thing

        yield keep


LONG = re.compile(r"mark\.(slow|peer)")
"""What ``make test`` finds the files with long tests by."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fail if ``make test`` would not find a long test by the text of its file."""
    long = {item.path for item in items if any(map(item.get_closest_marker, MARKS))}
    for path in long:
        if not LONG.search(path.read_text("utf-8")):
            raise pytest.UsageError(f"{path}: write pytest.mark.slow or .peer there")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    reports = [
        report
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        if report.when == "call"
    ]
    lines = [
        value
        for report in reports
        for name, value in report.user_properties
        if name == FIGURES
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)

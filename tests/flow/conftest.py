"""A database for each test; the store's own suite holds engines to be alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flow.phones import phones_on
from flow.rig import rig_on
from store.engines import SqliteEngine, make_template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from flow.phones import Phones
    from flow.rig import Rig


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(tmp_path / "db", template)


@pytest.fixture
async def rig(engine: SqliteEngine) -> AsyncIterator[Rig]:
    """The path on a store that is open while the test runs."""
    async with rig_on(engine) as rig:
        yield rig


@pytest.fixture
async def phones(engine: SqliteEngine) -> AsyncIterator[Phones]:
    """Phones that write to a store that is open while the test runs."""
    async with phones_on(engine) as phones:
        yield phones

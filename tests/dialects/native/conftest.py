"""A database for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dialects.native.rig import api_on
from store.engines import SqliteEngine, make_template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dialects.native.rig import Api


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(tmp_path / "db", template)


@pytest.fixture
async def api(engine: SqliteEngine) -> AsyncIterator[Api]:
    """A server whose store is open while the test runs."""
    async with api_on(engine) as api:
        yield api

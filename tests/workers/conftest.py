"""A database for each test, as the tests of the path have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.engines import SqliteEngine, make_template

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(tmp_path / "db", template)

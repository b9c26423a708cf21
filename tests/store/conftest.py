"""The engines, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.engines import ENGINES, Engine, SqliteEngine, make_template

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    template = request.getfixturevalue(f"{request.param}_template")
    return SqliteEngine(tmp_path / "db", template)

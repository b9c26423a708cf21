"""The docs site: every page is in it, links lead somewhere, nothing is fetched."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as `make site` does: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == built.returncode, built.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    pages = {file.relative_to(ROOT / "docs") for file in ROOT.glob("docs/**/*.md")}
    assert pages
    assert {page.with_suffix(".html") for page in pages} <= {
        file.relative_to(site) for file in site.rglob("*.html")
    }


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    foreign = re.compile(
        r'<(?:script|img|link rel="?(?:stylesheet|icon))[^>]*"?https?:'
    )
    for file in site.rglob("*.html"):
        assert [] == foreign.findall(file.read_text("utf-8"))


def test_the_reference_has_what_the_contracts_define(site: Path) -> None:
    carrier = (site / "reference/carrier.html").read_text("utf-8")
    assert "budstikke.carriers.contract.Carrier" in carrier
    dialect = (site / "reference/dialect.html").read_text("utf-8")
    assert "budstikke.domain.refusal.RefusalCode" in dialect

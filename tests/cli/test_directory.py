"""``directory import``, as a person at the keyboard meets it."""

from __future__ import annotations

import asyncio
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke import cli, config
from budstikke.carriers.simulator.phones import Phones
from budstikke.cli.directory import read_file
from budstikke.config.number_directory import Directory
from budstikke.gateway import Gateway
from budstikke.provisioning.subscribers import SLICE, put_subscribers
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Sequence

KARI = ("Kari Nordmann", "Storgata 1, 0155 OSLO")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUDSTIKKE_"):
            monkeypatch.delenv(name)
    migrate(f"sqlite:///{tmp_path}/data/budstikke.sqlite")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(("directory", "import", *arguments))
    return code, *capsys.readouterr()


def looked_up(numbers: Sequence[str], kind: str = "table") -> list[tuple[str, str]]:
    """Look numbers up as a gateway with this database does."""
    settings = config.Settings(directory=msgspec.convert({"kind": kind}, Directory))

    async def whole() -> list[tuple[str, str]]:
        gateway = Gateway(settings, phones=Phones())
        await gateway.start()
        try:
            assert gateway.subscribers is not None
            return [await gateway.subscribers.find(number) for number in numbers]
        finally:
            await gateway.stop()

    return asyncio.run(whole())


def test_import_and_look_up(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "a.csv").write_text(
        "number,name,address\n"
        '+4799999999,Kari Nordmann,"Storgata 1, 0155 OSLO"\n'
        "90059700,Ola,\n"
        "\n"
        "22334455,A fixed line,\n"
        "call me,Nobody,\n"
    )
    said = (
        "a.csv: line 5: not a mobile number; left out\n"
        "a.csv: line 6: not a mobile number; left out\n"
    )
    assert (0, "a.csv: 2 imported\n", said) == run(capsys, "a.csv")
    numbers = ["+4799999999", "+4790059700", "+4722334455"]
    assert [KARI, ("Ola", ""), ("", "")] == looked_up(numbers)

    (here / "b.csv").write_bytes("4790059700;Bjørn;Å 1\r\n".encode("latin-1"))
    assert (0, "b.csv: 1 imported\n", "") == run(capsys, "b.csv")
    assert [KARI, ("Bjørn", "Å 1")] == looked_up(numbers[:2])

    result = run(capsys, "b.csv", "--replace")
    assert (0, "b.csv: 1 imported, 1 deleted\n", "") == result
    assert [("", ""), ("Bjørn", "Å 1")] == looked_up(numbers[:2])


def test_a_file_without_numbers_changes_nothing(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / "a.csv").write_text("+4799999999,Kari,\n")
    run(capsys, "a.csv")
    (here / "b.csv").write_text("name;phone\n" * 12)
    code, out, err = run(capsys, "b.csv", "--replace")
    assert (1, "") == (code, out)
    assert "b.csv: 2 more lines left out\n" in err
    assert err.endswith("b.csv: no line has a mobile number; nothing was changed\n")
    assert [("Kari", "")] == looked_up(["+4799999999"])


def test_no_such_file(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert here == Path.cwd()
    code, _, err = run(capsys, "none.csv")
    assert 1 == code
    assert "none.csv" in err


def test_many_rows_are_written_in_slices(here: Path) -> None:
    engine = open_engine(f"sqlite:///{here}/data/budstikke.sqlite")
    many = {f"+4790{n:06}": (f"N{n}", "") for n in range(3 * SLICE + 1)}
    kept = {number: many[number] for number in list(many)[::2]}
    try:
        assert 0 == put_subscribers(engine, many)
        assert len(many) - len(kept) == put_subscribers(engine, kept, replace=True)
        assert 0 == put_subscribers(engine, kept, replace=True)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "content",
    [
        "number,name,address\n+4799999999,Kari,Storgata 1\n",
        "\ufeffNumber;Name;Address\r\n99999999;Kari;Storgata 1\r\n",
        "address\tname\tnumber\nStorgata 1\tKari\t004799999999\n",
        "id,number,x,name,address\n7, 47 99 99 99 99 ,,Kari,Storgata 1\n",
        '99999999,"Ka\x00ri","Storgata\n1"\n'.replace("Ka\x00ri", " Kari "),
    ],
)
def test_forms_of_files(content: str) -> None:
    found = read_file(content.encode())
    assert ({"+4799999999": ("Kari", "Storgata 1")}, []) == found


def test_of_a_number_given_twice_the_last_counts() -> None:
    found = read_file(b"99999999,Ola,a\n+4799999999,Kari,b\n")
    assert ({"+4799999999": ("Kari", "b")}, []) == found


@given(st.binary())
def test_any_file_is_read(content: bytes) -> None:
    found = read_file(content)
    assert all(number.startswith("+") for number in found.rows)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"kind": "http"}, "url"),
        ({"kind": "http", "url": "ftp://x/{number}"}, "url"),
        ({"kind": "http", "url": "https://x/"}, "neither"),
        ({"header": "X-Key"}, "together"),
        ({"key": "secret"}, "together"),
        ({"kind": "ldap"}, "ldap"),
        ({"timeout": 0}, "> 0"),
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, object], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert(values, Directory)


def test_the_example_on_the_page_is_one() -> None:
    page = Path(__file__).parents[2] / "docs" / "configure.md"
    (text,) = re.findall(
        r"```toml\n(\[directory\].*?)```", page.read_text("utf-8"), re.DOTALL
    )
    values = tomllib.loads(text)["directory"] | {"key": "secret"}
    assert "hits.0.name" == msgspec.convert(values, Directory).name


def test_without_a_directory_there_is_none(here: Path) -> None:
    assert here == Path.cwd()
    assert Gateway(config.Settings(), phones=Phones()).subscribers is None


def test_a_directory_behind_a_url(here: Path) -> None:
    assert here == Path.cwd()
    values = {"kind": "http", "url": "https://x/{digits}", "header": "A", "key": "b"}
    settings = msgspec.convert(values, Directory)
    assert {"A": "b"} == settings.headers
    assert {} == Directory().headers
    gateway = Gateway(config.Settings(directory=settings), phones=Phones())
    assert gateway.subscribers is not None

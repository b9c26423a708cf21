"""The files that the benchmark writes are those that the gateway takes."""

from pathlib import Path

import pytest
from bench.budstikke import NATIVE, directory, from_phones, serving

from budstikke import config
from budstikke.carriers import KINDS
from budstikke.dialects import IDENTIFY
from budstikke.gateway import SETTINGS
from budstikke.provisioning.apply import read_file


def settings(folder: Path, durability: str = "") -> config.Settings:
    file = folder / "budstikke.toml"
    text = serving(data=folder, port=8080, database="", node="n", durability=durability)
    file.write_text(text)
    return config.load(file, {})


def test_settings(tmp_path: Path) -> None:
    plain = settings(tmp_path)
    assert (8080, "power") == (plain.http.port, plain.durability)
    assert "process" == settings(tmp_path, durability="process").durability


@pytest.mark.parametrize("status_url", ["", "http://127.0.0.1:1/push"])
def test_accounts(status_url: str) -> None:
    text = directory(smpp=2775, window=1000, status_url=status_url, interim=True)
    text += NATIVE + from_phones("http://127.0.0.1:1/in")
    kinds = {name: kind.settings for name, kind in KINDS.items()}
    file = read_file(text, SETTINGS, kinds, {}, IDENTIFY)
    assert file is not None

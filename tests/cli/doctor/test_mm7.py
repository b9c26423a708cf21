"""``doctor`` on carriers of MMS."""

from __future__ import annotations

import socket
import time

from budstikke.carriers import KINDS
from budstikke.cli.doctor.carriers import look_at_carrier
from budstikke.cli.doctor.finding import Level
from budstikke.domain.directory import CarrierEntry

SETTINGS = {name: kind.settings for name, kind in KINDS.items()}


def looked_at(url: str, **more: str | bool) -> tuple[Level, str]:
    settings = {"url": url, "allow_http": True, **more}
    entry = CarrierEntry(id=1, name="mmsc", kind="mm7", settings=settings)
    finding = look_at_carrier(entry, SETTINGS, time.time())[-1]
    return finding.level, finding.what


def test_it_connects_to_the_mmsc() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        expected = (Level.OK, f"{where} accepts connections")
        assert expected == looked_at(f"http://{where}/mm7", deliver_token="x")
        level, what = looked_at(f"http://{where}/mm7")
        assert (Level.WRONG, True) == (level, "deliver_token" in what)
        level, what = looked_at(f"http://{where}/mm7", open=True)
        assert (Level.WARNING, True) == (level, "anybody can deliver" in what)
    level, what = looked_at(f"https://{where}/mm7", deliver_token="x")
    assert Level.WRONG is level
    assert what.startswith(where)


def test_it_reads_the_settings() -> None:
    level, what = looked_at("ftp://mmsc.example.com/")
    assert Level.WRONG is level
    assert "url" in what

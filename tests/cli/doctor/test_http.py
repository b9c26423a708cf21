"""``doctor`` on HTTP carriers: it connects, and asks nothing."""

from __future__ import annotations

import socket
import time
from typing import Any

from budstikke.carriers import KINDS
from budstikke.cli.doctor.carriers import look_at_carrier
from budstikke.cli.doctor.finding import Level
from budstikke.domain.directory import CarrierEntry

SETTINGS = {name: kind.settings for name, kind in KINDS.items()}


def looked_at(url: str, **more: Any) -> tuple[Level, str]:
    settings = {"description": "native", "url": url, "allow_http": True, **more}
    entry = CarrierEntry(id=1, name="web", kind="http", settings=settings)
    finding = look_at_carrier(entry, SETTINGS, time.time())[-1]
    return finding.level, finding.what


def test_it_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        expected = (Level.OK, f"{where} accepts connections")
        assert expected == looked_at(f"http://{where}", deliver_token="x")
        level, what = looked_at(f"http://{where}", open=True)
        assert (Level.WARNING, True) == (level, "anybody can deliver" in what)
        quiet = looked_at(f"http://{where}", description="reseller")
        assert expected == quiet
        ca = {"ca": "/nowhere/ca.pem", "deliver_token": "x"}
        assert Level.WRONG is looked_at(f"https://{where}", **ca)[0]
        assert expected == looked_at(f"http://{where}", **ca)
    assert Level.WRONG is looked_at(f"http://{where}", deliver_token="x")[0]


def test_it_reads_the_settings() -> None:
    level, what = looked_at("http://a.example", description="nobody")
    assert (Level.WRONG, True) == (level, "there is no 'nobody'" in what)

"""A graceful stop under load: nothing is lost, nothing is sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import MESSAGE, Gateway, smpp_carrier
from journeys.load import Load
from journeys.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("window", [20, 500])
def test_stopped_twice_under_load(
    tmp_path: Path,
    own: Own,
    figures: Callable[..., None],
    window: int,
    empty_database: str,
) -> None:
    """With a small window there is a backlog; with a large one much is under way."""
    messages, stops = 4_500, (1_500, 3_000)
    centre = own(MessageCentre(tmp_path, pause=0.02))
    centre.start()
    carrier = smpp_carrier(centre.port, window=window)
    gateway = own(Gateway(tmp_path, carrier, database=empty_database))
    gateway.start()
    queued = []

    with Load(gateway.port, messages, MESSAGE) as load:
        for accepted in stops:
            wait_until("so many", load.has_accepted(accepted))
            gateway.stop()
            parts = gateway.parts()
            assert not {"sending", "unsure"} & parts.keys()
            queued.append(parts.get("queued", 0))
            gateway.start()
        load.finish(120)
        wanted = set(load.accepted.values())
        unheard = len(load.unknown)
        assert not load.refused
    wait_until(
        "all are delivered",
        lambda: set(gateway.parts()) == {"delivered"},
        120,
        every=0.2,
    )
    gateway.stop()

    got = centre.recipients()
    doubles = sum(got.values()) - len(got)
    lost = wanted - got.keys()
    figures(
        accepted=len(wanted),
        unheard=unheard,
        queued_at_stops=queued,
        lost=len(lost),
        doubles=doubles,
    )
    assert (set(), 0) == (lost, doubles)
    assert gateway.count("SELECT count(*) FROM message") == len(got)

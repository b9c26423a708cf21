"""Store conformance: what a node says of its carriers replaces what it said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.store import schema
from budstikke.store.contract.nodes import CarrierStatus
from budstikke.store.verbs.carrier_status import KEEP

if TYPE_CHECKING:
    from store.path import Path


async def test_the_last_word_of_a_node_stays_a_day(path: Path) -> None:
    def said() -> list[tuple[float, CarrierStatus]]:
        table = schema.carrier_status
        decoder = msgspec.json.Decoder(CarrierStatus)
        statuses = map(decoder.decode, path.column("status", table))
        return sorted(zip(path.column("at", table), statuses, strict=True))

    put = path.store.put_carrier_status
    await put([CarrierStatus(1, "down"), CarrierStatus(2, "up")], 1000.0)
    await put([CarrierStatus(1, "up", binds=2)], 1005.0)
    await put([], 1000.0 + KEEP)
    assert [
        (1000.0, CarrierStatus(2, "up")),
        (1005.0, CarrierStatus(1, "up", binds=2)),
    ] == said()
    await put([], 1001.0 + KEEP)
    assert [1005.0] == [at for at, _ in said()]

"""``POST /v1/routes/test``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.routing import Route

if TYPE_CHECKING:
    from dialects.native.rig import Api


async def test_the_route_of_a_message(api: Api) -> None:
    body = {"to": "+4799999999", "kind": "flash"}
    refused = await api.ask("POST", "/v1/routes/test", body)
    assert (404, "not_found") == (refused.status, refused.json["code"])
    accesses = dict(api.directory.accesses)
    for key, access in accesses.items():
        settings = msgspec.structs.replace(access.settings, route_test=True)
        accesses[key] = replace(access, settings=settings)
    flash = Route(prefix="+47", kind="flash", carriers=(1,), weights={1: 5})
    routes = (*api.directory.routes, flash)
    api.directory = replace(api.directory, accesses=accesses, routes=routes)
    found = (await api.ask("POST", "/v1/routes/test", body)).json
    assert {
        "to": "+4799999999",
        "rule": "route +47, kind flash",
        "carriers": [{"name": "operator", "weight": 5}],
        "operator": None,
        "price": "0.05",
        "currency": "EUR",
    } == found
    plain = (await api.ask("POST", "/v1/routes/test", {"to": "+4799999999"})).json
    assert ("route +", None) == (plain["rule"], plain["carriers"][0]["weight"])
    bad = await api.ask(
        "POST", "/v1/routes/test", {"to": "+4799999999", "from": "x" * 12}
    )
    assert (422, "bad_originator") == (bad.status, bad.json["code"])

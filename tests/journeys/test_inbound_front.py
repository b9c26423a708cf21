"""Front: phones write, the service is told by JSON or GET, in order and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from journeys.twoway import OWNED, SECRET, SHARED, TwoWay, access
from journeys.web import front_id, front_query

if TYPE_CHECKING:
    from pathlib import Path

    from journeys.twoway import Own

pytestmark = [pytest.mark.slow, pytest.mark.peer]

ONE, TWO = "+4790000101", "+4790000102"
REPLY = "26114000000777"
LONG = "Første linje\nÆØÅ €" + " og 🎉 mer" * 20


def service(style: str, path: str, **more: Any) -> Any:
    def make(url: Any) -> dict[str, Any]:
        settings = {"two_way": True, "inbound_url": url(path), "inbound_style": style}
        found = [access("front", "1000", duplicate_lock=False, **settings)]
        return {"access": found, "number": [{"value": OWNED}], **more}

    return make


def test_json(tmp_path: Path, own: Own, empty_database: str) -> None:
    keyword = {"number": SHARED, "word": "vel kommen", "aliases": ["hei"]}
    account = service("json", "in", keyword=[keyword])
    site = TwoWay(tmp_path, own, account, empty_database)
    query = front_query(
        serviceid="1000", password=SECRET, fromid=REPLY, phoneno=ONE, txt="Hva?"
    )
    front_id(site.gateway.ask("GET", query))
    assert [(REPLY, "Hva?")] == site.heard(ONE)

    site.say(ONE, LONG, OWNED)
    site.told(1, "in")
    site.say(ONE, "Ja takk", REPLY)
    site.told(2, "in")
    site.say(TWO, "Hei! der", SHARED)
    told = site.told(3, "in")

    assert {"POST"} == {each.method for each in told}
    found = [each.json for each in told]
    assert [1, 2, 3] == [each["counter"] for each in found]
    assert [f"+{OWNED}", REPLY, SHARED] == [each["to"] for each in found]
    assert [ONE, ONE, TWO] == [each["from"] for each in found]
    assert [LONG, "Ja takk", "Hei! der"] == [each["text"] for each in found]
    assert ["FØRSTE", "JA", "HEI!"] == [each["keyword"] for each in found]
    assert [[], [], []] == [each["files"] for each in found]
    site.gateway.stop()
    assert 3 == site.gateway.count("SELECT count(*) FROM callback WHERE state = 'done'")


def test_get(tmp_path: Path, own: Own) -> None:
    account = service("get", "in")
    site = TwoWay(tmp_path, own, account, **{"in": {"body": " true\n"}})

    site.say(ONE, "På tide € 🎉", OWNED)
    (told,) = site.told(1, "in")

    said = told.query("latin-1")
    time = said.pop("time")
    assert time.isdigit()
    assert {
        "fromid": f"+{OWNED}",
        "phonenr": "004790000101",
        "txt": "På tide ? ?",
        "countnr": "1",
        "code": "P\xc5",
    } == said
    site.gateway.stop()
    assert 1 == site.gateway.count("SELECT count(*) FROM callback WHERE state = 'done'")

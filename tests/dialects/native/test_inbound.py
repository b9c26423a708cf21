"""Numbers, requests for them, messages from phones, events, callbacks, queues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.pool import NullPool

from budstikke.dialects.native import Native
from budstikke.domain.callback import InboundExtras, SendEvent
from budstikke.domain.inbound import InboundEvent, Kind, MediaRef
from budstikke.domain.inbound_listing import MOST_WAITING
from budstikke.domain.message import StatusEvent
from budstikke.store import schema
from dialects.native.rig import OSLO, OTHER, Api, api_on
from store.path import NOW

if TYPE_CHECKING:
    from store.engines import SqliteEngine

AT = "2023-11-14T22:13:20.000Z"
"""NOW, as the API writes it."""

PICTURE = f"{7:020}"


def add(engine: SqliteEngine, table: Any, *rows: dict[str, Any]) -> None:
    database = create_engine(engine.url, poolclass=NullPool)
    with database.begin() as connection:
        connection.execute(insert(table), list(rows))
    database.dispose()


def inbound(id_: int, account_id: int = 1, **columns: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "access_id": account_id,
        "account_id": account_id,
        "carrier_id": 1,
        "originator": OSLO,
        "recipient": "2229",
        "kind": "sms",
        "text": f"TIPS {id_}",
        "keyword": "TIPS",
        "sent_at": NOW,
        "came_at": NOW + id_,
        **columns,
    }


def callback(
    id_: int, event: Any = None, access_id: int = 1, **columns: Any
) -> dict[str, Any]:
    delivered = StatusEvent(id_, OSLO, "r", "delivered", "", "DELIVRD", NOW + id_)
    event = event or delivered
    return {
        "id": id_,
        "access_id": access_id,
        "message_id": event.message_id,
        "event": msgspec.json.encode(event).decode(),
        "state": "done",
        "queue_id": None,
        "tries": 1,
        "answer": "",
        "status": 200,
        "took": 0.25,
        "at": NOW,
        **columns,
    }


# -- numbers


async def test_own_numbers(engine: SqliteEngine) -> None:
    add(
        engine,
        schema.number,
        {"id": 1, "value": "2229", "kind": "shared", "access_id": None},
        {"id": 2, "value": "4759440000", "kind": "owned", "access_id": 1},
        {"id": 3, "value": "26114123", "kind": "series", "access_id": 1},
    )
    usual = {"number_id": 1, "url": "https://a.example", "receipt": "Takk"}
    words = [{"id": 1, "word": "WIN A CAR", "aliases": '["WAC"]', "access_id": 1}]
    words += [{"id": 2, "word": "X", "aliases": "[]", "access_id": 2}]
    add(engine, schema.keyword, *({**usual, **each} for each in words))

    async with api_on(engine) as api:
        first = (await api.ask("GET", "/v1/numbers?limit=1")).json
        assert [
            {
                "number": "2229",
                "kind": "keyword",
                "word": "WIN A CAR",
                "aliases": ["WAC"],
                "access": "front:1",
                "url": "https://a.example",
                "receipt": "Takk",
            }
        ] == first["data"]
        rest = await api.ask("GET", f"/v1/numbers?cursor={first['next_cursor']}")
        assert [("26114123", "series", None), ("4759440000", "owned", None)] == [
            (each["number"], each["kind"], each["word"]) for each in rest.json["data"]
        ]
        assert rest.json["next_cursor"] is None


async def test_requests_for_numbers(api: Api) -> None:
    body = {"kind": "keyword", "number": "+2229", "word": " win  a car "}
    made = await api.ask("POST", "/v1/number-requests", {**body, "note": "x"})
    assert 201 == made.status
    request = made.json
    assert {
        "id": request["id"],
        "kind": "keyword",
        "number": "2229",
        "word": "win a car",
        "note": "x",
        "access": "front:1",
        "state": "waiting",
        "created_at": AT,
        "decided_at": None,
        "answer": "",
    } == request
    path = f"/v1/number-requests/{request['id']}"
    listed = await api.ask("GET", "/v1/number-requests")
    assert [request] == listed.json["data"]
    assert request == (await api.ask("GET", path)).json
    for who in ("GET", path), ("POST", f"{path}/cancel"):
        assert 404 == (await api.ask(*who, token=OTHER)).status
    for _ in range(2):
        gone = await api.ask("POST", f"{path}/cancel")
        assert (200, "cancelled") == (gone.status, gone.json["state"])
    api.query("UPDATE number_request SET state = 'refused', answer = 'Taken'")
    late = await api.ask("POST", f"{path}/cancel")
    assert (409, "decided", None) == late.code
    assert "Taken" == (await api.ask("GET", path)).json["answer"]


async def test_deleting_a_message_from_a_phone(engine: SqliteEngine) -> None:
    add(engine, schema.inbound, inbound(11), inbound(12), inbound(13, 2))
    told = InboundEvent(11, Kind.SMS, OSLO, "2229", "TIPS")
    add(engine, schema.callback, callback(21, told, message_id=11))
    add(engine, schema.callback, callback(22, told, message_id=12, state="due"))

    async with api_on(engine) as api:
        assert (204, b"") == (await api.ask("DELETE", "/v1/inbound/11"))[::2]
        for method in ("GET", "DELETE"):
            gone = await api.ask(method, "/v1/inbound/11")
            assert (404, "not_found", None) == gone.code
        early = await api.ask("DELETE", "/v1/inbound/12")
        assert (409, "not_yet_told", None) == early.code
        others = await api.ask("DELETE", "/v1/inbound/13")
        assert (404, "not_found", None) == others.code
        assert [(12,), (13,)] == api.query("SELECT id FROM inbound ORDER BY id")
        assert [(22,)] == api.query("SELECT id FROM callback")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"kind": "keyword"}, "missing_field", "word"),
        ({"kind": "keyword", "word": "  "}, "missing_field", "word"),
        ({"kind": "number", "word": "x"}, "bad_field", "word"),
        ({"kind": "number", "number": "12"}, "bad_field", "number"),
        ({"kind": "number", "access": "front:2"}, "bad_field", "access"),
        ({"kind": "domain"}, "bad_field", "kind"),
        ({"kind": "number", "note": "\0"}, "bad_field", "note"),
        ({"kind": "number", "url": "x"}, "bad_field", "url"),
        ({}, "missing_field", "kind"),
    ],
)
async def test_a_request_that_is_refused(
    api: Api, body: Any, code: str, param: str
) -> None:
    answer = await api.ask("POST", "/v1/number-requests", body)
    assert (422, code, param) == answer.code
    assert [(0,)] == api.query("SELECT count(*) FROM number_request")


async def test_not_too_many_wait(engine: SqliteEngine) -> None:
    row = {"account_id": 1, "access_id": 1, "kind": "number", "at": NOW}
    rows = [{**row, "state": "waiting"} for _ in range(MOST_WAITING)]
    add(engine, schema.number_request, *rows)

    async with api_on(engine) as api:
        answer = await api.ask("POST", "/v1/number-requests", {"kind": "number"})
        assert (409, "too_many_waiting", None) == answer.code


# -- messages from phones


async def test_a_message_from_a_phone(engine: SqliteEngine) -> None:
    add(engine, schema.inbound, inbound(1, kind="mms", subject="Bilde", reply_to=77))
    add(
        engine,
        schema.media,
        {
            "id": PICTURE,
            "message_id": 1,
            "place": 1,
            "name": 'på "tur".jpg\r\nX: y',
            "type": "image/jpeg",
            "size": 3,
            "data": b"\0\xff\1",
        },
    )

    async with api_on(engine) as api:
        answer = await api.ask("GET", "/v1/inbound/1")
        assert {
            "id": 1,
            "kind": "mms",
            "from": OSLO,
            "to": "2229",
            "text": "TIPS 1",
            "data": None,
            "keyword": "TIPS",
            "in_reply_to": 77,
            "sent_at": AT,
            "received_at": "2023-11-14T22:13:21.000Z",
            "missing": 0,
            "opt_out": False,
            "subject": "Bilde",
            "media": [
                {
                    "id": PICTURE,
                    "name": 'på "tur".jpg\r\nX: y',
                    "type": "image/jpeg",
                    "size": 3,
                }
            ],
            "access": "front:1",
        } == answer.json
        part = await api.ask("GET", f"/v1/media/{PICTURE}")
        assert (200, b"\0\xff\1") == (part.status, part.body)
        assert "image/jpeg" == part.headers["content-type"]
        assert "nosniff" == part.headers["x-content-type-options"]
        assert "sandbox" == part.headers["content-security-policy"]
        assert part.headers["content-disposition"].startswith("attachment; filename*=")
        assert "\r" not in part.headers["content-disposition"]
        for path in ("inbound/1", f"media/{PICTURE}"):
            theirs = await api.ask("GET", f"/v1/{path}", token=OTHER)
            assert (404, "not_found", None) == theirs.code
        for path in ("inbound/2", f"media/{8:020}", "media/x", "media/1%00"):
            assert 404 == (await api.ask("GET", f"/v1/{path}")).status
        api.query("UPDATE media SET type = 'text/html; charset=x' || char(10) || 'A:b'")
        part = await api.ask("GET", f"/v1/media/{PICTURE}")
        assert "application/octet-stream" == part.headers["content-type"]


async def test_messages_from_phones(engine: SqliteEngine) -> None:
    rows = [*(inbound(n) for n in range(1, 6)), inbound(6, keyword="X"), inbound(7, 2)]
    add(engine, schema.inbound, *rows)

    async with api_on(engine) as api:

        async def ids(query: str) -> list[int]:
            found = (await api.ask("GET", f"/v1/inbound?{query}")).json
            return [each["id"] for each in found["data"]]

        assert [6, 5, 4, 3, 2, 1] == await ids("")
        assert [6] == await ids("keyword=X")
        assert [3, 2] == await ids(
            "from=2023-11-14T22:13:22Z&to=2023-11-14T23:13:24%2B01:00"
        )
        page = (await api.ask("GET", "/v1/inbound?limit=4")).json
        assert [2, 1] == await ids(f"limit=4&cursor={page['next_cursor']}")
        assert [7] == [
            each["id"]
            for each in (await api.ask("GET", "/v1/inbound", token=OTHER)).json["data"]
        ]


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("inbound?from=yesterday", "from"),
        ("inbound?to=2023-11-14T22:13:22", "to"),
        ("inbound?to=1700000000", "to"),
        ("inbound?keyword=", "keyword"),
        ("inbound?word=x", "word"),
        ("inbound?cursor=%25", "cursor"),
        ("events?types=message.lost", "types"),
        ("events?cursor=eA", "cursor"),
        ("callbacks?state=lost", "state"),
        ("callbacks?message=0", "message"),
    ],
)
async def test_a_query_that_is_refused(api: Api, path: str, param: str) -> None:
    assert (422, "bad_field", param) == (await api.ask("GET", f"/v1/{path}")).code


# -- events


MMS = InboundEvent(
    8,
    Kind.MMS,
    OSLO,
    "2229",
    "Hei",
    keyword="TIPS",
    sent_at=NOW,
    came_at=NOW,
    media=(MediaRef(PICTURE, "a.jpg", "image/jpeg", 3),),
)
REPLY = msgspec.structs.replace(MMS, message_id=9, reply=True, reply_to=1, media=())


async def test_events_are_what_webhooks_tell(engine: SqliteEngine) -> None:
    sent = StatusEvent(1, OSLO, "r", "sent", "", "", NOW)
    answer = SendEvent(8, OSLO, "2229", "Takk", "receipt")
    found = [callback(1), callback(2, MMS), callback(3, REPLY), callback(4, sent)]
    add(engine, schema.callback, *found, callback(5, answer), callback(6, None, 2))

    async with api_on(engine) as api:
        page = (await api.ask("GET", "/v1/events?limit=2")).json
        first, second = page["data"]
        assert {
            "id": "evt_1_delivered",
            "type": "message.delivered",
            "timestamp": "2023-11-14T22:13:21.000Z",
            "data": {
                "id": 1,
                "to": OSLO,
                "ref": "r",
                "state": "delivered",
                "reason": None,
                "raw": "DELIVRD",
            },
        } == first
        settings = api.directory.accesses[1].settings
        hook = Native().inbound(MMS, InboundExtras(), "https://x", settings)
        assert hook is not None
        assert hook.headers["webhook-id"] == second.pop("id")
        assert json.loads(hook.body) == second
        assert page["more"] is True
        rest = await api.ask("GET", f"/v1/events?cursor={page['next_cursor']}")
        assert ["message.reply", "message.sent"] == [
            each["type"] for each in rest.json["data"]
        ]
        assert rest.json["more"] is False
        cursor = rest.json["next_cursor"]
        end = (await api.ask("GET", f"/v1/events?cursor={cursor}")).json
        assert {"data": [], "next_cursor": cursor, "more": False} == end
        add(engine, schema.callback, callback(7))
        new = (await api.ask("GET", f"/v1/events?cursor={cursor}")).json
        assert ["evt_7_delivered"] == [each["id"] for each in new["data"]]
        some = "types=message.reply,message.sent"
        picked = (await api.ask("GET", f"/v1/events?{some}")).json["data"]
        assert ["message.reply", "message.sent"] == [each["type"] for each in picked]


async def test_replaying(engine: SqliteEngine) -> None:
    add(engine, schema.callback, *(callback(n) for n in range(1, 6)))

    async with api_on(engine) as api:
        hour = {"from": "2023-11-14T22:13:22Z", "to": "2023-11-14T23:13:24+01:00"}
        answer = await api.ask("POST", "/v1/events/replay", hour)
        assert (200, {"events": 2}) == (answer.status, answer.json)
        due = api.query("SELECT id, due_at FROM callback WHERE state = 'due'")
        assert [(2, NOW), (3, NOW)] == due
        theirs = await api.ask("POST", "/v1/events/replay", hour, token=OTHER)
        assert {"events": 0} == theirs.json
        back = {"from": hour["to"], "to": hour["from"]}
        wrong = await api.ask("POST", "/v1/events/replay", back)
        assert (422, "bad_field", "to") == wrong.code


# -- the delivery log


async def test_the_delivery_log(engine: SqliteEngine) -> None:
    failed: dict[str, Any] = {
        "state": "failed",
        "status": 503,
        "answer": "busy",
        "tries": 2,
    }
    queued: dict[str, Any] = {
        "state": "queued",
        "queue_id": 4,
        "tries": 0,
        "took": None,
    }
    found = [callback(1), callback(2, **failed), callback(3, MMS, **queued)]
    add(engine, schema.callback, *found, callback(4, None, 2))
    attempt = {"at": NOW, "took": 1.5, "request": "POST …", "answer": "busy"}
    add(engine, schema.attempt, {"callback_id": 2, "status": 503, **attempt})

    async with api_on(engine) as api:
        page = (await api.ask("GET", "/v1/callbacks")).json
        assert [3, 2, 1] == [each["id"] for each in page["data"]]
        assert {
            "id": 3,
            "access": "front:1",
            "topic": "inbound",
            "message_id": 8,
            "state": "queued",
            "queue_id": 4,
            "tries": 0,
            "next_at": None,
            "at": AT,
            "took": None,
            "status": 200,
            "answer": "",
        } == page["data"][0]
        for query, ids in (("state=failed", [2]), ("message=8", [3]), ("limit=1", [3])):
            some = (await api.ask("GET", f"/v1/callbacks?{query}")).json["data"]
            assert ids == [each["id"] for each in some]
        detail = (await api.ask("GET", "/v1/callbacks/2")).json
        assert [{**attempt, "at": AT, "status": 503}] == detail["attempts"]
        again = await api.ask("POST", "/v1/callbacks/2/resend")
        assert (200, "due", AT, 0) == (
            again.status,
            again.json["state"],
            again.json["next_at"],
            again.json["tries"],
        )
        refused = await api.ask("POST", "/v1/callbacks/3/resend")
        assert (409, "queued", None) == refused.code
        for method, path in (("GET", "4"), ("POST", "4/resend"), ("POST", "9/resend")):
            answer = await api.ask(method, f"/v1/callbacks/{path}")
            assert (404, "not_found", None) == answer.code


async def test_queues(engine: SqliteEngine) -> None:
    paused = {"state": "paused", "tries": 3, "why": "HTTP 500", "paused_at": NOW}
    rows = [{"id": n, "access_id": n, "counter": 1, "alert": False} for n in (1, 2)]
    add(engine, schema.queue, *({**row, **paused} for row in rows))
    add(engine, schema.callback, callback(1, MMS, state="queued", queue_id=1))

    async with api_on(engine) as api:
        (queue,) = (await api.ask("GET", "/v1/queues")).json["data"]
        assert {
            "id": 1,
            "access": "front:1",
            "state": "paused",
            "waiting": 1,
            "tries": 3,
            "paused_at": AT,
            "why": "HTTP 500",
        } == queue
        theirs = await api.ask("POST", "/v1/queues/2/resume")
        assert (404, "not_found", None) == theirs.code
        assert [("paused",)] == api.query("SELECT state FROM queue WHERE id = 2")
        for _ in range(2):
            resumed = await api.ask("POST", "/v1/queues/1/resume")
            assert (200, "due", None) == (
                resumed.status,
                resumed.json["state"],
                resumed.json["paused_at"],
            )

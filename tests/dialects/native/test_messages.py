"""Messages and orders by the REST API: looking, cancelling, deleting."""

from __future__ import annotations

import pytest

from budstikke.domain.receipt import Reason, Rejected, Retry
from dialects.native.rig import MALMO, OSLO, OTHER, Api
from store.path import NOW

LATER = "2023-11-14T23:13:20Z"  # an hour after NOW


async def test_a_message_from_accepted_to_rejected(api: Api) -> None:
    (message_id,) = await api.sent(OSLO, ref="a1", text="Hei 🤣")
    path = f"/v1/messages/{message_id}"
    first = await api.ask("GET", path)
    assert 200 == first.status
    assert {
        "id": message_id,
        "order_id": message_id,
        "to": OSLO,
        "from": "Test",
        "text": "Hei 🤣",
        "encoding": "ucs2",
        "segments": 1,
        "state": "accepted",
        "reason": None,
        "raw": None,
        "price": "0.05",
        "currency": "EUR",
        "ref": "a1",
        "flash": False,
        "priority": 1,
        "created_at": "2023-11-14T22:13:20.000Z",
        "send_at": None,
        "ended_at": None,
    } == first.json
    api.now += 1.5
    api.carrier.answer(Rejected(Reason.BARRED, "ESME_RINVDSTADR", Retry.NEVER))
    await api.settled()
    after = (await api.ask("GET", path)).json
    assert ("rejected", "barred", "ESME_RINVDSTADR", "0.00") == (
        after["state"],
        after["reason"],
        after["raw"],
        after["price"],
    )
    assert "2023-11-14T22:13:21.500Z" == after["ended_at"]


async def test_the_timeline_of_a_message(api: Api) -> None:
    (message_id,) = await api.sent(OSLO, ref="a1")
    path = f"/v1/messages/{message_id}/timeline"
    api.now += 1.5
    api.carrier.answer(Rejected(Reason.BARRED, "ESME_RINVDSTADR", Retry.NEVER))
    await api.settled()
    found = await api.ask("GET", path)
    assert 200 == found.status
    entries = {entry["kind"]: entry for entry in found.json["data"]}
    assert ["accepted", "charged", "claimed", "refused", "final", "refunded"] == [
        entry["kind"] for entry in found.json["data"] if "callback" not in entry["kind"]
    ]
    assert ("2023-11-14T22:13:20.000Z", OSLO, "a1") == (
        entries["accepted"]["at"],
        entries["accepted"]["details"]["recipient"],
        entries["accepted"]["details"]["reference"],
    )
    assert {"amount": "0.05", "currency": "EUR"} == entries["refunded"]["details"]
    assert (
        "part 1: carrier 1 refused it (ESME_RINVDSTADR)" == entries["refused"]["what"]
    )
    assert 404 == (await api.ask("GET", path, token=OTHER)).status
    assert 404 == (await api.ask("GET", "/v1/messages/7/timeline")).status
    assert 204 == (await api.ask("DELETE", f"/v1/messages/{message_id}")).status
    assert 410 == (await api.ask("GET", path)).status


async def test_the_timeline_says_who_cancelled(api: Api) -> None:
    (message_id,) = await api.sent(OSLO, send_at=LATER)
    await api.ask("POST", f"/v1/messages/{message_id}/cancel")
    found = (await api.ask("GET", f"/v1/messages/{message_id}/timeline")).json["data"]
    (cancelled,) = [entry for entry in found if entry["kind"] == "cancelled"]
    assert "front:1" == cancelled["details"]["access"]  # as the database names it


async def test_texts_of_many_parts_are_whole(api: Api) -> None:
    text = "".join(f"{n:04} " for n in range(300))
    (message_id,) = await api.sent(OSLO, text=text)
    found = (await api.ask("GET", f"/v1/messages/{message_id}")).json
    assert (text, 10) == (found["text"], found["segments"])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", ["7", "0", "x", "-1", "1.5", "9" * 19, "%FF", ""])
async def test_a_message_that_there_is_not(api: Api, method: str, path: str) -> None:
    answer = await api.ask(method, f"/v1/messages/{path}")
    assert (404, "not_found", None) == answer.code


async def test_accounts_do_not_see_each_other(api: Api) -> None:
    (sent,) = await api.sent(OSLO, ref="r")
    (later,) = await api.sent(OSLO, send_at=LATER)
    for method, path in (
        ("GET", f"/v1/messages/{sent}"),
        ("DELETE", f"/v1/messages/{sent}"),
        ("POST", f"/v1/messages/{later}/cancel"),
        ("GET", f"/v1/orders/{sent}"),
        ("POST", f"/v1/orders/{later}/cancel"),
    ):
        answer = await api.ask(method, path, token=OTHER)
        assert (404, "not_found", None) == answer.code, path
    for query in ("", "?ref=r", f"?order={sent}", "?to=%2B4799999999"):
        answer = await api.ask("GET", f"/v1/messages{query}", token=OTHER)
        assert {"data": [], "next_cursor": None} == answer.json
    ledger = await api.ask("GET", "/v1/ledger", token=OTHER)
    assert [] == ledger.json["data"]
    still = (await api.ask("GET", f"/v1/messages/{later}")).json
    assert "scheduled" == still["state"]


async def listed(api: Api, query: str = "") -> list[int]:
    """Follow the cursors; returns all ids."""
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.ask("GET", f"/v1/messages?{query}&cursor={cursor}")).json
        found += [message["id"] for message in page["data"]]
        cursor = page["next_cursor"]
    return found


async def test_pages_newest_first(api: Api) -> None:
    ids = await api.sent(*[OSLO] * 7)
    assert ids[::-1] == await listed(api, "limit=3")
    assert ids[::-1] == await listed(api, "limit=7")
    assert ids[::-1] == await listed(api)
    page = (await api.ask("GET", "/v1/messages?limit=3")).json
    assert ids[:3:-1] == [message["id"] for message in page["data"]]


async def test_lists_of_some(api: Api) -> None:
    one, two = await api.sent(OSLO, MALMO, ref="a/å")
    (three,) = await api.sent(OSLO, send_at=LATER)
    await api.settled()
    order = (await api.ask("GET", f"/v1/messages/{one}")).json["order_id"]
    for query, expected in (
        ("ref=a/%C3%A5", [two, one]),
        ("ref=a", []),
        ("to=%2B4799999999", [three, one]),
        ("to=004799999999&ref=a/%C3%A5", [one]),
        ("state=sent", [two, one]),
        ("state=scheduled", [three]),
        ("state=delivered", []),
        (f"order={order}", [two, one]),
        (f"order={one}", []),
        (f"order={three}", [three]),
        (f"order={order}&ref=a", []),
        (f"order={order}&to=%2B46701234567&state=sent", [two]),
    ):
        assert expected == await listed(api, f"limit=1&{query}"), query


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("limit=0", "bad_field", "limit"),
        ("limit=201", "bad_field", "limit"),
        ("limit=ten", "bad_field", "limit"),
        ("limit=1&limit=2", "bad_field", "limit"),
        ("state=gone", "bad_field", "state"),
        ("cursor=!", "bad_field", "cursor"),
        ("cursor=YWJj", "bad_field", "cursor"),
        ("to=12", "bad_recipient", "to"),
        ("nonsense=1", "bad_field", "nonsense"),
    ],
)
async def test_queries_that_are_refused(
    api: Api, query: str, code: str, param: str
) -> None:
    answer = await api.ask("GET", f"/v1/messages?{query}")
    assert (422, code, param) == answer.code


async def test_a_query_that_is_not_utf_8(api: Api) -> None:
    answer = await api.ask("GET", "/v1/messages?ref=%E5")
    assert (400, "malformed", None) == answer.code


async def test_cancelling_a_message(api: Api) -> None:
    (message_id,) = await api.sent(OSLO, send_at=LATER)
    path = f"/v1/messages/{message_id}"
    assert LATER[:-1] == (await api.ask("GET", path)).json["send_at"][:19]
    for _ in range(2):  # again: nothing happens
        answer = await api.ask("POST", f"{path}/cancel")
        assert (200, "cancelled", "0.00") == (
            answer.status,
            answer.json["state"],
            answer.json["price"],
        )
    balance = (await api.ask("GET", "/v1/balance")).json["balance"]
    assert "1000.00" == balance


async def test_too_late(api: Api) -> None:
    (message_id,) = await api.sent(OSLO)
    for path in (f"messages/{message_id}", f"orders/{message_id}"):
        answer = await api.ask("POST", f"/v1/{path}/cancel")
        assert (409, "too_late", None) == answer.code
    await api.settled()
    answer = await api.ask("POST", f"/v1/messages/{message_id}/cancel")
    assert (409, "too_late", None) == answer.code
    assert "It is sent" == answer.json["detail"]


async def test_an_order(api: Api) -> None:
    answer = await api.send(OSLO, MALMO, send_at=LATER, text="x" * 200)
    order = answer.json["order_id"]
    path = f"/v1/orders/{order}"
    found = await api.ask("GET", path)
    assert {
        "id": order,
        "states": {"scheduled": 2},
        "pending": 0,
        "segments": 4,
        "price": "0.24",
        "currency": "EUR",
        "created_at": "2023-11-14T22:13:20.000Z",
        "send_at": "2023-11-14T23:13:20.000Z",
        "repeats": None,
    } == found.json
    cancelled = await api.ask("POST", f"{path}/cancel")
    counts = {"order_id": order, "messages": 2, "cancelled": 2, "ended": False}
    assert counts == cancelled.json
    again = await api.ask("POST", f"{path}/cancel")
    assert (200, 0) == (again.status, again.json["cancelled"])
    assert {"cancelled": 2} == (await api.ask("GET", path)).json["states"]


async def test_an_order_is_not_one_of_its_messages(api: Api) -> None:
    first, _ = await api.sent(OSLO, MALMO, send_at=LATER)
    for method, path in (("GET", ""), ("POST", "/cancel")):
        answer = await api.ask(method, f"/v1/orders/{first}{path}")
        assert (404, "not_found", None) == answer.code


async def test_an_order_that_repeats(api: Api) -> None:
    rule = {"every": 1, "unit": "day", "zone": "Europe/Oslo", "count": 3}
    answer = await api.send(OSLO, recur=rule)
    order = answer.json["order_id"]
    path = f"/v1/orders/{order}"
    found = (await api.ask("GET", path)).json["repeats"]
    assert {"times": 1, "next_at": "2023-11-15T22:13:20.000Z"} == found
    # The first time is on its way, the others are not.
    cancelled = await api.ask("POST", f"{path}/cancel")
    counts = {"order_id": order, "messages": 1, "cancelled": 0, "ended": True}
    assert counts == cancelled.json
    found = (await api.ask("GET", path)).json["repeats"]
    assert {"times": 1, "next_at": None} == found
    again = await api.ask("POST", f"{path}/cancel")
    assert (409, "too_late", None) == again.code


async def test_deleting_a_record(api: Api) -> None:
    first, second = await api.sent(OSLO, MALMO, ref="r")
    path = f"/v1/messages/{first}"
    early = await api.ask("DELETE", path)
    assert (409, "not_yet_sent", None) == early.code
    await api.settled()
    assert (204, b"") == (await api.ask("DELETE", path))[::2]
    assert 204 == (await api.ask("DELETE", path)).status
    assert (410, "deleted", None) == (await api.ask("GET", path)).code
    late = await api.ask("POST", f"{path}/cancel")
    assert (410, "deleted", None) == late.code
    assert [second] == await listed(api)
    assert [second] == await listed(api, "ref=r")
    texts = [row[0] for row in api.query("SELECT text FROM part ORDER BY id")]
    assert ["", "Hei"] == texts
    numbers = api.query("SELECT recipient FROM message ORDER BY id")
    assert [("",), (MALMO,)] == numbers
    events = api.query("SELECT DISTINCT message_id FROM callback")
    assert (first,) not in events


async def test_deleting_a_scheduled_record(api: Api) -> None:
    (message_id,) = await api.sent(OSLO, send_at=LATER)
    path = f"/v1/messages/{message_id}"
    assert (409, "not_yet_sent", None) == (await api.ask("DELETE", path)).code
    await api.ask("POST", f"{path}/cancel")
    assert 204 == (await api.ask("DELETE", path)).status


async def test_money(api: Api) -> None:
    for _ in range(3):
        await api.sent(OSLO)
        api.now += 60
    balance = await api.ask("GET", "/v1/balance")
    assert {
        "balance": "999.85",
        "currency": "EUR",
        "prepaid": True,
        "home_price": "0.05",
    } == balance.json
    first = (await api.ask("GET", "/v1/ledger?limit=2")).json
    cursor = first["next_cursor"]
    rest = (await api.ask("GET", f"/v1/ledger?cursor={cursor}")).json
    entries = first["data"] + rest["data"]
    assert rest["next_cursor"] is None
    assert ["999.85", "999.90", "999.95"] == [entry["balance"] for entry in entries]
    assert {"charge"} == {entry["kind"] for entry in entries}
    assert {"-0.05"} == {entry["amount"] for entry in entries}
    assert NOW < api.now
    assert "2023-11-14T22:15:20.000Z" == entries[0]["at"]
    nothing = await api.ask("GET", "/v1/balance", token=OTHER)
    assert (None, None) == (nothing.json["balance"], nothing.json["currency"])

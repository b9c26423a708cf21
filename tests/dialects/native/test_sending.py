"""Sending and quoting by the REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.dialects.native.settings import Settings
from budstikke.domain.message import NotifyOn
from dialects.native.rig import MALMO, OSLO, OTHER, Api, api_on
from store.path import NOW

if TYPE_CHECKING:
    from store.engines import SqliteEngine


def key(text: str) -> dict[str, str]:
    return {"idempotency-key": text}


async def test_one(api: Api) -> None:
    answer = await api.send(OSLO, ref="a1", text="Hei på deg")
    (result,) = answer.json["recipients"]
    assert 201 == answer.status
    assert {
        "order_id": result["id"],
        "accepted": 1,
        "refused": 0,
        "segments": 1,
        "price": "0.05",
        "currency": "EUR",
        "test": False,
        "recipients": [{"to": OSLO, "id": result["id"]}],
    } == answer.json
    assert f"/v1/orders/{result['id']}" == answer.headers["location"]
    (part,) = api.carrier.offered
    assert (OSLO, "Test", "Hei på deg", "a1") == (
        part.recipient,
        part.originator,
        part.text,
        part.ref,
    )


async def test_to_may_be_a_single_number(api: Api) -> None:
    answer = await api.send(to=OSLO)
    assert 1 == answer.json["accepted"]


async def test_many_each_answered_for(api: Api) -> None:
    answer = await api.send(OSLO, "12", MALMO, "+4790000001")
    assert (201, 2, 2, "0.12") == (
        answer.status,
        answer.json["accepted"],
        answer.json["refused"],
        answer.json["price"],
    )
    results = answer.json["recipients"]
    assert [OSLO, "12", MALMO, "+4790000001"] == [each["to"] for each in results]
    assert [None, "bad_recipient", None, "blacklisted"] == [
        each.get("code") for each in results
    ]
    assert all(each.get("title") for each in results if "code" in each)


async def test_nobody_is_left(api: Api) -> None:
    single = await api.send("12")
    assert (422, "bad_recipient", "to") == single.code
    many = await api.send("12", "+4790000001")
    assert (422, "none_accepted", None) == many.code
    codes = [each["code"] for each in many.json["recipients"]]
    assert ["bad_recipient", "blacklisted"] == codes
    assert [(0,)] == api.query("SELECT count(*) FROM message")


async def test_fields_of_their_own(api: Api) -> None:
    body = {
        "from": "Test",
        "text": "Hei {name}, {n} {name} {} {0}",
        "recipients": [
            {"to": OSLO, "fields": {"name": "Kari", "n": "1"}},
            {"to": MALMO, "fields": {"name": "{n}", "n": "2"}},
        ],
    }
    answer = await api.ask("POST", "/v1/messages", body)
    assert 2 == answer.json["accepted"]
    assert ["Hei Kari, 1 Kari {} {0}", "Hei {n}, 2 {n} {} {0}"] == [
        part.text for part in api.carrier.offered
    ]


async def test_a_field_that_is_missing(api: Api) -> None:
    recipients = [{"to": OSLO, "fields": {"name": "Kari"}}, {"to": MALMO}]
    answer = await api.ask(
        "POST",
        "/v1/messages",
        {"from": "Test", "text": "Hei {name}", "recipients": recipients},
    )
    param = "recipients[1].fields.name"
    assert (422, "missing_field", param) == answer.code


async def test_braces_are_text_without_recipients(api: Api) -> None:
    await api.send(OSLO, text="Hei {name}")
    assert ["Hei {name}"] == [part.text for part in api.carrier.offered]


async def test_groups(api: Api) -> None:
    await api.ask("PUT", "/v1/groups/Ansatte")
    for number, active in ((OSLO, True), (MALMO, False), ("+4799999998", True)):
        path = f"/v1/groups/Ansatte/members/{number}"
        await api.ask("PUT", path, {"active": active})
    answer = await api.send(groups=["Ansatte", "Ingen"], to=[OSLO])
    # Whoever is reached in two ways gets it once.
    assert [(OSLO, None), ("+4799999998", None), ("Ingen", "unknown_group")] == [
        (each["to"], each.get("code")) for each in answer.json["recipients"]
    ]
    assert (2, 1) == (answer.json["accepted"], answer.json["refused"])


async def test_the_first_answer_is_given_again(api: Api) -> None:
    body = {"to": [OSLO, "12"], "from": "Test", "text": "Hei"}
    first = await api.ask("POST", "/v1/messages", body, headers=key("k1"))
    again = await api.ask("POST", "/v1/messages", body, headers=key("k1"))
    assert (201, 200) == (first.status, again.status)
    assert first.body == again.body
    assert "idempotent-replay" not in first.headers
    assert "true" == again.headers["idempotent-replay"]
    assert first.headers["location"] == again.headers["location"]
    assert 1 == len(api.carrier.offered)
    other = await api.ask(
        "POST", "/v1/messages", {**body, "text": "Hallo"}, headers=key("k1")
    )
    assert (409, "idempotency_conflict", "Idempotency-Key") == other.code
    elsewhere = await api.ask(
        "POST", "/v1/messages", body, token=OTHER, headers=key("k1")
    )
    assert 201 == elsewhere.status


async def test_a_scheduled_order_is_replayed_after_its_time(api: Api) -> None:
    body = {"to": OSLO, "from": "Test", "text": "Hei"}
    body["send_at"] = "2023-11-14T22:14:20Z"  # a minute ahead
    first = await api.ask("POST", "/v1/messages", body, headers=key("k"))
    api.now += 3600
    again = await api.ask("POST", "/v1/messages", body, headers=key("k"))
    assert (201, 200) == (first.status, again.status)
    assert first.body == again.body


@pytest.mark.parametrize("text", ["", "x" * 256, "æ", "a b", "a\tb"])
async def test_a_key_that_is_none(api: Api, text: str) -> None:
    body = {"to": OSLO, "from": "Test", "text": "Hei"}
    answer = await api.ask("POST", "/v1/messages", body, headers=key(text))
    assert (422, "bad_field", "Idempotency-Key") == answer.code


async def test_a_test_is_neither_sent_nor_charged(api: Api) -> None:
    answer = await api.send(OSLO, MALMO, test=True)
    assert (201, True, "0.12") == (
        answer.status,
        answer.json["test"],
        answer.json["price"],
    )
    assert [] == api.carrier.offered
    assert [(0,)] == api.query("SELECT count(*) FROM message")
    balance = await api.ask("GET", "/v1/balance")
    assert "1000.00" == balance.json["balance"]


async def test_options_reach_the_carrier_and_the_store(api: Api) -> None:
    answer = await api.send(
        OSLO, encoding="gsm", text="Zażółć", flash=True, priority=3, validity=3600
    )
    assert 201 == answer.status
    (part,) = api.carrier.offered
    assert ("gsm", "Zazolc", True, 3, NOW + 3600) == (
        part.encoding,
        part.text,
        part.flash,
        part.priority,
        part.expires_at,
    )


@pytest.mark.parametrize(
    ("settings", "notify_on"),
    [
        (Settings(), NotifyOn.FINAL),
        (Settings(status_interim=True), NotifyOn.FINAL | NotifyOn.SENT),
        (
            Settings(status_url="https://x.no", webhook_secrets=("whsec_" + "a" * 32,)),
            1,
        ),
        (
            Settings(
                status_url="https://x.no",
                webhook_secrets=("whsec_" + "a" * 32,),
                status_interim=True,
            ),
            NotifyOn.FINAL | NotifyOn.SENT,
        ),
    ],
    ids=["nowhere", "nowhere, all", "ends", "all"],
)
async def test_told_as_the_settings_say(
    engine: SqliteEngine, settings: Settings, notify_on: int
) -> None:
    async with api_on(engine, settings=settings) as api:
        await api.send(OSLO)
        assert [int(notify_on)] == [part.notify_on for part in api.carrier.offered]


async def test_reply_numbers_and_threads(api: Api) -> None:
    body = {"to": OSLO, "text": "Kommer du?", "reply": True}
    first = await api.ask("POST", "/v1/messages", body)
    (part,) = api.carrier.offered
    assert part.originator == f"26114{first.json['order_id']:09}"
    follow = {"to": OSLO, "text": "Vel?", "reply_to": first.json["order_id"]}
    assert 201 == (await api.ask("POST", "/v1/messages", follow)).status
    assert api.carrier.offered[1].originator == part.originator
    foreign = await api.ask("POST", "/v1/messages", follow, token=OTHER)
    assert (422, "bad_field", "reply_to") == foreign.code


async def test_no_credit(api: Api) -> None:
    api.query("UPDATE account SET balance = 119999 WHERE id = 1")
    answer = await api.send(OSLO, MALMO)
    assert (402, "no_credit", None) == answer.code
    assert [] == api.carrier.offered


def body(**fields: Any) -> dict[str, Any]:
    return {"to": OSLO, "from": "Test", "text": "Hei", **fields}


@pytest.mark.parametrize(
    ("content", "code", "param"),
    [
        (body(to=[]), "bad_field", "to"),
        ({"from": "Test", "text": "Hei"}, "missing_field", "to"),
        (body(recipients=[{"to": OSLO}]), "bad_field", "to"),
        ({"to": OSLO, "text": "Hei"}, "missing_field", "from"),
        (body(text=""), "bad_field", "text"),
        ({"to": OSLO, "from": "Test"}, "missing_field", "text"),
        (body(text="x" * 1531), "text_too_long", "text"),
        (body(text="ж" * 671), "text_too_long", "text"),
        (body(text="a\0b"), "bad_field", "text"),
        (body(ref="a\0b"), "bad_field", "ref"),
        (body(ref=""), "bad_field", "ref"),
        (body(**{"from": "Much too long"}), "bad_originator", "from"),
        (body(encoding="gsm_only", text="ж"), "bad_characters", "text"),
        (body(encoding="ucs2"), "bad_field", "encoding"),
        (body(priority=4), "bad_field", "priority"),
        (body(validity=59), "bad_field", "validity"),
        (body(send_at="2023-11-13T22:13:19Z"), "bad_field", "send_at"),
        (body(send_at="2024-11-16T00:00:00Z"), "bad_field", "send_at"),
        (body(send_at="2023-11-15T00:00:00"), "bad_field", "send_at"),
        (body(recur={"every": 0, "unit": "day"}), "bad_field", "recur.every"),
        (body(recur={"every": 1, "unit": "day", "zone": "Oslo"}), "bad_field", "recur"),
        (body(reply_to=7), "bad_field", "reply_to"),
        (body(reply_to=10**30), "bad_field", "reply_to"),
        (body(nonsense=1), "bad_field", "nonsense"),
        (
            {"from": "T", "text": "x", "recipients": [{"to": OSLO, "too": 1}]},
            "bad_field",
            "recipients[0].too",
        ),
        (
            {
                "from": "T",
                "text": "{a}",
                "recipients": [{"to": OSLO}],
                "groups": ["g"],
            },
            "bad_field",
            "groups",
        ),
        (body(template={"kind": "otp"}), "missing_field", "template.values.code"),
        (
            body(template={"kind": "otp", "values": {"code": "1"}}),
            "bad_field",
            "template.values.code",
        ),
        (
            body(template={"kind": "otp", "values": {"code": "1234", "pax": "1"}}),
            "bad_field",
            "template.values.pax",
        ),
        (
            body(
                template={
                    "kind": "order_confirmation",
                    "values": {"sendername": "A", "orderurl": "evil.example/1"},
                }
            ),
            "bad_field",
            "template.values.orderurl",
        ),
        (body(template={"kind": "x"}), "bad_field", "template.kind"),
        ([], "bad_field", None),
    ],
)
async def test_what_is_refused(
    api: Api, content: Any, code: str, param: str | None
) -> None:
    for path in ("/v1/messages", "/v1/quote"):
        if path == "/v1/quote" and param == "recur":
            continue  # when it repeats is looked at when it is accepted
        answer = await api.ask("POST", path, content)
        assert (422, code, param) == answer.code
    assert [(0,)] == api.query("SELECT count(*) FROM message")


async def test_a_quote(api: Api) -> None:
    await api.ask("PUT", "/v1/groups/Ansatte")
    await api.ask("PUT", "/v1/groups/Ansatte/members/+4799999998")
    answer = await api.ask(
        "POST",
        "/v1/quote",
        {
            "to": ["+47 999 99 999", "12", MALMO],
            "groups": ["Ansatte", "Ingen"],
            "from": "Test",
            "text": "Zażółć " * 11,
        },
    )
    plan = {"encoding": "ucs2", "segments": 2, "units": 77, "forced_by": "ż"}
    bad = {"code": "bad_recipient", "title": "The number is not a valid phone number"}
    title = "The group does not exist, or has no members"
    assert {
        "segments": 6,
        "price": "0.34",
        "currency": "EUR",
        "recipients": [
            {"to": "+47 999 99 999", "number": OSLO, **plan, "price": "0.10"},
            {"to": "12", **bad},
            {"to": MALMO, "number": MALMO, **plan, "price": "0.14"},
            {
                "to": "+4799999998",
                "number": "+4799999998",
                **plan,
                "price": "0.10",
            },
            {"to": "Ingen", "code": "unknown_group", "title": title},
        ],
    } == answer.json
    assert 200 == answer.status
    assert [(0,)] == api.query("SELECT count(*) FROM message")
    assert [] == api.carrier.offered


async def test_a_quote_is_what_is_charged(api: Api) -> None:
    recipients = [
        {"to": OSLO, "fields": {"name": "Kari" * 50}},
        {"to": MALMO, "fields": {"name": "Ola 🤣"}},
    ]
    body = {"from": "Test", "text": "Hei {name}", "recipients": recipients}
    quoted = (await api.ask("POST", "/v1/quote", body)).json
    sent = (await api.ask("POST", "/v1/messages", body)).json
    assert [2, 1] == [each["segments"] for each in quoted["recipients"]]
    assert (quoted["segments"], quoted["price"]) == (
        sent["segments"],
        sent["price"],
    )
    ledger = (await api.ask("GET", "/v1/ledger")).json["data"]
    assert [f"-{quoted['price']}"] == [entry["amount"] for entry in ledger]


async def test_without_a_currency_nothing_has_a_price(api: Api) -> None:
    body = {"to": OSLO, "from": "Test", "text": "Hei"}
    sent = (await api.ask("POST", "/v1/messages", body, token=OTHER)).json
    assert (None, None) == (sent["price"], sent["currency"])
    quoted = (await api.ask("POST", "/v1/quote", body, token=OTHER)).json
    assert (None, None) == (quoted["price"], quoted["currency"])
    assert "price" not in quoted["recipients"][0]


async def test_templates(api: Api) -> None:
    answer = await api.ask("GET", "/v1/templates")
    kinds = [each["kind"] for each in answer.json["data"]]
    assert 5 == len(set(kinds))
    otp = answer.json["data"][0]
    assert ("otp", ["code"]) == (otp["kind"], otp["required"])
    assert "Your code is 123456\n\nRegards Firmanavn AS" == otp["text"]


async def test_a_large_order_is_answered_for_one_by_one(api: Api) -> None:
    numbers = [f"+4791{n:06}" for n in range(3000)]
    answer = await api.send(*numbers[:-1], "12")
    assert (201, 2999, 1) == (
        answer.status,
        answer.json["accepted"],
        answer.json["refused"],
    )
    results = answer.json["recipients"]
    assert "bad_recipient" == results[-1]["code"]
    ids = [each["id"] for each in results[:-1]]
    assert sorted(set(ids)) == ids
    shown = await api.ask("GET", f"/v1/messages/{ids[-1]}")
    assert (200, numbers[-2]) == (shown.status, shown.json["to"])
    order = await api.ask("GET", f"/v1/orders/{answer.json['order_id']}")
    assert 2999 == order.json["pending"] + sum(order.json["states"].values())

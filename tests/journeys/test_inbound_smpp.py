"""node-smpp as the operator: every kind of message reaches a customer's server once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.text import gsm_encode
from journeys.centre import MessageCentre
from journeys.customer import NodeCustomer
from journeys.gateway import Gateway, smpp_carrier
from journeys.processes import wait_until
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.peer

NUMBER = "4759000000"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAR = {"sar_total_segments": 2, "sar_msg_ref_num": 900}


def native(url: str, **more: Any) -> dict[str, Any]:
    """An account with one native access that is told of messages from phones."""
    settings = {"inbound_url": url, "webhook_secrets": [SECRET]}
    access = {
        "dialect": "native",
        "password": "native-secret",
        "require_https": False,
        "settings": settings,
    }
    return {"name": "native", "originators": ["*"], "access": [access], **more}


def utf16(text: str) -> str:
    return text.encode("utf-16-be").hex()


LONG = "Lang tekst: " + "æøå€ " * 50

# What each phone sends, one after another, and the texts that it said.
Story = tuple[list[dict[str, Any]], list[str]]

STORIES: dict[str, Story] = {
    "GSM": ([{"text": "Hei på deg, 100 %!"}], ["Hei på deg, 100 %!"]),
    "the extension table": ([{"text": "€ {[~]} \\ |^"}], ["€ {[~]} \\ |^"]),
    "a locking shift table, as node-smpp encodes it": (
        [{"text": "ğış", "udh": "03250101"}],
        ["ğış"],
    ),
    "a single shift table": (
        [{"udh": "03240101", "hex": gsm_encode("ğış €", (0, 1)).hex()}],
        ["ğış €"],
    ),
    "UCS-2 and emoji": ([{"text": "Ja 🎉", "data_coding": 8}], ["Ja 🎉"]),
    "Latin-1": ([{"text": "på æ", "data_coding": 3}], ["på æ"]),
    "8-bit references, in order": (
        [
            {"text": "en ", "udh": "0500030a0301"},
            {"text": "to ", "udh": "0500030a0302"},
            {"text": "tre", "udh": "0500030a0303"},
        ],
        ["en to tre"],
    ),
    "out of order, doubled, an emoji cut in two": (
        [
            {"hex": utf16("🎉")[4:], "udh": "060804beef0202", "data_coding": 8},
            {"hex": utf16("🎉")[4:], "udh": "060804beef0202", "data_coding": 8},
            {"hex": utf16("Ja 🎉")[:-4], "udh": "060804beef0201", "data_coding": 8},
            {"hex": utf16("🎉")[4:], "udh": "060804beef0202", "data_coding": 8},
        ],
        ["Ja 🎉"],
    ),
    "SAR": (
        [
            {"text": "to", "tlvs": {**SAR, "sar_segment_seqnum": 2}},
            {"text": "en ", "tlvs": {**SAR, "sar_segment_seqnum": 1}},
        ],
        ["en to"],
    ),
    "message_payload": ([{"text": LONG, "payload": True}], [LONG]),
    "a reference that comes again": (
        [
            {"text": "a", "udh": "050003070201"},
            {"text": "b", "udh": "050003070202"},
            {"text": "c", "udh": "050003070201"},
            {"text": "d", "udh": "050003070202"},
        ],
        ["ab", "cd"],
    ),
    "a reference that comes again, and the same beginning": (
        [
            {"text": "Hei, ", "udh": "050003700201"},
            {"text": "door open", "udh": "050003700202"},
            {"text": "Hei, ", "udh": "050003700201"},
            {"text": "window open", "udh": "050003700202"},
        ],
        ["Hei, door open", "Hei, window open"],
    ),
    "a header that cannot be": ([{"text": "hele", "udh": "050003070209"}], ["hele"]),
    "odd UCS-2": ([{"hex": "004800", "data_coding": 8}], ["H\ufffd"]),
    "nothing": ([{"text": ""}], [""]),
}


def test_every_kind_reaches_the_customer_once(tmp_path: Path, own: Own) -> None:
    customer = own(NodeCustomer(tmp_path))
    centre = own(MessageCentre(tmp_path, node=True))
    centre.start()
    account = native(customer.url("in"), number=[{"value": NUMBER}])
    gateway = own(Gateway(tmp_path, smpp_carrier(centre.port), [account]))
    gateway.start()
    phones = {f"4790000{n:03}": story for n, story in enumerate(STORIES.values())}
    rows = [
        {"source": phone, "to": NUMBER, **row}
        for phone, (sent, _) in phones.items()
        for row in sent
    ]
    wanted = {f"+{phone}": texts for phone, (_, texts) in phones.items()}
    count = sum(map(len, wanted.values()))

    centre.child.tell(json.dumps(rows))
    wait_until("all are told", lambda: customer.count() >= count)
    wait_until("all are answered", lambda: centre.count("delivered") == len(rows))
    gateway.stop()

    assert {0} == {row["status"] for row in centre.events("delivered")}
    told: dict[str, list[str]] = {}
    for asked in customer.asked():
        assert ("POST", "/in") == (asked.method, asked.path)
        data = asked.json["data"]
        assert ("sms", f"+{NUMBER}") == (data["kind"], data["to"])
        assert (0, False, None) == (data["missing"], data["opt_out"], data["data"])
        told.setdefault(data["from"], []).append(data["text"])
    # One customer's server is called for several messages at a time.
    assert wanted == {phone: sorted(texts) for phone, texts in told.items()}
    assert count == gateway.count("SELECT count(*) FROM inbound")


def test_stop_by_a_national_number(tmp_path: Path, own: Own) -> None:
    customer = own(NodeCustomer(tmp_path))
    centre = own(MessageCentre(tmp_path, node=True))
    centre.start()
    account = native(customer.url("in"), number=[{"value": NUMBER}], stop=["nb"])
    gateway = own(Gateway(tmp_path, smpp_carrier(centre.port, home="+47"), [account]))
    gateway.start()
    phones = [
        {"source": "91000003", "source_ton": 2, "to": "59000000", "to_ton": 2},
        {"source": "91000004", "source_ton": 0, "to": f"00{NUMBER}", "to_ton": 1},
    ]

    centre.child.tell(json.dumps([{**row, "text": "STOPP"} for row in phones]))
    wait_until("both are told", lambda: customer.count() >= 2)

    told = [asked.json["data"] for asked in customer.asked()]
    assert {"+4791000003", "+4791000004"} == {data["from"] for data in told}
    assert [(f"+{NUMBER}", True)] * 2 == [
        (data["to"], data["opt_out"]) for data in told
    ]
    headers = {
        "authorization": "Bearer native-secret",
        "content-type": "application/json",
    }

    def refused(to: str) -> bool:
        body = json.dumps({"to": to, "from": "X", "text": "x"}).encode()
        answer = ask(gateway.port, "POST", "/v1/messages", body, headers)
        return b"opted_out" in answer.body

    wait_until("the first gets no more", lambda: refused("+4791000003"))
    wait_until("nor does the second", lambda: refused("+4791000004"))
    assert not refused("+4791000005")


def test_binary_and_what_never_came(tmp_path: Path, own: Own) -> None:
    customer = own(NodeCustomer(tmp_path))
    centre = own(MessageCentre(tmp_path, node=True))
    centre.start()
    account = native(customer.url("in"), number=[{"value": NUMBER}])
    settings = {"inbound": {"join_timeout": 2}}
    gateway = own(Gateway(tmp_path, smpp_carrier(centre.port), [account], settings))
    gateway.start()
    phone = {"source": "4790000001", "to": NUMBER}
    vcard = {"udh": "06050423f40000", "hex": "424547494e", "data_coding": 4}
    rows = [
        {**phone, **vcard},
        {**phone, "text": "en ", "udh": "0500030a0301"},
        {**phone, "text": " tre", "udh": "0500030a0303"},
        {**phone, "to": "2229", "text": "nobody's"},
    ]

    centre.child.tell(json.dumps(rows))
    wait_until("both are told", lambda: customer.count() >= 2)
    wait_until("all are answered", lambda: centre.count("delivered") == len(rows))
    gateway.kill()
    gateway.start()
    gateway.stop()

    # One whose telling was not written yet when it was killed is told again.
    told = {asked.json["data"]["id"]: asked.json["data"] for asked in customer.asked()}
    binary, text = told.values()
    assert ("binary", "06050423f40000424547494e") == (binary["kind"], binary["data"])
    assert ("en [...] tre", 1) == (text["text"], text["missing"])
    tray = "SELECT recipient, text FROM inbound WHERE access_id IS NULL"
    assert [("2229", "nobody's")] == gateway.query(tray)

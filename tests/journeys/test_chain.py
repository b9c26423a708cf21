"""
Two gateways in a chain, over each dialect: the first one's operator is the second.

Text, sender, reference, price and report are intact from end to end, and messages from
phones go the other way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from journeys.gateway import Gateway, simulator_carrier, toml
from journeys.processes import wait_until
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

SECRET = "chain-secret"
HOOK = "whsec_" + "a" * 32
LONG = "Ærlig talt: " + "x" * 150 + " {€} & <b>\"'%20\n" + "ø" * 150
"""Three segments of the GSM alphabet, with what each place would escape."""

WIDE = "Hei på deg 🤣 " * 10
"""Three segments of UCS-2."""

SIDES: Mapping[str, dict[str, Any]] = {
    "native": {"webhook_secrets": [HOOK]},
    "front": {"two_way": True},
    "sveve": {"push_numbers": "international"},
    "elks": {},
    "ip1": {},
    "reseller": {},
}
"""By dialect, the settings of the access at the second gateway."""

REPORTS = {"native", "front", "sveve", "elks"}
"""Dialects that tell what became of a message."""

RETURNS = {"native", "front", "elks", "ip1"}
"""Dialects whose inbound messages name the number in full."""

REFERENCES = {"native", "front", "sveve"}
"""Dialects that take the customer's reference as it is."""

LOGINS = {"front": "1234", "sveve": "chain", "elks": "chain", "ip1": "ip1-1000"}

PRICES = {
    "name": "plain",
    "currency": "NOK",
    "price": [{"prefix": "+", "amount": "0.40"}],
}


def account(dialect: str) -> dict[str, Any]:
    """An account that pays, and may look by the REST API."""
    return {
        "name": dialect,
        "originators": ["*"],
        "currency": "NOK",
        "price_list": "plain",
        "balance": 100,
        "number": [{"value": number(dialect), "access": "native"}],
    }


def number(dialect: str) -> str:
    return f"+475944000{list(SIDES).index(dialect)}"


def phone(dialect: str, ending: str = "9999") -> str:
    return f"+479{list(SIDES).index(dialect) + 1:03}{ending}"


def looking(dialect: str) -> dict[str, Any]:
    return {
        "dialect": "native",
        "password": f"{SECRET}-look-{dialect}",
        "require_https": False,
    }


class Chain:
    """Two gateways: ``near``, whose customers send, and ``far``, with the phones."""

    def __init__(self, folder: Path, own: Own) -> None:
        self.near = self._gateway(folder / "near", own)
        self.far = self._gateway(folder / "far", own)
        self._apply_near()
        self._apply_far()
        self.far.start()
        self.near.start()

    def _gateway(self, folder: Path, own: Own) -> Gateway:
        folder.mkdir()
        simulator = {"simulator": {"enabled": True}}
        made: Gateway = own(
            Gateway(folder, simulator_carrier(delivery_delay=0.1), (), simulator)
        )
        return made

    def _apply(self, gateway: Gateway, tables: dict[str, Any]) -> None:
        file = gateway.folder / "chain.toml"
        file.write_text(toml(tables), "utf-8")
        gateway.run("apply", str(file))

    def _apply_near(self) -> None:
        carriers = [
            {
                "name": dialect,
                "kind": "http",
                "settings": {
                    "description": dialect,
                    "url": f"http://127.0.0.1:{self.far.port}",
                    "allow_http": True,
                    "allow_private": True,
                    "username": LOGINS.get(dialect, ""),
                    "password": f"{SECRET}-{dialect}",
                    "our_url": f"http://127.0.0.1:{self.near.port}",
                    "deliver_token": SECRET,
                    "home": "+47",
                },
            }
            for dialect in SIDES
        ]
        routes = [
            {"account": name, "prefix": "+", "carriers": [name]} for name in SIDES
        ]
        accounts = [account(name) | {"access": [looking(name)]} for name in SIDES]
        tables = {"price_list": [PRICES], "carrier": carriers}
        self._apply(self.near, tables | {"account": accounts, "route": routes})

    def _apply_far(self) -> None:
        accounts = [account(name) | {"access": self._accesses(name)} for name in SIDES]
        for each in accounts:
            each["number"] = [{"value": number(each["name"]), "access": each["name"]}]
        self._apply(self.far, {"price_list": [PRICES], "account": accounts})

    def _accesses(self, dialect: str) -> list[dict[str, Any]]:
        """The access that the near gateway uses, and one to look."""
        called = f"http://127.0.0.1:{self.near.port}/carriers/{dialect}"
        settings = dict(SIDES[dialect])
        if dialect in REPORTS - {"elks"}:
            settings["status_url"] = f"{called}/receipts?token={SECRET}"
        if dialect != "reseller":
            settings["inbound_url"] = f"{called}/inbound?token={SECRET}"
        found: dict[str, Any] = {
            "dialect": dialect,
            "password": f"{SECRET}-{dialect}",
            "require_https": False,
            "settings": settings,
        }
        if dialect in LOGINS:
            found["id"] = LOGINS[dialect]
        return [found] if dialect == "native" else [found, looking(dialect)]

    def rest(
        self, gateway: Gateway, dialect: str, path: str, content: Any = None
    ) -> Any:
        """Ask a gateway's REST API as the account of a dialect."""
        token = f"{SECRET}-look-{dialect}"
        if gateway is self.far and dialect == "native":
            token = f"{SECRET}-native"
        headers = {"authorization": f"Bearer {token}"}
        method, body = "GET", None
        if content is not None:
            method, body = "POST", json.dumps(content).encode()
            headers["content-type"] = "application/json"
        answer = ask(gateway.port, method, f"/v1{path}", body, headers)
        assert answer.status in (200, 201), answer
        return answer.json

    def send(self, dialect: str, to: str, text: str, ref: str) -> int:
        order = {"to": to, "from": "Chain", "text": text, "ref": ref}
        answer = self.rest(self.near, dialect, "/messages", order)
        return int(answer["recipients"][0]["id"])

    def state(self, dialect: str, message: int) -> str:
        found = self.rest(self.near, dialect, f"/messages/{message}")
        return str(found["state"])


@pytest.fixture
def chain(tmp_path: Path, own: Own) -> Chain:
    return Chain(tmp_path, own)


def test_each_dialect_carries_a_message_from_end_to_end(chain: Chain) -> None:
    sent = {
        (dialect, kind): chain.send(dialect, phone(dialect, ending), text, f"r-{kind}")
        for dialect in SIDES
        for kind, ending, text in (("gsm", "9999", LONG), ("ucs2", "9998", WIDE))
    }
    failing = {
        dialect: chain.send(dialect, phone(dialect, "0001"), "Hei", "r-fails")
        for dialect in sorted(REPORTS)
    }
    for (dialect, kind), message in sent.items():
        wanted = "delivered" if dialect in REPORTS else "sent"
        wait_until(
            f"{dialect} {kind} is {wanted}",
            lambda: chain.state(dialect, message) == wanted,  # noqa: B023 - at once
        )
    for dialect, message in failing.items():
        wait_until(
            f"{dialect} fails",
            lambda: chain.state(dialect, message) == "undelivered",  # noqa: B023
        )
    for (dialect, kind), message in sent.items():
        near = chain.rest(chain.near, dialect, f"/messages/{message}")
        ending, text = {"gsm": ("9999", LONG), "ucs2": ("9998", WIDE)}[kind]
        to = phone(dialect, ending)
        (far,) = chain.rest(chain.far, dialect, f"/messages?to=%2B{to[1:]}")["data"]
        (heard,) = chain.far.phone(to)
        assert ("Chain", text) == (heard["originator"], heard["text"]), dialect
        assert near["segments"] == far["segments"] == 3, dialect
        assert near["price"] == far["price"] == "1.20", dialect
        if dialect in REFERENCES:
            assert f"r-{kind}" == near["ref"] == far["ref"], dialect
    for dialect in SIDES:
        near, far = (
            chain.rest(gateway, dialect, "/balance")["balance"]
            for gateway in (chain.near, chain.far)
        )
        assert near == far, dialect

    for dialect in sorted(RETURNS):
        content = {"to": number(dialect), "text": f"Svar 🎉 {dialect}"}
        answer = chain.far.ask(
            "POST", f"/simulator/phones/{phone(dialect)}/messages", content
        )
        assert 201 == answer.status

    def inbound(dialect: str) -> list[tuple[str, str, str]]:
        rows = chain.rest(chain.near, dialect, "/inbound")["data"]
        return [(row["from"], row["to"], row["text"]) for row in rows]

    for dialect in sorted(RETURNS):
        wait_until(f"a message by {dialect}", lambda: inbound(dialect))  # noqa: B023
        wanted_row = (phone(dialect), number(dialect), f"Svar 🎉 {dialect}")
        assert [wanted_row] == inbound(dialect)

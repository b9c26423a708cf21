"""Front by every way in, to the simulated phones and back to the customer."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from journeys.gateway import LOGIN, Gateway, account, simulator_carrier
from journeys.processes import wait_until
from journeys.web import Customer, front_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

SIMULATED = {"simulator": {"enabled": True}}
JSON_LOGIN = {**LOGIN, "fromid": "Test"}

pytestmark = pytest.mark.slow


class Site:
    """A gateway with the simulator, and its customer."""

    def __init__(self, folder: Path, own: Callable[[Any], Any], database: str) -> None:
        self.customer = own(Customer())
        self.customer.open()
        accounts = [
            account("all", status_url=self.customer.url(), interim=True),
            account("locked", service="1001", duplicate_lock=True),
        ]
        carrier = simulator_carrier(delivery_delay=0.3, throttle_pause=0.1)
        self.gateway = own(
            Gateway(folder, carrier, accounts, SIMULATED, database=database)
        )
        self.gateway.start()

    def text_on(self, number: str) -> str:
        """Wait for a phone's first message."""
        wait_until(f"{number} got it", lambda: self.gateway.phone(number))
        text: str = self.gateway.phone(number)[0]["text"]
        return text

    def told(self, message_id: int, *expected: str) -> None:
        """Wait until the customer was told these; -1 may arrive after 4."""
        wait_until(
            f"{message_id} is told {expected}",
            lambda: len(self.statuses(message_id)) >= len(expected),
        )
        assert sorted(expected) == self.statuses(message_id)

    def statuses(self, message_id: int) -> list[str]:
        return sorted(self.customer.statuses().get(message_id, []))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Site]:
    """One for all tests on an engine: each has phones of its own."""
    with ExitStack() as stack:

        def own(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        yield Site(tmp_path_factory.mktemp("front"), own, database)


def test_get_in_latin_1(site: Site) -> None:
    login = "&".join(f"{name}={value}" for name, value in LOGIN.items())
    text = quote("Blåbærsyltetøy til 100 % på fløte", encoding="latin-1")
    path = f"/psk/push.php?{login}&phoneno=0047%2099%2099%2002%2010&fromid=Test"

    answer = site.gateway.ask("GET", f"{path}&txt={text}")

    site.told(front_id(answer), "-1", "4")
    assert "Blåbærsyltetøy til 100 % på fløte" == site.text_on("+4799990210")


def test_get_in_utf_8(site: Site) -> None:
    answer = site.gateway.push("+4799990211", "Zażółć 🐟 ﷽")

    site.told(front_id(answer), "-1", "4")
    assert "Zażółć 🐟 ﷽" == site.text_on("+4799990211")
    assert "ucs2" == site.gateway.phone("+4799990211")[0]["encoding"]


def test_json(site: Site) -> None:
    content = {**JSON_LOGIN, "phoneno": "+4799990212", "txt": "Hei {€}", "flash": True}

    answer = site.gateway.ask("POST", "/psk/push.php", content)

    assert (200, 0, "OK") == (
        answer.status,
        answer.json["errorcode"],
        answer.json["description"],
    )
    site.told(answer.json["id"], "-1", "4")
    (message,) = site.gateway.phone("+4799990212")
    assert ("Hei {€}", True, "gsm") == (
        message["text"],
        message["flash"],
        message["encoding"],
    )


def test_numbers_as_front_s_clients_write_them(site: Site) -> None:
    get = site.gateway.push("4799990213", "Hei")
    one = {**JSON_LOGIN, "phoneno": 99990214, "txt": "Hei"}
    many = {**JSON_LOGIN, "phoneno": [4799990215, "99990216", 12], "txt": "Hei"}

    assert front_id(get) > 1000
    assert 0 == site.gateway.ask("POST", "/psk/push.php", one).json["errorcode"]
    answer = site.gateway.ask("POST", "/psk/push_bulk.php", many)
    assert (201, ["12"]) == (answer.status, answer.json["invalidPhoneno"])
    for number in (213, 214, 215, 216):
        assert "Hei" == site.text_on(f"+4799990{number}")
    foreign = site.gateway.push("46701234567", "Hei")
    assert b"ErrorCode=1, ID=0" == foreign.body


def test_bulk(site: Site) -> None:
    good = [f"+4799991{number:03}" for number in range(300)]
    written = [*good, good[0], "12", "tull"]
    content = {**JSON_LOGIN, "phoneno": written, "txt": "Til alle", "ref": "åpent/1"}

    answer = site.gateway.ask("POST", "/psk/push_bulk.php", content)

    assert 201 == answer.status
    assert {
        "errorcode": 0,
        "description": "OK",
        "invalidPhoneno": ["12", "tull"],
        "duplicatePhoneno": [good[0]],
    } == answer.json

    def told() -> list[dict[str, str]]:
        queries = [push.query for push in site.customer.pushes]
        return [query for query in queries if query.get("ref") == "åpent/1"]

    wait_until("all were told", lambda: len(told()) >= 2 * len(good))
    for status in ("-1", "4"):
        assert good == sorted(q["phoneno"] for q in told() if q["status"] == status)
    assert ["Til alle"] == [message["text"] for message in site.gateway.phone(good[7])]


@pytest.mark.parametrize(
    ("ending", "statuses", "received"),
    [
        ("0001", ["-1", "5"], 0),  # undelivered
        ("0002", ["5"], 0),  # rejected at submit
        ("0005", ["-1", "4"], 1),  # the receipt comes before the response
        ("0006", ["-1", "4"], 1),  # the receipt comes twice
        ("0008", ["-1", "4"], 1),  # throttled three times first
    ],
)
def test_fates(site: Site, ending: str, statuses: list[str], received: int) -> None:
    recipient = f"+479999{ending}"

    message_id = front_id(site.gateway.push(recipient, "Hei"))

    site.told(message_id, *statuses)
    # Whatever else would be told of the first is told before the second is.
    site.told(front_id(site.gateway.push("+4799990213", "Hei")), "-1", "4")
    assert sorted(statuses) == site.statuses(message_id)
    assert received == len(site.gateway.phone(recipient))


def test_scheduled(site: Site) -> None:
    due = int(time.time()) + 4
    scheduled = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due))

    message_id = front_id(
        site.gateway.push("+4799990214", "Senere", scheduled=scheduled)
    )
    site.gateway.stop()
    site.gateway.start()

    site.told(message_id, "-1", "4")
    (message,) = site.gateway.phone("+4799990214")
    assert scheduled[:-1] <= message["received_at"]


def test_duplicates_are_refused_across_restarts(site: Site) -> None:
    gateway = site.gateway
    for number, end in enumerate((lambda: None, gateway.stop, gateway.kill)):
        text = f"Hei {number}"
        front_id(gateway.push("+4799990215", text, serviceid="1001"))
        end()
        if not gateway.running.alive():
            gateway.start()

        again = gateway.push("+4799990215", text, serviceid="1001")
        assert b"ErrorCode=17, ID=0" == again.body
        front_id(gateway.push("+4799990011", text, serviceid="1001"))

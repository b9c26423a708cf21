"""Kannel bound to our simulator, and our SMPP carrier bound to Kannel's test centre."""

from __future__ import annotations

import json
import re
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from journeys.gateway import PROGRAM, Gateway, smpp_carrier
from journeys.kannel import Kannel, program
from journeys.processes import Child, free_port, listens, wait_until
from journeys.web import Customer, ask, front_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = [pytest.mark.slow, pytest.mark.peer]

UTF_8 = {"charset": "UTF-8"}
WIDE = {"charset": "UTF-16BE", "coding": "2"}
TEXTS = {
    # how Kannel's sendsms is given it
    "Hei {€} @£$ ÆØÅ æøå\nto linjer": UTF_8,
    "Grüße, Señor: ñ ü ß": {"charset": "ISO-8859-1"},
    "Зажглось 🐟 ﷽": WIDE,
    "æ€" * 150: UTF_8,
    "я🐟" * 50: WIDE,
    "  to  mellomrom  ": UTF_8,
}
SMSBOX_PORT = 13001
"""Where drive_smpp wants a bearerbox; it cannot be told otherwise."""


class Simulator:
    """Our simulated operator alone, which takes binds, and Kannel bound to it."""

    def __init__(self, folder: Path, own: Own) -> None:
        smpp, self._http = free_port(), free_port()
        listen = ["--listen", f"127.0.0.1:{smpp}", "--http", f"127.0.0.1:{self._http}"]
        self.child = own(Child([*PROGRAM, "simulator", *listen], folder))
        self.child.wait_ready()
        self.customer = own(Customer())
        self.customer.open()
        mo_url = self.customer.url("/mo")
        self.kannel = own(Kannel(folder, smpp=smpp, mo_url=mo_url))

    def received(self, number: str) -> list[dict[str, Any]]:
        """List what a phone got."""
        path = f"/simulator/phones/{number}/messages"
        found: list[dict[str, Any]] = ask(self._http, "GET", path).json
        return found

    def compose(self, number: str, to: str, text: str) -> None:
        """Send from a phone."""
        path = f"/simulator/phones/{number}/messages"
        body = json.dumps({"to": to, "text": text}).encode()
        assert ask(self._http, "POST", path, body).status == 201

    def reports(self, key: str) -> set[str]:
        """List what Kannel's customer was told of a message."""
        pushes = list(self.customer.pushes)
        return {p.query["type"] for p in pushes if p.query.get("key") == key}


@pytest.fixture
def simulator(tmp_path: Path, own: Own) -> Simulator:
    return Simulator(tmp_path, own)


def test_texts_from_kannel_to_phones(simulator: Simulator) -> None:
    sent = {f"+47900002{n:02}": text for n, text in enumerate(TEXTS)}
    for number, text in sent.items():
        form = TEXTS[text]
        answer = simulator.kannel.send(number, text.encode(form["charset"]), **form)
        assert answer.status == 202

    for number, text in sent.items():
        wait_until(f"{text!r} came", partial(simulator.received, number))
        assert [text] == [message["text"] for message in simulator.received(number)]
        assert "2229" == simulator.received(number)[0]["originator"]


def test_texts_from_phones_to_kannel(simulator: Simulator) -> None:
    for text in TEXTS:
        simulator.compose("+4790000300", "2229", text)

    wait_until("all came", lambda: len(simulator.customer.pushes) >= len(TEXTS))
    queries = [push.query for push in simulator.customer.pushes]
    assert sorted(TEXTS) == sorted(query["text"] for query in queries)
    assert {("+4790000300", "2229")} == {(q["from"], q["to"]) for q in queries}


def test_receipts_reach_kannels_customer(simulator: Simulator) -> None:
    # Kannel's types: 1 delivered, 2 not, 8 the centre has it, 16 it does not.
    for key, number in (("good", "+4790000400"), ("bad", "+4790000001")):
        url = simulator.customer.url(f"/dlr?key={key}") + "&type=%d"
        simulator.kannel.send(number, b"Hei", **{"dlr-mask": "31", "dlr-url": url})

    wait_until("told", lambda: len(simulator.reports("good")) >= 2)
    wait_until("told", lambda: len(simulator.reports("bad")) >= 2)
    assert {"8", "1"} == simulator.reports("good")
    assert {"8", "2"} == simulator.reports("bad")


def test_our_carrier_at_kannels_test_centre(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    """
    drive_smpp takes transmitters and receivers, and gives no message ids.

    It sends enquire_link after each deliver_sm. To ends of interface version 3.4 it
    marks each as a receipt, by a parameter, so that we say 3.3 here.
    """
    messages = 300
    drive = program("/usr/lib/kannel/test/drive_smpp")
    port, log = free_port(), tmp_path / "drive.log"
    command = [drive, "-v", "4", "-p", str(port), "-m", str(messages), "-l", str(log)]
    try:
        bearerbox = socket.create_server(("127.0.0.1", SMSBOX_PORT))
    except OSError:
        pytest.skip(f"port {SMSBOX_PORT} is taken, and drive_smpp knows no other")
    own(bearerbox)
    centre = own(Child(command, tmp_path))
    wait_until("drive_smpp listens", lambda: listens(port))
    carrier = smpp_carrier(port, bind_type="tx+rx", window=50, interface_version=0x33)
    gateway = own(Gateway(tmp_path, carrier))
    gateway.start()

    for number in range(messages):
        front_id(gateway.push(f"+4790001{number:03}", f"Text {number}"))
    wait_until("all are sent", lambda: gateway.parts() == {"sent": messages})
    inbound = "SELECT count(*) FROM inbound"
    wait_until("all came in", lambda: gateway.count(inbound) >= messages)
    gateway.stop()
    centre.process.wait(30)  # it ends with the first connection that does

    said = log.read_text("latin-1")
    got = re.findall(r"submit_sm: short_message = <(.*)>", said)
    assert sorted(f"Text {number}" for number in range(messages)) == sorted(got)
    assert said.count("Handling SMPP PDU of type deliver_sm_resp") == messages
    assert gateway.count(inbound) == messages
    figures(sent=messages, inbound=messages)

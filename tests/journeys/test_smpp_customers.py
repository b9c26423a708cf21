"""SMPP clients of others against ``budstikke demo``, as if it were an operator."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import smpplib.client
import smpplib.exceptions
import smpplib.gsm

from journeys.gateway import PROGRAM
from journeys.kannel import Kannel
from journeys.processes import Child, free_port, wait_until
from journeys.web import ask
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

LONG_TEXT = "Blåbærsyltetøy € " * 20
TEXTS = {
    "Hei {€} @£$ ÆØÅ æøå": {"charset": "UTF-8"},
    "æ€" * 150: {"charset": "UTF-8"},
    "я🐟" * 50: {"charset": "UTF-16BE", "coding": "2"},
}
"""How Kannel's sendsms is given each text."""
PEERS = Path(__file__).parents[1] / "peers"


class Demo:
    """A running demo, and the port that customers bind to."""

    def __init__(self, folder: Path, own: Own) -> None:
        self.http, operator = free_port(), free_port()
        self.port = operator + 1
        ports = ["--port", str(self.http), "--smpp-port", str(operator)]
        self.child = own(Child([*PROGRAM, "demo", *ports], folder))
        self.child.wait_ready()

    def texts(self, number: str) -> list[str]:
        """List what a phone got."""
        path = f"/simulator/phones/{number}/messages"
        found = ask(self.http, "GET", path).json
        return [message["text"] for message in found]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    owned: list[Any] = []

    def own(thing: Any) -> Any:
        owned.append(thing)
        return thing

    try:
        yield Demo(tmp_path_factory.mktemp("demo"), own)
    finally:
        for thing in owned:
            thing.close()


def connected(demo: Demo) -> smpplib.client.Client:
    client = smpplib.client.Client(
        "127.0.0.1", demo.port, timeout=PATIENCE, allow_unknown_opt_params=True
    )
    client.connect()
    return client


def test_smpplib_binds_sends_and_unbinds(demo: Demo) -> None:
    client = connected(demo)
    client.bind_transceiver(system_id="demo", password="demo")
    parts, data_coding, esm_class = smpplib.gsm.make_parts(LONG_TEXT)
    assert len(parts) > 2
    for part in parts:
        client.send_message(
            source_addr_ton=5,
            source_addr="Budstikke",
            dest_addr_ton=1,
            destination_addr="4799991201",
            short_message=part,
            data_coding=data_coding,
            esm_class=esm_class,
        )
    ids = {client.read_pdu().message_id for _ in parts}
    assert len(ids) == 1
    wait_until("it came", lambda: demo.texts("+4799991201"))
    assert [LONG_TEXT] == demo.texts("+4799991201")
    client.unbind()
    client.disconnect()


@pytest.mark.parametrize("login", [("demo", "wrong"), ("nobody", "demo")])
def test_smpplib_with_a_wrong_login(demo: Demo, login: tuple[str, str]) -> None:
    client = connected(demo)
    with pytest.raises(smpplib.exceptions.PDUError) as caught:
        client.bind_transmitter(system_id=login[0], password=login[1])
    assert 0x0E == caught.value.args[1]
    client.disconnect()


def test_smpplib_binds_too_often(demo: Demo) -> None:
    clients = [connected(demo) for _ in range(11)]
    for client in clients[:10]:
        client.bind_transmitter(system_id="demo", password="demo")
    with pytest.raises(smpplib.exceptions.PDUError) as caught:
        clients[10].bind_transmitter(system_id="demo", password="demo")
    assert 0x0D == caught.value.args[1]
    for client in clients[:10]:
        client.unbind()
        client.disconnect()
    clients[10].disconnect()
    client = connected(demo)
    client.bind_transmitter(system_id="demo", password="demo")
    client.unbind()
    client.disconnect()


NODE = """
const smpp = require(process.argv[1] + '/node_modules/smpp');
const session = smpp.connect({url: 'smpp://127.0.0.1:' + process.argv[2]}, () => {
  session.bind_transceiver({system_id: 'demo', password: 'demo'}, (bound) => {
    session.submit_sm({source_addr_ton: 5, source_addr: 'Node', dest_addr_ton: 1,
        destination_addr: '4799991202', short_message: 'Hei fra node 😀'}, (sent) => {
      session.query_sm({message_id: sent.message_id}, (state) => {
        console.log([bound, sent, state].map((pdu) => pdu.command_status).join());
        session.unbind(() => session.close());
      });
    });
  });
});
"""


@pytest.mark.peer
def test_node_smpp(demo: Demo) -> None:
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "-e", NODE, str(PEERS), str(demo.port)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "0,0,0" == done.stdout.strip(), done.stderr
    wait_until("it came", lambda: demo.texts("+4799991202"))
    assert ["Hei fra node 😀"] == demo.texts("+4799991202")


@pytest.mark.peer
def test_kannel(demo: Demo, tmp_path: Path, own: Own) -> None:
    """Kannel's bearerbox is the customer, with texts of several segments."""
    kannel = own(
        Kannel(
            tmp_path,
            smpp=demo.port,
            mo_url="http://127.0.0.1:9/",
            login=("demo", "demo"),
        )
    )
    for number, (text, form) in enumerate(TEXTS.items(), 1203):
        phone = f"+479999{number}"
        octets = text.encode(form["charset"])
        assert kannel.send(phone, octets, **form).status == 202
        wait_until("it came", partial(demo.texts, phone))
        assert [text] == demo.texts(phone)


def test_smpplib_gets_receipts(demo: Demo) -> None:
    client = connected(demo)
    got: list[Any] = []
    sent: list[Any] = []

    def receive(pdu: Any) -> None:
        got.append(pdu)

    def answer(pdu: Any) -> None:
        sent.append(pdu)

    client.set_message_received_handler(receive)
    client.set_message_sent_handler(answer)
    client.bind_transceiver(system_id="demo", password="demo")
    for phone in ("4799991204", "4799990001"):  # the latter is undelivered
        client.send_message(
            source_addr_ton=5,
            source_addr="Budstikke",
            dest_addr_ton=1,
            destination_addr=phone,
            short_message=b"Hei",
            registered_delivery=1,
        )
    while len(got) < 2:
        client.read_once()
    texts = {pdu.source_addr.decode(): pdu.short_message.decode() for pdu in got}
    assert "stat:DELIVRD" in texts["4799991204"]
    assert "stat:UNDELIV" in texts["4799990001"]
    ids = {pdu.message_id.decode() for pdu in sent}
    assert ids == {pdu.receipted_message_id.decode() for pdu in got}
    client.unbind()
    client.disconnect()

"""zeep, a SOAP client of others, calls every operation of iP.1 by every port."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
import uvicorn
import zeep
from zeep.exceptions import Fault
from zeep.transports import Transport

from budstikke.dialects import HTTP_DIALECTS
from budstikke.dialects.ip1.operations import MMS, SMS
from budstikke.dialects.ip1.settings import Settings
from budstikke.domain.message import Accepted, Order
from budstikke.domain.queries import (
    Answer,
    BalanceAnswer,
    BalanceQuery,
    CancelAnswer,
    CancelCommand,
    MessageAnswer,
    MessageQuery,
    MessagesAnswer,
    MmsAnswer,
    MmsOrder,
    OrderQuery,
    Page,
    QueryOrCommand,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState
from budstikke.servers.http import HttpServer
from budstikke.servers.public_lookups import PublicLookups
from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import wait_until
from journeys.web import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path as Folder

pytestmark = pytest.mark.peer

LOGIN = {"konto": "ip1-1000", "passwd": "demo"}
TEXT = "Räksmörgås <&> €"
SEND = {
    **LOGIN,
    "till": "46712345678",
    "from": "iP1",
    "meddelande": TEXT,
    "prio": "2",
}
SEND_AT = 4_000_000_000
GIF = b64encode(b"GIF89a\1\0\1\0\0\0\0,").decode()


@dataclass
class Access:
    """An account that may do everything."""

    id: int = 1
    settings: Any = field(default_factory=Settings)


@dataclass
class Path:
    """The rest of the gateway: it takes everything, and knows two messages."""

    asked: list[Any] = field(default_factory=list)

    def login(self, dialect: str, identifier: str) -> Access | None:
        known = (dialect, identifier) == ("ip1", "ip1-1000")
        return Access() if known else None

    def check_now(
        self, access: Access | None, secret: str | None, caller: object
    ) -> bool:
        if access is None or secret != "demo":
            raise Refusal(RefusalCode.WRONG_PASSWORD)
        return True

    async def accept(self, order: Order, access: Access) -> Accepted:
        self.asked.append(order)
        ids = range(2001, 2001 + len(order.recipients))
        return Accepted(2000 if len(ids) > 1 else 2001, ids, len(ids))

    async def handle(
        self, asked: QueryOrCommand, access: Access | None, dialect: str = ""
    ) -> Answer:
        if isinstance(asked, Page):
            return asked
        self.asked.append(asked)
        if isinstance(asked, MmsOrder):
            return MmsAnswer(3001)
        if isinstance(asked, BalanceQuery):
            return BalanceAnswer("SEK", 1_234_560_000, True, 0)
        if isinstance(asked, CancelCommand):
            return CancelAnswer(1, 1)
        assert isinstance(asked, MessageQuery | OrderQuery)
        known = [told(2001, MessageState.SCHEDULED), told(2002, MessageState.DELIVERED)]
        if isinstance(asked, MessageQuery):
            known = [one for one in known if one.id == asked.message_id]
        return MessagesAnswer(tuple(known))


def told(message_id: int, state: MessageState) -> MessageAnswer:
    return MessageAnswer(
        *(message_id, 2000, "+46712345678", None, state, "", "", 1, 0, "SEK"),
        *(0.0, float(SEND_AT), None),
    )


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    head = {"type": "http.response.start", "status": 404, "headers": []}
    await send(head)
    await send({"type": "http.response.body", "body": b""})


class Site:
    """A server in a thread, and zeep's clients of it."""

    def __init__(self) -> None:
        self.path = Path()
        fake: Any = self.path
        app: Any = HttpServer(
            dialects=HTTP_DIALECTS,
            directory=lambda: fake,
            authenticator=fake,
            acceptor=fake,
            query_handler=fake,
            lookups=PublicLookups(fake, lambda: fake, lambda: 0.0),
            rest=nothing,
            max_body=8 * 1024 * 1024,
            trusted=(),
            clock=lambda: 0.0,
        )
        config = uvicorn.Config(app, "127.0.0.1", 0, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._background = Background()
        self._served = asyncio.run_coroutine_threadsafe(
            self._server.serve(), self._background.loop
        )
        wait_until("the server listens", lambda: self._server.started)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        transport = Transport(session=self._session)
        self._clients = {
            service.name: zeep.Client(
                f"{self.address}{service.path}?WSDL", transport=transport
            )
            for service in (SMS, MMS)
        }

    def port(self, service: str, port: str) -> Any:
        return self._clients[service].bind(service, f"{service}{port}")

    def last(self) -> Any:
        return self.path.asked[-1]

    def close(self) -> None:
        self._session.close()
        self._server.should_exit = True
        self._served.result(10)
        self._background.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


every_port = pytest.mark.parametrize("port", ["Soap", "Soap12", "HttpGet", "HttpPost"])
soap_ports = pytest.mark.parametrize("port", ["Soap", "Soap12"])


@every_port
def test_one_message(site: Site, port: str) -> None:
    sms = site.port("sendSms", port)

    assert "2001" == sms.sms(**SEND)
    order = site.last()
    assert (["+46712345678"], "iP1", TEXT, 2) == (
        order.recipients,
        order.originator,
        order.text,
        order.priority,
    )
    assert "2001" == sms.flashSMS(**SEND)
    assert site.last().flash
    assert "2001" == sms.tidsinstalltSMS(**SEND, sendAt=str(SEND_AT))
    assert site.last().send_at == SEND_AT


@every_port
def test_a_group(site: Site, port: str) -> None:
    sms = site.port("sendSms", port)
    send = {**SEND, "till": "46712345678,46730123456", "meddelande": "En%0atvå"}

    assert "2000" == sms.grupputskickSMS(**send)
    assert ["+46712345678", "+46730123456"] == site.last().recipients
    assert "En\ntvå" == site.last().text
    assert "2000" == sms.tidsinstalltGrupputskick(**send, sendAt=str(SEND_AT))
    assert site.last().send_at == SEND_AT


@soap_ports
def test_a_template(site: Site, port: str) -> None:
    def number(to: str, **values: str) -> dict[str, Any]:
        fields = [{"Key": f"#{key}#", "Value": it} for key, it in values.items()]
        return {"Number": to, "Parameters": {"TemplateField": fields}}

    numbers = [
        number("46712345678", namn="Eva", tid="<9>"),
        number("46730123456", namn="Åke", tid="10%0a11"),
    ]
    answer = site.port("sendSms", port).grupputskickMall(
        **LOGIN,
        numbers={"Number": numbers},
        **{"from": "iP1"},
        meddelande="Hej #namn#! #tid#",
        prio="3",
    )

    assert "2000" == answer
    assert ["Hej Eva! <9>", "Hej Åke! 10\n11"] == site.last().texts


@every_port
def test_what_is_left(site: Site, port: str) -> None:
    sms = site.port("sendSms", port)

    assert ["1234.56", "1234.56"] == [sms.saldo(**LOGIN), sms.balans(**LOGIN)]


@every_port
def test_cancelling(site: Site, port: str) -> None:
    sms = site.port("sendSms", port)

    assert "0" == sms.avbrytSMS(**LOGIN, smsID="2001")
    assert CancelCommand(message_id=2001) == site.last()
    assert "0" == sms.avbrytBundleSMS(**LOGIN, BundleID="2000")
    assert CancelCommand(order_id=2000) == site.last()


@every_port
def test_look_ups(site: Site, port: str) -> None:
    sms = site.port("sendSms", port)
    # The HTTP bindings want all their parameters, also those that may be blank.
    nobody = {"konto": "", "passwd": ""} if port.startswith("Http") else {}

    assert "22" == sms.status(id="2002", **nobody)
    assert "110" == sms.status(id="9999", **nobody)
    assert "22" == sms.status(id="2002", **LOGIN)
    assert "2096-10-02 09:06:40" == sms.tidpunkt(id="2001", **nobody)
    assert "0" == sms.tidpunkt(id="2002", **nobody)
    assert "Delivery to phone failed" == sms.beskrivning(ID="52")
    found = sms.statusBundle(bundleID="2000", **nobody)
    assert [("2001", "11"), ("2002", "22")] == [
        (one.smsId, one.status) for one in getattr(found, "SmsStatus", found)
    ]


@every_port
def test_an_mms(site: Site, port: str) -> None:
    mms = site.port("mms", port)
    files: Any = {"string": [GIF, GIF]}
    if port.startswith("Http"):
        files = GIF
    send = {**LOGIN, "msg": TEXT, "to": "46712345678", "from": "46705555555"}

    assert "3001" == mms.sendMMS(**send, files=files)
    asked = site.last()
    assert ("+46712345678", "46705555555", TEXT) == (
        asked.recipient,
        asked.originator,
        asked.text,
    )
    assert ("file1.gif", "image/gif", GIF) == asked.files[0]
    assert "22" == mms.status(mmsId="2002", **LOGIN)


@soap_ports
def test_files_with_names(site: Site, port: str) -> None:
    file = {"name": "hund.gif", "contentType": "image/gif", "data": GIF}
    send = {**LOGIN, "msg": "", "to": "46712345678", "from": "46705555555"}

    assert "3001" == site.port("mms", port).sendMMS(**send, files={"File": [file]})
    assert (("hund.gif", "image/gif", GIF),) == site.last().files


@every_port
def test_every_operation_is_there(site: Site, port: str) -> None:
    for service in (SMS, MMS):
        bound = site.port(service.name, port)
        for operation in service.operations:
            offered = operation.by_form or port.startswith("Soap")
            assert offered == (operation.name in dir(bound)), operation.name


@every_port
def test_a_code_is_an_answer_like_any_other(site: Site, port: str) -> None:
    wrong = {**SEND, "passwd": "fel"}

    assert "101" == site.port("sendSms", port).sms(**wrong)
    assert "3" == site.port("sendSms", port).sms(**{**SEND, "till": ""})
    assert "110" == site.port("sendSms", port).sms(**{**SEND, "prio": "9"})


@soap_ports
def test_a_fault_is_one_to_a_client(site: Site, port: str) -> None:
    bound = site.port("sendSms", port)
    for octets in (5_000_000, 10_000_000):
        with pytest.raises(Fault, match="too large"):
            bound.sms(**{**SEND, "meddelande": "x" * octets})


def test_the_wsdl_is_found_in_any_case(site: Site) -> None:
    with requests.Session() as session:
        for path in ("/sendsms/sendsms.asmx?wsdl", "/MMS/MMS.ASMX?WSDL"):
            client = zeep.Client(
                site.address + path, transport=Transport(session=session)
            )
            assert 4 == len(next(iter(client.wsdl.services.values())).ports)


@pytest.mark.slow
def test_the_whole_way_to_phones_and_back(
    tmp_path: Folder, own: Callable[[Any], Any]
) -> None:
    access = {"dialect": "ip1", "id": "ip1-1000", "password": "demo"}
    account = {
        "name": "test",
        "originators": ["*"],
        "access": [{**access, "require_https": False}],
    }
    carrier = simulator_carrier(delivery_delay=0.1)
    gateway = Gateway(tmp_path, carrier, [account], {"simulator": {"enabled": True}})
    own(gateway).start()
    session = own(requests.Session())
    address = f"http://127.0.0.1:{gateway.port}{SMS.path}?WSDL"
    client = zeep.Client(address, transport=Transport(session=session))
    sms = client.service

    group = {**SEND, "till": "46730120101,46730120001,12"}
    bundle = sms.grupputskickSMS(**group)
    expected = ["22", "51"]
    wait_until(
        "both are settled",
        lambda: expected == [one.status for one in sms.statusBundle(bundle)],
    )
    assert [TEXT] == [one["text"] for one in gateway.phone("+46730120101")]
    later = sms.tidsinstalltSMS(**SEND, sendAt=str(SEND_AT))
    assert ("11", "2096-10-02 09:06:40") == (sms.status(later), sms.tidpunkt(later))
    assert "0" == sms.avbrytSMS(**LOGIN, smsID=later)
    assert ("12", "0") == (sms.status(later), sms.tidpunkt(later))
    assert "110" == sms.avbrytSMS(**LOGIN, smsID=later)
    assert "101" == sms.saldo(konto="ip1-1000", passwd="fel")

"""TLS to the operator: whom we trust, who we are, and what we refuse."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from budstikke.carriers.smpp.bind import tls_context
from budstikke.carriers.smpp.settings import Tls
from budstikke.domain.receipt import Sent
from carriers.rig import logged, smpp_rig
from carriers.smpp.smsc import Smsc
from carriers.waiting import LONG

TLS = Path(__file__).parent / "tls"


def server_context(*, ask_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    if ask_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "ca.pem")
    return context


def connect(context: ssl.SSLContext, tls: Tls) -> str:
    """Bind and send, or fail; returns the trouble, if any."""

    async def story() -> str:
        async with asyncio.timeout(LONG), smpp_rig(Smsc(context), tls=tls) as rig:
            carrier: Any = rig.carrier
            tried = [
                asyncio.create_task(logged("is down")),
                asyncio.create_task(rig.start()),
            ]
            await asyncio.wait(tried, return_when=asyncio.FIRST_COMPLETED)
            for task in tried:
                task.cancel()
            if rig.sink.rooms:
                (outcome,) = await rig.send([rig.part(report=False)])
                assert isinstance(outcome, Sent)
            found: str = carrier.alarm
            return found

    return asyncio.run(story())


@pytest.mark.parametrize(
    "tls",
    [
        Tls(ca=str(TLS / "ca.pem")),
        Tls(ca=str(TLS / "ca.pem"), server_name="smsc.example"),
        Tls(verify=False),
    ],
)
def test_tls(tls: Tls) -> None:
    assert "" == connect(server_context(), tls)


def test_tls_with_our_certificate() -> None:
    ours = Tls(
        ca=str(TLS / "ca.pem"),
        cert=str(TLS / "client.pem"),
        key=str(TLS / "client.key"),
    )
    assert "" == connect(server_context(ask_client=True), ours)


@pytest.mark.parametrize(
    ("tls", "trouble"),
    [
        (Tls(), "CERTIFICATE_VERIFY_FAILED"),
        (Tls(ca=str(TLS / "ca.pem"), server_name="other.example"), "other.example"),
        (Tls(ca="/nowhere/ca.pem"), "No such file"),
        (Tls(verify=False, cert=str(TLS / "README.md")), "no connection"),
    ],
)
def test_tls_that_cannot_be(tls: Tls, trouble: str) -> None:
    assert trouble in connect(server_context(), tls)


def test_tls_below_1_2_is_refused() -> None:
    for tls in (Tls(), Tls(verify=False)):
        assert ssl.TLSVersion.TLSv1_2 == tls_context(tls).minimum_version

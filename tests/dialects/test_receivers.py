"""The receivers that the pages show, run as a customer would, take what we push."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest

from budstikke.dialects import DIALECTS
from budstikke.dialects.contract import Signing
from budstikke.domain.callback import InboundExtras, topic_of
from budstikke.domain.inbound import InboundEvent, Kind
from budstikke.wire import WireRequest, WireResponse
from dialects.caller import facts
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "dialects"
PORT = "8000"
"""What the pages' receivers listen on."""

RECEIVERS = {
    name: found for name in DIALECTS if (found := facts(name).receiver) is not None
}
"""Of the dialects whose pages show some."""

RUN = {"python": (sys.executable, "-u", "-c"), "javascript": ("node", "-e")}
SIGNS = ("php://input", "$_GET", "app.Map", "HTTPServer", "createServer")
"""What a receiver has and an example of a request has not."""

LANGUAGES = ("python", "php", "csharp", "javascript")

EVENT = InboundEvent(
    message_id=1002,
    kind=Kind.SMS,
    originator="+4799999999",
    recipient="2229",
    text="PIZZA på ære 🤣",
    keyword="PIZZA",
    counter=1,
    came_at=1704067200.0,
)


def receiver(name: str, language: str) -> str:
    """Find the page's receiver in a language: what has none of our addresses first."""
    text = (DOCS / f"{name}.md").read_text("utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    found = [block for block in blocks if any(sign in block for sign in SIGNS)]
    assert found, f"{name}.md has no receiver in {language}"
    return str(found[0])


@contextmanager
def listening(code: str, command: tuple[str, ...]) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    code = code.replace(PORT, str(port)).replace('("", ', '("127.0.0.1", ')
    with subprocess.Popen((*command, code), stdout=subprocess.DEVNULL) as process:
        try:
            _wait(port, process)
            yield port
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens, or the process has ended."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    raise AssertionError("the receiver does not listen")


def deliver(request: WireRequest, port: int) -> WireResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    parts = urlsplit(request.target)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = dict(request.headers)
    connection.request(request.method, target, request.body or None, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return WireResponse(answer.status, body)


@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_a_receiver(name: str, language: str) -> None:
    assert receiver(name, language)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize("language", RUN)
def test_a_receiver_takes_what_is_pushed(name: str, language: str) -> None:
    if shutil.which(RUN[language][0]) is None:
        pytest.skip(f"no {language} here")
    dialect: Any = DIALECTS[name]
    settings = msgspec.convert(RECEIVERS[name].settings, dialect.settings)
    place = "http://127.0.0.1/inn?key=1"
    url = dialect.url(topic_of(EVENT), settings, place)
    request = dialect.inbound(EVENT, InboundExtras(), url, settings)
    assert request is not None
    if isinstance(dialect, Signing):
        request = dialect.sign(request, settings, time.time())
    with listening(receiver(name, language), RUN[language]) as port:
        answer = deliver(request, port)
    assert dialect.understood(topic_of(EVENT), answer, settings), answer
    if RECEIVERS[name].answer:
        assert RECEIVERS[name].answer == answer.body.decode()


@pytest.mark.slow
@pytest.mark.parametrize("language", RUN)
def test_the_native_receiver_refuses_what_is_not_ours(language: str) -> None:
    if shutil.which(RUN[language][0]) is None:
        pytest.skip(f"no {language} here")
    dialect: Any = DIALECTS["native"]
    other = ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)
    settings = dialect.settings(webhook_secrets=other)
    request = dialect.inbound(EVENT, InboundExtras(), "http://127.0.0.1/hook", settings)
    assert request is not None
    assert isinstance(dialect, Signing)
    request = dialect.sign(request, settings, time.time())
    with listening(receiver("native", language), RUN[language]) as port:
        assert deliver(request, port).status == 400

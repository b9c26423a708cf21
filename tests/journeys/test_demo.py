"""``budstikke demo``: what it prints works as printed."""

from __future__ import annotations

import json
import socket
import subprocess
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from journeys.gateway import PROGRAM, toml
from journeys.processes import Child, clean_environment, free_port, wait_until
from journeys.web import Customer, ask, front_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow


class Demo:
    """A running demo."""

    def __init__(self, folder: Path, own: Own, *options: str) -> None:
        self.folder = folder
        self.port, smpp = free_port(), free_port()
        self.data = folder / "demo"
        ports = ["--port", str(self.port), "--smpp-port", str(smpp)]
        command = [*PROGRAM, "demo", *ports, "--data", str(self.data), *options]
        self.child = own(Child(command, folder))
        self.child.wait_ready()

    def phone(self, number: str) -> list[dict[str, Any]]:
        """List what a phone got."""
        found: list[dict[str, Any]] = ask(
            self.port, "GET", f"/simulator/phones/{number}/messages"
        ).json
        return found

    def shell(self, line: str) -> str:
        """Run a line as a person who pastes it would; HTTP errors are errors."""
        (self.folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=clean_environment() | {"CURL_HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def apply(self, tables: dict[str, Any]) -> None:
        """Change what the demo's database says, while it serves."""
        data = json.dumps(str(self.data))
        (self.folder / "settings.toml").write_text(f"data = {data}\n")
        (self.folder / "apply.toml").write_text(toml(tables))
        self.shell(f"{PROGRAM[0]} apply --config settings.toml apply.toml")


@pytest.fixture
def demo(tmp_path: Path, own: Own) -> Demo:
    return Demo(tmp_path, own)


def test_every_printed_line_works(demo: Demo) -> None:
    lines = [line.strip() for line in demo.child.said]
    curls = [line for line in lines if line.startswith("curl ")]
    looks = [line for line in curls if "/simulator/" in line or "Bearer" in line]
    sends = [line for line in curls if line not in looks or "/v1/messages" in line]
    assert sends
    assert lines[-1] == "ready"

    for line in curls:
        assert demo.shell(line)
    wait_until("all came", lambda: len(demo.phone("+4799999999")) == len(sends))
    for line in curls:
        if line.endswith("/messages'"):
            assert json.loads(demo.shell(line)) == demo.phone("+4799999999")
    (inbound,) = [line for line in curls if "/v1/inbound" in line]
    wait_until("it came in", lambda: json.loads(demo.shell(inbound))["data"])
    (message,) = json.loads(demo.shell(inbound))["data"]
    assert ("NATIVE", "NATIVE hei") == (message["keyword"], message["text"])
    (events,) = [line for line in curls if "/v1/events" in line]
    found = json.loads(demo.shell(events))["data"]
    assert "message.received" in {event["type"] for event in found}
    screens = [line.split()[-1] for line in lines if line.endswith("/simulator")]
    assert ["+4799999999" in demo.shell(f"curl '{url}'") for url in screens] == [True]


def test_status_pushes_once_somebody_wants_them(demo: Demo, own: Own) -> None:
    customer = own(Customer())
    customer.open()
    access = {
        "dialect": "front",
        "id": "1234",
        "require_https": False,
        "settings": {
            "status_url": customer.url(),
            "duplicate_lock": False,
            "two_way": True,
        },
    }
    query = (
        "/psk/push.php?serviceid=1234&password=demo&phoneno=%2B4799990077"
        "&fromid=Demo&txt=Hei%20"
    )
    texts = count()
    front_id(ask(demo.port, "GET", f"{query}{next(texts)}"))  # told to nobody

    money = {"currency": "NOK", "price_list": "demo-nok"}
    account = {"name": "demo", "originators": ["*"], **money, "access": [access]}
    demo.apply({"account": [account]})

    def told() -> bool:
        # The gateway looks for changes now and then.
        front_id(ask(demo.port, "GET", f"{query}{next(texts)}"))
        return any("4" in statuses for statuses in customer.statuses().values())

    wait_until("somebody is told", told)
    assert "Hei 0" == demo.phone("+4799990077")[0]["text"]


def test_a_developer_gets_what_happens_at_a_server_of_their_own(
    tmp_path: Path, own: Own
) -> None:
    customer = own(Customer())
    customer.open()
    demo = Demo(tmp_path, own, "--callbacks", customer.url("/mine/"))
    phone = "/simulator/phones/+4799990078/messages"
    for text in ("FRONT a", "SVEVE b", "IP1 c", "NATIVE d"):
        said = json.dumps({"to": "2229", "text": text}).encode()
        assert 201 == ask(demo.port, "POST", phone, said).status

    expected = {f"/mine/{name}/inbound" for name in ("front", "sveve", "ip1", "native")}

    def told() -> set[str]:
        return {push.path for push in [*customer.tried, *customer.pushes]}

    wait_until("all were told", lambda: expected <= told())


def test_port_0_prints_the_port_it_has_and_the_environment_is_obeyed(
    tmp_path: Path, own: Own
) -> None:
    environ = {
        "BUDSTIKKE_LOG__LEVEL": "info",
        "BUDSTIKKE_DATA": str(tmp_path / "kept"),
    }
    command = [*PROGRAM, "demo", "--port", "0", "--smpp-port", "0"]
    child = own(Child(command, tmp_path, environ))
    child.wait_ready()
    (screen,) = [line.split()[-1] for line in child.said if line.endswith("/v1/docs")]
    port = urlsplit(screen).port
    assert port
    assert 200 == ask(port, "GET", "/v1/openapi.json").status
    assert (tmp_path / "kept" / "budstikke.sqlite").exists()
    assert [line for line in list(child.log) if '"level":"info"' in line]


def test_an_unknown_setting_of_the_environment_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "demo", "--port", "0", "--smpp-port", "0"],
        cwd=tmp_path,
        env=clean_environment() | {"BUDSTIKKE_LOG__LEVLE": "info"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 2 == done.returncode
    assert "BUDSTIKKE_LOG__LEVLE: unknown setting" in done.stderr


@pytest.mark.parametrize("option", ["--port", "--smpp-port"])
def test_a_port_that_another_program_has_is_said_in_a_line(
    tmp_path: Path, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = "--smpp-port" if option == "--port" else "--port"
        done = subprocess.run(
            [*PROGRAM, "demo", option, str(port), other, "0"],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert 1 == done.returncode
    assert (
        f"budstikke: cannot listen on 127.0.0.1:{port}: Address already in use: end the"
        " program that has it, or choose another port"
    ) == done.stderr.splitlines()[-1]


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(f'data = "{tmp_path}"\n')
    for command in ("doctor --config settings.toml", "secret", "--help"):
        done = subprocess.run(
            ["bash", "-c", f"{PROGRAM[0]} {command} | true; echo ${{PIPESTATUS[0]}}"],
            cwd=tmp_path,
            env=clean_environment() | {"PYTHONUNBUFFERED": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "" == done.stderr
        assert done.stdout.strip() in ("0", "1", "141")

"""``doctor`` on SMSCs, MMSCs and certificates: what each answer means, and dates."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers import KINDS
from budstikke.cli.doctor import _http
from budstikke.cli.doctor.carriers import look_at_carrier
from budstikke.cli.doctor.certificates import DAY, Validity, judge, read_validity
from budstikke.cli.doctor.finding import Level
from budstikke.config import Http, Settings
from budstikke.domain.directory import CarrierEntry
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import HEADER, HEADER_SIZE, build, parse
from budstikke.smpp.pdus import Bind, BindResp, Empty, Pdu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTINGS = {name: kind.settings for name, kind in KINDS.items()}
PASSWORD = "secret"


def looked_at(kind: str, *, now: float | None = None, **settings: Any) -> list[Any]:
    entry = CarrierEntry(id=1, name="op", kind=kind, settings=settings)
    found = look_at_carrier(entry, SETTINGS, time.time() if now is None else now)
    assert {"carrier op"} == {finding.subject for finding in found}
    return [(finding.level, finding.what) for finding in found]


@contextmanager
def serving(
    answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Answer connections in a thread, one after the other; gives the port."""

    def run() -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, True) if context else plain as link:
                    answer(link)
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


class Smsc:
    """Takes binds with one password; keeps what it was asked."""

    def __init__(self, taken: dict[int, int] | None = None) -> None:
        self.taken = taken or {}
        self.asked: list[int] = []

    def __call__(self, link: socket.socket) -> None:
        while head := link.recv(HEADER_SIZE):
            length = HEADER.unpack(head)[0] - HEADER_SIZE
            pdu = parse(head + (link.recv(length) if length else b""))
            self.asked.append(pdu.command)
            status = self.taken.get(pdu.command, st.ESME_ROK)
            body: Any = Empty()
            if isinstance(pdu.body, Bind):
                link.sendall(build(Pdu(cmd.ENQUIRE_LINK, 0, 77, Empty())))
                if not status and pdu.body.password != PASSWORD:
                    status = st.ESME_RINVPASWD
                body = None if status else BindResp("smsc")
            answer = Pdu(pdu.command | cmd.RESPONSE, status, pdu.sequence, body)
            link.sendall(build(answer))


def smsc(port: int, **settings: Any) -> list[Any]:
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": port, "system_id": "us"}
    return looked_at("smpp", **usual, **{"password": PASSWORD, **settings})


def test_it_binds_and_unbinds() -> None:
    other = Smsc()
    with serving(other) as port:
        found = smsc(port)
    assert [(Level.OK, f"127.0.0.1:{port} accepts our bind as us")] == found
    assert [cmd.BIND_TRANSMITTER, cmd.UNBIND] == other.asked


def test_a_wrong_password_is_wrong_and_not_shown() -> None:
    with serving(Smsc()) as port:
        found = smsc(port, password="guess")
    refused = f"127.0.0.1:{port} refuses our bind: ESME_RINVPASWD"
    assert [(Level.WRONG, refused)] == found


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (st.ESME_RALYBND, Level.WARNING),
        (st.ESME_RSYSERR, Level.WARNING),
        (st.ESME_RTHROTTLED, Level.WARNING),
        (st.ESME_RINVSYSID, Level.WRONG),
        (st.ESME_RBINDFAIL, Level.WRONG),
        (0x401, Level.WRONG),
    ],
)
def test_what_a_refusal_means(status: int, level: Level) -> None:
    binds = (cmd.BIND_TRANSMITTER, cmd.BIND_TRANSCEIVER)
    with serving(Smsc(dict.fromkeys(binds, status))) as port:
        (found,) = smsc(port)
    assert level is found[0]


def test_where_only_transceivers_are_let_in_it_is_one() -> None:
    taken = {cmd.BIND_TRANSMITTER: st.ESME_RBINDFAIL}
    other = Smsc(taken)
    with serving(other) as port:
        assert Level.OK is smsc(port)[0][0]
        assert Level.WRONG is smsc(port, bind_type="tx+rx")[0][0]
    assert [
        *(cmd.BIND_TRANSMITTER, cmd.BIND_TRANSCEIVER, cmd.UNBIND),
        cmd.BIND_TRANSMITTER,
    ] == other.asked


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"", " ends the connection when we bind: closed"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            " ends the connection when we bind: ",
        ),
    ],
)
def test_what_is_no_smsc(octets: bytes, what: str) -> None:
    def answer(link: socket.socket) -> None:
        link.recv(1000)
        link.sendall(octets)

    with serving(answer) as port:
        (found,) = smsc(port)
    assert Level.WRONG is found[0]
    assert found[1].startswith(f"127.0.0.1:{port}{what}")


def test_one_that_is_silent() -> None:
    def answer(link: socket.socket) -> None:
        while link.recv(1000):
            pass

    with serving(answer) as port:
        found = smsc(port, response_timeout=0.05)
    silent = f"127.0.0.1:{port} does not answer our bind in 0.05 s"
    assert [(Level.WRONG, silent)] == found


# MM7


@pytest.mark.parametrize(
    ("status", "level"),
    [(200, Level.OK), (405, Level.OK), (401, Level.WRONG), (403, Level.WRONG)],
)
def test_it_logs_in_at_the_mmsc(status: int, level: Level) -> None:
    asked: list[bytes] = []

    def answer(link: socket.socket) -> None:
        asked.append(link.recv(10_000))
        link.sendall(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)

    with serving(answer) as port:
        url = f"http://127.0.0.1:{port}/mm7"
        login: dict[str, Any] = {
            "username": "us",
            "password": PASSWORD,
            "deliver_token": "x",
        }
        (found,) = looked_at("mm7", url=url, allow_http=True, **login)
    assert level is found[0]
    assert asked[0].startswith(b"HEAD /mm7 HTTP/1.1\r\n")
    assert b"Authorization: Basic dXM6c2VjcmV0\r\n" in asked[0]
    assert PASSWORD not in found[1]


# Certificates


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, by itself, valid for 40 days; and its key."""
    found = tmp_path_factory.mktemp("tls")
    make = "req -x509 -newkey rsa:2048 -nodes -days 40 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    command = ["openssl", *make.split(), *more, *files]
    subprocess.run(command, cwd=found, check=True, capture_output=True)
    (found / "empty.pem").write_text("nothing")
    return found


def test_dates_are_read(folder: Path) -> None:
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", "cert.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    until = ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter="))
    der = ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())
    assert Validity(until - 40 * DAY, until) == read_validity(der)


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x82\xff\xff", b"0" * 40])
def test_what_is_no_certificate(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_validity(octets)


@pytest.mark.parametrize(
    ("now", "level", "what"),
    [
        (-1, Level.WRONG, "is not valid before 1970-01-01 00:00 UTC"),
        (10 * DAY, Level.OK, "expires 1970-02-15 00:00 UTC"),
        (16 * DAY, Level.WARNING, "expires 1970-02-15 00:00 UTC, in 29 days"),
        (45 * DAY, Level.WRONG, "expired 1970-02-15 00:00 UTC"),
    ],
)
def test_dates_are_judged(now: int, level: Level, what: str) -> None:
    assert (level, what) == judge(Validity(0, 45 * DAY), now)


@pytest.mark.parametrize(("days", "level"), [(0, "ok"), (15, "warning"), (41, "wrong")])
def test_our_own_certificate(folder: Path, days: int, level: str) -> None:
    http = Http(tls_cert=f"{folder}/cert.pem", tls_key=f"{folder}/key.pem")
    found = list(_http(Settings(http=http), time.time() + days * DAY))
    assert [level] == [finding.level.value for finding in found]
    assert days == 0 or found[0].what.startswith(f"{folder}/cert.pem: expire")


@pytest.mark.parametrize(
    ("cert", "key", "what"),
    [
        ("no.pem", "key.pem", "no.pem: No such file or directory"),
        ("cert.pem", "no.pem", "no.pem: No such file or directory"),
        ("empty.pem", "key.pem", "empty.pem: has no certificate in PEM"),
        ("cert.pem", "empty.pem", "cert.pem and "),
    ],
)
def test_files_of_ours_are_named(folder: Path, cert: str, key: str, what: str) -> None:
    http = Http(tls_cert=str(folder / cert), tls_key=str(folder / key))
    (found,) = _http(Settings(http=http), time.time())
    assert Level.WRONG is found.level
    assert found.what.startswith(f"{folder}/{what}")


def test_whom_we_trust_at_carriers_is_named() -> None:
    missing = "/nowhere/ca.pem: No such file or directory"
    tls = {"ca": "/nowhere/ca.pem"}
    assert [(Level.WRONG, missing)] == smsc(1, tls=tls)
    url = "https://127.0.0.1:1/"
    assert [(Level.WRONG, missing)] == looked_at(
        "mm7", url=url, ca="/nowhere/ca.pem", deliver_token="x"
    )


def test_the_certificate_of_an_smsc(folder: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    tls = {"ca": str(folder / "cert.pem"), "server_name": "localhost"}
    with serving(Smsc(), context) as port:
        assert [Level.OK] == [level for level, _ in smsc(port, tls=tls)]
        later = time.time() + 15 * DAY
        found = smsc(port, now=later, tls=tls)
        assert [Level.WARNING, Level.WARNING, Level.OK] == [each[0] for each in found]
        assert found[1][1].startswith("its certificate expires ")
        unchecked = {"verify": False}
        found = smsc(port, now=time.time() + 41 * DAY, tls=unchecked)
        assert [Level.WRONG, Level.OK] == [level for level, _ in found]
        ((level, what),) = smsc(port, tls={})
    assert (Level.WRONG, True) == (level, ": TLS: its certificate: self" in what)

"""Mails to a real SMTP server, which takes them, refuses them, or is not there."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from budstikke.clients.smtp import SmtpTransport
from budstikke.flow.transports import Mail, NotSent, Undeliverable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

TLS = Path(__file__).parents[1] / "carriers" / "smpp" / "tls"
SENDER = "Budstikke <alerts@gateway.example>"
MAIL = Mail(
    to=("ola@kunde.no", "kari@kunde.no"),
    subject="Error code 3 on service Blå: once",
    text="Cause: Invalid fromid: Blå\n.\nthe end\n",
)


class Server:
    """
    A mail server: ``says`` is what it answers to an address, or to ``DATA``.

    Its ``envelopes`` are what it took.
    """

    def __init__(self, **says: str) -> None:
        self.says = {name.replace("_", "@"): answer for name, answer in says.items()}
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.secure: list[bool] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _smtp: SMTP, _session: Session, envelope: Envelope, to: str, _o: list[str]
    ) -> str:
        answer = self.says.get(to, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(  # noqa: N802 - likewise
        self, smtp: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        answer = self.says.get("DATA", "250 OK")
        if answer.startswith("250"):
            self.envelopes.append(envelope)
            assert smtp.transport is not None
            cipher = smtp.transport.get_extra_info("cipher")
            self.secure.append(cipher is not None)
        return answer

    def log_in(self, *about: Any) -> AuthResult:
        """Authenticate, as aiosmtpd asks its ``authenticator``."""
        data = about[-1]
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    def message(self) -> EmailMessage:
        (envelope,) = self.envelopes
        content = envelope.content
        assert isinstance(content, bytes)
        return message_from_bytes(content, policy=default)


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    return context


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))


@asynccontextmanager
async def serving(server: Server, tls: str = "none", **more: Any) -> AsyncIterator[int]:
    """Serve at a port of its own."""
    loop = asyncio.get_running_loop()
    if tls == "starttls":
        more |= {"tls_context": server_tls(), "require_starttls": True}

    def session() -> SMTP:
        return SMTP(server, hostname="mail.example", loop=loop, **more)

    context = server_tls() if tls == "tls" else None
    listening = await loop.create_server(session, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()


def smtp(port: int, **more: Any) -> SmtpTransport:
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": port, "tls": "none"}
    usual |= {"username": "", "password": "", "sender": SENDER}
    return SmtpTransport(**usual | more)


def send(server: Server, *mails: Mail, tls: str = "none", **more: Any) -> None:
    async def run() -> None:
        async with serving(server, tls) as port:
            for mail in mails or (MAIL,):
                await smtp(port, tls=tls, **more).send(mail)

    asyncio.run(run())


def test_a_mail_arrives_as_it_was_written() -> None:
    server = Server()
    send(server)

    (envelope,) = server.envelopes
    assert "alerts@gateway.example" == envelope.mail_from
    assert list(MAIL.to) == envelope.rcpt_tos
    message = server.message()
    assert SENDER == message["From"]
    assert ", ".join(MAIL.to) == message["To"]
    assert MAIL.subject == message["Subject"]
    assert MAIL.text == message.get_content().replace("\r\n", "\n")
    assert "auto-generated" == message["Auto-Submitted"]
    assert message["Message-ID"].endswith("@gateway.example>")
    assert message["Date"].datetime


def test_nothing_but_ascii_is_on_the_wire() -> None:
    server = Server()
    send(server)

    content = server.envelopes[0].content
    assert isinstance(content, bytes)
    assert content.isascii()


def test_a_subject_cannot_add_a_header() -> None:
    server = Server()
    send(server, Mail(to=("ola@kunde.no",), subject="a\r\nBcc: x@y.no", text="b"))

    assert "a Bcc: x@y.no" == server.message()["Subject"]
    assert server.message()["Bcc"] is None


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_over_tls(tls: str) -> None:
    server = Server()
    send(server, tls=tls)

    assert [True] == server.secure


def test_not_over_tls_when_told_so() -> None:
    server = Server()
    send(server)

    assert [False] == server.secure


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_stops_it(tls: str) -> None:
    server = Server()
    with pytest.raises(NotSent, match=r"(?i)certificate"):
        send(server, tls=tls)
    assert [] == server.envelopes


def test_starttls_or_nothing() -> None:
    """A server, or somebody before it, who offers no STARTTLS gets no mail."""
    server = Server()

    async def run() -> None:
        async with serving(server) as port:
            await smtp(port, tls="starttls").send(MAIL)

    with pytest.raises(NotSent, match="STARTTLS"):
        asyncio.run(run())
    assert [] == server.envelopes


def log_in(server: Server, password: str) -> None:
    async def run() -> None:
        more = {"authenticator": server.log_in, "auth_required": True}
        async with serving(server, "starttls", **more) as port:
            login = {"username": "budstikke", "password": password}
            await smtp(port, tls="starttls", **login).send(MAIL)

    asyncio.run(run())


@pytest.mark.usefixtures("trusted")
def test_with_a_login() -> None:
    server = Server()
    log_in(server, "right")

    assert [(b"budstikke", b"right")] == server.logins
    assert 1 == len(server.envelopes)


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_ours_to_mend_and_no_fault_of_the_mail() -> None:
    server = Server()
    with pytest.raises(NotSent, match="535"):
        log_in(server, "wrong")
    assert [] == server.envelopes


def test_one_address_refused_does_not_keep_it_from_the_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(**{"ola_kunde.no": "550 no such mailbox"})
    send(server)

    assert ["kari@kunde.no"] == server.envelopes[0].rcpt_tos
    (record,) = (r for r in caplog.records if r.name == "budstikke.mail")
    assert "ola@kunde.no" == vars(record)["address"]
    assert "550 no such mailbox" == vars(record)["why"]


def refusing(ola: str, kari: str = "250 OK", data: str = "250 OK") -> Server:
    return Server(**{"ola_kunde.no": ola, "kari_kunde.no": kari, "DATA": data})


@pytest.mark.parametrize(
    ("server", "error", "why"),
    [
        (refusing("550 no", "551 no"), Undeliverable, "ola@kunde.no: 550 no; kari"),
        (refusing("450 later", "550 no"), NotSent, "ola@kunde.no: 450 later"),
        (refusing("250 OK", data="451 later"), NotSent, "451 later"),
        (refusing("250 OK", data="554 spam"), Undeliverable, "554 spam"),
    ],
    ids=["both for ever", "one for now", "data for now", "data for ever"],
)
def test_a_refusal_is_final_or_not(
    server: Server, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        send(server)
    assert [] == server.envelopes


def test_a_server_that_is_not_there() -> None:
    async def run() -> None:
        async with serving(Server()) as port:
            pass
        await smtp(port).send(MAIL)

    with pytest.raises(NotSent, match="Error connecting"):
        asyncio.run(run())


def test_a_name_that_is_none() -> None:
    with pytest.raises(NotSent):
        asyncio.run(smtp(25, host="mail.invalid").send(MAIL))


def test_a_server_that_hangs_up() -> None:
    async def run() -> None:
        def hang_up(_reader: Any, writer: asyncio.StreamWriter) -> None:
            writer.close()

        listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with listening:
            await smtp(listening.sockets[0].getsockname()[1]).send(MAIL)

    with pytest.raises(NotSent):
        asyncio.run(run())


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("budstikke.clients.smtp.TIMEOUT", 0.05)

    async def run() -> None:
        silent = asyncio.Event()

        async def wait(_reader: Any, writer: asyncio.StreamWriter) -> None:
            await silent.wait()
            writer.close()

        listening = await asyncio.start_server(wait, "127.0.0.1", 0)
        async with listening:
            try:
                await smtp(listening.sockets[0].getsockname()[1]).send(MAIL)
            finally:
                silent.set()

    with pytest.raises(NotSent, match=r"(?i)timed out|timeout"):
        asyncio.run(run())

"""
``budstikke doctor`` on carriers: it connects, logs in, and leaves.

To an SMSC it binds as a transmitter, which is sent nothing, and unbinds; of an MMSC it
asks for the head of a page, with our login; of an HTTP API it asks nothing. Nothing is
sent to anybody.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from budstikke.carriers import mm7
from budstikke.carriers.http import Settings as HttpSettings
from budstikke.carriers.smpp import settings as smpp
from budstikke.carriers.smpp.bind import bind_request, server_name, tls_context
from budstikke.cli.doctor.certificates import look_at_own, look_at_peer, look_at_trusted
from budstikke.cli.doctor.finding import Finding, Level
from budstikke.cli.doctor.trial import findings, talk
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import HEADER, HEADER_SIZE, MAX_PDU, build
from budstikke.smpp.errors import PduError
from budstikke.smpp.pdus import Empty, Pdu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from budstikke.cli.doctor.trial import TrialMessage
    from budstikke.domain.directory import CarrierEntry

    Kinds = Mapping[str, type[msgspec.Struct]]
    Say = Callable[[socket.socket], tuple[Level, str]]

PATIENCE = 10.0
"""Most seconds that an answer is waited for."""

MOST_BEFORE = 20
"""PDUs that may come before the answer to a bind."""

FOR_NOW = frozenset({st.ESME_RSYSERR, st.ESME_RTHROTTLED, st.ESME_RMSGQFUL})
"""Refusals that say nothing about our settings."""

OTHER_BIND = frozenset({st.ESME_RINVCMDID, st.ESME_RINVBNDSTS, st.ESME_RBINDFAIL})
"""Refusals that may mean that only transceivers are let in."""


class Where(NamedTuple):
    """Whom to connect to: ``name`` is who its certificate must be for."""

    host: str
    port: int
    name: str
    timeout: float

    def __str__(self) -> str:
        """Write it as in addresses."""
        return f"{self.host}:{self.port}"


def look_at_carrier(
    entry: CarrierEntry, kinds: Kinds, now: float, *, bind: bool = True
) -> list[Finding]:
    """
    Look at a carrier; the last finding is how it answers.

    Args:
        entry: As it is in the database.
        kinds: The settings of a carrier, by kind.
        now: Unix seconds.
        bind: Log in, too; else only connect.

    """
    subject = f"carrier {entry.name}"
    if entry.kind not in kinds:
        return [Finding(Level.WRONG, subject, f"kind {entry.kind!r} is unknown")]
    try:
        settings: Any = msgspec.convert(entry.settings, kinds[entry.kind])
    except msgspec.ValidationError as error:
        return [Finding(Level.WRONG, subject, f"settings: {error}")]
    if isinstance(settings, smpp.Settings):
        return list(_smsc(subject, settings, now, bind=bind))
    if isinstance(settings, mm7.Settings):
        return list(_mmsc(subject, settings, now, bind=bind))
    if isinstance(settings, HttpSettings):
        return list(_http(subject, settings, now))
    return [Finding(Level.OK, subject, entry.kind)]


# SMPP


def try_carrier(
    entry: CarrierEntry, kinds: Kinds, now: float, message: TrialMessage | None
) -> list[Finding]:
    """
    Talk to the operator of a carrier as ``trial`` does, and say what it answers.

    Of a carrier that does not speak SMPP it says what ``look_at_carrier`` does.
    """
    subject = f"carrier {entry.name}"
    if entry.kind != "smpp":
        return look_at_carrier(entry, kinds, now)
    try:
        settings = msgspec.convert(entry.settings, smpp.Settings)
    except msgspec.ValidationError as error:
        return [Finding(Level.WRONG, subject, f"settings: {error}")]
    said: list[tuple[Level, str]] = []

    def say(link: socket.socket) -> tuple[Level, str]:
        said.extend(talk(link, settings, message))
        return said.pop(0)

    found = list(_smsc(subject, settings, now, bind=True, talk=say))
    return [*found, *findings(subject, f"{settings.host}:{settings.port}", said)]


def _smsc(
    subject: str,
    settings: smpp.Settings,
    now: float,
    *,
    bind: bool,
    talk: Say | None = None,
) -> Iterator[Finding]:
    tls = settings.tls
    if tls is not None:
        faults: list[Finding] = []
        if tls.ca:
            faults += look_at_trusted(subject, tls.ca, now)
        if tls.cert:
            own = look_at_own(subject, tls.cert, tls.key, now)
            faults += (each for each in own if each.level is not Level.OK)
        yield from faults
        if any(fault.level is Level.WRONG for fault in faults):
            return

    def context() -> ssl.SSLContext | None:
        return tls_context(tls) if tls else None

    name = server_name(settings) or settings.host
    where = Where(settings.host, settings.port, name, settings.connect_timeout)
    refused: set[int] = set()
    if talk is not None:
        yield from _connect(subject, where, context, now, talk)
        return

    def say(command: int) -> Say:
        return lambda link: _bind(link, settings, command, refused)

    findings = list(
        _connect(
            subject, where, context, now, say(cmd.BIND_TRANSMITTER) if bind else None
        )
    )
    if refused & OTHER_BIND and settings.bind_type == "trx":
        again = say(cmd.BIND_TRANSCEIVER)
        findings = list(_connect(subject, where, context, now, again))
    yield from findings


def _bind(
    link: socket.socket, settings: smpp.Settings, command: int, refused: set[int]
) -> tuple[Level, str]:
    """Bind and unbind; notes in ``refused`` how it was refused."""
    timeout = min(settings.response_timeout, PATIENCE)
    link.settimeout(timeout)
    try:
        link.sendall(build(Pdu(command, 0, 1, bind_request(settings))))
        status = _answer_to(link, command)
        if status == st.ESME_ROK:
            link.sendall(build(Pdu(cmd.UNBIND, 0, 2, Empty())))
            _answer_to(link, cmd.UNBIND)
    except PduError as error:
        return Level.WRONG, f"could not receive our bind: {error}"
    except TimeoutError:
        return Level.WRONG, f"does not answer our bind in {timeout:g} s"
    except ConnectionError as error:
        return Level.WRONG, f"ends the connection when we bind: {error}"
    if status == st.ESME_ROK:
        return Level.OK, f"accepts our bind as {settings.system_id}"
    refused.add(status)
    if status == st.ESME_RALYBND:
        return (
            Level.WARNING,
            "says that we are already bound, perhaps by a running gateway",
        )
    if status in FOR_NOW:
        return Level.WARNING, f"refuses our bind for now: {st.name(status)}"
    return Level.WRONG, f"refuses our bind: {st.name(status)}"


def _answer_to(link: socket.socket, command: int) -> int:
    """Wait for the answer to a request; returns its status."""
    for _ in range(MOST_BEFORE):
        length, answer, status, _ = HEADER.unpack(_read(link, HEADER_SIZE))
        if not HEADER_SIZE <= length <= MAX_PDU:
            raise ConnectionError("it does not speak SMPP")
        _read(link, length - HEADER_SIZE)
        if answer == command | cmd.RESPONSE:
            return int(status)
        if answer == cmd.GENERIC_NACK:
            return int(status) or st.ESME_RUNKNOWNERR
    raise ConnectionError("it sends other PDUs, but no response to our bind")


def _read(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return data


# MM7 and HTTP


def _mmsc(
    subject: str, settings: mm7.Settings, now: float, *, bind: bool
) -> Iterator[Finding]:
    say: Say | None = None
    if bind and settings.username:
        say = lambda link: _log_in(link, settings)  # noqa: E731 - it has no other name
    where = _server_of(settings.url, settings.connect_timeout)
    ca = settings.ca if settings.url.lower().startswith("https:") else None
    found = _web_server(subject, where, ca, now, say)
    yield from _open_to_all(subject, found, open_to_all=not settings.guarded)


def _http(subject: str, settings: HttpSettings, now: float) -> Iterator[Finding]:
    """Look whether the operator's server accepts connections; nothing is asked."""
    description = settings.described()
    url = description.request.url.replace("{url}", settings.url)
    called = description.receipt is not None or description.inbound is not None
    where = _server_of(url, settings.connect_timeout)
    ca = settings.ca if url.startswith("https:") else None
    found = _web_server(subject, where, ca, now, None)
    open_to_all = called and not settings.guarded
    yield from _open_to_all(subject, found, open_to_all=open_to_all)


def _server_of(url: str, timeout: float) -> Where:
    """Return the server of a URL; ``timeout``: seconds to connect."""
    split = urlsplit(url)
    host = split.hostname or ""
    port = split.port or (443 if split.scheme == "https" else 80)
    return Where(host, port, host, timeout)


def _web_server(
    subject: str, where: Where, ca: str | None, now: float, say: Say | None
) -> Iterator[Finding]:
    """Connect to a server: by TLS unless ``ca`` is ``None``; empty: the system's."""
    if ca:
        faults = list(look_at_trusted(subject, ca, now))
        yield from faults
        if any(fault.level is Level.WRONG for fault in faults):
            return

    def context() -> ssl.SSLContext | None:
        if ca is None:
            return None
        return ssl.create_default_context(cafile=ca or None)

    yield from _connect(subject, where, context, now, say)


def _open_to_all(
    subject: str, findings: Iterator[Finding], *, open_to_all: bool
) -> Iterator[Finding]:
    """Warn of a carrier to which anybody may deliver."""
    for finding in findings:
        if finding.level is Level.OK and open_to_all:
            what = f"{finding.what}; open: anybody can deliver to us"
            yield Finding(Level.WARNING, subject, what)
        else:
            yield finding


def _log_in(link: socket.socket, settings: mm7.Settings) -> tuple[Level, str]:
    """Ask for the head of a page with our login; only a refusal of it is wrong."""
    url = urlsplit(settings.url)
    login = f"{settings.username}:{settings.password}".encode()
    headers = {"Authorization": f"Basic {b64encode(login).decode()}"}
    link.settimeout(min(settings.response_timeout, PATIENCE))
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    connection.sock = link
    try:
        connection.request("HEAD", url.path or "/", headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Level.WARNING, f"does not answer HEAD: {type(error).__name__}"
    if status in (401, 403):
        return Level.WRONG, f"refuses our login: HTTP {status}"
    return Level.OK, f"answers (HTTP {status})"


# Both


def _connect(
    subject: str,
    where: Where,
    make: Callable[[], ssl.SSLContext | None],
    now: float,
    say: Say | None,
) -> Iterator[Finding]:
    """Connect, by TLS if ``make`` gives a context, and say something."""
    peer = None
    try:
        context = make()
        with socket.create_connection((where.host, where.port), where.timeout) as plain:
            if context is None:
                level, what = say(plain) if say else (Level.OK, "accepts connections")
            else:
                with context.wrap_socket(plain, server_hostname=where.name) as secure:
                    peer = secure.getpeercert(binary_form=True)
                    by = f"takes {secure.version()} connections"
                    level, what = say(secure) if say else (Level.OK, by)
    except socket.gaierror as error:
        level, what = Level.WRONG, f": the name cannot be resolved: {error.strerror}"
    except ssl.SSLCertVerificationError as error:
        level, what = Level.WRONG, f": TLS: its certificate: {error.verify_message}"
    except ssl.SSLError as error:
        level, what = Level.WRONG, f": TLS: {error.reason or error}"
    except (OSError, UnicodeError) as error:
        level, what = Level.WRONG, f": {getattr(error, 'strerror', None) or error}"
    yield from look_at_peer(subject, peer, now)
    gap = "" if what.startswith(": ") else " "
    yield Finding(level, subject, f"{where}{gap}{what}")

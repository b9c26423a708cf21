"""
``budstikke doctor``: what is wrong with settings, database, carriers and accesses.

It connects to carriers, but binds nowhere and sends nothing.
"""

from __future__ import annotations

import shutil
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError

from budstikke.carriers import mm7
from budstikke.carriers.smpp import settings as smpp
from budstikke.carriers.smpp.link import server_name, tls_context
from budstikke.outlets.addresses import public
from budstikke.servers.addresses import read_address
from budstikke.store import schema
from budstikke.store.admin import immediate, open_engine, read_directory
from budstikke.store.migrate import SchemaError, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Engine

    from budstikke.config import Settings
    from budstikke.config_callbacks import Callbacks
    from budstikke.domain.directory import Access, CarrierEntry, Directory
    from budstikke.domain.inventory import Inventory

    Kinds = Mapping[str, type[msgspec.Struct]]

GIB = 1024**3
LITTLE_SPACE = 2 * GIB
NO_SPACE = GIB // 4
"""Octets free on the disk: a warning below the first, wrong below the second."""


QUICK_CHECK = "PRAGMA quick_check(1)"
"""Reads each page once; an index that does not fit its table is not looked for."""


class Level(StrEnum):
    """How bad a finding is; only ``WRONG`` makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    subject: str
    what: str

    def __str__(self) -> str:
        """Write it as a line."""
        return f"{self.level:<8} {self.subject}: {self.what}"


def examine(settings: Settings, dialects: Kinds, carriers: Kinds) -> Iterator[Finding]:
    """
    Look at everything, in the order in which it has to be mended.

    Args:
        settings: As they were read.
        dialects: The settings of an access, by dialect.
        carriers: The settings of a carrier, by kind.

    """
    yield from _http(settings)
    if settings.database_file is not None:
        yield from _folder(settings.database_file.parent)
    try:
        check(settings.database_url)
    except SchemaError as error:
        yield Finding(Level.WRONG, "database", str(error))
        return
    except SQLAlchemyError as error:
        yield Finding(Level.WRONG, "database", _short(error))
        return
    engine = open_engine(settings.database_url)
    try:
        if settings.database_file is not None:
            yield from _file(engine, settings.database_file)
        yield from _database(engine, settings, dialects, carriers)
    finally:
        engine.dispose()


def _http(settings: Settings) -> Iterator[Finding]:
    http = settings.http
    subject = f"http {http.host}:{http.port}"
    address = read_address(http.host)
    if http.tls_cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(http.tls_cert, http.tls_key)
        except OSError as error:  # what ssl raises is one, too
            yield Finding(Level.WRONG, subject, f"certificate or key: {error}")
        else:
            yield Finding(Level.OK, subject, "https")
    elif http.trusted_proxies or (address is not None and address.is_loopback):
        yield Finding(Level.OK, subject, "plain http")
    else:
        what = "plain http for all to reach: set tls_cert, or trusted_proxies"
        yield Finding(Level.WARNING, subject, what)
    if settings.simulator.enabled:
        what = "anybody who reaches the HTTP port reads and sends messages"
        yield Finding(Level.WARNING, "simulator", what)


def _folder(folder: Path) -> Iterator[Finding]:
    subject = f"folder {folder}"
    if not folder.is_dir():
        yield Finding(Level.WRONG, subject, "is not there: run `budstikke migrate`")
        return
    if folder.stat().st_mode & 0o007:
        what = "everybody on this machine may look in: chmod o-rwx"
        yield Finding(Level.WARNING, subject, what)
    free = shutil.disk_usage(folder).free
    level = Level.OK
    if free < LITTLE_SPACE:
        level = Level.WARNING if free >= NO_SPACE else Level.WRONG
    yield Finding(level, subject, f"{free / GIB:.1f} GiB free")


def _file(engine: Engine, file: Path) -> Iterator[Finding]:
    """Look at SQLite's file: who may read it, and whether each page can be read."""
    subject = f"file {file}"
    if file.stat().st_mode & 0o007:
        what = "everybody on this machine may read it: chmod 600"
        yield Finding(Level.WARNING, subject, what)
    try:
        with engine.connect() as connection:
            found = [row[0] for row in connection.execute(text(QUICK_CHECK))]
    except SQLAlchemyError as error:
        found = [_short(error)]
    if found == ["ok"]:
        yield Finding(Level.OK, subject, "every page can be read (quick_check)")
    else:
        what = f"is damaged: {found[0].splitlines()[-1]}; docs/operate.md, A bad page"
        yield Finding(Level.WRONG, subject, what)


def _database(
    engine: Engine, settings: Settings, dialects: Kinds, carriers: Kinds
) -> Iterator[Finding]:
    revision = schema.meta.c.key == "revision"
    try:
        with immediate(engine) as connection:
            connection.execute(
                update(schema.meta).where(revision).values(value=schema.meta.c.value)
            )
    except SQLAlchemyError as error:
        yield Finding(Level.WRONG, "database", f"cannot be written: {_short(error)}")
    else:
        yield Finding(Level.OK, "database", f"{settings.database_name} can be written")
    try:
        directory = read_directory(engine, dialects)
    except (ValueError, SQLAlchemyError) as error:
        yield Finding(Level.WRONG, "database", str(error))
        return
    yield from _carriers(directory, carriers)
    yield from _unknown_dialects(engine, dialects)
    for access in directory.accesses.values():
        yield from _access(access, settings.callbacks)
    yield from _places(directory.inventory, settings.callbacks)


def _short(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _carriers(directory: Directory, kinds: Kinds) -> Iterator[Finding]:
    used = {id_ for route in directory.routes for id_ in route.carriers}
    entries = list(directory.carriers.values())
    with ThreadPoolExecutor(max_workers=16) as pool:
        for entry, (level, what) in zip(
            entries, pool.map(lambda e: _carrier(e, kinds), entries), strict=True
        ):
            yield Finding(level, f"carrier {entry.name}", what)
            if entry.id not in used:
                unused = "no route leads to it"
                yield Finding(Level.WARNING, f"carrier {entry.name}", unused)
    if not used:
        what = "there is none, so that every message is refused"
        yield Finding(Level.WARNING, "routes", what)


def _carrier(entry: CarrierEntry, kinds: Kinds) -> tuple[Level, str]:
    if entry.kind not in kinds:
        return Level.WRONG, f"kind {entry.kind!r} is unknown"
    try:
        settings: Any = msgspec.convert(entry.settings, kinds[entry.kind])
    except msgspec.ValidationError as error:
        return Level.WRONG, f"settings: {error}"
    if isinstance(settings, smpp.Settings):
        return _connect_smpp(settings)
    if isinstance(settings, mm7.Settings):
        return _connect_mm7(settings)
    return Level.OK, entry.kind


def _connect_smpp(settings: smpp.Settings) -> tuple[Level, str]:
    """Connect to an operator as its link would, without a bind."""

    def context() -> ssl.SSLContext | None:
        return tls_context(settings.tls) if settings.tls else None

    address = settings.host, settings.port
    name = server_name(settings) or settings.host
    return _connect(address, settings.connect_timeout, context, name)


def _connect_mm7(settings: mm7.Settings) -> tuple[Level, str]:
    """Connect to an MMSC as its carrier would, without a submission."""
    url = urlsplit(settings.url)
    secure = url.scheme == "https"

    def context() -> ssl.SSLContext | None:
        ca = settings.ca or None
        return ssl.create_default_context(cafile=ca) if secure else None

    host = url.hostname or ""
    address = host, url.port or (443 if secure else 80)
    level, what = _connect(address, settings.connect_timeout, context, host)
    if level is Level.OK and not settings.guarded:
        return Level.WARNING, f"{what}; open: anyone may deliver to us"
    return level, what


def _connect(
    address: tuple[str, int],
    timeout: float,
    make: Callable[[], ssl.SSLContext | None],
    name: str,
) -> tuple[Level, str]:
    """Connect, and by TLS if ``make`` gives a context; ``name`` is checked then."""
    where = f"{address[0]}:{address[1]}"
    try:
        context = make()
        with socket.create_connection(address, timeout) as plain:
            if context is None:
                return Level.OK, f"{where} takes connections"
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return Level.OK, f"{where} takes {secure.version()} connections"
    except socket.gaierror as error:
        return Level.WRONG, f"{where}: the name cannot be resolved: {error.strerror}"
    except ssl.SSLError as error:
        return Level.WRONG, f"{where}: TLS: {error.reason or error}"
    except (OSError, UnicodeError) as error:
        return Level.WRONG, f"{where}: {getattr(error, 'strerror', None) or error}"


def _unknown_dialects(engine: Engine, dialects: Kinds) -> Iterator[Finding]:
    access = schema.access.c
    with engine.connect() as connection:
        for row in connection.execute(select(access.dialect, access.identifier)):
            if row.dialect not in dialects:
                subject = f"access {row.dialect} {row.identifier}"
                yield Finding(Level.WRONG, subject, "there is no such dialect")


def _access(access: Access, callbacks: Callbacks) -> Iterator[Finding]:
    subject = f"access {access.dialect} {access.identifier}"
    if access.blocked or access.account.blocked:
        yield Finding(Level.OK, subject, "is blocked")
        return
    faults = []
    if access.secret is None and not access.networks:
        faults.append("has neither password nor allow_from, so that it never opens")
    for name in access.settings.__struct_fields__:
        url = getattr(access.settings, name)
        if name.endswith("_url") and url and (fault := url_fault(url, callbacks)):
            faults.append(f"{name}: {fault}")
    for fault in faults:
        yield Finding(Level.WRONG, subject, fault)
    if not faults:
        yield Finding(Level.OK, subject, f"of {access.account.name}")


def _places(inventory: Inventory, callbacks: Callbacks) -> Iterator[Finding]:
    """Look at the URLs of numbers and keywords; those that are right say nothing."""
    places = [(f"number {each.value}", each.url) for each in inventory.numbers.values()]
    for keyword in inventory.keywords.values():
        number = inventory.numbers[keyword.number_id].value
        word = keyword.word or "(default)"
        places.append((f"keyword {word} on {number}", keyword.url))
    for subject, url in places:
        if url and (fault := url_fault(url, callbacks)):
            yield Finding(Level.WRONG, subject, f"url: {fault}")


def url_fault(url: str, callbacks: Callbacks) -> str:
    """Say why a customer's URL would not be called; empty: it would be."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    allowed = ("https", "http") if callbacks.allow_http else ("https",)
    if parts.scheme not in allowed or not host:
        return f"is no {' or '.join(allowed)} URL"
    if callbacks.allow_private and read_address(host) is not None:
        return ""
    try:
        found = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"{host} cannot be resolved"
    if callbacks.allow_private or any(public(str(item[4][0])) for item in found):
        return ""
    return f"{host} is a private address"

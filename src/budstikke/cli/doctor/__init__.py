"""
``budstikke doctor``: what is wrong with settings, database, carriers and accesses.

It logs in at carriers, and leaves again; it sends nothing.
"""

from __future__ import annotations

import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError

from budstikke.cli.doctor.carriers import look_at_carrier, try_carrier
from budstikke.cli.doctor.certificates import look_at_own
from budstikke.cli.doctor.finding import Finding, Level
from budstikke.clients.http.addresses import public
from budstikke.config.addresses import host_port
from budstikke.flow.clock import AWAY, STEP
from budstikke.provisioning.acts import AdminError
from budstikke.servers.addresses import read_address
from budstikke.store import schema
from budstikke.store.admin import immediate, open_engine
from budstikke.store.contract import StoreUnavailable
from budstikke.store.directory import directory_of
from budstikke.store.schema_check import SchemaError, check
from budstikke.store.time_seen import read_seen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    import msgspec
    from sqlalchemy import Engine

    from budstikke.cli.doctor.trial import TrialMessage
    from budstikke.config import Http, Settings
    from budstikke.config.callbacks import Callbacks
    from budstikke.config.smpp import Smpp
    from budstikke.domain.directory import Access, CarrierEntry, Directory
    from budstikke.domain.number_inventory import NumberInventory
    from budstikke.store.contract import Seen

    Kinds = Mapping[str, type[msgspec.Struct]]

GIB = 1024**3
LITTLE_SPACE = 2 * GIB
NO_SPACE = GIB // 4
"""Octets free on the disk: a warning below the first, wrong below the second."""


SAME_TIME = 2.0
"""Seconds by which clocks may differ; as many as the look takes, among them."""

QUICK_CHECK = "PRAGMA quick_check(1)"
"""Reads each page once; an index that does not fit its table is not looked for."""


def examine(
    settings: Settings,
    dialects: Kinds,
    carriers: Kinds,
    *,
    now: float | None = None,
    bind: bool = True,
) -> Iterator[Finding]:
    """
    Look at everything, in the order in which it has to be mended.

    Args:
        settings: As they were read.
        dialects: The settings of an access, by dialect.
        carriers: The settings of a carrier, by kind.
        now: Unix seconds that certificates are judged by; ``None``: the clock's.
        bind: Log in at operators, too; else only connect.

    """
    now = time.time() if now is None else now
    yield from _http(settings, now)
    yield from _smpp(settings.smpp, now)
    if settings.database_file is not None:
        yield from _folder(settings.database_file.parent)
    try:
        check(settings.database_url)
    except (SchemaError, StoreUnavailable) as error:
        yield Finding(Level.WRONG, "database", str(error))
        return
    engine = open_engine(settings.database_url)
    try:
        if settings.database_file is not None:
            yield from _file(engine, settings.database_file)
        directory = yield from _database(engine, settings, dialects)
        if directory is None:
            return
        yield from _carriers(directory, carriers, now, bind=bind)
        yield from _unknown_dialects(engine, dialects)
        for access in directory.accesses.values():
            yield from _access(access, settings.callbacks)
        yield from _places(directory.inventory, settings.callbacks)
    finally:
        engine.dispose()


def examine_carrier(
    settings: Settings,
    dialects: Kinds,
    carriers: Kinds,
    name: str,
    message: TrialMessage | None,
) -> list[Finding]:
    """
    Talk to the operator of one carrier, and send it a test message if there is one.

    Raises StoreUnavailable, SchemaError; AdminError: there is no such carrier.
    """
    check(settings.database_url)
    directory = directory_of(settings.database_url, dialects)
    for entry in directory.carriers.values():
        if entry.name == name:
            return try_carrier(entry, carriers, time.time(), message)
    raise AdminError(f"there is no carrier {name}")


def _http(settings: Settings, now: float) -> Iterator[Finding]:
    http = settings.http
    subject = f"http {http.host}:{http.port}"
    address = read_address(http.host)
    if http.tls_cert:
        yield from _certificate(subject, http, "https", now)
    elif http.trusted_proxies or (address is not None and address.is_loopback):
        yield Finding(Level.OK, subject, "plain http")
    else:
        what = "plain http, and others reach it: set tls_cert or trusted_proxies"
        yield Finding(Level.WARNING, subject, what)
    if settings.simulator.enabled:
        what = "anybody who reaches the HTTP port can read and send messages"
        yield Finding(Level.WARNING, "simulator", what)


def _smpp(smpp: Smpp, now: float) -> Iterator[Finding]:
    """Look at the server that customers bind to, if there is one."""
    if not smpp.listen:
        return
    subject = f"smpp {smpp.listen}"
    address = read_address(host_port(smpp.listen)[0])
    if smpp.tls_cert:
        yield from _certificate(subject, smpp, "TLS", now)
    elif address is not None and address.is_loopback:
        yield Finding(Level.OK, subject, "without TLS")
    else:
        what = "without TLS, and others reach it: set smpp.tls_cert"
        yield Finding(Level.WARNING, subject, what)


def _certificate(
    subject: str, server: Http | Smpp, words: str, now: float
) -> Iterator[Finding]:
    """Look at a server's certificate; ``words`` say that nothing is wrong with it."""
    own = look_at_own(subject, server.tls_cert, server.tls_key, now)
    faults = [finding for finding in own if finding.level is not Level.OK]
    yield from faults or [Finding(Level.OK, subject, words)]


def _folder(folder: Path) -> Iterator[Finding]:
    subject = f"folder {folder}"
    if not folder.is_dir():
        yield Finding(Level.WRONG, subject, "does not exist: run `budstikke migrate`")
        return
    if folder.stat().st_mode & 0o007:
        what = "other users of this machine can read it: chmod o-rwx"
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
            faults = [row[0] for row in connection.execute(text(QUICK_CHECK))]
    except SQLAlchemyError as error:
        faults = [_short(error)]
    if faults == ["ok"]:
        yield Finding(Level.OK, subject, "every page can be read (quick_check)")
    else:
        what = f"is damaged: {faults[0].splitlines()[-1]}; docs/operate.md, A bad page"
        yield Finding(Level.WRONG, subject, what)


def _clock(seen: Seen, now: float) -> Iterator[Finding]:
    """Compare this machine's clock with the times in the database."""
    server = now if seen.database_time is None else seen.database_time
    if abs(now - server) > SAME_TIME:
        what = f"is {now - server:+.0f} s off the database server's"
        yield Finding(Level.WARNING, "clock", what)
    elif seen.beat and not seen.beat - STEP <= now <= seen.beat + AWAY:
        days = (now - seen.beat) / 86400.0
        what = f"is {days:+.1f} days from the time when a gateway was last alive"
        remedy = "if the clock is right, run `budstikke clock --confirm`"
        yield Finding(Level.WARNING, "clock", f"{what}; {remedy}")
    else:
        yield Finding(Level.OK, "clock", "agrees with the database")


def _database(
    engine: Engine, settings: Settings, dialects: Kinds
) -> Generator[Finding, None, Directory | None]:
    """Write and read it; returns what it says, if it can be read."""
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
    if settings.durability != "power":
        what = f"`{settings.durability}`: a power failure loses the last messages"
        yield Finding(Level.WARNING, "durability", what)
    try:
        directory = directory_of(settings.database_url, dialects)
    except (ValueError, StoreUnavailable) as error:
        yield Finding(Level.WRONG, "database", str(error))
        return None
    yield from _clock(read_seen(settings.database_url), time.time())
    return directory


def _short(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _carriers(
    directory: Directory, kinds: Kinds, now: float, *, bind: bool
) -> Iterator[Finding]:
    used = {id_ for route in directory.routes for id_ in route.carriers}
    entries = list(directory.carriers.values())

    def look(entry: CarrierEntry) -> list[Finding]:
        return look_at_carrier(entry, kinds, now, bind=bind)

    with ThreadPoolExecutor(max_workers=16) as pool:
        for entry, findings in zip(entries, pool.map(look, entries), strict=True):
            yield from findings
            if entry.id not in used:
                unused = "no route leads to it"
                yield Finding(Level.WARNING, f"carrier {entry.name}", unused)
    if not used:
        what = "there is no route, so the gateway refuses every message"
        yield Finding(Level.WARNING, "routes", what)


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
        yield Finding(Level.OK, subject, f"belongs to account {access.account.name}")


def _places(inventory: NumberInventory, callbacks: Callbacks) -> Iterator[Finding]:
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
        addresses = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"{host} cannot be resolved"
    if callbacks.allow_private or any(public(str(item[4][0])) for item in addresses):
        return ""
    return f"{host} is a private address"

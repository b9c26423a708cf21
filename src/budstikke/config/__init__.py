"""
The settings of a process, and how they are read.

The structs below define each setting with its type, default and description.
docs/configure.md contains the table that ``python -m budstikke.config`` prints, and a
test compares the two. A setting comes from the environment
(``BUDSTIKKE_HTTP__PORT=8080``), else from the TOML file, else it has its default.
"""

from __future__ import annotations

import json
import socket
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, structs

from budstikke.config.addresses import host_port, networks
from budstikke.config.callbacks import Callbacks
from budstikke.config.inbound import Inbound
from budstikke.config.mail import Mail
from budstikke.config.number_directory import Directory
from budstikke.config.smpp import Smpp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "BUDSTIKKE_"
NOT_SETTINGS = frozenset({"BUDSTIKKE_CONFIG"})
"""Variables that the command line reads; they are not settings."""

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")

Section = TypeVar("Section", bound=Struct)


class ConfigError(Exception):
    """A setting that cannot be used; the message names it and the file or variable."""


Role = Literal["http", "send", "notify", "schedule"]
ROLES: tuple[Role, ...] = get_args(Role)
"""All roles; a node that runs alone has all of them."""


class Http(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP server for customers' requests."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="Port to listen on; 0: any free port.")
    ] = 8080
    tls_cert: Annotated[
        str, Meta(description="PEM file with certificate and chain. Empty: plain http.")
    ] = ""
    tls_key: Annotated[
        str, Meta(description="PEM file with the certificate's private key.")
    ] = ""
    public_url: Annotated[
        str,
        Meta(
            description="The gateway's URL for people outside, such as "
            "`https://sms.example.com`: links in mails and messages begin with it. "
            "Empty: `http://HOST:PORT`."
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks of proxies. The gateway believes "
            "`X-Forwarded-For` and `X-Forwarded-Proto` only from these."
        ),
    ] = ()
    max_body: Annotated[
        int, Meta(ge=1024, description="Largest body of a request, octets.")
    ] = 8 * 1024 * 1024
    max_bodies: Annotated[
        int,
        Meta(
            ge=1024 * 1024,
            description="Octets of request bodies that the gateway holds in memory at "
            "the same time, without the first 64 KiB of each. It answers 503 to a "
            "request that would need more. One address may take half of them.",
        ),
    ] = 64 * 1024 * 1024
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            description="Connections at the same time from one address (IPv6: one "
            "/64). `trusted_proxies` have no limit.",
        ),
    ] = 512
    workers: Annotated[
        int,
        Meta(
            ge=0,
            le=64,
            description="Processes that answer requests, beside the one with the links "
            "to operators; 0: that one answers them, too.",
        ),
    ] = 0
    lookups: Annotated[
        Literal["open", "known"],
        Meta(
            description="Some APIs (iP.1) let clients ask for the state of a message "
            "without a login. Who may do so: `known`: addresses that logged in to "
            "that API in the last day, or that one of its accesses allows; `open`: "
            "everybody."
        ),
    ] = "known"

    def __post_init__(self) -> None:
        """Refuse half a certificate, and proxies that are no networks."""
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key are given together or not at all")
        networks(self.trusted_proxies)
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            raise ValueError("public_url: must begin with https:// or http://")

    @property
    def base_url(self) -> str:
        """Beginning of the links' URLs, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Lowest level to log: `debug`, `info`, `warning`, `error`."),
    ] = "info"


class Simulator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated operator, for demos and tests."""

    enabled: Annotated[
        bool,
        Meta(
            description="Show the simulated phones on the HTTP port. Never set this on "
            "a gateway that other people reach."
        ),
    ] = False
    listen: Annotated[
        str,
        Meta(
            description="`HOST:PORT` where the simulated operator accepts SMPP binds. "
            "Empty: it accepts none."
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse an address without a port."""
        if self.listen:
            host_port(self.listen)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings."""

    data: Annotated[str, Meta(description="Folder for all data.")] = "data"
    database: Annotated[
        str,
        Meta(
            description="`sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/NAME` "
            "(several hosts: `H1:5432,H2:5432`, with `?target_session_attrs="
            "read-write`). Empty: `budstikke.sqlite` in `data`."
        ),
    ] = ""
    durability: Annotated[
        Literal["power", "process"],
        Meta(
            description="What an accepted message survives. `power`: a power failure; "
            "`process`: a crash of the gateway, but not of the machine; [what is "
            "lost](#durability)."
        ),
    ] = "power"
    node: Annotated[
        str,
        Meta(
            description="Name of this process in logs and among nodes. Empty: the "
            "name of the host."
        ),
    ] = ""
    roles: Annotated[
        tuple[Role, ...],
        Meta(
            min_length=1,
            description="What this process does: `http` (takes customers' requests), "
            "`send` (connects to operators), `notify` (sends callbacks), `schedule` "
            "(runs periodic jobs: expiry, repeating orders, fees and so on). `serve "
            "--roles` overrides this.",
        ),
    ] = ROLES
    health: Annotated[
        str,
        Meta(
            description="`HOST:PORT` of a second HTTP port for `/healthz`, `/readyz` "
            "and `/metrics`, which the ordinary port then does not answer. It is open "
            "whatever the roles. Empty: the ordinary port answers them."
        ),
    ] = ""
    retention_days: Annotated[
        int, Meta(ge=1, le=36500, description="Days after which messages are deleted.")
    ] = 90
    http: Http = Http()
    log: Log = Log()
    callbacks: Callbacks = Callbacks()
    inbound: Inbound = Inbound()
    mail: Mail = Mail()
    directory: Directory = Directory()
    smpp: Smpp = Smpp()
    simulator: Simulator = Simulator()

    def __post_init__(self) -> None:
        """Refuse a database URL of another kind, and roles without PostgreSQL."""
        if self.database == SQLITE:
            raise ValueError("database: sqlite:/// lacks a path")
        if self.database and not self.database.startswith((SQLITE, *POSTGRESQL)):
            raise ValueError("database: must begin with sqlite:/// or postgresql://")
        if self.health:
            host_port(self.health)
        if not self.postgres and set(self.roles) != set(ROLES):
            raise ValueError("roles: a SQLite database has one process, with all roles")

    @property
    def postgres(self) -> bool:
        """Whether the database is PostgreSQL's."""
        return self.database.startswith(POSTGRESQL)

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        if self.database:
            return Path(self.database.removeprefix(SQLITE))
        return Path(self.data) / "budstikke.sqlite"

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; ``None``: the database is PostgreSQL's."""
        return None if self.postgres else self.database_path

    @property
    def database_url(self) -> str:
        """The database as ``store.admin.open_engine`` takes it; it may be secret."""
        return self.database if self.postgres else SQLITE + str(self.database_path)

    @property
    def database_name(self) -> str:
        """The database in words for people, without its password."""
        if not self.postgres:
            return str(self.database_path)
        where = urlsplit(self.database)
        return f"{where.netloc.rpartition('@')[2]}{where.path}"

    @property
    def node_name(self) -> str:
        """Name of this process."""
        return self.node or socket.gethostname()


def load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """
    Read settings from a TOML file (``None``: no file) and the environment.

    Raises:
        ConfigError: A file that cannot be read, an unknown key, or a value that does
            not fit; the message names the key and the file or the variable.

    """
    tree = {} if file is None else _toml(file)
    source = _Source(str(file), dict(environ))
    settings = source.struct(Settings, tree, ())
    for name in sorted(source.environ):  # what was a setting has been taken out
        if name.startswith(PREFIX) and name not in NOT_SETTINGS:
            known = (variable(path).removeprefix(PREFIX) for path, _, _ in rows())
            what = _unknown(name.removeprefix(PREFIX), known, PREFIX)
            raise ConfigError(f"environment: {name}: {what}")
    return settings


def _unknown(given: str, known: Iterable[str], prefix: str = "") -> str:
    near = get_close_matches(given, list(known), 1)
    hint = f": did you mean `{prefix}{near[0]}`?" if near else ""
    return f"unknown setting{hint}"


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


class _Source:
    """Where values come from; variables that were used are taken out of environ."""

    def __init__(self, file: str, environ: dict[str, str]) -> None:
        self.file = file
        self.environ = environ

    def struct(
        self, kind: type[Section], tree: object, path: tuple[str, ...]
    ) -> Section:
        """Build one section; ``path`` is its keys."""
        if not isinstance(tree, dict):
            raise ConfigError(f"{self.file}: {'.'.join(path)}: expected a section")
        fields = {field.name: field for field in structs.fields(kind)}
        for key in tree:
            if key not in fields:
                where = f"{self.file}: {'.'.join((*path, key))}"
                if not path and isinstance(tree[key], list):
                    raise ConfigError(f"{where}: [[{key}]] is for `budstikke apply`")
                raise ConfigError(f"{where}: {_unknown(key, fields)}")
        values = {}
        for name, field in fields.items():
            value = self.value(field.type, tree.get(name), (*path, name))
            if value is not None:
                values[name] = value
        try:
            return kind(**values)
        except ValueError as error:
            where = ": ".join(("settings", *path))
            raise ConfigError(f"{where}: {error}") from error

    def value(self, kind: Any, given: Any, path: tuple[str, ...]) -> Any:
        """Read one setting; ``None``: it is given nowhere."""
        if is_section(kind):
            return self.struct(kind, {} if given is None else given, path)
        name = variable(path)
        text = self.environ.pop(name, None)
        if text is not None:
            return _convert(_split(kind, text), kind, f"environment: {name}")
        if given is None:
            return None
        return _convert(given, kind, f"{self.file}: {'.'.join(path)}", strict=True)


def _convert(value: Any, kind: Any, where: str, *, strict: bool = False) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        fault = f"{str(error)[:1].lower()}{str(error)[1:]}"
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if get_origin(kind) is Literal:
            fault += f": expected one of {', '.join(get_args(kind))}"
        raise ConfigError(f"{where}: {fault}") from error


def _split(kind: Any, text: str) -> str | list[str]:
    """Read a list from the environment: separated by commas."""
    if get_origin(get_args(kind)[0] if get_args(kind) else kind) is not tuple:
        return text
    return [item.strip() for item in text.split(",") if item.strip()]


def is_section(kind: Any) -> bool:
    """Tell whether a setting's type is a section of its own."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def variable(path: tuple[str, ...]) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + "__".join(path).upper()


def rows(
    kind: type[Struct] = Settings, path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], str, str]]:
    """List every setting: its keys, its default as TOML, its description."""
    table_rows: list[tuple[tuple[str, ...], str, str]] = []
    for field in structs.fields(kind):
        here = (*path, field.name)
        if is_section(field.type):
            table_rows += rows(field.type, here)
        else:
            described = get_args(field.type)[1].description
            table_rows.append((here, json.dumps(field.default), described))
    return table_rows


def table() -> str:
    """Write the settings as a Markdown table, for docs/configure.md."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    lines += [
        f"| `{'.'.join(path)}` | `{default}` | {described} |"
        for path, default, described in rows()
    ]
    return "\n".join(lines)

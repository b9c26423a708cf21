"""
The demo: accounts for every API, numbers, keywords, and commands to paste.

``demo.toml`` beside this file has the simulated operator and the shared numbers. Each
dialect has a ``demo.toml`` in its package: a command that sends a message, its account
with money for a million segments, and settings for callbacks to a developer's server.
Accounts with the same name in several files are one account.
"""

from __future__ import annotations

import time
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from budstikke.carriers import KINDS
from budstikke.console.page import Welcome
from budstikke.dialects import DIALECTS, IDENTIFY
from budstikke.domain.roles import INSTALLATION, Role
from budstikke.gateway import SETTINGS
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.provisioning.resource import ALL
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.store.admin import confirm_clock, open_engine
from budstikke.store.contract.users import Act, NewUser
from budstikke.store.run_verb import run_verb
from budstikke.store.verbs.users import (
    all_accounts,
    create_user,
    user_by_mail,
    write_role,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.config import Settings
    from budstikke.store.verbs.connection import Connection

    Table = dict[str, Any]

PHONE = "+4799999999"
"""The phone in the printed commands: it receives and sends."""

MAIL, PASSWORD = "demo@example.com", "demo"
"""Of the user of the console; everybody knows them."""

SHARED = "2229"
"""The shared number in the printed commands."""


class DialectDemo(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """
    The ``demo.toml`` of a dialect.

    In its title, request and lines ``{base}`` stands for the demo's URL, ``{smpp}`` for
    the port for SMPP, ``{phone}`` for the URL of the phone's messages, ``{keywords}``
    for the keywords on ``SHARED``.

    Attributes:
        title: Name of the API, printed above its request.
        request: A shell command that sends a message.
        lines: Further lines to print.
        callback_lines: Further lines to print with ``--callbacks``.
        callbacks: Settings of its access with ``--callbacks``; ``{url}`` in them
            stands for the URL of its callbacks.
        account: As in a file for ``apply``.
        price_list: As in a file for ``apply``.

    """

    title: str
    request: str
    lines: list[str] = []
    callback_lines: list[str] = []
    callbacks: dict[str, Any] = {}
    account: list[dict[str, Any]]
    price_list: list[dict[str, Any]] = []


def read_demos() -> dict[str, DialectDemo]:
    """Read the ``demo.toml`` of every dialect, by its name."""
    return {
        name: msgspec.convert(
            tomllib.loads(_read(type(dialect).__module__)), DialectDemo
        )
        for name, dialect in DIALECTS.items()
    }


def apply_demo(settings: Settings, callbacks: str = "") -> None:
    """
    Write the demo's accounts, numbers and carrier into the database.

    ``callbacks``: the beginning of all callback URLs; empty: no callbacks.
    """
    kinds = {name: kind.settings for name, kind in KINDS.items()}
    demos = read_demos()
    file = read_file(_toml(_tables(demos)), SETTINGS, kinds, {}, IDENTIFY)
    for access in (access for account in file.account for access in account.access):
        if callbacks:
            url = f"{callbacks}/{access.dialect}"
            access.settings |= _filled(demos[access.dialect].callbacks, url)
        access.given = structs.replace(access.given, reset=frozenset({ALL}))
    engine = open_engine(settings.database_url)
    try:
        secrets = Secrets(hash_secret, verify_secret, IDENTIFY)
        now = time.time()
        apply(engine, file, secrets, actor="demo", now=now)
    finally:
        engine.dispose()
    run_verb(settings.database_url, _create_user, hash_secret(PASSWORD), now)
    confirm_clock(settings.database_url, now)  # the demo may have run long ago


async def _create_user(connection: Connection, password: str, now: float) -> None:
    """Create the user of the demo: operator, and administrator of every account."""
    user = NewUser(MAIL, "Demo", password, "en", "Europe/Oslo")
    await create_user(connection, user, Act("demo", now))
    known = await user_by_mail(connection, MAIL)
    assert known is not None  # noqa: S101 - it was created just now, or before
    await write_role(connection, known.id, INSTALLATION, Role.OPERATOR)
    for account_id, _ in await all_accounts(connection):
        await write_role(connection, known.id, account_id, Role.ADMINISTRATOR)


def welcome() -> Welcome:
    """Make what the start page of the demo shows."""
    return Welcome(MAIL, PASSWORD, _requests)


def _requests(base: str) -> list[tuple[str, str]]:
    """List a command for each API that has one over HTTP."""
    return [
        (demo.title, demo.request.replace("{base}", base))
        for demo in read_demos().values()
        if "{base}" in demo.request
    ]


def demo_lines(port: int, callbacks: str = "", smpp: int = 2776) -> list[str]:
    """
    Make the lines that the demo prints; the last one is ``ready``.

    ``port`` is HTTP's, ``smpp`` the one that customers bind to.
    """
    base = f"http://127.0.0.1:{port}"
    demos = read_demos()
    phone = f"{base}/simulator/phones/{PHONE}/messages"
    lines = ["Send a message by any of these APIs:"]
    for demo in demos.values():
        lines += [f"{demo.title}:", f"  {demo.request.strip()}"]
    lines += ["Read what the phone received:", "  curl '{phone}'"]
    for demo in demos.values():
        lines += demo.lines
    if callbacks:
        lines.append("Callbacks go to {callbacks}/DIALECT/status, …/inbound, …/reply")
        for demo in demos.values():
            lines += demo.callback_lines
    else:
        lines.append("To get callbacks, start the demo with --callbacks and a URL.")
    values = {
        "{base}": base,
        "{smpp}": str(smpp),
        "{phone}": phone,
        "{callbacks}": callbacks,
        "{keywords}": _keywords(demos.values()),
    }
    for name, value in values.items():
        lines = [line.replace(name, value) for line in lines]
    return [*lines, f"Watch the phones in a browser: {base}/simulator", "ready"]


def _keywords(demos: Iterable[DialectDemo]) -> str:
    """List the keywords of the demo's accounts on the shared number."""
    words = [
        keyword["word"]
        for demo in demos
        for account in demo.account
        for keyword in account.get("keyword", ())
        if keyword["number"] == SHARED
    ]
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _tables(demos: dict[str, DialectDemo]) -> Table:
    """Join the files; accounts of one name are one."""
    tables: Table = tomllib.loads(_read("budstikke.demo"))
    tables["price_list"] = [row for demo in demos.values() for row in demo.price_list]
    accounts: dict[str, Table] = {}
    for demo in demos.values():
        for account in demo.account:
            known = accounts.setdefault(account["name"], {})
            for name, value in account.items():
                before = known.get(name)
                known[name] = before + value if isinstance(before, list) else value
    tables["account"] = list(accounts.values())
    return tables


def _toml(tables: Table) -> str:
    """Write tables as TOML, each in a line."""
    lines = []
    for name, value in tables.items():
        for row in value:
            lines.append(f"[[{name}]]")
            lines += [f"{key} = {_value(its)}" for key, its in row.items()]
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {_value(its)}" for key, its in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return msgspec.json.encode(value).decode()


def _filled(settings: Table, url: str) -> Table:
    return {
        name: value.replace("{url}", url) if isinstance(value, str) else value
        for name, value in settings.items()
    }


def _read(package: str) -> str:
    return resources.files(package).joinpath("demo.toml").read_text("utf-8")

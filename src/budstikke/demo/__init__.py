"""
The demo: accounts for every API, numbers, keywords, and lines to paste.

``demo.toml`` has the simulated operator and what is shared. Each dialect has a file of
that name in its package: a request that works when it is pasted, its account with money
for a million segments, and the settings that push to a developer's own server. Accounts
of one name in several files are one account.
"""

from __future__ import annotations

import time
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from budstikke.carriers import KINDS
from budstikke.dialects import DIALECTS, IDENTIFY
from budstikke.gateway import SETTINGS
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.provisioning.resource import ALL
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.store.admin import confirm_clock, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.config import Settings

    Table = dict[str, Any]

PHONE = "+4799999999"
"""The one that is sent to, and that sends, in what is printed."""

SHARED = "2229"
"""The number whose keywords are printed."""


class DialectDemo(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """
    What a dialect's ``demo.toml`` says.

    ``{base}`` in lines is where the demo listens, ``{phone}`` the phone's messages,
    ``{keywords}`` the words on ``SHARED``.

    Attributes:
        title: What its request is called.
        request: A line for a shell that sends a message.
        lines: Further lines to print.
        callback_lines: Lines to print when somebody wants callbacks.
        callbacks: Settings of its access then; ``{url}`` is where they go.
        account: As in a file for ``apply``.
        price_list: Likewise.

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
    Make the database say what the files of the demo say.

    ``callbacks`` is what the URLs of callbacks begin with; empty: there are none.
    """
    kinds = {name: kind.settings for name, kind in KINDS.items()}
    demos = read_demos()
    file = read_file(_toml(_tables(demos)), SETTINGS, kinds, {}, IDENTIFY)
    for access in (access for account in file.account for access in account.access):
        if callbacks:
            url = f"{callbacks}/{access.dialect}"
            access.settings |= _filled(demos[access.dialect].callbacks, url)
        access.said = structs.replace(access.said, reset=frozenset({ALL}))
    engine = open_engine(settings.database_url)
    try:
        secrets = Secrets(hash_secret, verify_secret, IDENTIFY)
        now = time.time()
        apply(engine, file, secrets, actor="demo", now=now)
    finally:
        engine.dispose()
    confirm_clock(settings.database_url, now)  # however long ago it was shown last


def demo_lines(port: int, callbacks: str = "") -> list[str]:
    """Write what the demo prints; the last line is ``ready``."""
    base = f"http://127.0.0.1:{port}"
    demos = read_demos()
    phone = f"{base}/simulator/phones/{PHONE}/messages"
    lines = ["Send a message, in any of these ways, then look at the phone:"]
    for demo in demos.values():
        lines += [f"{demo.title}:", f"  {demo.request}"]
    lines += ["The phone:", "  curl '{phone}'"]
    for demo in demos.values():
        lines += demo.lines
    if callbacks:
        lines.append("Callbacks go to {callbacks}/DIALECT/status, …/inbound, …/reply")
        for demo in demos.values():
            lines += demo.callback_lines
    else:
        lines.append("With --callbacks URL callbacks go to your own server.")
    values = {
        "{base}": base,
        "{phone}": phone,
        "{callbacks}": callbacks,
        "{keywords}": _keywords(demos.values()),
    }
    for name, value in values.items():
        lines = [line.replace(name, value) for line in lines]
    return [*lines, f"The phones' screen: {base}/simulator", "ready"]


def _keywords(demos: Iterable[DialectDemo]) -> str:
    """Name the keywords that lead to the demo's accounts."""
    words = [
        keyword["word"]
        for demo in demos
        for account in demo.account
        for keyword in account.get("keyword", ())
        if keyword["number"] == SHARED
    ]
    return f"{', '.join(words[:-1])} and {words[-1]}"


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

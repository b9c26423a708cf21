"""The demo: accounts for every API, numbers, keywords, and lines to paste."""

from __future__ import annotations

import time
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from msgspec import structs

from budstikke.carriers import KINDS
from budstikke.dialects import IDENTIFY
from budstikke.gateway import SETTINGS
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.provisioning.resource import ALL
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.store.admin import open_engine
from budstikke.store.time_seen import confirm

if TYPE_CHECKING:
    from budstikke.config import Settings

PHONE = "+4799999999"
"""The one that is sent to, and that sends, in what is printed."""

PUSHED = {"status_url": "status", "inbound_url": "inbound", "reply_url": "reply"}
"""Settings that are URLs, and where below a dialect's own path they lead."""

WEBHOOK_SECRET = "whsec_YnVkc3Rpa2tlIGRlbW8gd2ViaG9va3MgMDE="  # noqa: S105 - it is printed
"""What the demo's webhooks are signed with."""


def apply_demo(settings: Settings, callbacks: str = "") -> None:
    """
    Make the database say what demo.toml says.

    ``callbacks`` is what the URLs begin with where its accesses are told; empty:
    nobody is told.
    """
    kinds = {name: kind.settings for name, kind in KINDS.items()}
    file = read_file(_beside("demo.toml"), SETTINGS, kinds, {}, IDENTIFY)
    for access in (access for account in file.account for access in account.access):
        access.settings |= _told(access.dialect, callbacks)
        access.said = structs.replace(access.said, reset=frozenset({ALL}))
    engine = open_engine(settings.database_url)
    try:
        secrets = Secrets(hash_secret, verify_secret, IDENTIFY)
        now = time.time()
        apply(engine, file, secrets, actor="demo", now=now)
    finally:
        engine.dispose()
    confirm(settings.database_url, now)  # however long ago it was shown last


def _told(dialect: str, callbacks: str) -> dict[str, Any]:
    """Make the settings that say where an access is told."""
    if not callbacks:
        return {}
    names = {field.name for field in structs.fields(SETTINGS[dialect])}
    found: dict[str, Any] = {
        name: f"{callbacks}/{dialect}/{path}"
        for name, path in PUSHED.items()
        if name in names
    }
    if "webhook_secrets" in names:
        found["webhook_secrets"] = [WEBHOOK_SECRET]
    return found


def _beside(name: str) -> str:
    return resources.files("budstikke.demo").joinpath(name).read_text("utf-8")


def demo_lines(port: int, callbacks: str = "") -> list[str]:
    """Write what the demo prints; the last line is ``ready``."""
    base = f"http://127.0.0.1:{port}"
    requests = tomllib.loads(_beside("demo_requests.toml"))["request"]
    phone = f"{base}/simulator/phones/{PHONE}/messages"
    login = "-H 'Authorization: Bearer demo'"
    return [
        "Send a message, in any of these ways, then look at the phone:",
        *(
            line
            for request in requests
            for line in (
                f"{request['name']}:",
                f"  {request['curl'].replace('{base}', base)}",
            )
        ),
        "The phone:",
        f"  curl '{phone}'",
        "Text from the phone; the keywords on 2229 are FRONT, NATIVE, SVEVE and IP1:",
        f"""  curl '{phone}' -d '{{"to": "2229", "text": "NATIVE hei"}}'""",
        "What came from phones, and what customers were told:",
        f"  curl '{base}/v1/inbound' {login}",
        f"  curl '{base}/v1/events' {login}",
        f"  curl '{base}/v1/callbacks' {login}",
        *_told_where(callbacks),
        f"The REST API, described: {base}/v1/docs",
        f"The phones' screen: {base}/simulator",
        "ready",
    ]


def _told_where(callbacks: str) -> list[str]:
    if not callbacks:
        return ["With --callbacks URL they are told at your own server."]
    return [
        f"They are told at {callbacks}/front/status, …/front/inbound, …/sveve/reply",
        f"and so on; webhooks are signed with {WEBHOOK_SECRET}",
    ]
